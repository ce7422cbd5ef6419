"""The article's score: its own numbers, every pair, tables and weights of one's own, bad input."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmlib
from mmlib.modality import MISSING, MODALITY_PROPERTIES, WEIGHTS, ModalityCharacteristics

DEPTH = {"depth": {"data_type": "continuous_metres", "structure": "spatial", "unit": "metre"}}
WITH_DEPTH = {**MODALITY_PROPERTIES, **DEPTH}


def test_the_article_s_examples_give_its_scores() -> None:
    analyzer = mmlib.ModalityCharacteristics()
    assert analyzer.compute_alignment_difficulty("text", "image") == {
        "score": 13,
        "max_score": 13,
        "difficulty_level": "hard",
        "main_challenges": list(WEIGHTS),
    }
    assert analyzer.compute_alignment_difficulty("image", "video") == {
        "score": 10,
        "max_score": 13,
        "difficulty_level": "hard",
        "main_challenges": ["data_type", "dimensionality", "structure", "temporal_nature"],
    }


def test_a_gap_shows_both_values() -> None:
    gap = ModalityCharacteristics().analyze_modality_gap("video", "audio")
    assert gap == {
        "data_type": {"video": "continuous_frames", "audio": "continuous_waveform"},
        "dimensionality": {"video": "variable_3d_tensor", "audio": "variable_length_sequence"},
        "structure": {"video": "spatiotemporal", "audio": "temporal"},
        "semantic_density": {"video": "medium", "audio": "low"},
    }


def test_all_six_pairs_are_hard() -> None:
    rows = ModalityCharacteristics().score_table()
    assert [(row["first"], row["second"], row["score"]) for row in rows] == [
        ("text", "image", 13),
        ("text", "video", 13),
        ("text", "audio", 11),
        ("image", "audio", 11),
        ("image", "video", 10),
        ("audio", "video", 9),
    ]
    assert {row["difficulty_level"] for row in rows} == {"hard"}
    assert {row["max_score"] for row in rows} == {13}


def test_a_table_of_chosen_pairs() -> None:
    rows = ModalityCharacteristics().score_table([("video", "audio"), ("image", "text")])
    assert [(row["first"], row["second"], row["score"]) for row in rows] == [
        ("image", "text", 13),
        ("video", "audio", 9),
    ]
    assert ModalityCharacteristics().score_table([]) == []


@pytest.mark.parametrize(("first", "second"), list(permutations(WITH_DEPTH, 2)))
def test_the_order_of_two_modalities_does_not_matter(first: str, second: str) -> None:
    analyzer = ModalityCharacteristics(WITH_DEPTH)
    one, other = (
        analyzer.compute_alignment_difficulty(*pair) for pair in ((first, second), (second, first))
    )
    assert one["score"] == other["score"]
    assert set(one["main_challenges"]) == set(other["main_challenges"])


@pytest.mark.parametrize("modality", MODALITY_PROPERTIES)
def test_a_modality_does_not_differ_from_itself(modality: str) -> None:
    analyzer = ModalityCharacteristics()
    assert analyzer.analyze_modality_gap(modality, modality) == {}
    assert analyzer.compute_alignment_difficulty(modality, modality) == {
        "score": 0,
        "max_score": 13,
        "difficulty_level": "easy",
        "main_challenges": [],
    }


def test_a_new_modality_with_other_properties() -> None:
    analyzer = ModalityCharacteristics(WITH_DEPTH)
    assert analyzer.max_score == 14  # "unit" has no weight and counts 1
    gap = analyzer.analyze_modality_gap("depth", "image")
    assert set(gap) == {*WEIGHTS, "unit"} - {"structure"}
    assert gap["unit"] == {"depth": "metre", "image": MISSING}
    assert gap["representation"] == {"depth": MISSING, "image": "dense"}
    assert analyzer.compute_alignment_difficulty("depth", "image")["score"] == 14 - 3
    assert len(analyzer.score_table()) == 10


def test_a_table_of_one_s_own_has_its_own_maximum() -> None:
    analyzer = ModalityCharacteristics({"a": {"structure": "x"}, "b": {"structure": "y"}})
    assert analyzer.compute_alignment_difficulty("a", "b") == {
        "score": 3,
        "max_score": 3,
        "difficulty_level": "easy",
        "main_challenges": ["structure"],
    }


def test_weights_of_one_s_own() -> None:
    equal = ModalityCharacteristics(weights=dict.fromkeys(WEIGHTS, 0.5))
    assert equal.max_score == 3
    assert equal.compute_alignment_difficulty("image", "video")["score"] == 2
    only = ModalityCharacteristics(weights={**dict.fromkeys(WEIGHTS, 0), "representation": 4})
    assert [row["score"] for row in only.score_table()] == [4, 4, 4, 0, 0, 0]
    assert ModalityCharacteristics(weights={"structure": 2}).max_score == 7  # the others count 1


def test_thresholds_belong_to_the_lower_level() -> None:
    analyzer = ModalityCharacteristics()
    levels = [analyzer.categorize_difficulty(score) for score in range(14)]
    assert levels == ["easy"] * 4 + ["medium"] * 4 + ["hard"] * 6
    assert analyzer.categorize_difficulty(3.001) == "medium"
    moved = ModalityCharacteristics(thresholds=(9, 11))
    assert [row["difficulty_level"] for row in moved.score_table()] == [
        "hard",
        "hard",
        "medium",
        "medium",
        "medium",
        "easy",
    ]


@given(st.lists(st.floats(0, 1e6), min_size=6, max_size=6))
def test_any_weights_give_scores_that_have_a_level(weights: list[float]) -> None:
    """Sums in another order differ in the last digit: the largest score is still a score."""
    analyzer = ModalityCharacteristics(weights=dict(zip(WEIGHTS, weights, strict=True)))
    for row in analyzer.score_table():
        assert 0 <= row["score"] <= row["max_score"] * (1 + 1e-12)
        assert row["difficulty_level"] in ("easy", "medium", "hard")


def test_nothing_is_shared() -> None:
    mine = {"a": {"x": "1"}, "b": {"x": "2"}}
    weights = {"x": 2.0}
    analyzer = ModalityCharacteristics(mine, weights)
    mine["a"]["x"], weights["x"] = "2", 9.0
    assert analyzer.compute_alignment_difficulty("a", "b")["score"] == 2
    ModalityCharacteristics().modality_properties["text"]["structure"] = "spatial"
    ModalityCharacteristics().weights["structure"] = 100
    assert MODALITY_PROPERTIES["text"]["structure"] == "sequential"
    assert ModalityCharacteristics().compute_alignment_difficulty("text", "image")["score"] == 13


def test_a_table_can_be_changed_in_place_as_in_the_article() -> None:
    analyzer = ModalityCharacteristics()
    analyzer.modality_properties["caption"] = {**MODALITY_PROPERTIES["text"], "structure": "list"}
    assert analyzer.compute_alignment_difficulty("text", "caption")["score"] == 3


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            ("txt", "image"),
            "unknown modality 'txt', did you mean 'text'.*image, audio, video",
        ),
        (("image", "Video"), "unknown modality 'Video', did you mean 'video'"),
        (("smell", "smell"), "unknown modality 'smell'.*known: text"),
        (("text", None), "unknown modality None"),
        (([], "text"), r"unknown modality \[\]"),
    ],
)
def test_an_unknown_modality_is_named(pair: tuple[Any, Any], message: str) -> None:
    analyzer = ModalityCharacteristics()
    for ask in (analyzer.analyze_modality_gap, analyzer.compute_alignment_difficulty):
        with pytest.raises(ValueError, match=message):
            ask(*pair)
    with pytest.raises(ValueError, match=message):
        analyzer.score_table([pair])


@pytest.mark.parametrize("score", [-1, 13.5, math.nan, math.inf, -math.inf, "3", None, True])
def test_a_score_that_cannot_be_is_refused(score: Any) -> None:
    with pytest.raises(ValueError, match="must be a number from 0 to 13"):
        ModalityCharacteristics().categorize_difficulty(score)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"properties": {}}, "properties is empty"),
        ({"properties": {"a": {}}}, "properties of 'a' are {}"),
        ({"properties": {"a": "dense"}}, "properties of 'a' are 'dense'"),
        ({"properties": {"a": {"structure": 3}}}, "3 in the properties of 'a' must be a text"),
        ({"properties": {"a": {"structure": " "}}}, "' ' in the properties of 'a'"),
        ({"properties": {"": {"structure": "x"}}}, "'' in the properties of ''"),
        ({"weights": {"struct": 1}}, "'struct', did you mean 'structure'"),
        ({"weights": {"structure": -1}}, "weight -1 of 'structure'"),
        ({"weights": {"structure": math.nan}}, "weight nan of 'structure'"),
        ({"weights": {"structure": math.inf}}, "weight inf of 'structure'"),
        ({"weights": {"structure": "3"}}, "weight '3' of 'structure'"),
        ({"thresholds": (7, 3)}, r"thresholds \(7, 3\)"),
        ({"thresholds": (3,)}, r"thresholds \(3,\)"),
        ({"thresholds": (-1, 3)}, r"thresholds \(-1, 3\)"),
        ({"thresholds": (3, math.nan)}, "thresholds"),
        ({"thresholds": "37"}, "thresholds '37'"),
    ],
)
def test_bad_values_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModalityCharacteristics(**options)


@pytest.mark.parametrize("pairs", [["ab"], [("text",)], [("text", "image", "audio")]])
def test_what_is_no_pair_is_named(pairs: Any) -> None:
    with pytest.raises(ValueError, match="is no pair"):
        ModalityCharacteristics().score_table(pairs)
