"""At which levels, and over which gaps, pictures and words can be aligned: the article's two lists.

Its labels of difficulty are judgements. Each entry here names the claim of the course's ledger that
tests it and says what is measured.
"""

from __future__ import annotations

import copy
from typing import TypedDict

from mmlib.unknown import unknown

#: The labels of difficulty, from easy to hard. The article uses the last four.
DIFFICULTIES = ("easy", "medium", "hard", "very_hard", "extremely_hard")


class AlignmentLevel(TypedDict):
    """What a word says of a picture; `difficulty` is the article's label."""

    description: str
    examples: list[str]
    difficulty: str
    methods: list[str]
    claim: str
    experiment: str


class SemanticGap(TypedDict):
    """One reason why a picture and its words do not say the same."""

    problem: str
    description: str
    example: str
    solution_approaches: list[str]
    claim: str
    experiment: str


_BY_LEVEL = (
    "Accuracy by level of the word: one model, equal numbers of candidates, words that occur "
    "equally often."
)

#: The article's five levels, in our words; the labels of difficulty are its own.
ALIGNMENT_TYPES: dict[str, AlignmentLevel] = {
    "object_level": {
        "description": "A word names a thing that one can point at in the picture.",
        "examples": ["a drawing of a cat and the word 'cat'"],
        "difficulty": "medium",
        "methods": ["detect objects", "link names to things"],
        "claim": "C1.3",
        "experiment": _BY_LEVEL,
    },
    "scene_level": {
        "description": "A word names the place, the time or the occasion as a whole.",
        "examples": ["a pan on a stove and the words 'cooking at home'"],
        "difficulty": "hard",
        "methods": ["recognise places", "use the context of objects"],
        "claim": "C1.3",
        "experiment": _BY_LEVEL,
    },
    "action_level": {
        "description": "A word names what somebody does.",
        "examples": ["a figure in mid-stride and the word 'running'"],
        "difficulty": "hard",
        "methods": ["recognise actions", "model time"],
        "claim": "C1.3",
        "experiment": _BY_LEVEL,
    },
    "emotion_level": {
        "description": "A word names a feeling that the picture shows or stirs.",
        "examples": ["a smiling face and the word 'happy'"],
        "difficulty": "very_hard",
        "methods": ["read faces", "read the mood of words"],
        "claim": "C1.3",
        "experiment": _BY_LEVEL,
    },
    "abstract_level": {
        "description": "A word names an idea that has no picture of its own.",
        "examples": ["a dove and the word 'peace'"],
        "difficulty": "extremely_hard",
        "methods": ["judge style and beauty", "ground ideas in things"],
        "claim": "C1.3",
        "experiment": _BY_LEVEL,
    },
}

#: The article's four gaps, in our words.
SEMANTIC_GAPS: dict[str, SemanticGap] = {
    "granularity_mismatch": {
        "problem": "unequal detail",
        "description": "A picture shows every detail; a caption keeps a few of them.",
        "example": "The picture shows a small red apple left of a dog; the caption says 'fruit'.",
        "solution_approaches": [
            "captions at several levels of detail",
            "features at several scales",
            "attention from words to places",
        ],
        "claim": "C1.4",
        "experiment": (
            "Retrieval with fine and with coarse captions, trained on one and tested on the other."
        ),
    },
    "perspective_difference": {
        "problem": "unequal point of view",
        "description": "One thing looks, or is told, differently from another place.",
        "example": "What is left for the speaker is right for the person who faces the speaker.",
        "solution_approaches": [
            "change the point of view",
            "features that no change of view alters",
            "attention between the modalities",
        ],
        "claim": "C1.5",
        "experiment": (
            "Mirrored and rotated pictures against words that depend on the viewer: left of, "
            "right of."
        ),
    },
    "temporal_misalignment": {
        "problem": "unequal time",
        "description": "A still picture shows one state; a sentence can tell how it came about.",
        "example": "The picture shows a broken cup; the sentence says that it fell.",
        "solution_approaches": [
            "model time",
            "learn the order of events",
            "reason about causes",
        ],
        "claim": "C1.6",
        "experiment": "Clips with ordered frames, with shuffled frames, and one frame alone.",
    },
    "cultural_context": {
        "problem": "unequal culture and language",
        "description": "Languages and cultures name the same picture differently.",
        "example": "Folded hands are read as a thank-you in one place and as a prayer in another.",
        "solution_approaches": [
            "adapt to a culture",
            "learn with context",
            "train in many languages",
        ],
        "claim": "C1.7",
        "experiment": (
            "Names of the same pictures in 14 languages: how well languages agree, and one "
            "language against many in training."
        ),
    },
}


class SemanticAlignmentChallenges:
    """The article's levels of alignment and its semantic gaps.

    Attributes:
        alignment_types: a copy of `ALIGNMENT_TYPES`; changing it changes this object only.
    """

    def __init__(self) -> None:
        self.alignment_types = copy.deepcopy(ALIGNMENT_TYPES)

    def semantic_gap_analysis(self) -> dict[str, SemanticGap]:
        """The four gaps by name: a new copy at each call."""
        return copy.deepcopy(SEMANTIC_GAPS)

    def difficulty_rank(self, level: str) -> int:
        """The place of a level's label among `DIFFICULTIES`, from 0: ties share it.

        Raises:
            ValueError: a level or a label that is not known; the message names those that are.
        """
        if not isinstance(level, str) or level not in self.alignment_types:
            raise unknown("level", level, self.alignment_types)
        label = self.alignment_types[level]["difficulty"]
        if label not in DIFFICULTIES:
            raise unknown(f"difficulty of {level}", label, DIFFICULTIES)
        return DIFFICULTIES.index(label)

    def difficulty_order(self) -> list[list[str]]:
        """The levels by the article's label, from easy to hard; levels of one label together."""
        ranks = {level: self.difficulty_rank(level) for level in self.alignment_types}
        return [
            [level for level, own in ranks.items() if own == rank]
            for rank in sorted(set(ranks.values()))
        ]
