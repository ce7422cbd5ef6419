"""How sure a few seeds make us: bands, intervals of paired differences, and rules for verdicts.

Everything here uses Student's t distribution, which is honest for three or five seeds; a
bootstrap over so few values is too narrow. For many items (test pictures, questions) there is
``bootstrap_interval``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SUPPORTED = "supported"
REFUTED = "refuted"
MIXED = "mixed"
NOT_TESTED = "not tested at this scale"
STATUSES = (SUPPORTED, REFUTED, MIXED, NOT_TESTED)


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t distribution, to 1e-6, for a probability in (0.5, 1).

    With t = sqrt(n) tan(a) the density becomes cos(a) ** (n - 1) on a finite interval, which is
    integrated on a fine grid and inverted.
    """
    if not 0.5 < probability < 1 or degrees < 1:
        raise ValueError(
            f"probability {probability} must be in (0.5, 1) and degrees {degrees} 1 or more"
        )
    angles = np.linspace(0, math.pi / 2, 200_001)
    density = np.cos(angles) ** (degrees - 1)
    area = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    angle = float(np.interp((probability - 0.5) * 2 * area[-1], area, angles))
    return math.sqrt(degrees) * math.tan(angle)


def check_values(values: Sequence[float] | float) -> list[float]:
    """One number or a row of numbers (a list, an array, a CPU tensor) as a list of floats.

    Raises:
        ValueError: there is none, one is not finite, or they do not form one row.
    """
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"values {values!r} are not usable: give numbers ({error})") from error
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all():
        raise ValueError(f"values {values!r} are not usable: give one finite number or more")
    return [float(number) for number in numbers]


@dataclass(frozen=True, repr=False)
class Band:
    """A result over seeds: where a further run of the same code is expected to fall.

    ``low`` and ``high`` are the 95% prediction interval for one new seed, mean plus or minus
    t * s * sqrt(1 + 1/n), not the range of the seeds that ran: of five seeds the range misses a
    sixth one time in three. With one seed there is no band and both are None.
    """

    mean: float
    minimum: float
    maximum: float
    low: float | None
    high: float | None
    n: int

    def __repr__(self) -> str:
        """For example ``72.4 (a further run: 70.9 to 73.5; 5 seeds)``."""
        if self.low is None:
            return f"{self.mean:.3g} (one seed)"
        return f"{self.mean:.3g} (a further run: {self.low:.3g} to {self.high:.3g}; {self.n} seeds)"

    def place(self, value: float) -> str:
        """Where a value lies: ``'in the band'``, ``'below the band'``, ``'above the band'``."""
        if self.low is None or self.high is None:
            return "one seed was published, so there is no band"
        slack = 1e-9 * max(1.0, abs(self.low), abs(self.high))
        if value < self.low - slack:
            return "below the band"
        return "above the band" if value > self.high + slack else "in the band"


def band(values: Sequence[float], bounds: tuple[float, float] | None = None) -> Band:
    """The band of one result over seeds.

    Args:
        values: one number per seed.
        bounds: the smallest and largest value that can occur, such as (0, 100) for percent.

    Raises:
        ValueError: no value, or one is not finite.
    """
    numbers = check_values(values)
    mean, low, high = float(np.mean(numbers)), None, None
    if len(numbers) > 1:
        spread = float(np.std(numbers, ddof=1)) * math.sqrt(1 + 1 / len(numbers))
        half = t_quantile(0.975, len(numbers) - 1) * spread
        low, high = mean - half, mean + half
        if bounds is not None:
            low, high = max(low, bounds[0]), min(high, bounds[1])
    return Band(mean, min(numbers), max(numbers), low, high, len(numbers))


@dataclass(frozen=True, repr=False)
class Effect:
    """A mean with its interval. One value has no interval: ``low`` is -inf and ``high`` inf."""

    mean: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __repr__(self) -> str:
        """For example ``+12.3 (95% interval +10.1 to +14.5, n = 5)``."""
        if not math.isfinite(self.high - self.low):
            return f"{self.mean:+.3g} (one seed, no interval)"
        return (
            f"{self.mean:+.3g} ({self.confidence:.0%} interval {self.low:+.3g} to "
            f"{self.high:+.3g}, n = {self.n})"
        )


