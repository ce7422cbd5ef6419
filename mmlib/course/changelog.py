"""The changelog's section on numbers that changed between two executions of the book."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmlib.course.prose import Problem
from mmlib.runtime import atomic_write

HEADING = "Changed numbers"
LINE = re.compile(
    r"- (?P<day>\d{4}-\d\d-\d\d), `(?P<id>[^`]+)` in (?P<file>\S+): "
    r"(?P<old>.*?) became (?P<new>.*?)(?: \((?P<why>[^()]+)\))?"
)


@dataclass(frozen=True)
class Change:
    """A number of the text that another run has changed: when, which, where, and why."""

    day: str
    id: str
    file: str
    old: str
    new: str
    why: str

    def __str__(self) -> str:
        """The line of the changelog."""
        why = f" ({self.why})" if self.why else ""
        return f"- {self.day}, `{self.id}` in {self.file}: {self.old} became {self.new}{why}"


def read_change(line: str) -> Change:
    """One line of the section.

    Raises:
        ValueError: it is no such line.
    """
    found = LINE.fullmatch(line.strip())
    if found is None:
        raise ValueError(
            f"CHANGELOG.md, {HEADING}: {line!r} cannot be read; `mmlib status --sync` writes lines "
            "such as '- 2026-11-24, `c41.top1` in notebooks/04_clip.ipynb: 72.4 became 72.6 (why)'"
        )
    return Change(**{name: text or "" for name, text in found.groupdict().items()})


def reasons(published: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """For each published result and verdict, the run that it comes from, in words."""
    found = {}
    for name, content in published.items():
        facts = [content.get("date", "")[:10], content.get("tier"), content.get("device")]
        why = ", ".join([f"chapter {int(name[:2])} executed again", *filter(None, facts)])
        ids = [*content.get("results", {}), *content.get("verdicts", {}), f"{name}.run"]
        found.update(dict.fromkeys(ids, re.sub(r"[()]", "", why)))
    return found


def note_changes(
    path: Path, changes: Sequence[Problem], why: Mapping[str, str] | None = None
) -> None:
    """Add one line for each number that was rewritten, newest first, under 'Changed numbers'.

    The first section of that name is the newest version's; it is made, below the title, when
    there is none. A line in it that begins with 'None' has become wrong and goes away. ``why``
    gives the reason by id.
    """
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    seen = dict.fromkeys(
        str(Change(day, p.id, p.file, p.old, p.new, (why or {}).get(p.id, "")))
        for p in changes
        if p.new is not None
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
