"""Executing chapters: stored wholly when they ran, untouched when they did not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mmlib.__main__ import main
from mmlib.course import execute as execution
from mmlib.course.book import find_chapters, read_notebook, run_card
from mmlib.course.execute import ChapterFailed, Options, Run, execute_chapter
from mmlib.course.runcard import hash_code_cells
from mmlib.course.status import book_status
from mmlib.results import Results
from tests.course.books import CARD, cell, notebook, snapshot, write_book

MEASURE = """
import os, sys, pathlib
from mmlib import results
results.record("c1.top", [70.0, 72.0], seeds=[3, 4])
print("10%\\r100%")
print("1%\\r2%", file=sys.stderr)
print(os.environ["MMLIB_TIER"], pathlib.Path.cwd().name)
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book whose first chapter was executed and stored at tier smoke."""
    small = notebook(
        cell("# Small\n\n70<!-- r:c1.top -->%", "markdown"),
        cell(MEASURE.strip(), tags=["keep"]),
        cell(""),
        cell("1 / 0", tags=["raises-exception"]),
    )
    small["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "stale"}]
    root = write_book(tmp_path_factory.mktemp("book"), c01_small=small, c02_more=notebook())
    arguments = ["--root", str(root), "--only", "01", "--tier", "smoke", "--store"]
    assert main(["execute", *arguments]) == 0
    return root


def test_outputs_are_stored_clean(executed: Path) -> None:
    text = (executed / "notebooks" / "01_small.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    assert text.endswith("}\n")
    assert [c.get("execution_count") for c in cells] == [None, 1, None, 2]
    (output,) = cells[1]["outputs"]
    assert "".join(output["text"]) == "100%\nsmoke notebooks\n"
    assert cells[2]["outputs"] == []
    assert cells[3]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert cells[1]["metadata"] == {"tags": ["keep"]}


def test_the_run_card_and_the_results_are_of_one_run(executed: Path) -> None:
    book = read_notebook(executed / "notebooks" / "01_small.ipynb")
    card = run_card(book)
    stored = json.loads((executed / "book" / "results" / "01_small.json").read_text())
    assert card is not None and set(card) == set(CARD)
    assert card["run"] == stored["run"]
    assert card["tier"] == stored["tier"] == "smoke"
    assert card["seeds"] == [3, 4]
    assert card["code_hash"] == hash_code_cells(book)
    assert card["versions"]["torch"] and card["device"] == stored["device"]
    assert 0 < card["wall_s"] < 300 and 50 < card["peak_memory_mb"] < 1e5
    assert stored["results"]["c1.top"]["mean"] == 71.0
    assert stored["timings"]["smoke"]["benchmark"] == card["benchmark"] > 0


def test_a_stored_chapter_is_fresh_and_its_text_is_checked(executed: Path) -> None:
    assert [row.state for row in book_status(executed)] == ["fresh", "not executed"]
    assert main(["status", "--check", "--root", str(executed)]) == 1  # 70 is not 71


def test_the_time_of_another_tier_is_kept_and_nothing_else(
    executed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook_path = executed / "notebooks" / "01_small.ipynb"
    results = executed / "book" / "results" / "01_small.json"
    outputs, before = notebook_path.read_bytes(), json.loads(results.read_text())
    arguments = ["execute", "--root", str(executed), "--only", "01", "--time-only"]
    assert main([*arguments, "--tier", "cpu"]) == 0
    assert "only its time was stored" in capsys.readouterr().out
    after = json.loads(results.read_text())
    assert set(after["timings"]) == {"smoke", "cpu"} and after["timings"]["cpu"]["wall_s"] > 0
    assert after["timings"].pop("cpu") and after == before
    assert notebook_path.read_bytes() == outputs


def test_a_time_that_cannot_be_kept_is_refused_before_the_run(
    executed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(executed)
    arguments = ["execute", "--root", str(executed), "--time-only", "--tier", "smoke"]
    assert main([*arguments, "--only", "01"]) == 2
    assert "of tier 'smoke' and hold their own time" in capsys.readouterr().err
    assert main([*arguments, "--only", "02"]) == 2
    assert "02_more has no stored results" in capsys.readouterr().err
    with pytest.raises(ValueError, match="keeps no outputs"):
        Options(tier="smoke", time_only=True, out=executed)
    assert snapshot(executed) == before


def test_a_failing_cell_leaves_the_book_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = notebook(cell("fine = 1"), cell("raise ValueError('too ' + 'bad')"))
    root = write_book(tmp_path, c01_bad=first, c02_more=notebook(cell("x")))
    before = snapshot(root)
    assert main(["execute", "--root", str(root), "--tier", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "01_bad, code cell 2 (raise ValueError" in said
    assert "ValueError: too bad" in said and "\x1b[" not in said
    assert "nothing was stored" in said and "02_more" not in said
    assert snapshot(root) == before


def test_a_kernel_that_dies_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_book(tmp_path, c01_dies=notebook(cell("import os\nos._exit(3)")))
    before = snapshot(root)
    assert main(["execute", "--root", str(root), "--tier", "cpu"]) == 1
    assert "the kernel stopped" in capsys.readouterr().err
    assert snapshot(root) == before


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_execution_leaves_the_book_as_it_was(
    tmp_path: Path, kind: signal.Signals
) -> None:
    started = tmp_path / "started"
    code = f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(300)"
    (tmp_path / "book").mkdir()
    root = write_book(tmp_path / "book", c01_slow=notebook(cell("1"), cell(code)))
    before = snapshot(root)
    process = subprocess.Popen(
        [sys.executable, "-m", "mmlib", "execute", "--root", str(root), "--tier", "cpu"],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    deadline = time.monotonic() + 100
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert started.exists(), "the kernel did not start"
    os.kill(process.pid, kind)
    assert process.wait(60) not in (0, None)
    assert snapshot(root) == before


def fake_run(book: dict[str, Any], **facts: Any) -> Run:
    """A run that no kernel made."""
    import nbformat

    return Run(nbformat.from_dict(book), {**CARD, "chapter_cuda_mb": 0.0, **facts}, Results(), 1.0)


def without_kernel(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Executing returns the notebook as it is, with these facts."""
    import nbformat

    def run(path: Path, tier: str) -> Run:
        return fake_run(nbformat.read(path, as_version=4), **facts)

    monkeypatch.setattr(execution, "run_notebook", run)