def mean_effect(values: Sequence[float], confidence: float = 0.95) -> Effect:
    """The mean of one value per seed with Student's t interval.

    Raises:
        ValueError: no value, one is not finite, or the confidence is not in (0, 1).
    """
    numbers = check_values(values)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must be between 0 and 1, such as 0.95")
    mean, n = float(np.mean(numbers)), len(numbers)
    if n == 1:
        return Effect(mean, -math.inf, math.inf, 1, confidence)
    error = float(np.std(numbers, ddof=1)) / math.sqrt(n)
    half = t_quantile((1 + confidence) / 2, n - 1) * error
    return Effect(mean, mean - half, mean + half, n, confidence)


def paired_difference(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Effect:
    """How much larger ``a`` is than ``b``, seed by seed: the mean of a - b and its t interval.

    Pairing removes what both runs of a seed share (the data, the initial weights, the order).

    Args:
        a: one value per seed of the first condition.
        b: the values of the second condition for the same seeds, in the same order.

    Raises:
        ValueError: the numbers of seeds differ, or a value is not finite.
    """
    first, second = check_values(a), check_values(b)
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} values cannot be paired: run both conditions with "
            "the same seeds"
        )
    return mean_effect([x - y for x, y in zip(first, second, strict=True)], confidence)


def bootstrap_interval(
    values: Sequence[float], *, seed: int, confidence: float = 0.95, rounds: int = 2000
) -> Effect:
    """The mean of many items with a percentile bootstrap interval (Efron, 1979).

    For test items, of which there are hundreds; for seeds use ``mean_effect``.

    Raises:
        ValueError: fewer than 20 values, for which a bootstrap is too narrow.
    """
    numbers = np.asarray(check_values(values))  # (N,)
    if len(numbers) < 20:
        raise ValueError(
            f"{len(numbers)} values are too few for a bootstrap: use mean_effect, made for few"
        )
    draws = np.random.default_rng(seed).integers(len(numbers), size=(rounds, len(numbers)))
    means = numbers[draws].mean(axis=1)  # (rounds,)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Effect(float(numbers.mean()), float(low), float(high), len(numbers), confidence)


def rule_difference(effect: Effect, minimum: float = 0.0) -> str:
    """The verdict on 'the effect is larger than ``minimum``'.

    ``supported`` when the whole interval lies above the minimum, ``refuted`` when the whole
    interval lies below it (the claimed effect is excluded), ``mixed`` when the interval holds the
    minimum, touching it included: then these runs cannot tell. One seed has no interval and is
    ``not tested at this scale``. For a claim that something is *smaller*, swap the conditions.
    """
    if effect.n < 2:
        return NOT_TESTED
    if effect.low > minimum:
        return SUPPORTED
    return REFUTED if effect.high < minimum else MIXED


def rule_equivalence(effect: Effect, margin: float) -> str:
    """The verdict on 'it makes no difference larger than ``margin``'.

    ``supported`` when the whole interval lies strictly inside -margin to +margin, ``refuted`` when
    it lies wholly outside on one side, else ``mixed``; one seed is ``not tested at this scale``.

    Raises:
        ValueError: the margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"margin {margin} must be above 0: the largest difference that is none")
    if effect.n < 2:
        return NOT_TESTED
    if -margin < effect.low and effect.high < margin:
        return SUPPORTED
    return REFUTED if effect.low > margin or effect.high < -margin else MIXED


def combine(statuses: Sequence[str]) -> str:
    """One verdict on a claim that says several things at once.

    All supported: supported. All refuted: refuted. A part that was not tested leaves the whole
    not tested, unless another part is refuted or mixed: then the whole is mixed.

    Raises:
        ValueError: there is no status, or one is unknown.
    """
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown or not statuses:
        raise ValueError(f"statuses {list(statuses)} are not usable: use {', '.join(STATUSES)}")
    kinds = set(statuses)
    if len(kinds) == 1:
        return statuses[0]
    return NOT_TESTED if kinds == {SUPPORTED, NOT_TESTED} else MIXED
