"""Every chapter keeps to its anatomy: order of parts, figures with words, exercises, verdicts."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmlib import check
from mmlib.course.book import cell_source, read_notebook
from mmlib.results import STATUSES

from .anatomy import CHAPTERS, Anatomy


@dataclass(frozen=True)
class Chapter:
    """A notebook beside the row that it must keep to."""

    anatomy: Anatomy
    notebook: Any

    def cells(self, kind: str) -> list[Any]:
        return [cell for cell in self.notebook["cells"] if cell["cell_type"] == kind]

    @property
    def text(self) -> str:
        return "\n".join(cell_source(cell) for cell in self.cells("markdown"))

    def tagged(self, tag: str) -> list[str]:
        code = self.cells("code")
        return [cell_source(c).strip() for c in code if tag in c["metadata"].get("tags", [])]


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda row: row.stem)
def chapter(request: pytest.FixtureRequest, root: Path) -> Chapter:
    path = root / "notebooks" / f"{request.param.stem}.ipynb"
    return Chapter(request.param, read_notebook(path))


def test_every_notebook_has_a_row(root: Path) -> None:
    stems = sorted(path.stem for path in (root / "notebooks").glob("*.ipynb"))
    assert stems == [row.stem for row in CHAPTERS], "add the chapter to CHAPTERS in anatomy.py"


def test_rows_name_the_claims_of_the_ledger(root: Path) -> None:
    ledger = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    for row in CHAPTERS:
        assert row.claims == [c["id"] for c in ledger if c["id"].startswith(f"C{row.number}.")]


def test_the_parts_come_in_order(chapter: Chapter) -> None:
    lines = chapter.text.splitlines()
    places = []
    for part in chapter.anatomy.parts:
        found = [number for number, line in enumerate(lines) if line.startswith(part)]
        assert len(found) == 1, f"{part!r} heads {len(found)} parts"
        places += found
    assert places == sorted(places)


def test_set_up_is_one_cell_that_installs_only_what_is_missing(chapter: Chapter) -> None:
    code = [cell_source(cell) for cell in chapter.cells("code")]
    assert 'REPOSITORY = ""' in code[0] and 'find_spec("mmlib") is None' in code[0]
    assert f'preflight("{chapter.anatomy.stem}")' in code[0]
    assert not any("pip" in source for source in code[1:])
    assert "torch" not in re.sub(r"import torch.*|from torch.*", "", code[0])


def test_every_figure_says_what_it_shows(chapter: Chapter) -> None:
    code = chapter.cells("code")
    figures = [cell for cell in code if "mystnb" in cell["metadata"]]
    assert len(figures) >= 6
    for cell in figures:
        words = cell["metadata"]["mystnb"]
        assert len(words["image"]["alt"].split()) >= 10
        assert len(words["figure"]["caption"].split()) >= 8
    names = [cell["metadata"]["mystnb"]["figure"]["name"] for cell in figures]
    assert len(set(names)) == len(names)
    drawn = [cell for cell in code if re.search(r"^fig$|^plot\.", cell_source(cell), re.M)]
    assert all("mystnb" in cell["metadata"] for cell in drawn)


def test_every_exercise_has_stub_solution_and_check(chapter: Chapter) -> None:
    names = list(chapter.anatomy.solutions)
    assert names == [f"ex{chapter.anatomy.number:02d}_{number}" for number in range(1, 6)]
    tags = ("exercise", "solution", "check")
    for name, stub, solution, call in zip(names, *map(chapter.tagged, tags), strict=True):
        assert stub.rstrip().endswith("...")
        assert stub.splitlines()[0] == solution.splitlines()[0], "stub and solution differ"
        assert call.startswith(f"check.{name}(")
        assert hasattr(check, name)


def test_printed_solutions_are_the_tested_ones(chapter: Chapter) -> None:
    tested = chapter.anatomy.solutions.values()
    for printed, solution in zip(chapter.tagged("solution"), tested, strict=True):
        assert printed == inspect.getsource(solution).strip()


def test_five_questions_with_explained_answers(chapter: Chapter) -> None:
    text = chapter.text
    quiz = text[text.index("## Quiz") : text.index("## What this does not show")]
    answers = re.findall(r"<details>.*?</details>", quiz, re.S)
    assert len(answers) == 5
    assert all(len(answer.split()) > 25 for answer in answers)


def test_stored_results_judge_every_claim(chapter: Chapter, root: Path) -> None:
    row = chapter.anatomy
    path = root / "book" / "results" / f"{row.stem}.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert sorted(stored["verdicts"]) == row.claims
    assert all(verdict["status"] in STATUSES for verdict in stored["verdicts"].values())
    results = stored["results"].items()
    experiments = [result for name, result in results if name.startswith(row.result_prefix)]
    assert experiments
    assert all(len(result["values"]) >= 3 for result in experiments)
    assert stored["tier"] in ("cpu", "gpu")
    assert all(f"> **Claim {claim}.**" in chapter.text for claim in row.claims)


def test_markdown_reads_well_without_the_site(chapter: Chapter) -> None:
    for cell in chapter.cells("markdown"):
        assert not re.search(
            r"^(:::|```\{|\{\w+\}`)|\{(ref|cite|doc|eq)\}`", cell_source(cell), re.M
        )
