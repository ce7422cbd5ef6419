"""A benchmark of pictures and words by level: object, scene, action, emotion, abstract.

A question is a picture that no model has seen and some words, of which one was filed under it.
The levels differ in nothing that can be counted: as many words, each with about as many pictures,
asked equally often, with as many wrong answers. See `mmlib.data.level_words` for the words.

    benchmark = build_benchmark(load_icons(32, DRAWN))
    train, test = benchmark.split(seed=0)
    questions = benchmark.questions(test, seed=0)
    questions.hits(scores)  # scores (S * N, V) of every drawing with every word
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmlib.data.icons import Icons
from mmlib.data.level_words import (
    DRAWN,
    LEVELS,
    RELATED,
    LevelWord,
    level_words,
    match_counts,
    picture_twins,
)
from mmlib.gaps.parts import credit
from mmlib.layers import check_choice, check_positive
from mmlib.runtime import derive_seed, make_generator
from mmlib.tables import Table

CONDITIONS = ("same level", "all levels")  # where the wrong answers come from


@dataclass(frozen=True, eq=False)
class Questions:
    """Pictures with candidate words. Column 0 is the right answer.

    Attributes:
        pictures: int64 (Q,), rows of the S * N drawings, style by style.
        candidates: int64 (Q, C), words.
        tuples: int64 (Q,), which matched tuple the right word belongs to.
        levels: int64 (Q,), the level of the right word.
        condition: one of `CONDITIONS`.
    """

    pictures: Tensor
    candidates: Tensor
    tuples: Tensor
    levels: Tensor
    condition: str

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def chance(self) -> float:
        """What guessing scores, as a fraction."""
        return 1 / self.candidates.shape[1]

    def hits(self, scores: Tensor) -> Tensor:
        """Credit (Q,) in [0, 1] for scores (S * N, V): the highest of the candidates wins.

        Among r equal highest scores the right one gets 1 / r, what a coin would give it.
        Raises ValueError for scores of another shape or with NaN.
        """
        least = int(self.pictures.max()) + 1, int(self.candidates.max()) + 1
        if scores.ndim != 2 or scores.shape[0] < least[0] or scores.shape[1] < least[1]:
            raise ValueError(
                f"scores {tuple(scores.shape)} must be (drawings, words), {least} at least"
            )
        own = scores.cpu()[self.pictures[:, None], self.candidates]  # (Q, C)
        return credit(own)

    def by_word(self, scores: Tensor) -> Tensor:
        """Accuracy (L, K) of each asked word, a fraction."""
        hits = self.hits(scores).double()
        shape = int(self.levels.max()) + 1, int(self.tuples.max()) + 1
        place = self.levels * shape[1] + self.tuples
        total = torch.zeros(shape, dtype=torch.float64).flatten()
        right = total.index_add(0, place, hits)
        return (right / total.index_add(0, place, torch.ones_like(hits))).view(shape)


@dataclass(frozen=True, eq=False)
class LevelBenchmark:
    """Words of five levels with matched counts, and which picture each was filed under.

    Attributes:
        words: V words, those that are asked and others that only help to learn.
        asked: int64 (L, K), rows of `words`; a column holds words of about equal count.
        labels: bool (N, V), which word was filed under which concept.
        related: bool (V, V), words that are never wrong answers to each other; with itself, too.
        twins: int64 (N,), concepts with the same number count as one picture.
        styles: S, drawings of each concept.
    """

    words: tuple[LevelWord, ...]
    asked: Tensor
    labels: Tensor
    related: Tensor
    twins: Tensor
    styles: int

    def matched(self) -> Table:
        """One row a level: its words, and the least, median and largest number of pictures."""
        rows = []
        for level, asked in zip(LEVELS, self.asked.tolist(), strict=True):
            counts = sorted(self.words[word].pictures for word in asked)
            median = (counts[len(counts) // 2] + counts[(len(counts) - 1) // 2]) / 2
            names = ", ".join(self.words[word].text for word in asked)
            rows.append(
                {"level": level, "words": names, "least": counts[0], "median": median,
                 "most": counts[-1]}
            )  # fmt: skip
        return Table.from_rows(rows)

    def split(self, seed: int, test_share: float = 0.3) -> tuple[Tensor, Tensor]:
        """Concepts to learn from and concepts to ask about: rows, int64 (n,) and (m,).

        Twins stay on one side. The pictures of each asked word are divided in about the same
        ratio, rarest word first (Sechidis et al. 2011, "On the stratification of multi-label
        data"), and the rest at random.
        Raises ValueError when a word would have no picture on one side.
        """
        if not 0 < test_share < 1:
            raise ValueError(f"test_share={test_share} must be between 0 and 1, such as 0.3")
        generator = make_generator(derive_seed(seed, "split"))
        side: dict[int, bool] = {}
        asked = sorted(self.asked.flatten().tolist(), key=lambda w: (self.words[w].pictures, w))
        for word in asked:
            self._divide(self._groups(self.labels[:, word]), test_share, side, generator)
            here = {side[group] for group in self._groups(self.labels[:, word])}
            if len(here) < 2:
                raise ValueError(
                    f"{self.words[word].text!r} has pictures on one side only at test_share="
                    f"{test_share}: choose one nearer to 0.5, or build with a higher minimum"
                )
        self._divide(self.twins.unique().tolist(), test_share, side, generator)
        test = torch.tensor([side[group] for group in self.twins.tolist()])
        return (~test).nonzero().flatten(), test.nonzero().flatten()

    def questions(
        self,
        rows: Tensor,
        seed: int,
        *,
        condition: str = CONDITIONS[0],
        choices: int = 6,
        per_word: int = 40,
    ) -> Questions:
        """Ask about concepts `rows`: each asked word `per_word` times, each time `choices` words.

        Every picture of a word is equally likely, twins count as one; then a drawing of it. A wrong
        answer is an asked word that neither the picture nor a variant of it was filed under, and
        that is not related to the right one. A picture with too few of them is not asked about.

        Args:
            rows: int64 (m,), the test concepts.
            seed: of the draws.
            condition: "same level": wrong answers are words of the level of the right one; "all
                levels": as many from each level.
            choices: C, the right answer included.
            per_word: questions for each asked word.

        Raises:
            ValueError: another condition, `choices` that do not fit it, a word without a picture.
        """
        check_choice("condition", condition, CONDITIONS)
        check_positive(per_word=per_word)
        self._check_choices(condition, choices)
        levels, tuples = self.asked.shape
        generator = make_generator(derive_seed(seed, "questions", condition))
        parts = []
        for level in range(levels):
            sources = [level] if condition == CONDITIONS[0] else list(range(levels))
            number = (choices - 1) // len(sources)
            for word in self.asked[level].tolist():
                parts.append(self._ask(word, rows, sources, number, per_word, generator))
        place = torch.arange(levels * tuples).repeat_interleave(per_word)
        pictures = torch.cat([pictures for pictures, _ in parts])
        candidates = torch.cat([candidates for _, candidates in parts])
        return Questions(pictures, candidates, place % tuples, place // tuples, condition)

    def _check_choices(self, condition: str, choices: int) -> None:
        levels, tuples = self.asked.shape
        if not 2 <= choices <= tuples or (condition == CONDITIONS[1] and (choices - 1) % levels):
            raise ValueError(
                f"choices={choices} must be from 2 to {tuples}, and for {CONDITIONS[1]!r} one "
                f"more than a multiple of {levels}"
            )

    def _ask(
        self,
        word: int,
        rows: Tensor,
        sources: Sequence[int],
        number: int,
        count: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Drawings (count,) and candidates (count, C) with `number` wrong words a source level."""
        own = rows[self.labels[rows, word]]  # (n,)
        pools = self.asked[list(sources)]  # (s, K)
        fits = ~self.labels[own][:, pools] & ~self.related[word, pools]  # (n, s, K)
        enough = (fits.sum(dim=2) >= number).all(dim=1)
        own, fits = own[enough], fits[enough]
        if not len(own):
            raise ValueError(
                f"no picture of {self.words[word].text!r} here has enough wrong answers: lower "
                "`choices` or give more test concepts"
            )
        drawn = torch.multinomial(
            twin_weights(self.twins[own]), count, replacement=True, generator=generator
        )
        keys = torch.rand(count, *pools.shape, generator=generator)  # (count, s, K)
        keys = keys.masked_fill(~fits[drawn], -1)  # below all others: never chosen
        chosen = keys.topk(number, dim=2).indices  # (count, s, number)
        wrong = pools.expand(count, -1, -1).gather(2, chosen).flatten(1)
        style = torch.randint(self.styles, (count,), generator=generator)
        right = torch.full((count, 1), word)
        return style * len(self.twins) + own[drawn], torch.cat([right, wrong], dim=1)

    def _groups(self, concepts: Tensor) -> list[int]:
        """The twin groups of a mask (N,) of concepts, ascending."""
        return self.twins[concepts].unique().tolist()

    @staticmethod
    def _divide(
        groups: Sequence[int], share: float, side: dict[int, bool], generator: torch.Generator
    ) -> None:
        """Give those of `groups` that have no side one, so that about `share` of all are True."""
        free = [group for group in groups if group not in side]
        taken = sum(side.get(group, False) for group in groups)
        need = max(round(share * len(groups)), 1) - taken
        order = torch.randperm(len(free), generator=generator).tolist()
        for place, index in enumerate(order):
            side[free[index]] = place < need


def twin_weights(twins: Tensor) -> Tensor:
    """Weights (n,) float64, with which every group of twins (n,) is equally likely."""
    _, inverse, counts = twins.unique(return_inverse=True, return_counts=True)
    return 1 / counts[inverse].double()


def build_benchmark(
    icons: Icons,
    *,
    minimum: int = 5,
    tolerance: float = 1.25,
    twins: Sequence[int] | None = None,
) -> LevelBenchmark:
    """The words with at least `minimum` pictures, and those asked: matched tuples of one a level.

    Args:
        icons: N concepts; only styles in which all are drawn, such as `DRAWN`.
        minimum: see `level_words`.
        tolerance: see `match_counts`.
        twins: N numbers, concepts with the same one count as one picture; None for
            `picture_twins`.

    Raises:
        ValueError: a drawing is missing, a level has no word, see `level_words` and
            `match_counts`.
    """
    if not icons.has.all():
        raise ValueError(
            f"a concept lacks a drawing in one of the styles {icons.styles}: load the styles "
            f"{DRAWN}, or leave it out with subset()"
        )
    groups = picture_twins(icons) if twins is None else list(twins)
    words = level_words(icons, groups, minimum)
    found = {word.level for word in words}
    empty = [level for level in LEVELS if level not in found]
    if empty:
        raise ValueError(
            f"no word of {empty} has minimum={minimum} pictures: lower it or give more icons"
        )
    place = {word.text: row for row, word in enumerate(words)}
    tuples = match_counts(words, tolerance)
    asked = torch.tensor([[place[word.text] for word in column] for column in tuples]).T
    labels = torch.zeros(len(icons), len(words), dtype=torch.bool)
    for row, word in enumerate(words):
        labels[sorted(word.rows), row] = True
    related = torch.eye(len(words), dtype=torch.bool)
    for line in RELATED:
        near = [place[text] for text in line.split() if text in place]
        here = torch.tensor(near, dtype=torch.long)  # none of them may be frequent enough
        related[here[:, None], here] = True
    return LevelBenchmark(
        tuple(words), asked.contiguous(), labels, related, torch.tensor(groups), len(icons.styles)
    )
