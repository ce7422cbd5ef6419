"""The status page: how, where and when the outputs of each chapter were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mmlib.course.book import read_notebook
from mmlib.course.runcard import FRESH, NOT_EXECUTED
from mmlib.course.status import ChapterStatus, book_status
from mmlib.runtime import describe_seconds

from .card import memory
from .chapters import Chapter, load_chapters
from .claims import load_results
from .notebook import chapter_title
from .site import repository

SOFTWARE = ("python", "torch", "transformers")


def used_gpu(run: Mapping[str, Any]) -> bool:
    """Whether a stored run, or the timing of one, kept anything in the memory of a GPU."""
    return bool(run.get("peak_cuda_mb"))


def commit_html(run: Mapping[str, Any]) -> str:
    """The commit, as a link when the repository's address is known; empty outside a repository."""
    if not (commit := run.get("commit")):
        return ""
    text = f"<code>{escape(commit[:10])}</code>"
    if address := repository():
        text = f'<a href="{escape(address)}/commit/{escape(commit)}">{text}</a>'
    return text + (" and changes" if run.get("dirty") else "")


def _other_tiers(run: Mapping[str, Any]) -> str:
    """The time at tiers other than the stored run's: ``gpu: 4 min on NVIDIA T4``."""
    return "; ".join(
        f"{tier}: {describe_seconds(timing['wall_s'])} on {timing['device']}"
        for tier, timing in run["timings"].items()
        if tier != run["tier"]
    )


def facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is told of one chapter's stored run, as names and HTML; what is unknown is left out."""
    versions = run["versions"]
    gpu = memory(run["peak_cuda_mb"]) + " of its memory" if used_gpu(run) else "not used"
    lines = [
        ("Tier", escape(run["tier"])),
        ("Device", escape(run["device"])),
        ("GPU", gpu),
        ("Took", describe_seconds(run["wall_s"])),
        ("Other tiers", escape(_other_tiers(run))),
        ("Peak memory", memory(run["peak_memory_mb"])),
        ("Seeds", ", ".join(map(str, run["seeds"]))),
        (
            "With",
            ", ".join(f"{name}&nbsp;{versions[name]}" for name in SOFTWARE if name in versions),
        ),
        ("Date", escape(run["date"][:10])),
        ("Commit", commit_html(run)),
        ("Results", str(len(run["results"]))),
        ("Verdicts", str(len(run["verdicts"]))),
    ]
    return [(name, value) for name, value in lines if value]


def _chapter(chapter: Chapter, row: ChapterStatus, run: Mapping[str, Any] | None) -> list[str]:
    assert chapter.notebook
    items = [("State", f'<span class="mm-state">{escape(row.state)}</span>')]
    items += facts(run) if run else []
    told = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in items)
    look = "fresh" if row.state == FRESH else "old"
    title = chapter_title(read_notebook(chapter.notebook))
    return [
        f"## [{title}](/notebooks/{chapter.notebook.name})",
        "",
        f'<dl class="mm-card mm-status mm-status-{look}">{told}</dl>',
        "",
    ]


def summary(rows: list[ChapterStatus], runs: Sequence[Mapping[str, Any]]) -> str:
    """How the chapters stand together, and in plain words whether a GPU has run any of them."""
    states = ", ".join(f"{n} {state}" for state, n in Counter(r.state for r in rows).most_common())
    text = f"**{len(rows)} chapters:** {states}."
    if not runs:
        return text
    took = describe_seconds(sum(run["wall_s"] for run in runs))
    text += f" Together the stored runs took {took}."
    on_gpu = sum(used_gpu(run) for run in runs)
    timed = sum(any(map(used_gpu, run["timings"].values())) for run in runs)
    if on_gpu == len(runs):
        return f"{text} All of them used a GPU."
    if on_gpu:
        return f"{text} {on_gpu} of {len(runs)} used a GPU."
    text += " **None of them used a GPU:** every output and verdict here comes from a CPU."
    return text + (f" On a GPU {timed} of them were run for their time only." if timed else "")


def status(root: Path) -> str:
    """The run card of every chapter as Markdown, after a summary."""
    rows = {row.chapter: row for row in book_status(root)}
    if not rows:
        return "This version of the book has no chapter yet."
    results = load_results(root)
    runs = [results[name] for name in rows if name in results]
    text = [summary(list(rows.values()), runs), ""]
    for chapter in load_chapters(root):
        if row := rows.get(chapter.stem):
            run = None if row.state == NOT_EXECUTED else results.get(chapter.stem)
            text += _chapter(chapter, row, run)
    return "\n".join(text)
