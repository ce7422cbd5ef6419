"""Bands, intervals and rules on cases that were worked by hand or are in published tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmlib.bands import (
    MIXED,
    NOT_TESTED,
    REFUTED,
    SUPPORTED,
    Effect,
    band,
    bootstrap_interval,
    combine,
    mean_effect,
    paired_difference,
    rule_difference,
    rule_equivalence,
    t_quantile,
)


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.30265),
        (0.975, 4, 2.77645),
        (0.95, 10, 1.81246),
        (0.995, 4, 4.60409),
        (0.975, 100, 1.98397),
    ],
)
def test_t_quantiles_equal_the_tables(probability: float, degrees: int, expected: float) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(expected, abs=1e-4)


def test_t_quantile_refuses_what_has_none() -> None:
    for probability, degrees in ((0.5, 3), (1.0, 3), (0.9, 0)):
        with pytest.raises(ValueError, match="probability"):
            t_quantile(probability, degrees)


def test_a_band_is_the_prediction_interval_of_one_more_run() -> None:
    """1, 2, 3: mean 2, s = 1, t(2) = 4.30265, half = 4.30265 * sqrt(4/3) = 4.96828."""
    there = band([1, 2, 3])
    assert (there.mean, there.minimum, there.maximum, there.n) == (2.0, 1.0, 3.0, 3)
    assert there.low == pytest.approx(2 - 4.96828, abs=1e-4)
    assert there.high == pytest.approx(2 + 4.96828, abs=1e-4)
    assert [there.place(x) for x in (-3, 2, 7)] == [
        "below the band",
        "in the band",
        "above the band",
    ]


def test_bands_cover_what_they_promise() -> None:
    """Over many draws of 5 seeds a further run falls into the band 95% of the time."""
    generator = np.random.default_rng(0)
    runs = generator.normal(size=(2000, 6))
    inside = [band(run[:5]).place(run[5]) == "in the band" for run in runs]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_bands_stay_within_what_can_occur() -> None:
    there = band([99.0, 99.9], bounds=(0, 100))
    assert there.high == 100 and (there.low or 0) >= 0


def test_one_seed_has_no_band() -> None:
    there = band(72.0)
    assert there.low is None and there.n == 1
    assert "no band" in there.place(70.0)
    assert repr(there) == "72 (one seed)"


def test_equal_seeds_have_a_band_of_one_value() -> None:
    there = band([0.1 + 0.2, 0.3, 0.3])
    assert there.place(0.3) == "in the band"
    assert there.place(0.31) == "above the band"


@pytest.mark.parametrize("values", [[], [math.nan], [1, math.inf], "abc", [[1, 2]], None])
def test_values_that_are_no_numbers_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match="not usable"):
        band(values)  # type: ignore[arg-type]


def test_arrays_and_tensors_are_values_too() -> None:
    assert band(np.float32(2.0)).mean == 2.0  # type: ignore[arg-type]
    assert band(torch.tensor([1.0, 3.0])).mean == 2.0  # type: ignore[arg-type]


def test_paired_difference_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, error 1/sqrt(3), half = 4.30265 / sqrt(3) = 2.48414."""
    effect = paired_difference([11, 22, 33], [10, 20, 30])
    assert (effect.mean, effect.n) == (2.0, 3)
    assert effect.low == pytest.approx(2 - 2.48414, abs=1e-4)
    assert effect.high == pytest.approx(2 + 2.48414, abs=1e-4)
    assert repr(effect) == "+2 (95% interval -0.484 to +4.48, n = 3)"


def test_pairing_sees_what_the_seeds_share() -> None:
    """The seeds differ by 50, the conditions by exactly 1: pairing finds it."""
    assert rule_difference(paired_difference([11, 61, 31], [10, 60, 30])) == SUPPORTED


def test_pairs_need_the_same_seeds() -> None:
    with pytest.raises(ValueError, match="3 and 2 values"):
        paired_difference([1, 2, 3], [1, 2])


@pytest.mark.parametrize(
    ("low", "high", "minimum", "status"),
    [
        (1.0, 3.0, 0.0, SUPPORTED),
        (1.0, 3.0, 0.5, SUPPORTED),
        (1.0, 3.0, 2.0, MIXED),  # the interval holds the minimum
        (1.0, 3.0, 1.0, MIXED),  # touches it
        (1.0, 3.0, 3.0, MIXED),
        (1.0, 3.0, 5.0, REFUTED),  # there is an effect, but the claimed size is excluded
        (-3.0, -1.0, 0.0, REFUTED),
        (-1.0, 1.0, 0.0, MIXED),
        (0.0, 0.0, 0.0, MIXED),  # no difference at all: a ceiling cannot tell
    ],
)
def test_rule_difference(low: float, high: float, minimum: float, status: str) -> None:
    assert rule_difference(Effect((low + high) / 2, low, high, 5), minimum) == status


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (-0.5, 0.5, SUPPORTED),
        (-1.0, 0.5, MIXED),
        (0.5, 2.0, MIXED),
        (1.5, 2.0, REFUTED),
        (-2.0, -1.5, REFUTED),
        (-3.0, 3.0, MIXED),
    ],
)
def test_rule_equivalence(low: float, high: float, status: str) -> None:
    assert rule_equivalence(Effect((low + high) / 2, low, high, 5), 1.0) == status


def test_one_seed_tests_nothing() -> None:
    effect = mean_effect([5.0])
    assert (effect.low, effect.high) == (-math.inf, math.inf)
    assert rule_difference(effect) == rule_equivalence(effect, 10.0) == NOT_TESTED
    assert "no interval" in repr(effect)


def test_rules_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="margin"):
        rule_equivalence(mean_effect([1.0, 2.0]), 0.0)
    with pytest.raises(ValueError, match="confidence"):
        mean_effect([1.0, 2.0], confidence=95)


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([REFUTED], REFUTED),
        ([SUPPORTED, REFUTED], MIXED),
        ([SUPPORTED, NOT_TESTED], NOT_TESTED),
        ([REFUTED, NOT_TESTED], MIXED),
        ([NOT_TESTED], NOT_TESTED),
    ],
)
def test_combine(parts: list[str], whole: str) -> None:
    assert combine(parts) == whole


def test_combine_refuses_unknown_words() -> None:
    for parts in ([], ["true"]):
        with pytest.raises(ValueError, match="not usable"):
            combine(parts)


def test_bootstrap_repeats_and_is_for_many_items() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, size=400)
    effect = bootstrap_interval(values, seed=0)
    assert effect == bootstrap_interval(values, seed=0)
    assert effect.low < effect.mean < effect.high
    width = 2 * 1.96 * values.std() / 20  # the normal interval of 400 items
    assert effect.high - effect.low == pytest.approx(width, rel=0.1)
    with pytest.raises(ValueError, match="too few"):
        bootstrap_interval([1.0] * 5, seed=0)
