"""Agreement of languages: known neighbours, known shares, and chance where nothing is shared."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.icons import LANGUAGES, Icons
from mmlib.gaps.languages import (
    FAMILIES,
    SCRIPTS,
    Agreement,
    common_neighbours,
    compare_structures,
    name_rows,
    name_structures,
    name_vectors,
    nearest,
    one_of_each,
    pieces,
    share_word,
)
from mmlib.runtime import make_generator
from mmlib.similarity_structure import mutual_nearest_neighbours


@pytest.fixture(scope="module")
def half(icons: Icons) -> Icons:
    return icons.subset(one_of_each(icons)[::2])


@pytest.fixture(scope="module")
def agreement(half: Icons) -> Agreement:
    return compare_structures(name_structures(half), 0)


def test_one_of_each_twin_group(icons: Icons) -> None:
    groups = [icons.concepts[row].twin_group for row in one_of_each(icons).tolist()]
    assert len(groups) == len(set(groups)) == len({c.twin_group for c in icons.concepts})


def test_pieces_are_words_and_runs() -> None:
    runs = ["^r", "re", "ed", "d$", "^re", "ed$", "red"]
    assert pieces("Red red") == dict.fromkeys(runs, 2)
    assert pieces("猫") == dict.fromkeys(["猫", "^猫", "猫$", "^猫$"], 1)


def test_vectors_know_shared_words_and_give_rare_ones_more_weight() -> None:
    names = ["dog face", "cat face", "dog", "sun face", "moon face", "猫"]
    vectors = name_vectors(names)
    assert vectors[:5].norm(dim=1).tolist() == pytest.approx([1] * 5)
    assert vectors[5].norm() == 0  # shares nothing with any other name
    cosines = vectors @ vectors.T
    assert cosines[0, 2] > cosines[0, 1] > cosines[2, 1]


def test_nearest_is_nearest_and_never_itself() -> None:
    points = torch.randn(50, 6, generator=make_generator(0))
    index, cosine = nearest(points, 4, make_generator(1))
    unit = points / points.norm(dim=1, keepdim=True)
    want = (unit @ unit.T).fill_diagonal_(-2).topk(4, dim=1)
    assert torch.equal(index, want.indices)
    torch.testing.assert_close(cosine, want.values)
    assert not (index == torch.arange(50)[:, None]).any()


def test_names_without_neighbours_agree_by_chance_only() -> None:
    """In the order of the rows all of them would have the same neighbours in every language."""
    empty = {"a": torch.zeros(200, 3), "b": torch.zeros(200, 3)}
    found = compare_structures(empty, 0, k=10)
    assert found.matrix[0, 1] == pytest.approx(found.chance, abs=0.015)


def test_common_neighbours_are_counted() -> None:
    first, second = torch.tensor([[1, 2], [0, 2]]), torch.tensor([[2, 3], [2, 0]])
    assert common_neighbours(first, second).tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="one shape"):
        common_neighbours(first, second[:, :1])


def test_it_is_the_published_measure_where_nothing_ties() -> None:
    generator = make_generator(3)
    x = torch.randn(80, 5, generator=generator)
    y = x + 0.5 * torch.randn(80, 5, generator=generator)
    found = compare_structures({"x": x, "y": y}, 0, k=7)
    assert float(found.matrix[0, 1]) == pytest.approx(mutual_nearest_neighbours(x, y, 7), abs=1e-6)


def test_a_language_agrees_with_itself_and_pairs_are_symmetric(agreement: Agreement) -> None:
    assert agreement.names == LANGUAGES
    assert agreement.matrix.diag().tolist() == [1.0] * 14
    assert torch.equal(agreement.matrix, agreement.matrix.T)


def test_languages_agree_far_above_chance_and_shuffled_names_do_not(agreement: Agreement) -> None:
    pairs = ~torch.eye(14, dtype=torch.bool)
    assert agreement.matrix[pairs].min() > 3 * agreement.chance
    assert agreement.shuffled.mean() == pytest.approx(agreement.chance, rel=0.1)
    assert agreement.shuffled.max() < 2 * agreement.chance


def test_groups_of_languages(agreement: Agreement) -> None:
    assert set(FAMILIES) == set(SCRIPTS) == set(LANGUAGES)
    same, other = agreement.grouped(SCRIPTS)
    latin = [i for i, name in enumerate(LANGUAGES) if SCRIPTS[name] == "Latin"]
    pairs = [agreement.matrix[i, j] for i in latin for j in latin if i < j]
    pairs.append(agreement.matrix[LANGUAGES.index("ar"), LANGUAGES.index("fa")])
    assert same == pytest.approx(float(torch.stack(pairs).mean()), abs=1e-6)
    assert 0 < other < same
    with pytest.raises(ValueError, match="two kinds"):
        agreement.grouped(dict.fromkeys(LANGUAGES, "one"))
    with pytest.raises(ValueError, match="no label"):
        agreement.grouped({"en": "Germanic"})


def test_ranking_is_by_agreement_among_familiar_names(agreement: Agreement) -> None:
    everyone = agreement.ranked(0)
    assert len(everyone) == len(agreement.concepts)
    rows = agreement.ranked()
    assert 10 < len(rows) < len(everyone) / 2
    assert (agreement.concepts[rows].diff() >= 0).all()
    known = (agreement.familiar[:, rows] >= 0.4).float().mean(dim=0)
    assert known.min() >= 0.75


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        ("elephant", "éléphant", True),
        ("red apple", "pomme rouge", False),
        ("guitar", "la guitare", True),
        ("dog", "dog", False),  # three letters are too few to tell
        ("猫", "猫", False),
    ],
)
def test_words_that_look_alike(first: str, second: str, answer: bool) -> None:
    assert share_word(first, second) is share_word(second, first) is answer


def test_rows_for_a_figure(icons: Icons) -> None:
    rows = name_rows(icons, [2], ("en", "zh"))
    assert list(rows[0]) == ["char", "en", "zh", "keywords"]
    assert rows[0]["en"] == icons.names("en")[2]


def test_a_seed_is_a_result(icons: Icons) -> None:
    part = name_structures(icons.subset(range(60)), ("zh", "ja"))
    first, again, other = (compare_structures(part, seed) for seed in (0, 0, 1))
    assert torch.equal(first.matrix, again.matrix) and torch.equal(first.shuffled, again.shuffled)
    assert not torch.equal(first.shuffled, other.shuffled)


def test_bad_calls_are_named(icons: Icons) -> None:
    points = torch.randn(5, 2, generator=make_generator(0))
    with pytest.raises(ValueError, match="2 or more"):
        name_vectors(["dog"])
    for k in (0, 5):
        with pytest.raises(ValueError, match=rf"k={k} must be in \[1, 4\]"):
            nearest(points, k, make_generator(0))
    with pytest.raises(ValueError, match="2 structures or more"):
        compare_structures({"a": points}, 0)
    with pytest.raises(ValueError, match="2 structures or more"):
        compare_structures({"a": points, "b": points[:4]}, 0, k=2)
    with pytest.raises(ValueError, match="unknown language"):
        name_structures(icons, ("tlh",))
