"""Numbers that changed: written with their reason, read again, shown on the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmlib_book.changes import to_site

from mmlib.course.changelog import Change, note_changes, read_change, reasons
from mmlib.course.prose import Problem, marked_numbers

CHANGE = Change("2026-11-24", "c41.top1", "notebooks/04_clip.ipynb", "72.4", "72.6", "a new run")
RUN = {
    "date": "2026-11-24T02:14:01Z",
    "tier": "cpu",
    "device": "Some (R) CPU",
    "results": {"c41.top1": {}},
    "verdicts": {"C4.1": {}},
}


@pytest.mark.parametrize("why", ["a new run", ""])
@pytest.mark.parametrize(("old", "new"), [("72.4", "72.6"), ("-1,024", "supported"), ("", "3")])
def test_a_line_is_read_as_it_was_written(why: str, old: str, new: str) -> None:
    change = Change("2026-11-24", "c4.x", "book/intro.md", old, new, why)
    assert read_change(str(change)) == change


def test_another_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="'- something' cannot be read"):
        read_change("- something")


def test_the_reason_names_the_run() -> None:
    found = reasons({"04_clip": RUN})
    assert set(found) == {"c41.top1", "C4.1", "04_clip.run"}
    assert set(found.values()) == {"chapter 4 executed again, 2026-11-24, cpu, Some R CPU"}


def test_a_change_is_noted_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "CHANGELOG.md"
    path.write_text("# Changelog\n\n## 0.1\n\n### Changed numbers\n\nNone yet.\n")
    problem = Problem("notebooks/04_clip.ipynb", "c41.top1", "72.4", "72.6", "why")
    note_changes(path, [problem], reasons({"04_clip": RUN}))
    line = path.read_text().splitlines()[-1]
    change = read_change(line)
    assert (change.old, change.new, change.file) == ("72.4", "72.6", problem.file)
    assert change.why == "chapter 4 executed again, 2026-11-24, cpu, Some R CPU"
    assert "None yet" not in path.read_text()


def test_the_site_shows_the_changes_with_links() -> None:
    page = f"# Changelog\n\n## 0.2\n\n### Changed numbers\n\n{CHANGE}\n\n## 0.1\n\n- x\n"
    link = "[notebooks/04_clip.ipynb](/notebooks/04_clip.ipynb)"
    shown = to_site(page, {"notebooks/04_clip"}, 5)
    assert f"- **72.4 became 72.6:** `c41.top1` in {link}, 2026-11-24. A new run.\n" in shown
    assert shown.endswith("## 0.1\n\n- x\n")
    assert link not in to_site(page, set(), 5)
    with pytest.raises(ValueError, match="cannot be read"):
        to_site(page.replace("became", "is now"), set(), 5)


def test_the_site_says_when_nothing_changed() -> None:
    page = "# Changelog\n\n## 0.1\n\n### Changed numbers\n\nNone yet.\n"
    assert "None. The text of the course shows 1,234 numbers" in to_site(page, set(), 1234)
    assert "None yet" not in to_site(page, set(), 1234)


def test_the_numbers_of_the_text_are_counted(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "a.md").write_text("1<!-- r:a.b --> and **mixed<!-- r:C4.1|status -->**")
    assert marked_numbers(tmp_path) == 2


def test_the_changelog_of_the_book_can_be_shown(root: Path) -> None:
    page = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert marked_numbers(root) > 100
    shown = to_site(page, set(), marked_numbers(root))
    assert "### Changed numbers" in shown and shown != page
