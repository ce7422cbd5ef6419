"""Dropping parts of a signal: the share that stays, and what must not leak."""

from __future__ import annotations

import math

import pytest
import torch

from mmlib.data.icons import load_icons
from mmlib.data.renditions import Renditions, short_names
from mmlib.drop_lab import (
    DROPPED_BYTE,
    GREY,
    KINDS,
    LabelTable,
    drop,
    recognition,
    share_needed,
    train_recogniser,
)
from mmlib.pair_lab import PairBudget
from mmlib.runtime import make_generator
from mmlib.tokenizer import EOT, SOT, Tokenizer


def shares(value: float, n: int) -> torch.Tensor:
    return torch.full((n,), value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_about_the_share_is_kept(kind: str, share: float) -> None:
    signal = torch.zeros(400, 3, 32, 32)
    kept = drop(signal, shares(share, 400), make_generator(0), kind) != GREY
    assert torch.equal(kept[:, 0], kept[:, 2])  # a cell is a pixel with its channels
    assert abs(float(kept.float().mean()) - share) < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_stays_as_it_is(kind: str) -> None:
    signal = torch.rand(4, 2, 3, 8, 8)
    assert torch.equal(drop(signal, shares(1.0, 4), make_generator(0), kind), signal)


def test_a_cut_is_one_rectangle_at_one_place_in_all_frames() -> None:
    kept = drop(torch.zeros(50, 4, 3, 16, 16), shares(0.25, 50), make_generator(1), "cut") != GREY
    assert torch.equal(kept[:, 0], kept[:, 3])
    rows, columns = kept[:, 0, 0].any(dim=2), kept[:, 0, 0].any(dim=1)  # (50, 16)
    assert (rows.sum(1) == 8).all() and (columns.sum(1) == 8).all()
    assert torch.equal(kept[:, 0, 0], rows[:, :, None] & columns[:, None, :])
    assert len(rows.unique(dim=0)) > 4  # anywhere


def test_scattered_cells_differ_between_frames() -> None:
    kept = drop(torch.zeros(2, 4, 3, 16, 16), shares(0.5, 2), make_generator(1)) != GREY
    assert not torch.equal(kept[:, 0], kept[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_letters_are_dropped_with_the_length_of_the_name(kind: str) -> None:
    tokens = Tokenizer().encode(["cat", "hippopotamus"], 16).repeat(200, 1)
    hidden = drop(tokens, shares(0.25, 400), make_generator(2), kind)
    assert (hidden[:, 0] == SOT).all() and (hidden[:, -1] == EOT).all()
    assert ((hidden[:, 1:-1] == DROPPED_BYTE) | (hidden[:, 1:-1] == tokens[:, 1:-1])).all()
    # Nothing but kept letters differs: fully dropped, both names are the same row.
    assert (hidden[:, 1:-1] > EOT).all()


def test_a_run_of_letters() -> None:
    tokens = Tokenizer().encode(["abcdefg"], 12).repeat(100, 1)  # a space and 7 letters
    hidden = drop(tokens, shares(0.5, 100), make_generator(3), "cut")
    kept = hidden[:, 1:9] == tokens[:, 1:9]
    assert (kept.sum(dim=1) == 4).all()
    starts = kept.int().argmax(dim=1)
    assert set(starts.tolist()) == {0, 1, 2, 3, 4}
    assert all(row[start : start + 4].all() for row, start in zip(kept, starts, strict=True))


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan")])
def test_shares_out_of_range(share: float) -> None:
    with pytest.raises(ValueError, match=r"share must be \(2,\) in \(0, 1\]"):
        drop(torch.zeros(2, 3, 8, 8), shares(share, 2), make_generator(0))


def test_other_shapes_and_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot drop cells"):
        drop(torch.zeros(2, 8), shares(0.5, 2), make_generator(0))
    with pytest.raises(ValueError, match="kind"):
        drop(torch.zeros(2, 3, 8, 8), shares(0.5, 2), make_generator(0), "half")


def test_share_needed_is_linear_in_the_logarithm() -> None:
    assert share_needed([80.0, 60.0, 20.0], [1.0, 0.5, 0.25]) == pytest.approx(0.5 * math.sqrt(0.5))
    assert share_needed([80.0, 40.0, 20.0], [1.0, 0.5, 0.25]) == pytest.approx(0.5)
    assert share_needed([80.0, 60.0, 50.0], [1.0, 0.5, 0.25]) == 0.25


@pytest.mark.parametrize(
    ("accuracies", "falling"),
    [
        ([1.0], [1.0, 0.5]),
        ([1.0, 2.0], [0.5, 1.0]),
        ([0.0], [1.0]),
        ([math.nan], [1.0]),
        ([1.0, math.nan], [1.0, 0.5]),
        ([1.0, 0.0], [1.0, 0.0]),
    ],
)
def test_share_needed_refuses(accuracies: list[float], falling: list[float]) -> None:
    with pytest.raises(ValueError):
        share_needed(accuracies, falling)


def test_label_table_has_one_row_a_label() -> None:
    table = LabelTable(3, 4, make_generator(0))
    assert torch.equal(table(torch.tensor([2, 0])), table.table[[2, 0]])
    assert torch.equal(table(torch.tensor([[1]])), table.table[[1]])


def test_a_recogniser_learns_and_fails_when_all_is_dropped() -> None:
    icons = load_icons(32)
    rows = short_names(icons)[::90]
    world = Renditions(icons.subset(rows), audio=False)
    budget = PairBudget(40, learning_rate=4e-3)
    model = train_recogniser(world, "text", budget, 0, batch_size=32)
    whole, one_letter = recognition(model, world, "text", 0, shares=(1.0, 1 / 256), rounds=8)
    assert whole > 90
    chance = 100 / len(rows)
    assert chance / 4 < one_letter < 4 * chance + 10  # scattered: hardly a letter is left
    again = train_recogniser(world, "text", budget, 0, batch_size=32)
    assert recognition(again, world, "text", 0, shares=(1.0, 1 / 256), rounds=8) == [
        whole, one_letter,
    ]  # fmt: skip
