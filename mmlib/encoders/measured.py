"""A recommendation computed from measurements: requirements in, the measured winner out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmlib.bands import SUPPORTED, Effect, check_values, paired_difference, rule_difference
from mmlib.layers import check_positive
from mmlib.tables import Table

#: Limit: the measured number it limits, and the unit.
LIMITS = {
    "max_latency_ms": ("latency_ms", "ms"),
    "max_parameters": ("parameters", "parameters"),
    "max_flops": ("flops", "FLOPs"),
}


@dataclass(frozen=True)
class EncoderMeasurement:
    """What was measured of one encoder. Seeds stand in the same order everywhere.

    name: as it shall appear.
    accuracy: percent for each seed, by number of training pictures.
    latency_ms: median time of one forward pass.
    parameters: number of weights.
    flops: floating-point operations for one picture.
    robustness: percent for each seed under a change of the test pictures, by its name ("shift").

    Raises ValueError for no size, a size or cost that is not positive, values outside 0 to 100.
    """

    name: str
    accuracy: Mapping[int, Sequence[float]]
    latency_ms: float
    parameters: int
    flops: int
    robustness: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_positive(latency_ms=self.latency_ms, parameters=self.parameters, flops=self.flops)
        if not self.accuracy:
            raise ValueError(f"{self.name}: accuracy is empty: give one training size or more")
        for size in self.accuracy:
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{self.name}: training size {size!r} must be an int above 0")
        for name in ("accuracy", "robustness"):
            rows = getattr(self, name).items()
            checked = {key: _percent(f"{self.name}: {name}[{key!r}]", row) for key, row in rows}
            object.__setattr__(self, name, checked)


def _percent(what: str, values: Sequence[float]) -> tuple[float, ...]:
    numbers = tuple(check_values(values))
    if not all(0 <= number <= 100 for number in numbers):
        raise ValueError(f"{what} is {list(numbers)}: give percent, 0 to 100")
    return numbers


@dataclass(frozen=True)
class Requirements:
    """What the task allows and asks for. None means no limit.

    data_size: pictures there are to train on.
    minimum_accuracy: percent on unchanged pictures, mean over seeds.
    max_latency_ms, max_parameters, max_flops: limits, themselves allowed.
    robust_to: changes of the pictures under which the accuracy counts, instead of unchanged ones.

    Raises ValueError for a number out of its range.
    """

    data_size: int
    minimum_accuracy: float | None = None
    max_latency_ms: float | None = None
    max_parameters: int | None = None
    max_flops: int | None = None
    robust_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = (self.robust_to,) if isinstance(self.robust_to, str) else tuple(self.robust_to)
        object.__setattr__(self, "robust_to", kinds)
        limits = {name: getattr(self, name) for name in LIMITS}
        check_positive(data_size=self.data_size)
        check_positive(**{name: limit for name, limit in limits.items() if limit is not None})
        if self.minimum_accuracy is not None and not 0 <= self.minimum_accuracy <= 100:
            raise ValueError(
                f"minimum_accuracy={self.minimum_accuracy!r} must be percent, 0 to 100"
            )


@dataclass(frozen=True)
class MeasuredRecommendation:
    """The measured winner with its numbers; printing it gives them in words.

    winner: None when no encoder meets the requirements.
    runner_up: the next best that meets them.
    lead: how much higher the winner scores than the runner-up, paired by seed; None without one.
    decisive: the lead's whole interval is above zero, or only one encoder meets the requirements.
    scores: mean score in percent of every encoder, the excluded ones too.
    excluded: for an encoder that fails, what it misses and by how much.
    basis: what a score is.
    measurements: all that were compared.
    """

    winner: str | None
    runner_up: str | None
    lead: Effect | None
    decisive: bool
    scores: Mapping[str, float]
    excluded: Mapping[str, str]
    basis: str
    measurements: tuple[EncoderMeasurement, ...]

    def table(self) -> Table:
        """One row for each encoder: its score, its costs, and what became of it."""
        rows = [
            {
                "encoder": each.name,
                "score (%)": self.scores[each.name],
                "latency (ms)": float(each.latency_ms),
                "parameters (M)": each.parameters / 1e6,
                "MFLOPs": each.flops / 1e6,
                "result": self._result(each.name),
            }
            for each in self.measurements
        ]
        return Table.from_rows(rows, caption=f"Score: {self.basis}", digits=2)

    def _result(self, name: str) -> str:
        if name == self.winner:
            return "winner" if self.decisive else "first, not decisive"
        return self.excluded.get(name, "meets the requirements")

    def _times(self) -> str:
        times = {each.name: each.latency_ms for each in self.measurements}
        best = [name for name in (self.winner, self.runner_up) if name is not None]
        return "and ".join(f"{name} takes {times[name]:.3g} ms " for name in best).strip()

    def __str__(self) -> str:
        """The answer in a few lines."""
        if self.winner is None:
            lines = ["No encoder meets the requirements."]
        else:
            lines = [f"{self.winner}: {self.scores[self.winner]:.1f}% ({self.basis})."]
            if self.lead is None:
                lines.append("No other encoder meets the requirements.")
            else:
                verdict = "decisive" if self.decisive else f"too close to call, {self._times()}"
                lines.append(f"Lead over {self.runner_up}: {self.lead!r} points: {verdict}.")
        lines += [f"{name} is out: {reason}." for name, reason in self.excluded.items()]
        return "\n".join(lines)


def recommend_measured(
    measurements: Sequence[EncoderMeasurement], requirements: Requirements
) -> MeasuredRecommendation:
    """The encoder with the highest score among those that meet the requirements.

    The score is the accuracy at the largest training size that was measured for every encoder
    and is not above `data_size`; with `robust_to`, the mean accuracy under those changes. Equal
    scores go to the faster, then the smaller encoder.

    Raises:
        ValueError: no measurement, a name twice, no common training size up to `data_size`, a
            change that was not measured, or different numbers of seeds.
    """
    measurements = tuple(measurements)
    names = [each.name for each in measurements]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"measurements of {names}: give one or more, each with its own name")
    size = _training_size(measurements, requirements.data_size)
    values = {each.name: _score(each, size, requirements.robust_to) for each in measurements}
    seeds = {name: len(row) for name, row in values.items()}
    if len(set(seeds.values())) > 1:
        raise ValueError(f"numbers of seeds differ, {seeds}: measure all with the same seeds")
    scores = {name: float(np.mean(row)) for name, row in values.items()}
    excluded = {each.name: _misses(each, size, requirements) for each in measurements}
    excluded = {name: reason for name, reason in excluded.items() if reason}
    ranked = _rank([each for each in measurements if each.name not in excluded], scores)
    winner, runner_up = [*ranked, None, None][:2]
    lead = None
    if winner is not None and runner_up is not None:
        lead = paired_difference(values[winner], values[runner_up])
    decisive = winner is not None and (lead is None or rule_difference(lead) == SUPPORTED)
    basis = _basis(size, requirements.robust_to, seeds[names[0]])
    return MeasuredRecommendation(
        winner, runner_up, lead, decisive, scores, excluded, basis, measurements
    )


def _training_size(measurements: Sequence[EncoderMeasurement], data_size: int) -> int:
    """The largest size not above `data_size` that every encoder was measured at."""
    common = set.intersection(*(set(each.accuracy) for each in measurements))
    usable = [size for size in common if size <= data_size]
    if not usable:
        sizes = {each.name: sorted(each.accuracy) for each in measurements}
        raise ValueError(
            f"data_size={data_size}: no training size up to it was measured for every encoder, "
            f"only {sizes}. Measure a smaller one, or ask for {min(common, default='a common one')}"
        )
    return max(usable)


def _score(each: EncoderMeasurement, size: int, robust_to: Sequence[str]) -> list[float]:
    """Percent for each seed."""
    missing = [kind for kind in robust_to if kind not in each.robustness]
    if missing:
        raise ValueError(
            f"robust_to={missing} was not measured for {each.name}: use {sorted(each.robustness)}"
        )
    rows = [each.robustness[kind] for kind in robust_to] or [each.accuracy[size]]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{each.name}: numbers of seeds differ between {list(robust_to)}")
    return [float(np.mean(column)) for column in zip(*rows, strict=True)]


def _rank(candidates: Sequence[EncoderMeasurement], scores: Mapping[str, float]) -> list[str]:
    """Names from the best score on; equal scores by cost, then by name."""

    def key(each: EncoderMeasurement) -> tuple[object, ...]:
        score = round(scores[each.name], 9)  # means of the same numbers differ by rounding
        return -score, each.latency_ms, each.parameters, each.flops, each.name

    return [each.name for each in sorted(candidates, key=key)]


def _basis(size: int, robust_to: Sequence[str], seeds: int) -> str:
    """What a score is, in words."""
    under = ", ".join(robust_to)
    what = f"accuracy under {under}" if under else f"accuracy with {size} training pictures"
    return f"{what}, mean of {seeds} seeds" if seeds > 1 else f"{what}, one seed"


def _misses(each: EncoderMeasurement, size: int, requirements: Requirements) -> str:
    """What `each` misses and by how much; empty when it meets everything."""
    reasons = []
    accuracy, minimum = float(np.mean(each.accuracy[size])), requirements.minimum_accuracy
    if minimum is not None and accuracy < minimum:
        reasons.append(
            f"accuracy {accuracy:.4g}% with {size} pictures is {minimum - accuracy:.3g} points "
            f"below minimum_accuracy={minimum:g}"
        )
    for limit, (attribute, unit) in LIMITS.items():
        most, value = getattr(requirements, limit), getattr(each, attribute)
        if most is not None and value > most:
            over = _number(value - most)
            reasons.append(f"{_number(value)} {unit} is {over} above {limit}={_number(most)}")
    return "; ".join(reasons)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
