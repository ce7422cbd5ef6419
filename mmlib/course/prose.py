"""Numbers in the text that stay equal to the results.

A number in a Markdown cell or in ``book/*.md`` is followed at once by an HTML comment, invisible
on the site, in JupyterLab and in Colab, that says which result it is::

    reaches 72.4<!-- r:c41.seen.top1 -->% of ... (at least 70.9<!-- r:c41.seen.top1|low -->%)
    took 412<!-- r:04_clip.run|wall_s --> s; the claim is **supported<!-- r:C4.1|status -->**

After ``|`` stands the field (``mean`` unless named) and, after a colon, a format such as ``.1f``;
without one the number keeps as many decimals as it has in the text. Fields: ``mean, low, high,
minimum, maximum, n`` of a result, ``status`` and the effect's ``mean, low, high, n`` of a verdict,
``wall_s, minutes, peak_memory_mb, peak_cuda_mb`` of ``<chapter>.run``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlib.bands import STATUSES
from mmlib.course.book import (
    cell_source,
    find_chapters,
    notebook_text,
    read_notebook,
    set_source,
)
from mmlib.runtime import atomic_write

_NUMBER = r"[-+\u2212]?\d+(?:,\d{3})*(?:\.\d+)?"
_MARKER = re.compile(
    rf"(?P<text>{_NUMBER}|{'|'.join(map(re.escape, STATUSES))})?"
    r"<!--\s*r:(?P<id>[^|\s]+?)(?:\|(?P<field>\w+)(?::(?P<format>[^\s]+?))?)?\s*-->"
)
_NEAR_MARKER = re.compile(r"<!--\s*r\s*:[^>]*-->")
Values = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Problem:
    """A number that is not what was measured, or a marker that means nothing.

    ``new`` is the right text, or None when a person has to decide.
    """

    file: str
    id: str
    old: str
    new: str | None
    why: str

    def __str__(self) -> str:
        """For example ``book/intro.md: c41.seen.top1: text says 72.4, measured 72.6``."""
        return f"{self.file}: {self.id}: {self.why}"


def known_values(chapters: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """All fields that a marker may name, by id, from the published results of all chapters."""
    values: dict[str, dict[str, Any]] = {}
    for name, content in chapters.items():
        values.update(content.get("results", {}))
        for claim, verdict in content.get("verdicts", {}).items():
            values[claim] = {**(verdict.get("effect") or {}), "status": verdict["status"]}
        run = {key: content.get(key) for key in ("wall_s", "peak_memory_mb", "peak_cuda_mb")}
        run["minutes"] = None if run["wall_s"] is None else run["wall_s"] / 60
        values[f"{name}.run"] = run
    return values


def _wanted(match: re.Match[str], values: Values) -> tuple[str | None, str]:
    """The text that should stand before a marker, or None and the reason why there is none."""
    name, field = match["id"], match["field"] or "mean"
    if name not in values:
        return None, f"no result {name!r} is published: execute its chapter, or mend the marker"
    value = values[name].get(field)
    if value is None or isinstance(value, (list, bool)):
        return None, f"{name!r} has no field {field!r}"
    if match["text"] is None:
        return None, "no number stands right before the marker"
    if isinstance(value, str):
        return value, ""
    if re.fullmatch(_NUMBER, match["text"]) is None:
        return None, f"the marker stands for a number and the text says {match['text']!r}"
    try:
        return _as_written(match["text"], float(value), match["format"]), ""
    except ValueError as error:
        return None, f"format {match['format']!r} is not usable: {error}"


def _as_written(text: str, value: float, spec: str | None) -> str:
    """The value with the text's decimals, sign style and thousands separators."""
    if spec is None:
        decimals = len(text.partition(".")[2])
        spec = ("+" if text[0] == "+" else "") + ("," if "," in text else "") + f".{decimals}f"
    new = format(value, spec)
    if not new.strip("+-0.,"):
        new = new.lstrip("-")  # no minus zero
    return new.replace("-", "\u2212") if "\u2212" in text else new


def check_text(text: str, values: Values, file: str) -> tuple[str, list[Problem]]:
    """Compare all marked numbers of a text with the results.

    Returns:
        The text with right numbers, and the problems of the text as it was.
    """
    problems: list[Problem] = []

    def replace(match: re.Match[str]) -> str:
        old = match["text"] or ""
        new, why = _wanted(match, values)
        if new is None:
            problems.append(Problem(file, match["id"], old, None, why))
            return match[0]
        if new == old:
            return match[0]
        why = f"the text says {old}, measured was {new}"
        problems.append(Problem(file, match["id"], old, new, why))
        return new + match[0][len(old) :]

    mended = _MARKER.sub(replace, text)
    spans = [match.span() for match in _MARKER.finditer(text)]
    for near in _NEAR_MARKER.finditer(text):
        if not any(start <= near.start() and near.end() <= end for start, end in spans):
            why = "the marker cannot be read: write <!-- r:id --> or <!-- r:id|field:format -->"
            problems.append(Problem(file, near[0], "", None, why))
    return mended, problems


def _texts(root: Path) -> Iterator[Path]:
    """Every file whose prose may carry numbers; the changelog only tells what once was."""
    yield from find_chapters(root)
    readme = root / "README.md"
    if readme.exists():
        yield readme
    yield from sorted((root / "book").rglob("*.md"))


def _check_file(path: Path, root: Path, values: Values) -> tuple[str, list[Problem]]:
    name = path.relative_to(root).as_posix()
    if path.suffix != ".ipynb":
        return check_text(path.read_bytes().decode(), values, name)
    notebook, problems = read_notebook(path), []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text, found = check_text(cell_source(cell), values, name)
            problems += found
            if any(problem.new is not None for problem in found):
                set_source(cell, text)
    return notebook_text(notebook), problems


def marked_numbers(root: Path) -> int:
    """How many numbers and statuses of the book's text carry the id of a result."""
    return sum(len(_MARKER.findall(path.read_text(encoding="utf-8"))) for path in _texts(root))


def check_numbers(root: Path, values: Values) -> list[Problem]:
    """All numbers in the book's text that are not what was measured."""
    return [problem for path in _texts(root) for problem in _check_file(path, root, values)[1]]


def sync_numbers(root: Path, values: Values) -> list[Problem]:
    """Rewrite the numbers that are wrong; returns all problems, those mended included.

    Only a file with a wrong number is written, in one step, with everything else as it was.
    """
    everything = []
    for path in _texts(root):
        text, problems = _check_file(path, root, values)
        if any(problem.new is not None for problem in problems):
            atomic_write(path, text.encode())
        everything += problems
    return everything
