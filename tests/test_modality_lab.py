"""Aligning two modalities: splits, encoders, seeds, and a pair that can be learnt."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.icons import load_icons
from mmlib.data.renditions import MODALITIES, Renditions, short_names
from mmlib.modality_lab import (
    PAIRS,
    FrameMean,
    Split,
    align,
    build_encoder,
    embed_test,
    pair_scores,
)
from mmlib.pair_lab import PairBudget
from mmlib.runtime import make_generator


@pytest.fixture(scope="module")
def world() -> Renditions:
    icons = load_icons(32)
    return Renditions(icons.subset(short_names(icons)[::29]))


def test_six_pairs() -> None:
    assert len(PAIRS) == 6 and len({frozenset(pair) for pair in PAIRS}) == 6


def test_split_is_a_partition_that_the_seed_decides() -> None:
    split = Split.of(20, 6, 0)
    assert len(split.unseen) == 6
    assert torch.cat([split.seen, split.unseen]).sort().values.equal(torch.arange(20))
    assert split.unseen.equal(Split.of(20, 6, 0).unseen)
    assert not split.unseen.equal(Split.of(20, 6, 1).unseen)
    with pytest.raises(ValueError, match="leave 2 on each side"):
        Split.of(20, 19, 0)


@pytest.mark.parametrize("modality", MODALITIES)
def test_encoders_read_their_modality(world: Renditions, modality: str) -> None:
    encoder = build_encoder(modality, world, make_generator(0)).eval()
    drawn = world.draw(modality, torch.arange(4), make_generator(1))
    assert encoder(drawn).shape == (4, encoder.feature_dim)


def test_frame_mean_does_not_see_the_order(world: Renditions) -> None:
    encoder = build_encoder("video", world, make_generator(0)).eval()
    assert isinstance(encoder, FrameMean)
    clip = world.draw("video", torch.arange(4), make_generator(1))
    assert torch.allclose(encoder(clip), encoder(clip.flip(1)), atol=1e-6)


def test_an_unknown_modality_is_refused(world: Renditions) -> None:
    with pytest.raises(ValueError, match="modality"):
        build_encoder("smell", world, make_generator(0))


def test_text_and_sound_align_and_the_seed_repeats(world: Renditions) -> None:
    pair, split = ("text", "audio"), Split.of(len(world.names), 8, 0)
    budget = PairBudget(30, learning_rate=4e-3)
    models = [align(world, pair, split, budget, 0, batch_size=16) for _ in range(2)]
    first, second = (pair_scores(m, world, pair, split, 0, candidates=8) for m in models)
    assert first == second
    untrained = align(world, pair, split, budget.but(steps=0), 0)
    before = pair_scores(untrained, world, pair, split, 0, candidates=8)
    assert first["seen"] > before["seen"] + 30  # chance is 12.5 %


def test_scores_need_enough_concepts(world: Renditions) -> None:
    split = Split.of(len(world.names), 8, 0)
    model = align(world, ("text", "image"), split, PairBudget(0), 0)
    with pytest.raises(ValueError, match="8 unseen concepts are fewer than candidates=9"):
        pair_scores(model, world, ("text", "image"), split, 0, candidates=9)
    first, second = embed_test(model, world, ("text", "image"), split.unseen, 0)
    assert first.shape == second.shape == (8, 64)
