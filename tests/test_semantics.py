"""The article's levels and gaps: complete, in its order, with claims that exist, never shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import mmlib
from mmlib.semantics import (
    ALIGNMENT_TYPES,
    DIFFICULTIES,
    SEMANTIC_GAPS,
    SemanticAlignmentChallenges,
)

LEVELS = {
    "object_level": "medium",
    "scene_level": "hard",
    "action_level": "hard",
    "emotion_level": "very_hard",
    "abstract_level": "extremely_hard",
}
GAPS = {
    "granularity_mismatch": "C1.4",
    "perspective_difference": "C1.5",
    "temporal_misalignment": "C1.6",
    "cultural_context": "C1.7",
}


@pytest.fixture(scope="module")
def claims(root: Path) -> set[str]:
    rows = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    return {row["id"] for row in rows}


def test_the_levels_keep_the_article_s_names_and_labels() -> None:
    levels = mmlib.SemanticAlignmentChallenges().alignment_types
    assert {name: level["difficulty"] for name, level in levels.items()} == LEVELS
    assert set(LEVELS.values()) <= set(DIFFICULTIES)


def test_the_gaps_keep_the_article_s_names() -> None:
    gaps = SemanticAlignmentChallenges().semantic_gap_analysis()
    assert {name: gap["claim"] for name, gap in gaps.items()} == GAPS


def test_every_entry_is_complete(claims: set[str]) -> None:
    levels: list[Any] = list(ALIGNMENT_TYPES.values())
    for entry in levels:
        assert set(entry) == {
            *("description", "examples", "difficulty", "methods"),
            *("claim", "experiment"),
        }
        assert entry["examples"] and entry["methods"] and entry["claim"] == "C1.3"
    gaps: list[Any] = list(SEMANTIC_GAPS.values())
    for entry in gaps:
        assert set(entry) == {
            *("problem", "description", "example", "solution_approaches"),
            *("claim", "experiment"),
        }
        assert len(entry["solution_approaches"]) == 3
    for entry in levels + gaps:
        assert entry["claim"] in claims
        assert entry["experiment"].endswith(".") and entry["description"].endswith(".")
        texts = [[value] if isinstance(value, str) else value for value in entry.values()]
        assert all(text.strip() and text.isascii() for several in texts for text in several)


def test_the_order_of_difficulty_has_ties() -> None:
    challenges = SemanticAlignmentChallenges()
    assert challenges.difficulty_order() == [
        ["object_level"],
        ["scene_level", "action_level"],
        ["emotion_level"],
        ["abstract_level"],
    ]
    assert [challenges.difficulty_rank(level) for level in LEVELS] == [1, 2, 2, 3, 4]


def test_an_order_of_one_s_own() -> None:
    challenges = SemanticAlignmentChallenges()
    challenges.alignment_types["object_level"]["difficulty"] = "very_hard"
    challenges.alignment_types["abstract_level"]["difficulty"] = "easy"
    assert challenges.difficulty_order() == [
        ["abstract_level"],
        ["scene_level", "action_level"],
        ["object_level", "emotion_level"],
    ]
    challenges.alignment_types["scene_level"]["difficulty"] = "very hard"
    with pytest.raises(ValueError, match="difficulty of scene_level 'very hard', did you mean"):
        challenges.difficulty_order()


def test_nothing_is_shared() -> None:
    challenges = SemanticAlignmentChallenges()
    challenges.alignment_types["object_level"]["examples"].append("mine")
    del challenges.alignment_types["scene_level"]
    challenges.semantic_gap_analysis()["cultural_context"]["solution_approaches"].clear()
    challenges.semantic_gap_analysis().clear()
    assert len(ALIGNMENT_TYPES) == 5 and "mine" not in ALIGNMENT_TYPES["object_level"]["examples"]
    assert SemanticAlignmentChallenges().alignment_types == ALIGNMENT_TYPES
    assert challenges.semantic_gap_analysis() == SEMANTIC_GAPS
    assert len(SEMANTIC_GAPS["cultural_context"]["solution_approaches"]) == 3


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("object", "unknown level 'object', did you mean 'object_level'.*known: object_level"),
        ("Scene_Level", "did you mean 'scene_level'"),
        (3, "unknown level 3; known: object_level"),
        ([], r"unknown level \[\]"),
    ],
)
def test_an_unknown_level_is_named(level: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SemanticAlignmentChallenges().difficulty_rank(level)
