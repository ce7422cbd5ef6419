"""How far apart two modalities are, by a table of words: the article's score, without its traps.

The score counts the rows of a table in which two modalities have different words, each row with a
weight. No signal enters. What the signals say is measured in `mmlib.signals` and `mmlib.spectra`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from numbers import Real
from typing import TypedDict

from mmlib.unknown import unknown

Properties = dict[str, str]  # of one modality: property name to its value

#: The article's table. Its judgements, not measurements.
MODALITY_PROPERTIES: dict[str, Properties] = {
    "text": {
        "data_type": "discrete_tokens",
        "dimensionality": "variable_length_sequence",
        "structure": "sequential",
        "semantic_density": "high",
        "temporal_nature": "implicit",
        "representation": "symbolic",
    },
    "image": {
        "data_type": "continuous_pixels",
        "dimensionality": "fixed_2d_grid",
        "structure": "spatial",
        "semantic_density": "medium",
        "temporal_nature": "static",
        "representation": "dense",
    },
    "audio": {
        "data_type": "continuous_waveform",
        "dimensionality": "variable_length_sequence",
        "structure": "temporal",
        "semantic_density": "low",
        "temporal_nature": "explicit",
        "representation": "dense",
    },
    "video": {
        "data_type": "continuous_frames",
        "dimensionality": "variable_3d_tensor",
        "structure": "spatiotemporal",
        "semantic_density": "medium",
        "temporal_nature": "explicit",
        "representation": "dense",
    },
}

#: Points for a property in which two modalities differ, as the article sets them: 13 in all.
WEIGHTS: dict[str, float] = {
    "data_type": 3,
    "dimensionality": 2,
    "structure": 3,
    "semantic_density": 1,
    "temporal_nature": 2,
    "representation": 2,
}

MISSING = "(not stated)"  # shown where only one of two modalities has a property


class Difficulty(TypedDict):
    """What `compute_alignment_difficulty` returns; `main_challenges` names the properties."""

    score: float
    max_score: float
    difficulty_level: str
    main_challenges: list[str]


class PairScore(TypedDict):
    """One row of `score_table`."""

    first: str
    second: str
    score: float
    max_score: float
    difficulty_level: str


class ModalityCharacteristics:
    """The article's table of modalities, and its score of how hard two are to align.

    Args:
        properties: the whole table, from modality to its properties, in place of the article's;
            `{**MODALITY_PROPERTIES, "depth": {...}}` adds one. Modalities need not have the same
            properties: one that only one of two modalities has counts as a difference.
        weights: points for each property, 0 or more, in place of the article's. A property of the
            table without a weight counts 1, as in the article.
        thresholds: the largest scores that are "easy" and "medium". They are points, as in the
            article, and do not move with the weights.

    Attributes:
        modality_properties: the table, a copy of what was given.
        weights: a copy, too.
        thresholds: as given.

    Raises:
        ValueError: an empty table or modality, a value that is no text, a weight that is negative
            or not finite or of a property that is not in the table, thresholds in wrong order.
    """

    def __init__(
        self,
        properties: Mapping[str, Mapping[str, str]] | None = None,
        weights: Mapping[str, float] | None = None,
        thresholds: tuple[float, float] = (3, 7),
    ) -> None:
        table = MODALITY_PROPERTIES if properties is None else properties
        _check_table(table)
        self.modality_properties = {name: dict(of_one) for name, of_one in table.items()}
        if weights is not None:
            _check_weights(weights, self._property_names())
        self.weights = dict(WEIGHTS if weights is None else weights)
        self.thresholds = _checked_thresholds(thresholds)

    @property
    def max_score(self) -> float:
        """The points of all properties that any modality of the table has."""
        return sum(map(self._weight, self._property_names()))

    def analyze_modality_gap(self, modality1: str, modality2: str) -> dict[str, Properties]:
        """The properties in which two modalities differ, each with both values.

        Returns:
            For text and image, for example, `{"structure": {"text": "sequential", "image":
            "spatial"}, ...}`. A property that one of them lacks is there with `MISSING`. One
            modality with itself: {}.

        Raises:
            ValueError: a modality that is not in the table; the message names those that are.
        """
        first, second = self._properties(modality1), self._properties(modality2)
        return {
            name: {
                modality1: first.get(name, MISSING),
                modality2: second.get(name, MISSING),
            }
            for name in first | second
            if first.get(name) != second.get(name)
        }

    def compute_alignment_difficulty(self, modality1: str, modality2: str) -> Difficulty:
        """The points of all differences, with the level; the order of the two does not matter.

        A heuristic: two words that differ cost the same whether they mean nearly the same or the
        opposite.

        Raises:
            ValueError: a modality that is not in the table.
        """
        challenges = list(self.analyze_modality_gap(modality1, modality2))
        score = sum(map(self._weight, challenges))
        return {
            "score": score,
            "max_score": self.max_score,
            "difficulty_level": self.categorize_difficulty(score),
            "main_challenges": challenges,
        }

    def categorize_difficulty(self, score: float) -> str:
        """The level of a score: "easy", "medium" or "hard"; a threshold belongs to the lower one.

        Raises:
            ValueError: no finite number, one below 0 or above `max_score`.
        """
        most = self.max_score
        # A sum of weights in another order can differ in the last digit.
        if not _is_number(score) or not 0 <= score <= most + 1e-9 * most:
            raise ValueError(f"score {score!r} must be a number from 0 to {most:g}, the maximum")
        easy, medium = self.thresholds
        return "easy" if score <= easy else "medium" if score <= medium else "hard"

    def score_table(self, pairs: Iterable[tuple[str, str]] | None = None) -> list[PairScore]:
        """The score of several pairs, the highest first; equal scores stay in the table's order.

        Args:
            pairs: of modalities; all pairs of the table if None (six for four modalities).

        Raises:
            ValueError: a modality that is not in the table, or something that is no pair.
        """
        asked = list(combinations(self.modality_properties, 2) if pairs is None else pairs)
        wrong = [pair for pair in asked if isinstance(pair, str) or len(pair) != 2]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no pair: give pairs such as ('text', 'image')")
        rows = [self._row(*pair) for pair in asked]
        return sorted(rows, key=lambda row: -row["score"])

    def _row(self, first: str, second: str) -> PairScore:
        found = self.compute_alignment_difficulty(first, second)
        return {
            "first": first,
            "second": second,
            "score": found["score"],
            "max_score": found["max_score"],
            "difficulty_level": found["difficulty_level"],
        }

    def _properties(self, modality: str) -> Properties:
        if not isinstance(modality, str) or modality not in self.modality_properties:
            raise unknown("modality", modality, self.modality_properties)
        return self.modality_properties[modality]

    def _property_names(self) -> list[str]:
        """All properties of the table, each once, in order of appearance."""
        tables = self.modality_properties.values()
        return list(dict.fromkeys(name for of_one in tables for name in of_one))

    def _weight(self, name: str) -> float:
        return self.weights.get(name, 1)


def _check_table(table: Mapping[str, Mapping[str, str]]) -> None:
    if not table:
        raise ValueError("properties is empty: give at least one modality with its properties")
    for modality, of_one in table.items():
        if not isinstance(of_one, Mapping) or not of_one:
            raise ValueError(
                f"properties of {modality!r} are {of_one!r}: give texts by name, such as "
                "{'structure': 'spatial'}"
            )
        for text in (modality, *of_one, *of_one.values()):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{text!r} in the properties of {modality!r} must be a text")


def _check_weights(weights: Mapping[str, float], properties: list[str]) -> None:
    for name, weight in weights.items():
        if name not in properties:
            raise unknown("property in weights", name, properties)
        if not _is_number(weight) or not 0 <= weight < math.inf:
            raise ValueError(f"weight {weight!r} of {name!r} must be a finite number, 0 or more")


def _checked_thresholds(thresholds: tuple[float, float]) -> tuple[float, float]:
    values = tuple(thresholds)
    if len(values) == 2 and all(map(_is_number, values)) and 0 <= values[0] <= values[1] < math.inf:
        return values[0], values[1]
    raise ValueError(
        f"thresholds {thresholds!r} must be two finite numbers of 0 or more, the smaller first: "
        "the largest easy and the largest medium score"
    )


def _is_number(value: object) -> bool:
    """A real number that is not NaN; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)
