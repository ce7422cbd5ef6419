"""The changelog's section on numbers that changed between two executions of the book."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mmlib.course.prose import Problem
from mmlib.runtime import atomic_write

HEADING = "Changed numbers"


def note_changes(path: Path, changes: Sequence[Problem]) -> None:
    """Add one line for each number that was rewritten, newest first, under 'Changed numbers'.

    The first section of that name is the newest version's; it is made, below the title, when
    there is none. A line in it that begins with 'None' has become wrong and goes away.
    """
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    seen = dict.fromkeys(
        f"- {day}, `{change.id}` in {change.file}: {change.old} became {change.new}"
        for change in changes
        if change.new is not None
    )
    if not seen:
        return
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else ["# Changelog"]
    place = next((i for i, line in enumerate(lines) if line.strip("# ") == HEADING), None)
    if place is None:
        place = 2
        lines[1:1] = ["", f"## {HEADING}"]
    while place + 1 < len(lines) and not lines[place + 1].strip():
        place += 1  # keep the blank line under the heading
    if lines[place].strip():
        lines.insert(place + 1, "")
        place += 1
    following = lines[place + 1 :]
    if following and following[0].startswith("None"):
        del following[0]
        following = following[1:] if following and not following[0].strip() else following
    gap = [""] if following and not following[0].startswith("- ") else []
    atomic_write(path, "\n".join([*lines[: place + 1], *seen, *gap, *following]) + "\n")
