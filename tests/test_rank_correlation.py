"""Ranks, correlations and p-values that can be counted by hand, and the report on few items."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch

from mmlib.rank_correlation import (
    average_ranks,
    permutation_p,
    relabelled_pairs,
    spearman,
    spearman_interval,
)

SCORES = [13, 11, 13, 11, 10, 9]  # the article's, of the six pairs of four modalities
PAIRS = [("t", "i"), ("t", "a"), ("t", "v"), ("i", "a"), ("i", "v"), ("a", "v")]


def products(x: list[float], y: list[float]) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True))


def test_ranks_of_ties_are_their_mean() -> None:
    assert average_ranks([30, 10, 20]).tolist() == [3, 1, 2]
    assert average_ranks([5, 7, 5, 5]).tolist() == [2, 4, 2, 2]
    assert average_ranks(SCORES).tolist() == [5.5, 3.5, 5.5, 3.5, 2, 1]
    assert average_ranks(torch.tensor([2.0, 1.0])).tolist() == [2, 1]


def test_correlations_by_hand() -> None:
    """One swap of neighbours among four: 1 - 6 * 2 / 60 = 0.8."""
    x, y = [1, 2, 3, 4], [10, 20, 40, 30]
    assert spearman(x, y) == pytest.approx(0.8)
    assert spearman(x, x) == 1 and spearman(x, x[::-1]) == -1
    assert spearman([1, 1, 2], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(1.5 * 2))


def test_ties_never_count_as_order() -> None:
    """A rank by position would call these two constant halves an increasing sequence."""
    assert spearman([0, 0, 1, 1], [1, 2, 1, 2]) == 0


def test_exact_p_by_counting() -> None:
    assert permutation_p([1, 2, 3], [1, 2, 3]) == pytest.approx(1 / 6)
    assert permutation_p([1, 2, 3], [1, 3, 2]) == pytest.approx(3 / 6)
    assert permutation_p([1, 2, 3], [3, 2, 1]) == 1
    assert permutation_p([1, 2, 3], [3, 2, 1], alternative="less") == pytest.approx(1 / 6)
    assert permutation_p([1, 2, 3], [3, 2, 1], alternative="two-sided") == pytest.approx(2 / 6)
    # the two ties of the article's scores leave 2 * 2 orders of six that are all the best
    assert permutation_p(SCORES, SCORES[:1] + [11, 12.5, 10.5, 10, 9]) == pytest.approx(4 / 720)
    # of four, three orders are one swap of neighbours away
    assert permutation_p([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 24)
    other = permutation_p([1, 2, 3, 4], [1, 2, 4, 3], statistic=products)
    assert other == pytest.approx(4 / 24)


def test_equal_up_to_rounding_is_as_extreme() -> None:
    """A statistic whose last digit depends on the order of the sum: all orders are equal."""

    def noisy(x: list[float], y: list[float]) -> float:
        return sum(v / 3 for v in y) + 0 * x[0]

    values = [0.1, 0.7, 1e-9, 0.2, 0.3]
    assert len({noisy(values, list(order)) for order in permutations(values)}) > 1
    assert permutation_p(values, values, statistic=noisy) == 1


def test_sampled_p_is_near_the_exact_one_and_never_0() -> None:
    x = list(range(9))
    y = [2, 0, 1, 5, 3, 4, 6, 8, 7]
    best = permutation_p(x, x, seed=0, draws=200)
    assert best == pytest.approx(1 / 201)
    close = permutation_p(x, y, seed=0, draws=2000)
    assert close < 0.01 and close == permutation_p(x, y, seed=0, draws=2000)
    flat = permutation_p(x, [0, 8, 1, 7, 2, 6, 3, 5, 4], seed=1, draws=2000)
    assert 0.3 < flat < 0.7  # rho is 0.1


def test_relabelled_pairs_are_a_group_of_orders() -> None:
    orders = relabelled_pairs(PAIRS)
    assert len(orders) == len(set(orders)) == 24 and orders[0] == tuple(range(6))
    assert {tuple(a[i] for i in b) for a in orders for b in orders} == set(orders)
    assert relabelled_pairs([("a", "b"), ("c", "a"), ("b", "c")])[0] == (0, 1, 2)
    for order in orders:  # pairs without a common member stay without one
        for i, j in ((0, 5), (1, 4), (2, 3)):
            assert not set(PAIRS[order[i]]) & set(PAIRS[order[j]])


def test_sums_over_members_look_sure_until_the_members_are_relabelled() -> None:
    """Two unrelated numbers per modality, added up per pair, fool the count over all orders."""
    rng = np.random.default_rng(0)
    orders, hits = relabelled_pairs(PAIRS), np.zeros(2)
    for _ in range(40):
        x, y = ([side[a] + side[b] for a, b in PAIRS] for side in members(rng))
        hits += [permutation_p(x, y) <= 0.05, permutation_p(x, y, orders=orders) <= 0.05]
    naive, honest = hits / 40
    assert naive >= 0.1 > honest


def members(rng: np.random.Generator) -> list[dict[str, float]]:
    return [dict(zip("tiav", rng.normal(size=4).tolist(), strict=True)) for _ in range(2)]


def test_the_report_of_a_perfect_order() -> None:
    means = [12, 8, 13, 9, 5, 2]
    found = spearman_interval(SCORES, [means, [v + 1 for v in means]], seed=0)
    assert found.rho == found.by_seed[0] == found.by_seed[1]
    assert found.rho == pytest.approx(spearman(SCORES, means)) and found.rho > 0.95
    assert found.p == pytest.approx(4 / 720) and found.items == 6 and found.rounds == 2000
    assert 0.7 < found.low < found.rho and found.high == pytest.approx(1)
    by_member = spearman_interval(SCORES, [means], seed=0, orders=relabelled_pairs(PAIRS))
    assert by_member.p == pytest.approx(1 / 24) and by_member.low == found.low
    assert 0 < found.skipped < 40  # all six resampled from one tie: about 2000 * 2 / 3**6


def test_the_report_averages_seeds_before_ranking() -> None:
    runs = [[1, 2, 3, 4], [1, 2, 3, 2.5], [1, 2, 9, 4]]
    found = spearman_interval([1, 2, 3, 4], runs, seed=3, rounds=200)
    assert found.by_seed == pytest.approx((1, 0.8, 0.8)) and found.rho == pytest.approx(0.8)
    assert found.p == pytest.approx(permutation_p([1, 2, 3, 4], [1, 2, 5, 3.5]))
    assert -1 <= found.low <= found.rho <= found.high <= 1
    assert found == spearman_interval([1, 2, 3, 4], np.array(runs), seed=3, rounds=200)
    other = spearman_interval([1, 2, 3, 4], runs, seed=4, rounds=200)
    assert (other.rho, other.p) == (found.rho, found.p)
    narrow = spearman_interval([1, 2, 3, 4], runs, seed=3, rounds=200, confidence=0.5)
    assert narrow.high - narrow.low < found.high - found.low
    assert str(narrow) == (
        "rho +0.80 over 4 items (single seeds +0.80 to +1.00, n = 3; one-sided permutation p = "
        f"0.167; 50% bootstrap interval over items {narrow.low:+.2f} to {narrow.high:+.2f}, "
        f"{narrow.skipped} of 200 resamples left out as constant)"
    )


def test_the_report_takes_more_items_than_can_be_ordered() -> None:
    found = spearman_interval(range(9), [range(9)], seed=0, rounds=100)
    assert found.p == pytest.approx(1 / 10_001) and found.low == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spearman([1, 2], [1, 2]), "2 and 2 values"),
        (lambda: spearman([1, 2, 3], [1, 2]), "3 and 2 values"),
        (lambda: spearman([1, 2, 3], [4, 4, 4]), "all values of y are 4: a constant"),
        (lambda: spearman([0.5] * 3, [1, 2, 3]), "all values of x are 0.5"),
        (lambda: spearman([1, 2, math.nan], [1, 2, 3]), "finite"),
        (lambda: average_ranks([[1, 2], [3, 4]]), "not usable"),
        (lambda: average_ranks("abc"), "not usable"),
        (lambda: permutation_p([1, 2, 3], [1, 2, 3], alternative="larger"), "'larger' is unknown"),
        (lambda: permutation_p(range(9), range(9)), "9 items have 362,880 orders"),
        (lambda: permutation_p(range(9), range(9), seed=0, draws=0), "draws= of 1 or more"),
        (lambda: permutation_p([1, 2, 3], [1, 2, 3], orders=[(0, 1, 1)]), "0 to 2 once"),
        (lambda: permutation_p([1, 2, 3], [1, 2, 3], orders=[(2, 1, 0)]), "observed order"),
        (lambda: relabelled_pairs([]), "each pair once"),
        (lambda: relabelled_pairs([("a", "b"), ("b", "a")]), "each pair once"),
        (lambda: relabelled_pairs([("a", "a")]), "each pair once"),
        (lambda: relabelled_pairs([("a", "b"), ("b", "c")]), "give all 3 pairs"),
        (lambda: spearman_interval([1, 2, 3], [], 0), "one row per seed"),
        (lambda: spearman_interval([1, 2, 3], [[1, 2]], 0), "for each of the 3 items"),
        (lambda: spearman_interval([1, 2, 3], [[1, 2, 3], [5, 5, 5]], 0), "run 1 has 5 for all"),
        (lambda: spearman_interval([1, 2, 3], [[1, 2, 3]], 0, 95), "confidence 95"),
        (lambda: spearman_interval([1, 2, 3], [[1, 2, 3]], 0, rounds=5), "rounds 5"),
        (lambda: spearman_interval([1, 2, 3], [[1, 2, 3], [3, 2, 1]], 0), "all values of y"),
    ],
)
def test_bad_values_are_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
