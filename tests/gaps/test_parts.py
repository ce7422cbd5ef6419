"""Words in a bag, and multiple choice where ties are blind guesses."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.icons import Icons
from mmlib.gaps.parts import WordBag, Words, choose, credit, drawings_of, others, percent
from mmlib.runtime import make_generator


def test_words_have_numbers_and_zero_is_padding() -> None:
    words = Words(["red dog", "cat"])
    assert words.words == ["cat", "dog", "red"] and len(words) == 4 and words.length == 2
    assert words.encode(["dog red", "cat"]).tolist() == [[2, 3], [1, 0]]


@pytest.mark.parametrize("caption", ["", "blue dog", "dog dog dog"])
def test_a_caption_that_does_not_fit_is_named(caption: str) -> None:
    with pytest.raises(ValueError, match="is not usable"):
        Words(["red dog"]).encode([caption])


def test_no_words_are_refused() -> None:
    with pytest.raises(ValueError, match="hold no word"):
        Words([" "])


def test_a_bag_ignores_order_and_padding() -> None:
    bag = WordBag(5, 8, generator=make_generator(0))
    rows = bag(torch.tensor([[1, 2, 0], [2, 1, 0], [1, 2, 3]]))
    assert torch.allclose(rows[0], rows[1], atol=1e-6)
    assert torch.allclose(rows[0], bag(torch.tensor([[1, 2]]))[0], atol=1e-6)
    assert not torch.allclose(rows[0], rows[2], atol=1e-2)
    again = WordBag(5, 8, generator=make_generator(0))
    assert torch.equal(rows, again(torch.tensor([[1, 2, 0], [2, 1, 0], [1, 2, 3]])))


def test_the_hidden_layer_makes_words_change_each_other() -> None:
    """In a plain bag f(a c) + f(b d) = f(a d) + f(b c): "my left" could not mean "your right"."""
    bag = WordBag(5, 8, generator=make_generator(0))
    ac, bd, ad, bc = bag(torch.tensor([[1, 3], [2, 4], [1, 4], [2, 3]]))
    assert (ac + bd - ad - bc).abs().max() > 0.01


def test_equal_candidates_score_chance_and_the_first_one_is_right() -> None:
    image = torch.eye(3)[:2]  # (2, 3)
    assert choose(image, torch.ones(2, 4, 3)).tolist() == [0.25, 0.25]
    text = torch.eye(3).repeat(2, 1, 1)  # (2, 3, 3)
    assert choose(image, text).tolist() == [1.0, 0.0]
    assert credit(torch.tensor([[2.0, 2.0, 1.0]])).tolist() == [0.5]
    assert percent(torch.tensor([1.0, 0.5])) == 75.0


def test_other_classes_differ_and_are_equally_likely() -> None:
    label = torch.arange(6).repeat(500)
    drawn = others(label, 6, 4, make_generator(0))
    assert torch.equal(drawn[:, 0], label)
    assert all(len(set(row)) == 4 for row in drawn[:200].tolist())
    share = torch.bincount(drawn[label == 0, 1:].flatten(), minlength=6) / 1500
    assert share[0] == 0 and share[1:].sub(0.2).abs().max() < 0.05
    everything = others(label, 6, 6, make_generator(0)).sort(dim=1).values
    assert torch.equal(everything, torch.arange(6).expand(3000, 6))


@pytest.mark.parametrize("k", [1, 7])
def test_too_few_or_too_many_candidates_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"{k} candidates out of 6"):
        others(torch.tensor([0]), 6, k, make_generator(0))


def test_drawings_are_checked(icons: Icons) -> None:
    assert drawings_of(icons, ["dog", "cat"], ["twemoji"]).shape == (1, 2, 32, 4, 32)
    for names in (["dog"], ["dog", "dog"]):
        with pytest.raises(ValueError, match="2 or more different names"):
            drawings_of(icons, names, ["twemoji"])
    with pytest.raises(ValueError, match="dragonfly-cat"):
        drawings_of(icons, ["dog", "dragonfly-cat"], ["twemoji"])
    with pytest.raises(ValueError, match="styles is empty"):
        drawings_of(icons, ["dog", "cat"], [])
    gap = torch.nonzero(~icons.has)
    style, row = gap[0].tolist()
    with pytest.raises(ValueError, match="has no drawing"):
        drawings_of(icons, ["dog", icons.concepts[row].name], [icons.styles[style]])


def test_nan_is_no_answer() -> None:
    with pytest.raises(ValueError, match="NaN"):
        credit(torch.tensor([[1.0, float("nan"), 0.0]]))
