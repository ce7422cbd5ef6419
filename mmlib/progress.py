"""A progress line that is shown while work runs and leaves one line behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any


def _notebook_display() -> Callable[[str], Any] | None:
    """Return a function that shows text in a notebook and gives a handle to update it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import Pretty, display

    class _Text(Pretty):
        def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
            printer.text(self.data)

    def show(text: str) -> Any:
        handle = display(_Text(text), display_id=True)
        return lambda new: handle.update(_Text(new))

    return show


class Progress:
    """One line of text, rewritten at most four times a second.

    In a notebook the same output is updated, so a stored notebook holds only the last line. On a
    terminal the line is rewritten in place. Elsewhere (a log file) only the last line is printed.
    """

    def __init__(self, enabled: bool = True, interval: float = 0.25) -> None:
        self.enabled = enabled
        self.interval = interval
        self._last = -float("inf")
        self._update: Callable[[str], None] | None = None
        self._show = _notebook_display() if enabled else None

    def update(self, text: str) -> None:
        """Show `text` now, unless a line was shown less than `interval` seconds ago."""
        now = time.monotonic()
        if not self.enabled or now - self._last < self.interval:
            return
        self._last = now
        if self._show is not None:
            self._write_notebook(text)
        elif sys.stderr.isatty():
            print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)

    def close(self, text: str) -> None:
        """Leave `text` as the one line that stays."""
        if not self.enabled:
            return
        if self._show is not None:
            self._write_notebook(text)
            return
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        print(text, flush=True)

    def _write_notebook(self, text: str) -> None:
        if self._update is None:
            assert self._show is not None
            self._update = self._show(text)
        else:
            self._update(text)
