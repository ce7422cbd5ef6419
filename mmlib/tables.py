"""One small table for the book: HTML in a notebook, Markdown and text elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from numbers import Real


@dataclass(frozen=True)
class Table:
    """Columns and rows of ready-made text; a notebook shows it as HTML.

    right: the columns that hold numbers and are aligned to the right.
    """

    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]
    caption: str = ""

    @classmethod
    def from_rows(
        cls, rows: Iterable[Mapping[str, object]], caption: str = "", digits: int = 1
    ) -> Table:
        """Build a table from rows with the same keys; floats get `digits` decimals.

        Raises:
            ValueError: no row, rows whose keys differ, negative `digits`.
        """
        rows = list(rows)
        if not rows:
            raise ValueError("a table needs at least one row")
        if digits < 0:
            raise ValueError(f"digits must be 0 or more, got {digits}")
        columns = tuple(rows[0])
        for index, row in enumerate(rows):
            if tuple(row) != columns:
                raise ValueError(f"row {index} has columns {tuple(row)}, the first has {columns}")
        cells = tuple(tuple(_text(value, digits) for value in row.values()) for row in rows)
        right = tuple(all(_is_number(row[name]) for row in rows) for name in columns)
        return cls(columns, cells, right, caption)

    def markdown(self) -> str:
        """The table in GitHub's Markdown (the caption in bold above it)."""
        rule = ["---:" if right else "---" for right in self.right]
        lines = [_pipes(map(_plain, self.columns)), _pipes(rule)]
        lines += [_pipes(map(_plain, row)) for row in self.cells]
        return (f"**{self.caption}**\n\n" if self.caption else "") + "\n".join(lines)

    def html(self) -> str:
        """The table as HTML with header scopes; every text is escaped."""
        align = ["right" if right else "left" for right in self.right]
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{escape(name)}</th>'
            for name, side in zip(self.columns, align, strict=True)
        )
        body = "".join(f"<tr>{_html_row(row, align)}</tr>" for row in self.cells)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def __str__(self) -> str:
        """Plain text in aligned columns."""
        rows = [self.columns, *self.cells]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, self.right, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([self.caption, *lines] if self.caption else lines)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _text(value: object, digits: int) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _pipes(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _html_row(row: Sequence[str], align: Sequence[str]) -> str:
    return "".join(
        f'<td style="text-align:{side}">{escape(cell)}</td>'
        for cell, side in zip(row, align, strict=True)
    )
