"""Running chapters from the first cell to the last and keeping what they show.

One chapter after another, each in a fresh kernel: two at once would fight for memory. A chapter is
stored only when all of it ran; whatever fails or is killed before leaves the book as it was.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmlib.course.book import read_notebook, results_path
from mmlib.course.clean import clean_notebook
from mmlib.course.progress import CellProgress
from mmlib.course.runcard import build_run_card
from mmlib.course.store import add_timing, put_both, results_content, results_text
from mmlib.published import load_file
from mmlib.results import RECORD_VARIABLE, Results, load_record
from mmlib.runtime import TIER_VARIABLE, atomic_write, check_tier, describe_seconds


class ChapterFailed(RuntimeError):
    """A chapter did not run to its end; the message says which cell and why."""


@dataclass(frozen=True)
class Options:
    """How to execute.

    Attributes:
        tier: one of ``runtime.TIERS``.
        require_gpu: fail unless the chapter's tensors were on a GPU; always so at tier ``gpu``.
        out: write notebooks and results here and leave the book's own alone.
        store: keep the outputs in the book; by default at tiers ``cpu`` and ``gpu``.
        time_only: keep how long the tier took, and leave outputs and results as they are.
    """

    tier: str
    require_gpu: bool = False
    out: Path | None = None
    store: bool | None = None
    time_only: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be done before a chapter has run for minutes."""
        check_tier(self.tier)
        if self.needs_gpu and not torch.cuda.is_available():
            raise ValueError(
                f"tier {self.tier!r} with a GPU was asked for and no CUDA device is visible: use "
                "--tier cpu, or run `mmlib doctor` to see why"
            )
        if self.out is not None and self.store:
            raise ValueError("--out and --store exclude each other: name one place")
        if self.time_only and (self.out is not None or self.store):
            raise ValueError("--time-only keeps no outputs: leave --out and --store out")

    @property
    def needs_gpu(self) -> bool:
        """Whether tensors must have been on a GPU."""
        return self.require_gpu or self.tier == "gpu"

    @property
    def keeps(self) -> bool:
        """Whether the book's own files are replaced."""
        if self.out is not None or self.time_only:
            return False
        return self.tier != "smoke" if self.store is None else self.store


@dataclass(frozen=True)
class Run:
    """A finished run: the executed notebook, what its kernel reported, what it recorded."""

    notebook: dict[str, Any]
    facts: dict[str, Any]
    recorded: Results
    wall_s: float


def run_notebook(path: Path, tier: str) -> Run:
    """Execute a notebook in a fresh kernel, in its own folder, with the tier in force.

    Raises:
        ChapterFailed: a cell raised, or the kernel died.
    """
    import nbformat

    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="mmlib-run-") as folder:
        record, facts = Path(folder) / "record.json", Path(folder) / "facts.json"
        environment = {**os.environ, TIER_VARIABLE: tier, RECORD_VARIABLE: str(record)}
        last = f"from mmlib.course.kernel import report\nreport({str(facts)!r})"
        notebook.cells.append(nbformat.v4.new_code_cell(last))
        wall_s = _run_cells(notebook, path, environment)
        notebook.cells.pop()
        run = Run(notebook, load_file(facts), load_record(record), wall_s)
    clean_notebook(run.notebook)
    return run


def _run_cells(notebook: Any, path: Path, environment: Mapping[str, str]) -> float:
    """Execute all cells; the last one is ours and its time does not count. Returns seconds."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    progress = CellProgress(path.stem, notebook.cells[:-1])
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "python3"),
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        on_cell_start=progress.on_start,
    )
    start = time.perf_counter()
    try:
        client.execute(env=dict(environment))
    except CellExecutionError as error:
        raise ChapterFailed(f"{progress.where()} raised:\n{_plain(error)}") from None
    except (DeadKernelError, RuntimeError, AssertionError) as error:
        # On Ctrl-C nbclient stops the kernel and then trips over its own assertion.
        why = "the kernel stopped: it was interrupted or killed, or memory ran out"
        raise ChapterFailed(f"{progress.where()}: {why} {error}".rstrip()) from None
    finally:
        progress.close()
    return (progress.cells_done_at or time.perf_counter()) - start


def _plain(error: Exception) -> str:
    """A traceback without terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()


