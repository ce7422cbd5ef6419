"""Hashes of code cells and of the package, and how outputs stand to them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mmlib.course.runcard import (
    FRESH,
    NOT_EXECUTED,
    OLDER,
    OTHER_CODE,
    build_run_card,
    commit_of,
    freshness,
    hash_code_cells,
    hash_package,
)
from tests.course.books import CARD, cell, notebook


def test_only_code_counts() -> None:
    code = notebook(cell("a = 1\nb = 2"), cell("c"))
    same = notebook(cell("# Title", "markdown"), cell("a = 1  \nb = 2\n"), cell("\nc"))
    same["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    same["cells"][2]["source"] = "\nc"  # one string, not lines
    assert hash_code_cells(code) == hash_code_cells(same)


def test_every_change_of_code_counts() -> None:
    variants = [
        notebook(cell("a"), cell("b")),
        notebook(cell("b"), cell("a")),
        notebook(cell("ab")),
        notebook(cell("a\nb")),
        notebook(cell("a"), cell("b"), cell("")),
        notebook(cell("if a:\n  b")),
        notebook(cell("if a:\n    b")),
    ]
    assert len({hash_code_cells(variant) for variant in variants}) == len(variants)


def test_the_packages_hash_is_that_of_the_modules_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    for name, text in (("__init__", "__version__ = '1'"), ("a", "x = 1"), ("b", "y = 1")):
        (folder / f"{name}.py").write_bytes(f"{text}\n".encode())
    book = notebook(cell("from pack import a\nprint(a.x)"))
    first = hash_package(book, folder)
    (folder / "b.py").write_text("y = 2\n")
    (folder / "__init__.py").write_text("__version__ = '2'\n")
    (folder / "a.py").write_bytes(b"x = 1\r\n")  # a checkout on Windows
    assert hash_package(book, folder) == first
    both = notebook(cell("from pack import a, b"))
    assert hash_package(both, folder) != first
    (folder / "a.py").write_text("x = 2\n")
    assert hash_package(book, folder) != first
    only_text = notebook(cell("from pack import a", "markdown"))
    assert hash_package(only_text, folder) == hash_package(notebook(), folder)


def test_freshness() -> None:
    book = notebook(cell("a = 1"))
    assert freshness(book) == NOT_EXECUTED
    card = {**CARD, "code_hash": hash_code_cells(book), "package_hash": "package"}
    assert freshness(notebook(cell("a = 1"), run_card=card)) == FRESH
    assert freshness(notebook(cell("a = 2"), run_card=card)) == OTHER_CODE
    older = {**card, "package_hash": "0"}
    assert freshness(notebook(cell("a = 1"), run_card=older)) == OLDER


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)


def test_the_commit_and_whether_code_differs_from_it(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == (None, False)
    git(tmp_path, "init", "-q")
    (tmp_path / "mmlib").mkdir()
    (tmp_path / "mmlib" / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit, dirty = commit_of(tmp_path)
    assert len(commit or "") == 40 and not dirty
    (tmp_path / "outputs.ipynb").write_text("{}")
    assert commit_of(tmp_path) == (commit, False)
    (tmp_path / "mmlib" / "a.py").write_text("x = 2\n")
    assert commit_of(tmp_path) == (commit, True)


def test_the_card_has_every_promised_key(tmp_path: Path) -> None:
    facts = {key: CARD[key] for key in CARD}
    card = build_run_card(
        notebook(cell("a")),
        chapter="01_small",
        tier="cpu",
        facts=facts,
        seeds=[0],
        wall_s=61.44,
        root=tmp_path,
    )
    assert set(card) == set(CARD)
    assert card["wall_s"] == 61.4 and card["date"].endswith("Z")
