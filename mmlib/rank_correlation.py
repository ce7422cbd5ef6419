"""Do two orders agree, and how sure can six items make us?

Rank correlations that treat ties as ties, p-values by counting orders instead of by a formula for
many items, and one report for the case that several seeds measured the same few items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from mmlib.bands import check_values

Values = Sequence[float] | np.ndarray
Statistic = Callable[[list[float], list[float]], float]

EXACT = 8  # items up to which all orders are tried: 8! = 40,320
ALTERNATIVES = ("greater", "less", "two-sided")


@dataclass(frozen=True)
class RankAgreement:
    """Spearman's rho between a score of n items and measurements of them with S seeds.

    Attributes:
        rho: between the score and the mean over seeds.
        by_seed: rho of each seed alone, how much the seeds matter.
        p: one-sided, from `permutation_p`: how often a blindly drawn order does as well or better.
        low, high: percentile bootstrap interval over the items.
        confidence: of the interval.
        items: n.
        rounds: resamples drawn for the interval.
        skipped: resamples that have no rho, because one side was constant.
    """

    rho: float
    by_seed: tuple[float, ...]
    p: float
    low: float
    high: float
    confidence: float
    items: int
    rounds: int
    skipped: int

    def __str__(self) -> str:
        """One line with everything a reader needs to judge the rho."""
        return (
            f"rho {self.rho:+.2f} over {self.items} items (single seeds {min(self.by_seed):+.2f} "
            f"to {max(self.by_seed):+.2f}, n = {len(self.by_seed)}; one-sided permutation p = "
            f"{self.p:.3f}; {self.confidence:.0%} bootstrap interval over items {self.low:+.2f} to "
            f"{self.high:+.2f}, {self.skipped} of {self.rounds} resamples left out as constant)"
        )


def average_ranks(values: Values) -> np.ndarray:
    """Ranks (n,) float64 from 1 for the smallest; equal values share the mean of their ranks.

    Raises:
        ValueError: no values, more than one row of them, or one is not finite.
    """
    return _ranks(_row(values))


def spearman(x: Values, y: Values) -> float:
    """Spearman's rho in [-1, 1]: Pearson's correlation of the average ranks (Spearman 1904).

    Raises:
        ValueError: fewer than 3 items, different numbers of them, a value that is not finite, or
            one side is constant: an order that does not exist agrees with nothing.
    """
    first, second = _items(x, y)
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def permutation_p(
    x: Values,
    y: Values,
    statistic: Statistic = spearman,
    alternative: str = "greater",
    *,
    orders: Iterable[Sequence[int]] | None = None,
    seed: int | None = None,
    draws: int = 10_000,
) -> float:
    """How often an order of `y` drawn blindly gives a statistic as extreme as the observed one.

    Exact up to 8 items: all n! orders, the observed one included, so p is never 0. For more items
    `draws` random orders, and (hits + 1) / (draws + 1) (Phipson & Smyth 2010).

    The n! orders are equally likely only when items have nothing to do with each other. Pairs of
    modalities that share a modality do: then give the orders that are, see `relabelled_pairs`.

    Args:
        x, y: n values each.
        statistic: of x and y.
        alternative: 'greater', 'less', or 'two-sided' (twice the smaller of the two, at most 1).
        orders: the orders of y to count instead, each a list of the rows 0 to n - 1.
        seed: of the random orders, needed for more than 8 items.
        draws: how many random orders.

    Raises:
        ValueError: as `spearman`; an unknown alternative; an order that is not one of n rows, or
            the observed one is missing; more than 8 items without a seed; draws below 1.
    """
    first, second = _items(x, y)
    if alternative not in ALTERNATIVES:
        raise ValueError(f"alternative {alternative!r} is unknown: use {', '.join(ALTERNATIVES)}")
    tried, added = _orders(len(first), orders, seed, draws)
    observed = statistic(first, second)
    drawn = np.array([statistic(first, [second[i] for i in order]) for order in tried])
    slack = 1e-12 * max(1.0, abs(observed))  # equal up to rounding is equal
    greater = (np.sum(drawn >= observed - slack) + added) / (len(drawn) + added)
    less = (np.sum(drawn <= observed + slack) + added) / (len(drawn) + added)
    both = min(1.0, 2 * min(greater, less))
    return float({"greater": greater, "less": less, "two-sided": both}[alternative])


def relabelled_pairs(pairs: Sequence[tuple[str, str]]) -> list[tuple[int, ...]]:
    """Orders of pairs that come from giving their members each other's names.

    For `permutation_p` on all pairs of m things: 24 orders for 4 modalities instead of the 720 of
    their 6 pairs (the quadratic assignment or Mantel test; Mantel 1967). Pairs have no direction.

    Raises:
        ValueError: a pair is missing, occurs twice, or joins a thing with itself.
    """
    where = {frozenset(pair): row for row, pair in enumerate(pairs)}
    members = sorted({name for pair in pairs for name in pair})
    whole = len(members) * (len(members) - 1) // 2
    if not pairs or len(where) != len(pairs) or any(a == b for a, b in pairs):
        raise ValueError(f"pairs {list(pairs)} must join two different things, each pair once")
    if len(pairs) != whole or len(members) > EXACT:
        raise ValueError(
            f"{len(pairs)} pairs of {len(members)} things: give all {whole} pairs of at most "
            f"{EXACT} things, or a renamed pair is not in the list"
        )
    renamings = (dict(zip(members, names, strict=True)) for names in permutations(members))
    return [tuple(where[frozenset((new[a], new[b]))] for a, b in pairs) for new in renamings]


def spearman_interval(
    x: Values,
    runs: Sequence[Values] | np.ndarray,
    seed: int,
    confidence: float = 0.95,
    *,
    orders: Iterable[Sequence[int]] | None = None,
    rounds: int = 2000,
) -> RankAgreement:
    """Does the score order the items as the measurements do, and how sure is that?

    Seeds and items are different kinds of doubt. More seeds make the measured means sharp;
    `by_seed` shows what is left. No number of seeds adds an item: the interval resamples the items
    (x and mean together), which with 6 of them is rough, and should be read as how much rho hangs
    on single items. Items that share members are not independent, which the interval ignores and
    `orders` can mend for p. Resamples in which one side is constant have no rho; they are counted.

    Args:
        x: score of the n items.
        runs: (S, n) measurements, one row per seed; larger should go with a larger score.
        seed: of the bootstrap and, for more than 8 items, of the random orders.
        confidence: of the interval, in (0, 1).
        orders: the orders behind p, as in `permutation_p`; None is all of them.
        rounds: resamples.

    Raises:
        ValueError: as `spearman`, for the mean and for each seed; a confidence or a number of
            rounds out of range; fewer than half of the resamples have a rho.
    """
    if not 0 < confidence < 1 or rounds < 100:
        raise ValueError(
            f"confidence {confidence} must be in (0, 1), such as 0.95, and rounds {rounds} 100 or "
            "more"
        )
    scores = np.array(_row(x))  # (n,)
    table = _table(runs, len(scores))  # (S, n)
    means = table.mean(axis=0)  # (n,)
    rho = spearman(scores, means)
    rhos = _resampled(scores, means, seed, rounds)
    low, high = np.quantile(rhos, [(1 - confidence) / 2, (1 + confidence) / 2])
    return RankAgreement(
        rho=rho,
        by_seed=tuple(spearman(scores, row) for row in table),
        p=permutation_p(scores, means, orders=orders, seed=seed),
        low=float(low),
        high=float(high),
        confidence=confidence,
        items=len(scores),
        rounds=rounds,
        skipped=rounds - len(rhos),
    )


def _resampled(scores: np.ndarray, means: np.ndarray, seed: int, rounds: int) -> list[float]:
    """Rho of each resample of the items (n,) that has one, or ValueError: too few of them do."""
    rng, rhos = np.random.default_rng(seed), []
    for rows in rng.integers(len(scores), size=(rounds, len(scores))):
        if np.ptp(scores[rows]) > 0 and np.ptp(means[rows]) > 0:
            rhos.append(spearman(scores[rows], means[rows]))
    if len(rhos) < rounds / 2:
        raise ValueError(
            f"only {len(rhos)} of {rounds} resamples have a rho: too many of the values are equal"
        )
    return rhos


def _row(values: Values) -> list[float]:
    return check_values(np.asarray(values).tolist())


def _ranks(values: list[float]) -> np.ndarray:
    row = np.array(values)
    order = np.sort(row)
    first, last = np.searchsorted(order, row), np.searchsorted(order, row, side="right")
    return (first + 1 + last) / 2


def _items(x: Values, y: Values) -> tuple[list[float], list[float]]:
    first, second = _row(x), _row(y)
    if len(first) != len(second) or len(first) < 3:
        raise ValueError(
            f"{len(first)} and {len(second)} values: a rank correlation needs one value of each "
            "side for 3 items or more"
        )
    for name, values in (("x", first), ("y", second)):
        if min(values) == max(values):
            raise ValueError(f"all values of {name} are {values[0]:g}: a constant has no order")
    return first, second


def _orders(
    n: int, orders: Iterable[Sequence[int]] | None, seed: int | None, draws: int
) -> tuple[list[Sequence[int]], int]:
    """The orders to try, and how many to add because the observed one is not among them."""
    if orders is not None:
        tried = [tuple(order) for order in orders]
        own = tuple(range(n))
        if own not in tried or any(tuple(sorted(order)) != own for order in tried):
            raise ValueError(
                f"orders must each hold the rows 0 to {n - 1} once, and the observed order {own} "
                "must be one of them"
            )
        return list(tried), 0
    if n <= EXACT:
        return list(permutations(range(n))), 0
    if seed is None or draws < 1:
        raise ValueError(
            f"{n} items have {math.factorial(n):,} orders, too many to try: give seed= (now "
            f"{seed}) and draws= of 1 or more (now {draws}) to draw some of them"
        )
    rng = np.random.default_rng(seed)
    return [rng.permutation(n).tolist() for _ in range(draws)], 1


def _table(runs: Sequence[Values] | np.ndarray, items: int) -> np.ndarray:
    """The runs as float64 (S, items), or ValueError for what a rank correlation cannot use."""
    rows = [_row(row) for row in runs]
    if not rows or any(len(row) != items for row in rows):
        raise ValueError(
            f"runs have {[len(row) for row in rows]} values: give one row per seed, with one value "
            f"for each of the {items} items"
        )
    for number, row in enumerate(rows):
        if min(row) == max(row):
            raise ValueError(f"run {number} has {row[0]:g} for all items: a constant has no order")
    return np.array(rows)
