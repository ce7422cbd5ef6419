"""Lighthouse's reports are read and judged; Lighthouse itself needs Node.js and is not run here."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mmlib.course import lighthouse
from mmlib.course.lighthouse import BOUNDS, HEADER, main, median, parse

# The parts that are read, as Lighthouse 12 wrote them for a page of this site.
REPORT: dict[str, Any] = {
    "lighthouseVersion": "12.8.2",
    "categories": {
        "performance": {"score": 0.97},
        "accessibility": {"score": 1},
        "best-practices": {"score": 1},
        "seo": {"score": 1},
    },
    "audits": {
        "largest-contentful-paint": {"numericValue": 612.4},
        "total-blocking-time": {"numericValue": 80.5},
        "cumulative-layout-shift": {"numericValue": 0.0068},
        "total-byte-weight": {"numericValue": 177992},
    },
}


def report(**scores: float) -> dict[str, Any]:
    changed = copy.deepcopy(REPORT)
    for name, score in scores.items():
        changed["categories"][name.replace("_", "-")]["score"] = score
    return changed


def test_a_report_is_read() -> None:
    found = parse(REPORT, "book/intro.html", "desktop")
    assert found.scores == {
        "performance": 97,
        "accessibility": 100,
        "best-practices": 100,
        "seo": 100,
    }
    assert (found.paint_s, found.blocked_s) == pytest.approx((0.6124, 0.0805))
    assert (found.shift, found.size_kb) == pytest.approx((0.0068, 177.992))
    assert found.misses() == []
    assert len(str(found)) == len(HEADER)
    line = " ".join(str(found).split())
    assert line == "book/intro.html desktop 97 100 100 100 0.6 s 0.08 s 0.007 178 kB"


@pytest.mark.parametrize("name", BOUNDS)
def test_a_missed_bound_of_the_desktop_is_named(name: str) -> None:
    below = (BOUNDS[name] - 1) / 100
    changed = report(**{name.replace("-", "_"): below})
    (sentence,) = parse(changed, "book/intro.html", "desktop").misses()
    assert sentence == f"book/intro.html: {name} is {BOUNDS[name] - 1}, not {BOUNDS[name]} or more"
    assert parse(changed, "book/intro.html", "phone").misses() == []


def test_the_run_in_the_middle_counts() -> None:
    runs = [parse(report(performance=score), "x", "desktop") for score in (0.9, 1.0, 0.96)]
    assert median(runs).scores["performance"] == 96
    assert median(runs[:2]).scores["performance"] == 90


def test_a_page_that_does_not_load_is_an_error() -> None:
    broken = report() | {"runtimeError": {"code": "NO_FCP", "message": "The page was blank."}}
    with pytest.raises(ValueError, match=r"could not load x\.html: The page was blank"):
        parse(broken, "x.html", "desktop")


def test_a_report_without_a_score_is_an_error() -> None:
    half = report()
    half["categories"]["seo"]["score"] = None
    with pytest.raises(ValueError, match="incomplete"):
        parse(half, "x.html", "phone")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, with stand-ins for the tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "index.html").write_text("<p>a site</p>")
    (tmp_path / "report.json").write_text(json.dumps(report(performance=0.9)))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(tool: Path, script: str) -> None:
    tool.write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(tool, 0o755)


def test_missing_tools_are_named(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "install Node.js" in capsys.readouterr().err
    put(tools / "npx", "exit 1")
    assert main([str(tmp_path)]) == 2
    assert "apt-get install chromium" in capsys.readouterr().err


def test_a_table_is_printed_and_a_missed_bound_fails(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tools / "chromium", "exit 0")
    copy_report = 'for word; do case "$word" in --output-path=*) out="${word#*=}";; esac; done'
    put(tools / "npx", f'{copy_report}\n/bin/cat "{tmp_path / "report.json"}" > "$out"')
    assert main([str(tmp_path), "--pages", "index.html"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == HEADER
    assert [line.split()[:3] for line in lines[1:3]] == [
        ["index.html", "desktop", "90"],
        ["index.html", "phone", "90"],
    ]
    assert lines[3] == "index.html: performance is 90, not 95 or more"


def test_a_failure_of_lighthouse_is_one_line(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tools / "chromium", "exit 0")
    put(tools / "npx", 'echo "no network" >&2; exit 1')
    assert main([str(tmp_path), "--pages", "index.html", "--devices", "phone"]) == 2
    assert capsys.readouterr().err == "lighthouse: Lighthouse failed on index.html: no network\n"


def test_a_site_that_is_not_built_says_so(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tools / "chromium", "exit 0")
    put(tools / "npx", "exit 0")
    assert main([str(tmp_path / "nothing")]) == 2
    assert "make book" in capsys.readouterr().err


def test_the_measured_pages_exist(root: Path) -> None:
    for page in lighthouse.PAGES:
        stem = root / page.removesuffix(".html")
        assert stem.with_suffix(".md").is_file() or stem.with_suffix(".ipynb").is_file(), page
