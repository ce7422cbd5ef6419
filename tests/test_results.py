"""Recording, comparing with what is published, and verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mmlib import published, results
from mmlib.results import (
    NOT_TESTED,
    SUPPORTED,
    compare,
    load_record,
    mean_effect,
    record,
    record_verdict,
    rule_difference,
)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test sees another's records, nor the book's results."""
    monkeypatch.delenv("MMLIB_RECORD", raising=False)
    monkeypatch.setenv("MMLIB_TIER", "cpu")
    (tmp_path / "published").mkdir()
    monkeypatch.setenv("MMLIB_RESULTS", str(tmp_path / "published"))
    results.current.clear()
    yield
    results.current.clear()


def publish(tmp_path: Path, values: list[float], tier: str = "cpu") -> None:
    item = {**asdict(results.band(values, (0, 100))), "unit": "%", "values": values}
    content: dict[str, Any] = {"tier": tier, "device": "H100", "results": {"c41.seen": item}}
    (tmp_path / "published" / "04_clip.json").write_text(json.dumps(content))


def test_record_keeps_values_seeds_and_band() -> None:
    there = record("c41.seen.top1", [70.0, 72.0, 74.0], seeds=[7, 8, 9], note="as in the text")
    kept = results.current.results["c41.seen.top1"]
    assert there.mean == kept["mean"] == 72.0
    assert kept["values"] == [70.0, 72.0, 74.0]
    assert kept["seeds"] == [7, 8, 9]
    assert (kept["unit"], kept["higher_is_better"], kept["n"]) == ("%", True, 3)


def test_without_the_variable_nothing_is_written(tmp_path: Path) -> None:
    record("c41.a", 1.0)
    assert list(tmp_path.rglob("*.json")) == []


def test_with_the_variable_everything_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run" / "record.json"
    monkeypatch.setenv("MMLIB_RECORD", str(path))
    record("c41.a", [1.0, 2.0], "s")
    effect = mean_effect([1.0])
    record_verdict("C4.1", rule_difference(effect), effect, "one seed only")
    again = load_record(path)
    assert again.results["c41.a"]["values"] == [1.0, 2.0]
    assert again.verdicts["C4.1"]["status"] == NOT_TESTED
    assert again.verdicts["C4.1"]["effect"]["low"] is None  # JSON has no infinity


def test_an_id_is_used_once_in_a_published_chapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("c41.a", 1.0)
    record("c41.a", 2.0)  # a reader runs a cell again
    assert results.current.results["c41.a"]["mean"] == 2.0
    monkeypatch.setenv("MMLIB_RECORD", str(tmp_path / "record.json"))
    record("c41.a", 2.0)
    with pytest.raises(ValueError, match="already recorded"):
        record("c41.a", 3.0)


@pytest.mark.parametrize(
    ("id", "values", "options", "message"),
    [
        ("accuracy", 1.0, {}, "result id 'accuracy'"),
        ("c41.Seen", 1.0, {}, "result id"),
        ("c41.a|b", 1.0, {}, "result id"),
        ("c41.a", [], {}, "not usable"),
        ("c41.a", float("nan"), {}, "not usable"),
        ("c41.a", 101.0, {}, "no percentages"),
        ("c41.a", [1.0, 2.0], {"seeds": [0]}, "2 values for 1 seeds"),
    ],
)
def test_record_refuses(id: str, values: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record(id, values, **options)
    assert results.current.results == {}


def test_compare_in_below_and_above(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, [71.9, 72.4, 72.9])
    for mine in (72.0, 60.0, 80.0):
        compare("c41.seen", mine)
    inside, below, above = capsys.readouterr().out.splitlines()
    assert inside == (
        "c41.seen: yours 72 %, published 72.4 % (69.9 to 74.9, 3 seeds, H100): in the band"
    )
    assert below.endswith("below the band") and above.endswith("above the band")


def test_compare_takes_what_was_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, [70.0, 74.0])
    record("c41.seen", [71.0, 73.0])
    compare("c41.seen")
    assert "yours 72 %" in capsys.readouterr().out
    with pytest.raises(ValueError, match="nothing was recorded under 'c41.other'"):
        compare("c41.other")


def test_compare_says_when_tiers_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, [72.4], tier="gpu")
    compare("c41.seen", 60.0)
    said = capsys.readouterr().out
    assert "published at tier gpu, yours ran at cpu" in said
    assert "(1 seed, H100): one seed was published" in said


def test_compare_without_anything_published(capsys: pytest.CaptureFixture[str]) -> None:
    compare("c41.seen", [1.0, 2.0])
    assert capsys.readouterr().out == "c41.seen: yours 1.5, nothing published in reach\n"


def test_a_verdict_is_printed_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    effect = mean_effect([10.0, 11.0, 12.0])
    verdict = record_verdict("C4.1", rule_difference(effect, minimum=5), effect, "it helps")
    assert verdict.status == SUPPORTED
    assert capsys.readouterr().out.startswith("C4.1 supported at tier cpu: it helps [+11 (95%")
    assert results.current.verdicts["C4.1"]["effect"]["n"] == 3


def test_a_verdict_may_say_that_nothing_was_tested(capsys: pytest.CaptureFixture[str]) -> None:
    record_verdict("C4.3", NOT_TESTED, None, "no batch is large here")
    said = capsys.readouterr().out
    assert said == "C4.3 not tested at this scale: no batch is large here\n"


@pytest.mark.parametrize(
    ("claim", "status", "text", "message"),
    [
        ("4.1", SUPPORTED, "text", "claim id"),
        ("C4.1", "true", "text", "unknown status 'true'"),
        ("C4.1", SUPPORTED, " ", "sentence"),
        ("C4.1", SUPPORTED, "text", "needs the effect"),
    ],
)
def test_verdicts_refuse(claim: str, status: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record_verdict(claim, status, None, text)
    assert results.current.verdicts == {}


def test_results_are_found_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MMLIB_RESULTS")
    (tmp_path / "book" / "results").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    assert published.results_dir(tmp_path / "notebooks") == tmp_path / "book" / "results"
    monkeypatch.chdir("/")
    assert published.results_dir() is None
    assert published.load_all() == {} and published.load_chapter("04") is None


def test_wrong_places_and_damaged_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "published" / "04_clip.json").write_text("{half")
    with pytest.raises(ValueError, match="04_clip.json cannot be read"):
        compare("c41.seen", 1.0)
    (tmp_path / "published" / "04_clip.json").write_text("[]")
    with pytest.raises(ValueError, match="no JSON object"):
        compare("c41.seen", 1.0)
    monkeypatch.setenv("MMLIB_RESULTS", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="nowhere.*no folder"):
        compare("c41.seen", 1.0)
