"""Several recipes with the same seeds, so that differences can be taken seed by seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from mmlib.progress import Progress

R = TypeVar("R")  # a recipe


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


def run_all(
    train: Callable[[R, int], Run],
    recipes: Mapping[str, R],
    seeds: Sequence[int],
    known: Sweep | None = None,
) -> Sweep:
    """Train every recipe with every seed; one line is left that says how long it took.

    Args:
        train: from a recipe and a seed to a finished run.
        recipes: by the name that figures and tables show.
        seeds: the same for all.
        known: an earlier sweep with these seeds whose runs are taken over (a shared baseline).

    Raises:
        ValueError: `known` has other seeds.
    """
    if known is not None and known.seeds != tuple(seeds):
        raise ValueError(f"the known runs have seeds {known.seeds}, not {tuple(seeds)}")
    progress, start = Progress(), time.perf_counter()
    runs: dict[str, list[Run]] = dict(known.runs) if known is not None else {}
    done, total = 0, len(recipes) * len(seeds)
    for name, recipe in recipes.items():
        runs[name] = []
        for seed in seeds:
            progress.update(f"run {done + 1}/{total}: {name}, seed {seed}")
            runs[name].append(train(recipe, seed))
            done += 1
    progress.close(f"{total} runs in {time.perf_counter() - start:.0f} s")
    return Sweep(tuple(seeds), runs)