def test_an_edit_made_meanwhile_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_book(tmp_path, c01_small=notebook(cell("a")))
    (path,) = find_chapters(root)
    edited = json.dumps(notebook(cell("b")))
    monkeypatch.setattr(execution.tempfile, "tempdir", str(tmp_path))

    def run_and_edit(path: Path, tier: str) -> Run:
        path.write_text(edited)
        return fake_run(notebook(cell("a")))

    monkeypatch.setattr(execution, "run_notebook", run_and_edit)
    with pytest.raises(ChapterFailed, match="was edited while it ran.* is in (.*)") as caught:
        execute_chapter(path, root, Options("cpu"))
    assert path.read_text() == edited
    assert list((root / "book" / "results").iterdir()) == []
    aside = Path(str(caught.value).split(" is in ")[1])
    assert read_notebook(aside / path.name)["cells"][0]["source"] == ["a"]


def test_a_claimed_gpu_must_have_held_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    root = write_book(tmp_path, c01_small=notebook(cell("a")))
    (path,) = find_chapters(root)
    before = snapshot(root)
    without_kernel(monkeypatch, peak_cuda_mb=16.0)  # only what the benchmark left
    for options in (Options("gpu"), Options("cpu", require_gpu=True)):
        with pytest.raises(ChapterFailed, match="no tensor on the GPU"):
            execute_chapter(path, root, options)
    assert snapshot(root) == before
    without_kernel(monkeypatch, peak_cuda_mb=900.0, chapter_cuda_mb=884.0)
    assert execute_chapter(path, root, Options("gpu"))["peak_cuda_mb"] == 900.0


def test_where_outputs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repository").mkdir()
    root = write_book(tmp_path / "repository", c01_small=notebook(cell("a")))
    without_kernel(monkeypatch)
    before, out = snapshot(root), tmp_path / "out"
    start = ["execute", "--root", str(root), "--tier"]
    assert main([*start, "smoke"]) == 0
    assert main([*start, "cpu", "--out", str(out)]) == 0
    assert snapshot(root) == before
    assert set(snapshot(out)) == {"01_small.ipynb", "results/01_small.json"}
    assert main([*start, "cpu"]) == 0
    assert set(snapshot(root)) - set(before) == {"book/results/01_small.json"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tier": "huge"}, "unknown tier 'huge'"),
        ({"tier": "gpu"}, "no CUDA device"),
        ({"tier": "cpu", "require_gpu": True}, "no CUDA device"),
        ({"tier": "cpu", "out": Path("x"), "store": True}, "exclude each other"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=message):
        Options(**options)


def test_unknown_chapters_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_book(tmp_path, c01_small=notebook(), c12_last=notebook())
    assert main(["execute", "--root", str(root), "--only", "07"]) == 2
    assert "no chapter starts with '07'; there are: 01_small, 12_last" in capsys.readouterr().err
    assert [path.stem for path in find_chapters(root, ["12"])] == ["12_last"]
