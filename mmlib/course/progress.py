"""Showing which cell runs: one line that is rewritten on a terminal, one line a cell in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from mmlib.course.book import cell_source


class CellProgress:
    """Follows an execution through nbclient's hook that is called as each cell starts."""

    def __init__(self, chapter: str, cells: Sequence[dict[str, Any]]) -> None:
        """Prepare to show the code cells among ``cells``."""
        self.chapter = chapter
        self.total = len(cells)
        self.numbers = {
            index: number
            for number, index in enumerate(
                (i for i, cell in enumerate(cells) if cell["cell_type"] == "code"), start=1
            )
        }
        self.cells_done_at: float | None = None
        self._now: tuple[int, str] | None = None
        self._live = sys.stderr.isatty()

    def on_start(self, cell: dict[str, Any], cell_index: int) -> None:
        """Called before a cell runs; the index after the last cell ends the count of time."""
        if cell_index >= self.total:
            self.cells_done_at = time.perf_counter()
            return
        if cell_index not in self.numbers:
            return
        lines = [line for line in cell_source(cell).splitlines() if line.strip()]
        self._now = (self.numbers[cell_index], lines[0].strip() if lines else "(empty)")
        text = f"{self.chapter}  cell {self._now[0]}/{len(self.numbers)}  {self._now[1][:60]}"
        print(f"\r\x1b[K{text}" if self._live else text, end="" if self._live else "\n",
              file=sys.stderr, flush=True)  # fmt: skip

    def where(self) -> str:
        """The cell that runs, for an error message."""
        if self._now is None:
            return f"{self.chapter}, before the first cell"
        return f"{self.chapter}, code cell {self._now[0]} ({self._now[1]})"

    def close(self) -> None:
        """Clear the line on a terminal."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
