"""The run card: on what, when, with which code and versions a chapter's outputs were made."""

from __future__ import annotations

import hashlib
import subprocess
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mmlib
from mmlib.course.book import cell_source, run_card
from mmlib.course.imports import reachable

FRESH = "fresh"
NOT_EXECUTED = "not executed"
OTHER_CODE = "outputs do not match the code"
OLDER = "older than the code"


def hash_code_cells(notebook: Mapping[str, Any]) -> str:
    """A hash of a notebook's code cells in order; text, outputs and metadata do not count.

    Spaces at line ends and blank lines around a cell do not count either: editors change them.
    """
    digest = hashlib.sha256()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            lines = [line.rstrip() for line in cell_source(cell).strip().splitlines()]
            digest.update("\n".join(lines).encode() + b"\0")
    return digest.hexdigest()[:16]


def hash_package(notebook: Mapping[str, Any], folder: Path | None = None) -> str:
    """A hash of those modules of mmlib that a notebook's code cells can reach.

    See `mmlib.course.imports` for what counts. The package's own ``__init__.py`` does not: it
    holds the version and where public names live, and those names are followed. So a new name, or
    a module that only other chapters use, leaves a chapter's outputs as fresh as they were.

    Args:
        notebook: with the code cells.
        folder: of the package, if it is another one than the installed mmlib.
    """
    folder = folder or Path(mmlib.__file__).parent
    cells = [cell_source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    digest = hashlib.sha256()
    for module, text in reachable(cells, folder).items():
        if module != folder.name:
            digest.update(f"{module}\0{text}\0".encode())
    return digest.hexdigest()[:16]


def freshness(notebook: Mapping[str, Any]) -> str:
    """How a chapter's stored outputs stand to its code cells and to the modules they use.

    Returns:
        ``"not executed"`` (no run card), ``"outputs do not match the code"`` (code cells were
        changed since), ``"older than the code"`` (a module of mmlib that they can reach was changed
        since) or ``"fresh"``.
    """
    card = run_card(notebook)
    if card is None:
        return NOT_EXECUTED
    if card.get("code_hash") != hash_code_cells(notebook):
        return OTHER_CODE
    return FRESH if card.get("package_hash") == hash_package(notebook) else OLDER


def commit_of(root: Path) -> tuple[str | None, bool]:
    """The commit that is checked out and whether code differs from it.

    Stored outputs do not count as changes: executing one chapter does not make the next one dirty.
    Outside version control the answer is (None, False).
    """
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return None, False
    changed = _git(root, "status", "--porcelain", "--", "mmlib", "pyproject.toml")
    return commit.strip(), bool(changed and changed.strip())


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def build_run_card(
    notebook: Mapping[str, Any],
    *,
    chapter: str,
    tier: str,
    facts: Mapping[str, Any],
    seeds: list[int],
    wall_s: float,
    root: Path,
) -> dict[str, Any]:
    """The card of one finished run.

    Args:
        notebook: the executed notebook.
        facts: what the kernel reported about itself (``mmlib.course.kernel.facts``).
        seeds: every seed that a recorded result used.
        wall_s: seconds from the first cell to the last.

    Returns:
        The keys ``chapter, run, tier, device, threads, seeds, wall_s, peak_memory_mb,
        peak_cuda_mb, cache_mb, benchmark, versions, date, commit, dirty, code_hash,
        package_hash``; sizes in MiB, the date in UTC.
    """
    commit, dirty = commit_of(root)
    return {
        "chapter": chapter,
        "run": uuid.uuid4().hex[:12],
        "tier": tier,
        "device": facts["device"],
        "threads": facts["threads"],
        "seeds": seeds,
        "wall_s": round(wall_s, 1),
        "peak_memory_mb": facts["peak_memory_mb"],
        "peak_cuda_mb": facts["peak_cuda_mb"],
        "cache_mb": facts["cache_mb"],
        "benchmark": facts["benchmark"],
        "versions": dict(facts["versions"]),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit,
        "dirty": dirty,
        "code_hash": hash_code_cells(notebook),
        "package_hash": hash_package(notebook),
    }
