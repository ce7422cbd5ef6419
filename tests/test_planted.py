"""A planted scale: imitated well, repeatable, and found only where no other kernel can help."""

from __future__ import annotations

from typing import Any

import pytest

from mmlib.planted import LearnedScales, learn_planted_scale


@pytest.fixture(scope="module")
def learned() -> dict[int, LearnedScales]:
    return {size: learn_planted_scale(size, 0) for size in (3, 7)}


def test_the_imitation_succeeds(learned: dict[int, LearnedScales]) -> None:
    """What is imitated has a variance of about 1: the error left is under 1% of it."""
    assert all(0 <= result.loss < 0.01 for result in learned.values())
    start = learn_planted_scale(7, 0, steps=1)
    assert 0.3 < start.loss < 3


def test_weights_and_shares_are_shares(learned: dict[int, LearnedScales]) -> None:
    for result in learned.values():
        for values in (result.weights, result.shares):
            assert len(values) == 3 and min(values) > 0
            assert sum(values) == pytest.approx(1, abs=1e-6)


def test_only_the_large_kernel_can_imitate_a_large_one(learned: dict[int, LearnedScales]) -> None:
    assert learned[7].shares[2] > 0.65  # 0.74
    assert max(learned[7].weights) == learned[7].weights[2] < 0.5  # the weight says less


def test_a_small_kernel_is_imitated_by_all(learned: dict[int, LearnedScales]) -> None:
    """The branches share the work in any way they like: weights do not name the planted scale."""
    assert max(learned[3].shares) < 0.5
    assert max(learned[3].weights) - min(learned[3].weights) < 0.15


def test_a_seed_is_a_result() -> None:
    options: dict[str, Any] = {"steps": 5, "channels": 4, "side": 8, "kernel_sizes": (1, 3)}
    first = learn_planted_scale(3, 1, **options)
    assert first == learn_planted_scale(3, 1, **options)
    assert first != learn_planted_scale(3, 2, **options)
    assert len(first.weights) == len(first.shares) == 2


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (4, {}, "size=4 must be odd, from 1 to 7"),
        (9, {}, "size=9 must be odd, from 1 to 7"),
        (-1, {}, "size=-1 must be odd"),
        (5, {"kernel_sizes": (1, 3)}, "from 1 to 3"),
        (3, {"kernel_sizes": ()}, "kernel sizes"),
        (3, {"kernel_sizes": (3, 4)}, "kernel sizes"),
        (3, {"steps": 0}, "steps=0 must be above 0"),
        (3, {"channels": 0}, "channels=0 must be above 0"),
        (3, {"side": 0}, "side=0 must be above 0"),
    ],
)
def test_bad_values_are_named(size: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learn_planted_scale(size, 0, **options)
