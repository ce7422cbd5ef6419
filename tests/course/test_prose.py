"""Numbers in the text against the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmlib.course.changelog import note_changes
from mmlib.course.prose import (
    Problem,
    check_numbers,
    check_text,
    known_values,
    sync_numbers,
)
from tests.course.books import cell, notebook, snapshot, write_book

CHAPTERS: dict[str, dict[str, Any]] = {
    "01_small": {
        "wall_s": 150.0,
        "peak_memory_mb": 700,
        "results": {
            "c1.top": {"mean": 72.4444, "low": 70.96, "high": 73.5, "n": 5, "unit": "%"},
            "c1.gap": {"mean": -0.04, "n": 1, "low": None, "values": [-0.04]},
            "c1.pairs": {"mean": 123456.7, "n": 3},
        },
        "verdicts": {"C1.1": {"status": "supported", "effect": {"mean": 12.3, "n": 5}}},
    }
}
VALUES = known_values(CHAPTERS)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("72.4<!-- r:c1.top -->%", None),
        ("72<!-- r:c1.top -->%", None),
        ("71.0<!--r:c1.top|low-->", None),
        ("5<!-- r:c1.top|n --> seeds", None),
        ("72.4<!-- r:c1.top|mean:.1f -->", None),
        ("**supported<!-- r:C1.1|status -->**", None),
        ("+12.3<!-- r:C1.1 -->", None),
        ("took 150<!-- r:01_small.run|wall_s --> s", None),
        ("2.5<!-- r:01_small.run|minutes --> min", None),
        ("123,457<!-- r:c1.pairs -->", None),
        ("\u22120.04<!-- r:c1.gap -->", None),
        ("72.5<!-- r:c1.top -->%", "72.4<!-- r:c1.top -->%"),
        ("9<!-- r:c1.top|mean:.2f -->", "72.44<!-- r:c1.top|mean:.2f -->"),
        ("mixed<!-- r:C1.1|status -->", "supported<!-- r:C1.1|status -->"),
        ("-0.1<!-- r:c1.gap -->", "0.0<!-- r:c1.gap -->"),
        ("(2.50 to 7.1<!-- r:c1.top -->)", "(2.50 to 72.4<!-- r:c1.top -->)"),
        ("1<!-- r:c1.top -->, 2<!-- r:c1.top|n -->", "72<!-- r:c1.top -->, 5<!-- r:c1.top|n -->"),
    ],
)
def test_marked_numbers(text: str, right: str | None) -> None:
    mended, problems = check_text(text, VALUES, "file")
    assert mended == (text if right is None else right)
    assert bool(problems) == (right is not None)
    assert check_text(mended, VALUES, "file") == (mended, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("72.4<!-- r:c9.none -->", "no result 'c9.none' is published"),
        ("72.4<!-- r:c1.top|median -->", "no field 'median'"),
        ("72.4<!-- r:c1.gap|low -->", "no field 'low'"),
        ("72.4 <!-- r:c1.top -->", "no number stands right before"),
        ("mixed<!-- r:c1.top -->", "stands for a number"),
        ("72.4<!-- r:c1.top|mean:.q -->", "format '.q' is not usable"),
        ("72.4<!-- r: c1 top -->", "cannot be read"),
        ("72.4<!-- r:c1.top| -->", "cannot be read"),
    ],
)
def test_what_a_person_must_mend(text: str, why: str) -> None:
    mended, (problem,) = check_text(text, VALUES, "file")
    assert mended == text
    assert problem.new is None and why in problem.why


def test_unmarked_text_is_left_alone() -> None:
    text = "Of 72.4 and <!-- remark --> and `<!-- other: 5 -->` nothing changes.\r\n"
    assert check_text(text, VALUES, "file") == (text, [])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Two wrong numbers: one in a notebook with outputs and unusual formatting, one in a page."""
    page = notebook(
        cell("Intro ü\n\n70.1<!-- r:c1.top -->% of all\n", "markdown"),
        cell("a = 1"),
        cell("5<!-- r:c1.top|n --> seeds", "markdown"),
        run_card={"z": 1, "a": 2},
    )
    page["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x\n"]}]
    page["cells"][1]["execution_count"] = 3
    page["cells"][2]["source"] = "5<!-- r:c1.top|n --> seeds"
    root = write_book(tmp_path, c01_small=page)
    (root / "book" / "intro.md").write_bytes(b"5<!-- r:c1.top|n -->\r\n9<!-- r:c1.top -->")
    (root / "README.md").write_text("72.4<!-- r:c1.top -->")
    (root / "book" / "results" / "01_small.json").write_text(json.dumps(CHAPTERS["01_small"]))
    return root


def test_check_names_every_wrong_number_and_changes_nothing(book: Path) -> None:
    before = snapshot(book)
    problems = check_numbers(book, VALUES)
    assert [(p.file, p.old, p.new) for p in problems] == [
        ("notebooks/01_small.ipynb", "70.1", "72.4"),
        ("book/intro.md", "9", "72"),
    ]
    assert "text says 70.1, measured was 72.4" in str(problems[0])
    assert snapshot(book) == before


def test_sync_changes_the_numbers_and_nothing_else(book: Path) -> None:
    before = snapshot(book)
    assert len(sync_numbers(book, VALUES)) == 2
    after = snapshot(book)
    assert check_numbers(book, VALUES) == []
    name = "notebooks/01_small.ipynb"
    assert after.pop(name) == before.pop(name).replace(b"70.1<", b"72.4<")
    assert after.pop("book/intro.md") == before.pop("book/intro.md").replace(b"9<", b"72<")
    assert after == before
    assert sync_numbers(book, VALUES) == [] and snapshot(book)[name].endswith(b"}\n")


def change(old: str, new: str | None) -> Problem:
    return Problem("book/intro.md", "c1.top", old, new, "why")


@pytest.mark.parametrize(
    "before",
    [
        None,
        "# Changelog\n\n## 0.1\n\n### Changed numbers\n\nNone yet: this is the first.\n",
        "# Changelog\n\n## 0.2\n\n### Changed numbers\n\n## 0.1\n\n### Changed numbers\n\n- x\n",
        "# Changelog\n\n## 0.1\n\n- something\n",
    ],
)
def test_changes_are_noted_newest_first(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "CHANGELOG.md"
    if before is not None:
        path.write_text(before)
    note_changes(path, [change("1", "2"), change("1", "2"), change("7", None)])
    note_changes(path, [change("2", "3")])
    text = path.read_text()
    assert text.index("2 became 3") < text.index("1 became 2")
    assert text.count(" became ") == 2
    assert "None yet" not in text
    start = text.index("Changed numbers\n\n- ")
    assert start < text.index("2 became 3")
    kept = [line for line in (before or "").splitlines() if line and not line.startswith("None")]
    assert all(line in text for line in kept)
    assert "\n\n\n" not in text


def test_nothing_changed_leaves_the_changelog_alone(tmp_path: Path) -> None:
    note_changes(tmp_path / "CHANGELOG.md", [change("7", None)])
    assert not (tmp_path / "CHANGELOG.md").exists()
