"""Small books in temporary folders: two or three cells are enough to test the machinery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CARD = {
    "chapter": "01_small",
    "run": "abc",
    "tier": "cpu",
    "device": "Abacus 9",
    "threads": 2,
    "seeds": [0, 1, 2],
    "wall_s": 61.4,
    "peak_memory_mb": 700,
    "peak_cuda_mb": 0.0,
    "cache_mb": 10,
    "benchmark": 10.0,
    "versions": {"python": "3.11"},
    "date": "2026-01-02T03:04:05Z",
    "commit": None,
    "dirty": False,
    "code_hash": "",
    "package_hash": "",
}


def cell(source: str, kind: str = "code", **metadata: Any) -> dict[str, Any]:
    """One cell, its source as lines, the way Jupyter stores it."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{abs(hash((source, kind))) % 10**8}",
        "metadata": metadata,
        "source": source.splitlines(keepends=True),
    }
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made


def notebook(*cells: dict[str, Any], **mmlib: Any) -> dict[str, Any]:
    """A notebook of these cells; keyword arguments go into its ``mmlib`` metadata."""
    metadata: dict[str, Any] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if mmlib:
        metadata["mmlib"] = mmlib
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write_book(root: Path, **chapters: dict[str, Any]) -> Path:
    """A repository with these chapters: ``write_book(tmp_path, c01_small=notebook(...))``."""
    (root / "notebooks").mkdir()
    (root / "book" / "results").mkdir(parents=True)
    for name, content in chapters.items():
        path = root / "notebooks" / f"{name.removeprefix('c')}.ipynb"
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return root


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
