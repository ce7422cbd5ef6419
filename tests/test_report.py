"""Verdicts from parts, and tables whose cells are stored results."""

from __future__ import annotations

import pytest

from mmlib import results
from mmlib.bands import Effect
from mmlib.report import by_seed, judge, more, record_table, same, slug


@pytest.fixture(autouse=True)
def empty_record():
    results.current.clear()
    yield
    results.current.clear()


CLEAR = Effect(9.0, 7.0, 11.0, 3)
UNCLEAR = Effect(3.0, -1.0, 7.0, 3)


def test_more_and_same_use_the_rules_of_the_book() -> None:
    assert more(CLEAR).status == "supported"
    assert more(CLEAR, minimum=8.0).status == "mixed"
    assert more(CLEAR, minimum=12.0).status == "refuted"
    assert same(UNCLEAR, 8.0).status == "supported" and same(UNCLEAR).status == "mixed"
    assert same(CLEAR).status == "refuted"


def test_judge_states_every_part_and_stands_on_the_first(capsys) -> None:
    verdict = judge("C1.4", {"first": more(CLEAR), "second": more(UNCLEAR)}, "Chance is 5 %")
    assert verdict.status == "mixed" and verdict.effect == CLEAR
    assert verdict.text == "first: supported (+9); second: mixed (+3). Chance is 5 %"
    assert "C1.4 mixed" in capsys.readouterr().out
    assert results.current.verdicts["C1.4"]["status"] == "mixed"


def test_judge_needs_a_part() -> None:
    with pytest.raises(ValueError, match=r"C1.4: .*at least one part"):
        judge("C1.4", {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Image to text", "image-to-text"), ("8 px, enlarged", "8-px-enlarged"), ("C(2)", "c-2")],
)
def test_slug(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_slug_of_nothing() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        slug("—")


def test_every_cell_of_the_table_is_a_result() -> None:
    table = record_table(
        "c14", {"fine": {"seen": [60.0, 70.0], "new": [10.0, 20.0]}}, [4, 5], label="captions"
    )
    assert table.columns == ("captions", "seen", "new")
    assert table.cells == (("fine", "65.0 (60.0 to 70.0)", "15.0 (10.0 to 20.0)"),)
    stored = results.current.results
    assert set(stored) == {"c14.fine.seen", "c14.fine.new"}
    assert stored["c14.fine.seen"]["values"] == [60.0, 70.0]
    assert stored["c14.fine.seen"]["seeds"] == [4, 5]


def test_two_cells_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match=r"another cell has the id 'c14.a.x-y'"):
        record_table("c14", {"a": {"x y": [1.0], "x-y": [2.0]}}, [0])


def test_by_seed_turns_runs_into_lists() -> None:
    assert by_seed([{"a": 1.0, "b": 2}, {"b": 4, "a": 3.0}]) == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


@pytest.mark.parametrize("runs", [[], [{"a": 1.0}, {"b": 1.0}]])
def test_by_seed_refuses_runs_that_differ(runs) -> None:
    with pytest.raises(ValueError, match="the same scores"):
        by_seed(runs)
