"""Chapter 4 keeps to the anatomy: order of parts, figures with words, exercises, verdicts."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mmlib import check
from mmlib.course.book import cell_source, read_notebook
from mmlib.results import STATUSES

from ..checks.test_ex04 import SOLUTIONS

CLAIMS = [f"C4.{number}" for number in range(1, 9)]
PARTS = (
    "# 4. CLIP", "## A result first", "## From two towers to one table", "## Training step",
    "## Does it generalise? (C4.1)", "## The temperature (C4.2)", "## The size of the batch (C4.3)",
    "## Four details of the recipe", "## How much data? (C4.8)", "## A bag of words",
    "## Failure gallery", "## Verdicts", "## Exercises", "## Quiz", "## What this does not show",
    "## Sources",
)  # fmt: skip


@pytest.fixture(scope="module")
def notebook(root: Path) -> Any:
    return read_notebook(root / "notebooks" / "04_clip.ipynb")


def cells(notebook: Any, kind: str) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def tagged(notebook: Any, tag: str) -> list[str]:
    code = cells(notebook, "code")
    return [cell_source(c).strip() for c in code if tag in c["metadata"].get("tags", [])]


def test_the_parts_come_in_order(notebook: Any) -> None:
    text = "\n".join(cell_source(cell) for cell in cells(notebook, "markdown"))
    places = [text.find(part) for part in PARTS]
    assert -1 not in places, PARTS[places.index(-1)]
    assert places == sorted(places)


def test_set_up_is_one_cell_that_installs_only_what_is_missing(notebook: Any) -> None:
    code = [cell_source(cell) for cell in cells(notebook, "code")]
    assert 'REPOSITORY = ""' in code[0] and 'find_spec("mmlib") is None' in code[0]
    assert "preflight(" in code[0]
    assert not any("pip" in source for source in code[1:])
    assert "torch" not in re.sub(r"import torch.*|from torch.*", "", code[0])


def test_every_figure_says_what_it_shows(notebook: Any) -> None:
    figures = [c for c in cells(notebook, "code") if "mystnb" in c["metadata"]]
    assert len(figures) >= 6
    for cell in figures:
        words = cell["metadata"]["mystnb"]
        assert len(words["image"]["alt"].split()) >= 10
        assert len(words["figure"]["caption"].split()) >= 8
    names = [c["metadata"]["mystnb"]["figure"]["name"] for c in figures]
    assert len(set(names)) == len(names)
    drawn = [
        c for c in cells(notebook, "code") if re.search(r"^fig$|^plot\.", cell_source(c), re.M)
    ]
    assert all("mystnb" in cell["metadata"] for cell in drawn)


def test_every_exercise_has_stub_solution_and_check(notebook: Any) -> None:
    stubs, solutions, checks = (tagged(notebook, t) for t in ("exercise", "solution", "check"))
    assert len(stubs) == len(solutions) == len(checks) == 5
    for number, (stub, solution, call) in enumerate(zip(stubs, solutions, checks, strict=True), 1):
        assert stub.rstrip().endswith("...")
        assert stub.splitlines()[0] == solution.splitlines()[0], "stub and solution differ"
        assert call.startswith(f"check.ex04_{number}(")
        assert hasattr(check, f"ex04_{number}")


def test_printed_solutions_are_the_tested_ones(notebook: Any) -> None:
    for printed, solution in zip(tagged(notebook, "solution"), SOLUTIONS.values(), strict=True):
        assert printed == inspect.getsource(solution).strip()


def test_five_questions_with_explained_answers(notebook: Any) -> None:
    text = "\n".join(cell_source(cell) for cell in cells(notebook, "markdown"))
    quiz = text[text.index("## Quiz") : text.index("## What this does not show")]
    answers = re.findall(r"<details>.*?</details>", quiz, re.S)
    assert len(answers) == 5
    assert all(len(answer.split()) > 25 for answer in answers)


def test_stored_results_judge_every_claim(notebook: Any, root: Path) -> None:
    stored = json.loads((root / "book" / "results" / "04_clip.json").read_text(encoding="utf-8"))
    assert sorted(stored["verdicts"]) == CLAIMS
    assert all(verdict["status"] in STATUSES for verdict in stored["verdicts"].values())
    experiments = [r for name, r in stored["results"].items() if name.startswith("c4")]
    assert all(len(result["values"]) >= 3 for result in experiments)
    assert stored["tier"] in ("cpu", "gpu")
    text = "\n".join(cell_source(cell) for cell in cells(notebook, "markdown"))
    assert all(f"> **Claim {claim}.**" in text for claim in CLAIMS)


def test_markdown_reads_well_without_the_site(notebook: Any) -> None:
    for cell in cells(notebook, "markdown"):
        assert not re.search(
            r"^(:::|```\{|\{\w+\}`)|\{(ref|cite|doc|eq)\}`", cell_source(cell), re.M
        )
