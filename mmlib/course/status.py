"""Which chapters' outputs can be trusted: fresh, older than the package, or of other code."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlib.course.book import find_chapters, read_notebook, run_card
from mmlib.course.changelog import note_changes, reasons
from mmlib.course.prose import check_numbers, known_values, sync_numbers
from mmlib.course.runcard import NOT_EXECUTED, OTHER_CODE, freshness
from mmlib.published import load_all
from mmlib.runtime import describe_seconds

OTHER_RUN = "outputs and results come from different runs"


@dataclass(frozen=True)
class ChapterStatus:
    """How the stored outputs of one chapter stand; empty strings before its first execution."""

    chapter: str
    tier: str
    device: str
    date: str
    wall: str
    state: str

    @property
    def broken(self) -> bool:
        """Whether the outputs must not be published as they are."""
        return self.state in (OTHER_CODE, OTHER_RUN)


def chapter_status(path: Path, published: Mapping[str, Mapping[str, Any]]) -> ChapterStatus:
    """The status of one chapter from its run card, its code cells, and the published results."""
    notebook = read_notebook(path)
    card, state = run_card(notebook), freshness(notebook)
    if card is None:
        return ChapterStatus(path.stem, "", "", "", "", NOT_EXECUTED)
    if state != OTHER_CODE and published.get(path.stem, {}).get("run") != card["run"]:
        state = OTHER_RUN
    wall = describe_seconds(card["wall_s"])
    return ChapterStatus(path.stem, card["tier"], card["device"], card["date"][:10], wall, state)


def book_status(root: Path) -> list[ChapterStatus]:
    """The status of all chapters in order."""
    published = load_all(root / "book" / "results")
    return [chapter_status(path, published) for path in find_chapters(root)]


def repeated_ids(published: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Ids of results or verdicts that more than one chapter publishes."""
    counts = Counter(
        name
        for content in published.values()
        for kind in ("results", "verdicts")
        for name in content.get(kind, {})
    )
    return sorted(name for name, count in counts.items() if count > 1)


def table(rows: list[ChapterStatus]) -> str:
    """The statuses as an aligned table."""
    head = ("chapter", "tier", "device", "date", "took", "state")
    cells = [head, *((r.chapter, r.tier, r.device, r.date, r.wall, r.state) for r in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def status(root: Path, *, check: bool = False, sync: bool = False) -> int:
    """Print the status of the book; the exit code is 1 when something must not be published.

    Args:
        root: the repository.
        check: also compare the numbers in the text with the results.
        sync: rewrite those numbers, and note each change in ``CHANGELOG.md``.
    """
    rows = book_status(root)
    print(table(rows) if rows else "there are no chapters yet")
    published = load_all(root / "book" / "results")
    wrong = [f"{r.chapter}: {r.state}: run `mmlib execute` for it" for r in rows if r.broken]
    wrong += [f"{name}: published by more than one chapter" for name in repeated_ids(published)]
    if sync:
        problems = sync_numbers(root, known_values(published))
        changed = [problem for problem in problems if problem.new is not None]
        note_changes(root / "CHANGELOG.md", changed, reasons(published))
        for problem in changed:
            print(f"changed: {problem.file}: {problem.id}: {problem.old} became {problem.new}")
        wrong += [str(problem) for problem in problems if problem.new is None]
    elif check:
        problems = check_numbers(root, known_values(published))
        wrong += [str(problem) for problem in problems]
        if any(problem.new is not None for problem in problems):
            wrong.append("`mmlib status --sync` writes the measured numbers into the text")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0
