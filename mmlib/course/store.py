"""Putting a finished run in place: its notebook and its results together, or neither."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmlib.results import Results
from mmlib.runtime import atomic_write

TIMING = ("wall_s", "peak_memory_mb", "peak_cuda_mb", "cache_mb", "benchmark", "device")


def results_content(
    card: Mapping[str, Any], recorded: Results, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The results file of a chapter.

    ``timings`` keeps one entry a tier, so that a reader at any tier learns how long a chapter
    takes; those of other tiers are carried over from the file of before.
    """
    timings = add_timing(before or {}, card)["timings"]
    kept = ("chapter", "run", "tier", "device", "versions", "date", "commit", "dirty", "seeds")
    return {
        **{key: card[key] for key in kept},
        "benchmark": card["benchmark"],
        "wall_s": card["wall_s"],
        "peak_memory_mb": card["peak_memory_mb"],
        "peak_cuda_mb": card["peak_cuda_mb"],
        "timings": timings,
        "results": recorded.results,
        "verdicts": recorded.verdicts,
    }


def add_timing(content: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """A results file with the time of one more run, at the tier of its card; the rest stays."""
    timing = {key: card[key] for key in TIMING}
    return {**content, "timings": {**(content.get("timings") or {}), card["tier"]: timing}}


def results_text(content: Mapping[str, Any]) -> str:
    """The results as they are stored."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def put_both(first: tuple[Path, str], second: tuple[Path, str]) -> None:
    """Write two files; when the second cannot be written, the first is put back.

    Each is replaced in one step. A machine that dies between the two leaves files of two runs:
    ``mmlib status`` sees that by their run ids.

    Raises:
        OSError: one could not be written; both are as they were.
    """
    undo = _undo(first[0])
    atomic_write(*first)
    try:
        atomic_write(*second)
    except BaseException:
        undo()
        raise


def _undo(path: Path) -> Callable[[], object]:
    if not path.exists():
        return lambda: path.unlink(missing_ok=True)
    content = path.read_bytes()
    return lambda: atomic_write(path, content)
