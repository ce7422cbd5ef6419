"""Is the order of difficulty by level what the article says? Several models, several seeds.

    result = measure_levels(benchmark, {"pixels": pixel_model(benchmark, icons)}, range(5))
    result.difference("pixels", "same level", "object", "emotion")  # in points, with an interval
    order_verdict(result, "pixels", "same level")

Two conditions ask two things. Wrong answers of the same level: which feeling is it? Of all levels:
is it a feeling at all? Most pictures filed under feelings are faces, so the second is easier there.

Two intervals answer two questions. Over seeds: would other pictures of the same words and another
training give the same difference? Over words: would other words of these levels? Ten words are a
small sample of a level, so the second is the wider one, and the one that a statement about levels
needs (Clark 1973, "The language-as-fixed-effect fallacy").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmlib.bands import (
    MIXED,
    NOT_TESTED,
    REFUTED,
    SUPPORTED,
    Effect,
    paired_difference,
    rule_difference,
)
from mmlib.data.level_words import LEVELS
from mmlib.layers import check_choice
from mmlib.level_models import WordModel
from mmlib.levels import CONDITIONS, LevelBenchmark
from mmlib.tables import Table

#: The article's order, as pairs of an easier and a harder level.
STEPS = (
    ("object", "scene"), ("object", "action"), ("scene", "emotion"), ("action", "emotion"),
    ("emotion", "abstract"),
)  # fmt: skip
#: The comparisons of which each alone can refute the order.
MAIN = (("object", "emotion"), ("object", "abstract"))
OVER = ("seeds", "words")


@dataclass(frozen=True)
class WordAccuracy:
    """How well one word was found, in percent, the mean over seeds."""

    word: str
    level: str
    pictures: int
    accuracy: float


@dataclass(frozen=True, eq=False)
class LevelResult:
    """Accuracies of several models on the benchmark.

    Attributes:
        benchmark: the words.
        seeds: R of them; each has its own split, questions and training.
        accuracies: from model and condition to float64 (R, L, K), fractions: word k of level l.
        chance: what guessing scores, a fraction, the same for all.
    """

    benchmark: LevelBenchmark
    seeds: tuple[int, ...]
    accuracies: Mapping[tuple[str, str], Tensor]
    chance: float

    def of(self, model: str, condition: str) -> Tensor:
        """Accuracies (R, L, K) in percent. Raises ValueError for what was not measured."""
        check_choice("model", model, [name for name, _ in self.accuracies])
        check_choice("condition", condition, [name for _, name in self.accuracies])
        return 100 * self.accuracies[model, condition]

    def by_level(self, model: str, condition: str) -> dict[str, list[float]]:
        """From level to its accuracy in percent, one value a seed; every word counts the same."""
        means = self.of(model, condition).mean(dim=2)  # (R, L)
        return {level: means[:, row].tolist() for row, level in enumerate(LEVELS)}

    def difference(
        self, model: str, condition: str, easier: str, harder: str, over: str = "seeds"
    ) -> Effect:
        """How many points more `easier` scores than `harder`, with a 95% interval.

        Args:
            model: a name given to `measure_levels`.
            condition: one of `CONDITIONS`.
            easier: a level.
            harder: a level.
            over: "seeds": pairs of level means, one a seed. "words": pairs of matched words, each
                the mean over the seeds.

        Raises:
            ValueError: a name that is not known.
        """
        check_choice("over", over, OVER)
        for level in (easier, harder):
            check_choice("level", level, LEVELS)
        scores = self.of(model, condition).mean(dim=2 if over == "seeds" else 0)
        if over == "words":
            scores = scores.T  # (K, L)
        first, second = LEVELS.index(easier), LEVELS.index(harder)
        return paired_difference(scores[:, first].tolist(), scores[:, second].tolist())

    def words(self, model: str, condition: str) -> list[WordAccuracy]:
        """The asked words, hardest first."""
        means = self.of(model, condition).mean(dim=0).flatten().tolist()  # L * K
        asked = [self.benchmark.words[word] for word in self.benchmark.asked.flatten().tolist()]
        found = [
            WordAccuracy(word.text, word.level, word.pictures, mean)
            for word, mean in zip(asked, means, strict=True)
        ]
        return sorted(found, key=lambda row: (row.accuracy, row.word))

    def table(self) -> Table:
        """Percent right by model, condition and level, the mean over seeds, and chance."""
        rows = []
        for model, condition in self.accuracies:
            means = self.of(model, condition).mean(dim=(0, 2)).tolist()
            levels = dict(zip(LEVELS, means, strict=True))
            rows.append({"model": model, "wrong answers": condition, **levels,
                         "chance": 100 * self.chance})  # fmt: skip
        return Table.from_rows(rows)


def measure_levels(
    benchmark: LevelBenchmark,
    models: Mapping[str, WordModel],
    seeds: Sequence[int],
    *,
    test_share: float = 0.3,
    choices: int = 6,
    per_word: int = 40,
    conditions: Sequence[str] = CONDITIONS,
) -> LevelResult:
    """Train every model with every seed and ask it the same questions in each condition.

    A seed has its own test pictures, questions, first weights and batches; all models of a seed
    share the pictures and the questions.

    Args:
        benchmark: the words.
        models: by name.
        seeds: 2 or more for intervals, each once.
        test_share: see `LevelBenchmark.split`.
        choices: see `LevelBenchmark.questions`.
        per_word: see there.
        conditions: some of `CONDITIONS`.

    Raises:
        ValueError: no model, seed or condition, a repeated one, other wrong values.
    """
    seeds = tuple(seeds)
    for name, values in (("models", models), ("seeds", seeds), ("conditions", conditions)):
        if not values or len(set(values)) != len(values):
            raise ValueError(f"{name}={list(values)} must not be empty, and each must occur once")
    found: dict[tuple[str, str], list[Tensor]] = {
        (model, condition): [] for model in models for condition in conditions
    }
    for seed in seeds:
        train, test = benchmark.split(seed, test_share)
        asked = [
            benchmark.questions(test, seed, condition=name, choices=choices, per_word=per_word)
            for name in conditions
        ]
        for model, score in models.items():
            scores = score(train, seed)
            for questions in asked:
                found[model, questions.condition].append(questions.by_word(scores))
    accuracies = {key: torch.stack(values) for key, values in found.items()}
    return LevelResult(benchmark, seeds, accuracies, 1 / choices)


def order_verdict(result: LevelResult, model: str, condition: str, over: str = "seeds") -> str:
    """The verdict on the article's order of difficulty, for one model and condition.

    ``supported``: every step of ``STEPS`` has its whole interval above 0. ``refuted``: emotion or
    abstract words are easier than objects (``MAIN``), with the whole interval on that side.
    Otherwise ``mixed``. One value has no interval and is ``not tested at this scale``.

    Raises:
        ValueError: see `LevelResult.difference`.
    """

    def status(pair: tuple[str, str]) -> str:
        return rule_difference(result.difference(model, condition, *pair, over=over))

    steps = {status(pair) for pair in STEPS}
    if NOT_TESTED in steps:
        return NOT_TESTED
    if REFUTED in {status(pair) for pair in MAIN}:
        return REFUTED
    return SUPPORTED if steps == {SUPPORTED} else MIXED
