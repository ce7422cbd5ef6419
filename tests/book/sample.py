"""A small chapter with everything a chapter can have, and the book around it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat
import yaml

from mmlib.bands import band, mean_effect
from mmlib.course.runcard import hash_code_cells, hash_package

CHAPTER = "04_sample"
MAIN = "from jupyter_book.cli.main import main; main()"
ADDRESSES = ("MMLIB_REPOSITORY_URL", "MMLIB_REPOSITORY_BRANCH", "MMLIB_SITE_URL")
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJg"
    "gg=="
)
RUN = {
    "chapter": CHAPTER,
    "run": "abc123",
    "tier": "cpu",
    "device": "Sample CPU <X>",
    "seeds": [0, 1, 2],
    "wall_s": 425.0,
    "peak_memory_mb": 2150.0,
    "peak_cuda_mb": None,
    "versions": {"python": "3.11.7", "torch": "2.14.1"},
    "date": "2026-11-20T10:00:00Z",
    "commit": "0123456789abcdef",
    "dirty": False,
}
GAINS = (11.5, 12.5, 13.5)  # points by which the norm is better, a seed
OPENING = """# A sample chapter

What you will be able to do: read the box below.

**Time.** Two minutes. **You need** nothing at all.

> **Key idea.** Matching pairs lie on the *diagonal*, $s_{ii}$.
>
> A second paragraph.

> An ordinary quotation stays one.

```text
> **Warning.** inside a code block stays text
```

> **Claim C4.5.** Features must be normalised.

<details><summary>Why is chance ln B?</summary>

Because all *B* candidates are alike.

</details>
"""


def make_notebook() -> nbformat.NotebookNode:
    """The sample chapter, with outputs and a run card that fits them."""
    figure = nbformat.v4.new_output(
        "display_data",
        data={"image/png": PIXEL, "text/plain": "<Figure>"},
    )
    plot = nbformat.v4.new_code_cell("draw()", outputs=[figure], execution_count=2)
    plot.metadata["mystnb"] = {
        "image": {"alt": "One blue point."},
        "figure": {"caption": "A point.", "name": "fig-point"},
    }
    solution = nbformat.v4.new_code_cell("answer = 42", execution_count=3)
    solution.metadata["tags"] = ["solution"]
    stream = nbformat.v4.new_output("stream", name="stdout", text="42\n")
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(OPENING),
            nbformat.v4.new_code_cell("print(6 * 7)", outputs=[stream], execution_count=1),
            nbformat.v4.new_markdown_cell("## A section\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
            plot,
            solution,
        ]
    )
    notebook.metadata.update(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
        language_info={"name": "python", "version": "3.11"},
        mmlib={"run_card": run_card(notebook)},
    )
    return notebook


def run_card(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """A run card whose hashes are those of the notebook and of the installed package."""
    return {**RUN, "code_hash": hash_code_cells(notebook), "package_hash": hash_package(notebook)}


def make_results(shift: float = 0.0) -> dict[str, Any]:
    """What the sample chapter published: one claim judged, its effect 12.5 and the shift."""
    chance = [10.0, 11.0, 12.0]
    stored = {
        "lab.base": [value + gain + shift for value, gain in zip(chance, GAINS, strict=True)],
        "lab.not-normalised": chance,
        "broken.shuffled-captions": [1.0, 2.0, 2.5],
    }
    verdict = {
        "claim": "C4.5",
        "status": "supported",
        "text": "Without normalisation the model stays at chance.",
        "effect": asdict(mean_effect([gain + shift for gain in GAINS])),
        "tier": "cpu",
    }
    return {
        **RUN,
        "device": "Sample CPU",
        "timings": {"cpu": {"wall_s": 425.0, "device": "Sample CPU", "peak_cuda_mb": None}},
        "results": {name: make_result(values) for name, values in stored.items()},
        "verdicts": {"C4.5": verdict},
    }


def make_result(values: list[float]) -> dict[str, Any]:
    """One stored result in per cent, as `mmlib.results.record` writes it."""
    seeds = list(range(len(values)))
    shape = {"unit": "%", "higher_is_better": True, "note": ""}
    return {"values": values, "seeds": seeds, **asdict(band(values, (0.0, 100.0))), **shape}


def write_book(source: Path, target: Path) -> None:
    """Copy the book without its chapters and results, and put the sample chapter in."""
    for name in ("_config.yml", "CHANGELOG.md", "CITATION.cff", "NOTICE.md"):
        shutil.copy(source / name, target / name)
    ignore = shutil.ignore_patterns("results", "__pycache__")
    shutil.copytree(source / "book", target / "book", ignore=ignore)
    toc = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc["parts"]:
        part["chapters"] = [c for c in part["chapters"] if not c["file"].startswith("notebooks/")]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    toc["parts"].insert(1, {"caption": "Sample", "chapters": [{"file": f"notebooks/{CHAPTER}"}]})
    (target / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    rows = yaml.safe_load((target / "book" / "chapters.yml").read_text(encoding="utf-8"))
    rows[3]["figure"] = "fig-point"  # the figure that the sample chapter has
    rows[3].pop("crop", None)
    (target / "book" / "chapters.yml").write_text(yaml.safe_dump(rows), encoding="utf-8")
    (target / "notebooks").mkdir()
    write_notebook(target, make_notebook())
    (target / "notebooks" / "student").mkdir()
    nbformat.write(make_notebook(), target / "notebooks" / "student" / f"{CHAPTER}.ipynb")
    (target / "book" / "results").mkdir()
    write_results(target, make_results())


def write_notebook(book: Path, notebook: nbformat.NotebookNode) -> None:
    """Store the sample chapter."""
    nbformat.write(notebook, book / "notebooks" / f"{CHAPTER}.ipynb")


def write_results(book: Path, results: dict[str, Any]) -> None:
    """Store its results."""
    text = json.dumps(results)
    (book / "book" / "results" / f"{CHAPTER}.json").write_text(text, encoding="utf-8")


def build(book: Path, output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a book as ``make book`` does; the site is in ``output/_build/html``."""
    command = [sys.executable, "-c", MAIN, "build", str(book)]
    command += ["-W", "-n", "--keep-going", "--path-output", str(output)]
    clean = {k: v for k, v in os.environ.items() if k not in ADDRESSES}
    return subprocess.run(
        command, capture_output=True, text=True, env={**clean, **environment}, timeout=300
    )