def execute_chapter(path: Path, root: Path, options: Options) -> dict[str, Any]:
    """Run one chapter and put its outputs where the options say.

    Returns:
        The run card.

    Raises:
        ChapterFailed: a cell failed, the GPU that was claimed was not used, or the notebook was
            edited while it ran.
    """
    chapter, before = path.stem, path.read_bytes()
    run = run_notebook(path, options.tier)
    if options.needs_gpu and not run.facts["chapter_cuda_mb"] > 0:
        raise ChapterFailed(f"{chapter} held no tensor on the GPU although a GPU run was claimed")
    card = build_run_card(
        run.notebook,
        chapter=chapter,
        tier=options.tier,
        facts=run.facts,
        seeds=sorted({seed for item in run.recorded.results.values() for seed in item["seeds"]}),
        wall_s=run.wall_s,
        root=root,
    )
    if options.out is not None:
        _put(run, card, options.out / path.name, options.out / "results" / f"{chapter}.json")
    elif options.keeps:
        _check_unedited(path, before, run, card)
        _put(run, card, path, results_path(root, chapter))
    elif options.time_only:
        _put_time(card, results_path(root, chapter))
    return card


def _put(run: Run, card: dict[str, Any], notebook_path: Path, results: Path) -> None:
    notebook = copy.deepcopy(run.notebook)
    notebook["metadata"].setdefault("mmlib", {})["run_card"] = card
    before = load_file(results) if results.exists() else None
    content = results_content(card, run.recorded, before)
    put_both((results, results_text(content)), (notebook_path, to_text(notebook)))


def _put_time(card: Mapping[str, Any], results: Path) -> None:
    atomic_write(results, results_text(add_timing(load_file(results), card)))


def check_time_only(path: Path, root: Path, tier: str) -> None:
    """Refuse to keep the time of a run that the chapter's stored results cannot take.

    Raises:
        ValueError: the chapter has no results yet, or they are of this tier.
    """
    results = results_path(root, path.stem)
    if not results.exists():
        raise ValueError(f"{path.stem} has no stored results: execute it without --time-only first")
    if load_file(results).get("tier") == tier:
        raise ValueError(
            f"the stored results of {path.stem} are of tier {tier!r} and hold their own time: "
            "name another tier, or leave --time-only out"
        )


def to_text(notebook: Any) -> str:
    """An executed notebook in Jupyter's own layout, with a newline at the end."""
    import nbformat

    return str(nbformat.writes(notebook, version=nbformat.NO_CONVERT)).rstrip("\n") + "\n"


def _check_unedited(path: Path, before: bytes, run: Run, card: dict[str, Any]) -> None:
    """Never write over an edit that was made while the chapter ran: put the run beside it."""
    if path.read_bytes() == before:
        return
    folder = Path(tempfile.mkdtemp(prefix=f"{path.stem}-"))
    _put(run, card, folder / path.name, folder / "results" / f"{path.stem}.json")
    raise ChapterFailed(
        f"{path.name} was edited while it ran; the edit stays, and this run is in {folder}"
    )


def execute(chapters: list[Path], root: Path, options: Options) -> int:
    """Run chapters one after another; a failure stops there. Returns the exit code.

    Everything is reported on the terminal: progress on stderr, results on stdout.
    """
    for path in chapters:
        read_notebook(path)  # a damaged one is found before an hour was spent on the others
        if options.time_only:
            check_time_only(path, root, options.tier)
    for path in chapters:
        try:
            card = execute_chapter(path, root, options)
        except ChapterFailed as error:
            print(f"{error}\n{path.stem}: nothing was stored in the book", file=sys.stderr)
            return 1
        kept = "stored in the book" if options.keeps else f"written to {options.out}"
        if options.out is None and not options.keeps:
            kept = "not stored (give --store or --out DIR to keep it)"
        if options.time_only:
            kept = "only its time was stored"
        print(
            f"{path.stem}: ran in {describe_seconds(card['wall_s'])} at tier {card['tier']} on "
            f"{card['device']}; {kept}"
        )
    return 0
