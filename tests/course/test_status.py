"""The status table and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmlib.__main__ import main
from mmlib.course.runcard import hash_code_cells
from mmlib.course.status import book_status, repeated_ids, status
from tests.course.books import CARD, cell, notebook, snapshot, write_book

TEXT = "top-1 is 70<!-- r:c1.top -->%"


def chapter(code: str = "a = 1", **changes: Any) -> dict[str, Any]:
    """An executed chapter, fresh unless something is changed in its card."""
    bare = notebook(cell(TEXT, "markdown"), cell(code))
    card = {**CARD, "code_hash": hash_code_cells(bare), "package_hash": "package"}
    return notebook(*bare["cells"], run_card={**card, **changes})


def published(root: Path, mean: float = 70.0, name: str = "01_small", run: str = "abc") -> None:
    content = {"run": run, "results": {"c1.top": {"mean": mean}}, "verdicts": {}}
    (root / "book" / "results" / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("content", "state", "code"),
    [
        (chapter(), "fresh", 0),
        (chapter(package_hash="other"), "older than the code", 0),
        (chapter(code_hash="other"), "outputs do not match the code", 1),
        (chapter(run="other"), "outputs and results come from different runs", 1),
        (notebook(cell("a")), "not executed", 0),
    ],
)
def test_states_and_exit_codes(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: dict[str, Any],
    state: str,
    code: int,
) -> None:
    root = write_book(tmp_path, c01_small=content)
    published(root)
    assert [row.state for row in book_status(root)] == [state]
    assert status(root) == code
    out, err = capsys.readouterr()
    assert state in out
    assert ("mmlib execute" in err) == bool(code)


def test_the_table_shows_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_book(tmp_path, c01_small=chapter(), c02_more=notebook(cell("x")))
    published(root)
    assert main(["status", "--root", str(root)]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["chapter", "tier", "device", "date", "took", "state"]
    assert first.split("  ")[0] == "01_small" and "Abacus 9  2026-01-02  61 s" in first
    assert second.split() == ["02_more", "not", "executed"]


def test_check_finds_a_wrong_number_and_sync_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_book(tmp_path, c01_small=chapter())
    published(root, mean=72.4)
    before = snapshot(root)
    assert status(root) == 0  # without --check numbers are not looked at
    assert main(["status", "--check", "--root", str(root)]) == 1
    assert "text says 70, measured was 72" in capsys.readouterr().err
    assert snapshot(root) == before
    assert main(["status", "--sync", "--root", str(root)]) == 0
    assert "70 became 72" in (root / "CHANGELOG.md").read_text()
    assert main(["status", "--check", "--root", str(root)]) == 0
    assert book_status(root)[0].state == "fresh"  # text is no code


def test_sync_fails_where_a_person_must_decide(tmp_path: Path) -> None:
    root = write_book(tmp_path, c01_small=chapter())
    published(root)
    (root / "book" / "page.md").write_text("5<!-- r:c9.gone -->")
    assert status(root, sync=True) == 1


def test_an_id_belongs_to_one_chapter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_book(tmp_path, c01_small=chapter())
    published(root)
    published(root, name="02_more")
    assert status(root) == 1
    assert "c1.top: published by more than one chapter" in capsys.readouterr().err
    assert repeated_ids({"a": {"verdicts": {"C1.1": {}}}, "b": {}}) == []


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--root", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("mmlib status: no book in ")
    root = write_book(tmp_path)
    assert main(["status", "--root", str(root)]) == 0
    assert "no chapters yet" in capsys.readouterr().out
    (root / "notebooks" / "01_bad.ipynb").write_text("{")
    assert main(["status", "--root", str(root)]) == 2
    assert "01_bad.ipynb is damaged" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["status", "--sing"])
