"""Several recipes with the same seeds, so that differences can be taken seed by seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from mmlib.progress import Progress

R = TypeVar("R")  # a recipe
T = TypeVar("T")  # what training gives


@dataclass
class Run:
    """A trained model in eval mode, the records of its training, and its scores in percent."""

    model: nn.Module
    history: list[dict[str, float]]
    scores: dict[str, float]
    seconds: float


@dataclass
class Sweep:
    """Runs of several recipes over the same seeds: `runs[name][i]` has seed `seeds[i]`."""

    seeds: tuple[int, ...]
    runs: dict[str, list[Run]]

    def values(self, name: str, score: str) -> list[float]:
        """One score of one recipe, one value for each seed."""
        return [run.scores[score] for run in self.runs[name]]

    def table(self, score: str) -> dict[str, list[float]]:
        """One score of every recipe."""
        return {name: self.values(name, score) for name in self.runs}

    def history(self, name: str, key: str) -> tuple[list[float], list[list[float]]]:
        """Steps, and one curve of a record's value for each seed."""
        runs = self.runs[name]
        steps = [record["step"] for record in runs[0].history]
        return steps, [[record[key] for record in run.history] for run in runs]


def train_all(
    train: Callable[[R, int], T], recipes: Mapping[str, R], seeds: Sequence[int]
) -> dict[str, list[T]]:
    """Train every recipe with every seed; one line is left that says how long it took.

    Args:
        train: from a recipe and a seed to whatever is kept of the run.
        recipes: by the name that figures and tables show.
        seeds: the same for all.

    Returns:
        For each name one result a seed, in the order of `seeds`.
    """
    progress, start = Progress(), time.perf_counter()
    done: dict[str, list[T]] = {name: [] for name in recipes}
    jobs = [(name, seed) for name in recipes for seed in seeds]
    for number, (name, seed) in enumerate(jobs, start=1):
        progress.update(f"run {number}/{len(jobs)}: {name}, seed {seed}")
        done[name].append(train(recipes[name], seed))
    progress.close(f"{len(jobs)} runs in {time.perf_counter() - start:.0f} s")
    return done


def check_same_seeds(known: Sequence[int], seeds: Sequence[int]) -> None:
    """Raise ValueError unless earlier runs have the seeds that are asked for now."""
    if tuple(known) != tuple(seeds):
        raise ValueError(f"the known runs have seeds {tuple(known)}, not {tuple(seeds)}")


def run_all(
    train: Callable[[R, int], Run],
    recipes: Mapping[str, R],
    seeds: Sequence[int],
    known: Sweep | None = None,
) -> Sweep:
    """`train_all`, with the runs of an earlier sweep (a shared baseline) in front.

    Raises ValueError when `known` has other seeds.
    """
    known = known or Sweep(tuple(seeds), {})
    check_same_seeds(known.seeds, seeds)
    return Sweep(tuple(seeds), {**known.runs, **train_all(train, recipes, seeds)})
