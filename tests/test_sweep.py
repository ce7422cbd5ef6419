"""Sweeps: every recipe meets every seed, and a table says which run has which number."""

from __future__ import annotations

import pytest
from torch import nn

from mmlib.sweep import Run, Sweep, run_all, train_all


def train(recipe: float, seed: int) -> Run:
    history = [{"step": float(step), "loss": recipe / step} for step in (1, 2)]
    return Run(nn.Identity(), history, {"top": recipe + seed, "other": 0.0}, 0.1)


def test_whatever_training_gives_is_listed_by_name_in_the_order_of_seeds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[tuple[str, int]] = []

    def pair(recipe: str, seed: int) -> str:
        calls.append((recipe, seed))
        return recipe * seed

    assert train_all(pair, {"one": "a", "two": "b"}, (3, 1)) == {
        "one": ["aaa", "a"],
        "two": ["bbb", "b"],
    }
    assert calls == [("a", 3), ("a", 1), ("b", 3), ("b", 1)]
    assert capsys.readouterr().out == "4 runs in 0 s\n"


def test_runs_are_kept_by_recipe_and_seed() -> None:
    result = run_all(train, {"a": 10.0, "b": 20.0}, (3, 5))
    assert result.seeds == (3, 5)
    assert result.table("top") == {"a": [13.0, 15.0], "b": [23.0, 25.0]}
    assert result.history("b", "loss") == ([1.0, 2.0], [[20.0, 10.0], [20.0, 10.0]])


def test_known_runs_come_first_and_are_not_trained_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = run_all(train, {"a": 10.0}, (0,))
    trained: list[float] = []

    def count(recipe: float, seed: int) -> Run:
        trained.append(recipe)
        return train(recipe, seed)

    both = run_all(count, {"b": 20.0}, (0,), base)
    assert trained == [20.0] and list(both.runs) == ["a", "b"] and list(base.runs) == ["a"]
    assert both.runs["a"][0] is base.runs["a"][0]
    assert "1 runs in 0 s" in capsys.readouterr().out


def test_known_runs_of_other_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"known runs have seeds \(0, 1\), not \(0,\)"):
        run_all(train, {"a": 1.0}, (0,), Sweep((0, 1), {}))
