"""The errata page's group on modalities and levels: each fault shown, then gone here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import pytest

from mmlib import ModalityCharacteristics, SemanticAlignmentChallenges
from mmlib.modality import MISSING, MODALITY_PROPERTIES, WEIGHTS, Properties
from mmlib.semantics import DIFFICULTIES

Table = Mapping[str, Properties]
PAIRS = list(combinations(MODALITY_PROPERTIES, 2))


def printed_gap(table: Table, first: str, second: str) -> list[str]:
    """The article's loop: over the first modality's properties, looked up in the second."""
    return [name for name in table[first] if table[first][name] != table[second][name]]


def printed_score(table: Table, first: str, second: str) -> int:
    """Its sum: a property without a weight counts 1."""
    return sum(int(WEIGHTS.get(name, 1)) for name in printed_gap(table, first, second))


def printed_level(score: float) -> str:
    """Its two comparisons."""
    return "easy" if score <= 3 else "medium" if score <= 7 else "hard"


def with_property(name: str) -> dict[str, Properties]:
    """The article's table with one property more, different for each modality."""
    return {key: {**of_one, name: key} for key, of_one in MODALITY_PROPERTIES.items()}


def test_both_give_the_article_s_examples() -> None:
    analyzer = ModalityCharacteristics()
    for pair, score in ((("text", "image"), 13), (("image", "video"), 10)):
        assert printed_score(MODALITY_PROPERTIES, *pair) == score
        assert analyzer.compute_alignment_difficulty(*pair)["score"] == score


@pytest.mark.parametrize("name", ["depth", "Text"])
def test_an_unknown_modality_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        printed_gap(MODALITY_PROPERTIES, name, "image")
    with pytest.raises(ValueError, match=f"unknown modality '{name}'.*known: text, image"):
        ModalityCharacteristics().analyze_modality_gap(name, "image")


def test_the_order_of_two_modalities_does_not_matter() -> None:
    table = {**MODALITY_PROPERTIES, "depth": {"structure": "spatial"}}
    assert printed_score(table, "depth", "image") == 0
    with pytest.raises(KeyError, match="data_type"):
        printed_score(table, "image", "depth")
    analyzer = ModalityCharacteristics(table)
    for pair in (("depth", "image"), ("image", "depth")):
        found = analyzer.compute_alignment_difficulty(*pair)
        assert (found["score"], found["difficulty_level"]) == (10, "hard")
    gap = analyzer.analyze_modality_gap("depth", "image")
    assert gap["data_type"] == {"depth": MISSING, "image": "continuous_pixels"}


def test_one_property_more_is_seen_from_both_sides() -> None:
    table = {**MODALITY_PROPERTIES, "image": {**MODALITY_PROPERTIES["image"], "unit": "level"}}
    assert "unit" not in printed_gap(table, "text", "image")
    with pytest.raises(KeyError, match="unit"):
        printed_gap(table, "image", "text")
    analyzer = ModalityCharacteristics(table)
    for pair in (("text", "image"), ("image", "text")):
        assert "unit" in analyzer.analyze_modality_gap(*pair)


def test_the_score_stays_below_its_maximum() -> None:
    table = with_property("unit")
    assert printed_score(table, "text", "image") == 14 > sum(WEIGHTS.values()) == 13
    found = ModalityCharacteristics(table).compute_alignment_difficulty("text", "image")
    assert found["score"] == found["max_score"] == 14


@pytest.mark.parametrize(
    ("score", "printed"), [(-5, "easy"), (99, "hard"), (math.inf, "hard"), (math.nan, "hard")]
)
def test_a_score_that_cannot_be_has_no_level(score: float, printed: str) -> None:
    assert printed_level(score) == printed
    with pytest.raises(ValueError, match="must be a number from 0 to 13"):
        ModalityCharacteristics().categorize_difficulty(score)


def test_all_six_pairs_have_one_level() -> None:
    scores = sorted(printed_score(MODALITY_PROPERTIES, *pair) for pair in PAIRS)
    assert scores == [9, 10, 11, 11, 13, 13]
    assert {printed_level(score) for score in scores} == {"hard"}
    rows = ModalityCharacteristics().score_table()
    assert sorted(row["score"] for row in rows) == scores
    for name in ("data_type", "structure"):
        assert len({of_one[name] for of_one in MODALITY_PROPERTIES.values()}) == 4
    assert WEIGHTS["data_type"] + WEIGHTS["structure"] == 6
    # "medium" leaves one point, and one weight is that small
    assert [name for name, weight in WEIGHTS.items() if weight <= 7 - 6] == ["semantic_density"]
    moved = ModalityCharacteristics(thresholds=(9, 11)).score_table()
    assert [row["difficulty_level"] for row in moved] == ["hard"] * 2 + ["medium"] * 3 + ["easy"]


def test_a_synonym_costs_as_much_as_an_opposite() -> None:
    table = {**MODALITY_PROPERTIES, "text": {**MODALITY_PROPERTIES["text"]}}
    assert "dimensionality" not in printed_gap(table, "text", "audio")
    before = printed_score(table, "text", "audio")
    table["text"]["structure"] = "temporal"
    assert (before, printed_score(table, "text", "audio")) == (11, 8)
    ours = [
        ModalityCharacteristics(each).compute_alignment_difficulty("text", "audio")["score"]
        for each in (MODALITY_PROPERTIES, table)
    ]
    assert ours == [11, 8]  # kept: the same count
    assert "opposite" in (ModalityCharacteristics.compute_alignment_difficulty.__doc__ or "")


def test_the_labels_have_an_order_and_a_test() -> None:
    challenges = SemanticAlignmentChallenges()
    ranks = [challenges.difficulty_rank(level) for level in challenges.alignment_types]
    assert ranks == [1, 2, 2, 3, 4]
    of_scores = {ModalityCharacteristics().categorize_difficulty(score) for score in range(14)}
    assert of_scores == set(DIFFICULTIES[:3])  # one scale for both classes
    for level in challenges.alignment_types.values():
        assert level["difficulty"] in DIFFICULTIES and level["claim"] and level["experiment"]
    challenges.alignment_types.clear()
    challenges.semantic_gap_analysis().clear()
    assert len(challenges.semantic_gap_analysis()) == 4
    assert len(SemanticAlignmentChallenges().alignment_types) == 5
