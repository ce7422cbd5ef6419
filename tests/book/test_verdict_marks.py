"""Verdicts and effects as lists, badges and drawings; the status page's sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

LOOK = {"mean": 2.0, "low": 1.0, "high": 3.0, "n": 3, "confidence": 0.95}


def test_a_stored_text_is_read_without_losing_a_character(root: Path) -> None:
    from mmlib_book.chain import read_chain, write_chain

    read = 0
    for path in (root / "book" / "results").glob("*.json"):
        for verdict in json.loads(path.read_text("utf-8"))["verdicts"].values():
            parts, note = read_chain(verdict["text"])
            assert verdict["text"] in write_chain(parts, note)
            assert ("(+" in verdict["text"] or "(-" in verdict["text"]) == bool(parts)
            read += len(parts)
    assert read > 70


def test_a_chain_becomes_statements_and_a_note() -> None:
    from mmlib_book.chain import Statement, read_chain

    parts, note = read_chain(
        "a, b (x: y): mixed (+8.9); c: not tested at this scale (-1e-05). N: d"
    )
    assert parts == [
        Statement("a, b (x: y)", "mixed", "+8.9"),
        Statement("c", "not tested at this scale", "-1e-05"),
    ]
    assert note == "N: d"
    assert read_chain("a: refuted (+0); 'b' was not tested")[1] == "'b' was not tested"


@pytest.mark.parametrize(
    "text",
    ["", "batch 80 over 16", "starting: supported, its effect; learning: mixed", "a: better (+1)"],
)
def test_another_text_stays_a_sentence(text: str) -> None:
    from mmlib_book.chain import read_chain

    assert read_chain(text) == ([], text)


def test_the_effect_of_one_statement_only_is_told() -> None:
    from mmlib_book.chain import read_chain, stands_for_the_claim

    parts, _ = read_chain("a: mixed (+1.5); b: mixed (+2); c: mixed (+2)")
    found = stands_for_the_claim(parts, 1.5)
    assert found is not None and found.name == "a"
    assert stands_for_the_claim(parts, 2.0) is None, "two statements have it"
    assert stands_for_the_claim(parts, 7.0) is None


def drawn(**changes: float) -> dict[str, float]:
    from mmlib_book.marks import effect_drawing

    svg = effect_drawing({**LOOK, **changes})
    zero = re.search(r'mm-zero" x1="([\d.]+)"', svg)
    bar = re.search(r'mm-span" x1="([\d.]+)" x2="([\d.]+)"', svg)
    dot = re.search(r'cx="([\d.]+)"', svg)
    assert zero and bar and dot
    return {
        "zero": float(zero[1]),
        "low": float(bar[1]),
        "high": float(bar[2]),
        "at": float(dot[1]),
    }


def test_an_effect_is_drawn_to_scale() -> None:
    there = drawn()
    assert there["zero"] < there["low"] < there["at"] < there["high"]
    assert there["high"] - there["at"] == pytest.approx(there["low"] - there["zero"], abs=0.2)
    assert drawn(low=-1.0)["zero"] == pytest.approx(drawn(low=-1.0, mean=0.0)["at"])
    below = drawn(mean=-2.0, low=-3.0, high=-1.0)
    assert below["high"] < below["zero"]
    assert len(set(drawn(mean=0.0, low=0.0, high=0.0).values())) == 1


def test_a_drawing_has_a_name_and_nothing_is_drawn_without_an_interval() -> None:
    from mmlib_book.marks import effect_drawing, effect_text

    assert 'aria-label="Effect +2 (+1 to +3, 95%, n = 3): the interval lies above zero."' in (
        effect_drawing(LOOK)
    )
    assert "holds zero" in effect_drawing({**LOOK, "low": -1.0})
    assert "lies below zero" in effect_drawing({**LOOK, "low": -3.0, "high": -1.0})
    one = {**LOOK, "low": None, "high": None}
    assert effect_drawing(one) == "" and effect_text(one) == "+2 (one seed, no interval)"
    assert effect_drawing(None) == effect_text(None) == ""


def test_an_unknown_status_is_refused() -> None:
    from mmlib_book.marks import badge

    assert ">± <" not in badge("mixed") and "±</span> mixed</span>" in badge("mixed")
    with pytest.raises(ValueError, match="'better' is no verdict: use one of supported"):
        badge("better")


def test_numbers_keep_four_digits() -> None:
    from mmlib_book.stored import number, row

    assert [number(v) for v in (37.00018, 0.066669, 24576.0, None)] == [
        "37",
        "0.06667",
        "24,576",
        "–",
    ]
    one = {"values": [1.5], "seeds": [0], "unit": "a<b", "note": "c<d", "n": 1, "mean": 1.5}
    text = row("c1.x", {**one, "minimum": 1.5, "maximum": 1.5, "low": None, "high": None})
    assert "c1.x<br>c&lt;d" in text and "<td>a&lt;b</td>" in text and "<td>–</td>" in text


RUN: dict[str, Any] = {
    "tier": "cpu",
    "device": "CPU <X>",
    "wall_s": 425.0,
    "peak_memory_mb": 2150.0,
    "peak_cuda_mb": 0.0,
    "seeds": [0, 1],
    "versions": {"python": "3.11.7", "torch": "2.14.1", "numpy": "2.4.6"},
    "date": "2026-11-20T10:00:00Z",
    "commit": "0123456789abcdef",
    "dirty": False,
    "timings": {"cpu": {"wall_s": 425.0, "device": "CPU <X>", "peak_cuda_mb": 0.0}},
    "results": {"a.b": {}},
    "verdicts": {},
}
ON_GPU = {**RUN, "tier": "gpu", "device": "GPU", "peak_cuda_mb": 2048.0}


def test_the_status_of_a_run_tells_where_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmlib_book.runs import facts

    monkeypatch.delenv("MMLIB_REPOSITORY_URL", raising=False)
    told = dict(facts(RUN))
    assert told["Device"] == "CPU &lt;X&gt;" and told["GPU"] == "not used"
    assert told["With"] == "python&nbsp;3.11.7, torch&nbsp;2.14.1" and told["Seeds"] == "0, 1"
    assert told["Results"] == "1" and told["Verdicts"] == "0" and "Other tiers" not in told
    assert told["Commit"] == "<code>0123456789</code>"
    assert dict(facts(ON_GPU))["GPU"] == "2.0 GB of its memory"
    timed = {**RUN["timings"], "gpu": {"wall_s": 240.0, "device": "T4", "peak_cuda_mb": 1.0}}
    assert dict(facts({**RUN, "timings": timed}))["Other tiers"] == "gpu: 4 min on T4"


def test_the_commit_is_a_link_where_the_repository_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mmlib_book.runs import commit_html

    monkeypatch.setenv("MMLIB_REPOSITORY_URL", "https://example.org/course/")
    assert commit_html({**RUN, "dirty": True}) == (
        '<a href="https://example.org/course/commit/0123456789abcdef"><code>0123456789</code></a>'
        " and changes"
    )
    assert commit_html({**RUN, "commit": None}) == ""


def test_the_summary_says_plainly_whether_a_gpu_ran() -> None:
    from mmlib_book.runs import summary

    from mmlib.course.status import ChapterStatus

    rows = [ChapterStatus(name, "", "", "", "", "fresh") for name in ("a", "b")]
    assert "None of them used a GPU:" in summary(rows, [RUN, RUN])
    assert "**2 chapters:** 2 fresh." in summary(rows, [RUN, RUN])
    assert "1 of 2 used a GPU." in summary(rows, [RUN, ON_GPU])
    assert "All of them used a GPU." in summary(rows, [ON_GPU, ON_GPU])
    timed = {**RUN, "timings": {"gpu": {"peak_cuda_mb": 5.0}}}
    assert "On a GPU 1 of them were run for their time only." in summary(rows, [RUN, timed])
    assert summary(rows, []) == "**2 chapters:** 2 fresh."


def test_a_changed_run_changes_the_status_page(root: Path, tmp_path: Path) -> None:
    import shutil

    from mmlib_book.runs import status

    shutil.copytree(root / "notebooks", tmp_path / "notebooks")
    shutil.copytree(root / "book" / "results", tmp_path / "book" / "results")
    shutil.copy(root / "book" / "chapters.yml", tmp_path / "book" / "chapters.yml")
    paths = sorted((tmp_path / "book" / "results").glob("*.json"))
    for path in paths:  # whatever the stored runs used
        content = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**content, "peak_cuda_mb": None}), encoding="utf-8")
    before = status(tmp_path)
    assert "5 chapters" in before and "None of them used a GPU" in before
    assert "outputs and results come from different runs" not in before
    content = {**json.loads(paths[3].read_text("utf-8")), "peak_cuda_mb": 1024.0, "run": "another"}
    paths[3].write_text(json.dumps(content), encoding="utf-8")
    after = status(tmp_path)
    assert "1.0 GB of its memory" in after and "1 of 5 used a GPU" in after
    assert "outputs and results come from different runs" in after
