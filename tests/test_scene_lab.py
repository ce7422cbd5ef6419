"""Scenes with hard negatives: the loss by hand, the batches, and scores near chance."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.icons import Icons, load_icons
from mmlib.losses import multi_positive_clip_loss
from mmlib.optim import make_optimizer
from mmlib.scene_lab import (
    SceneRecipe,
    SceneTraining,
    hard_negative_loss,
    score_scenes,
    train_scenes,
)
from tests.helpers import FixedPairs, small_clip

RECIPE = SceneRecipe(
    kinds=("relation",), negatives=("order",), pooling="grid", steps=3, batch_size=8
)


@pytest.fixture(scope="module")
def icons() -> Icons:
    return load_icons(size=32)


def unit(rows: int, columns: int, seed: int) -> torch.Tensor:
    x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(x, dim=-1)


def test_far_away_negatives_change_nothing_and_near_ones_raise_the_loss() -> None:
    image, text, groups = unit(5, 8, 0), unit(5, 8, 1), torch.arange(5)
    plain = multi_positive_clip_loss(image, text, 10.0, groups)
    other = torch.arange(5) + 100
    near = hard_negative_loss(image, text, image, 10.0, groups, other)
    assert near > plain + 0.5
    wide = torch.cat([image, torch.zeros(5, 1)], 1), torch.cat([text, torch.zeros(5, 1)], 1)
    away = -torch.cat([image.mean(0), torch.ones(1) * 50])[None]
    far = hard_negative_loss(*wide, away, 100.0, groups, torch.tensor([100]))
    assert torch.allclose(far, multi_positive_clip_loss(*wide, 100.0, groups), atol=1e-5)


def test_a_negative_that_is_true_of_another_picture_counts_as_its_match() -> None:
    image, text, groups = unit(4, 8, 0), unit(4, 8, 1), torch.arange(4)
    false, true = torch.tensor([100]), torch.tensor([2])
    as_false = hard_negative_loss(image, text, image[2:3], 10.0, groups, false)
    as_true = hard_negative_loss(image, text, image[2:3], 10.0, groups, true)
    assert as_true < as_false


def test_training_runs_and_scores_are_percentages_near_chance(icons: Icons) -> None:
    run = train_scenes(icons, RECIPE, 0)
    scores = score_scenes(run, "relation", n=128)
    assert set(scores) == {"order", "relation", "object"}
    assert all(20 < value < 80 for value in scores.values())
    again = train_scenes(icons, RECIPE, 0)
    assert [r["loss"] for r in run.history] == [r["loss"] for r in again.history]


def test_negatives_enter_the_training_loss(icons: Icons) -> None:
    with_them = train_scenes(icons, RECIPE, 0).history[0]["loss"]
    without = train_scenes(icons, RECIPE.but(negatives=()), 0).history[0]["loss"]
    assert with_them > without + 0.1


def test_false_captions_of_one_batch_do_not_reach_the_next() -> None:
    model = small_clip()
    trainer = SceneTraining(model, make_optimizer(model, 1e-12))
    batch = next(FixedPairs(8, 8))
    extra = {"negative_tokens": batch["text_tokens"], "negative_groups": torch.arange(8) + 100}
    first, hard, again = (trainer.train_step(b)["loss"] for b in (batch, batch | extra, batch))
    assert hard > first + 0.1 and again == pytest.approx(first, abs=1e-5)
    del batch["groups"]
    with pytest.raises(ValueError, match="'negative_tokens' needs 'groups'"):
        trainer.train_step(batch | extra)


def test_scoring_restores_the_mode(icons: Icons) -> None:
    run = train_scenes(icons, RECIPE, 0)
    assert not run.model.training
    run.model.train()
    score_scenes(run, "relation", n=16)
    assert all(module.training for module in run.model.modules())


def test_the_shuffled_control_deals_the_same_captions_anew(icons: Icons) -> None:
    shuffled = RECIPE.but(negatives=(), shuffle_captions=True)
    plain, control = (
        train_scenes(icons, r, 0).history[0]["loss"]
        for r in (shuffled.but(shuffle_captions=False), shuffled)
    )
    assert plain != control
    with pytest.raises(ValueError, match="exclude each other"):
        RECIPE.but(shuffle_captions=True)


def test_no_steps_give_an_untrained_model_and_fewer_are_refused(icons: Icons) -> None:
    untrained = train_scenes(icons, RECIPE.but(steps=0), 0)
    assert untrained.history == []
    assert set(score_scenes(untrained, "relation", n=32)) == {"order", "relation", "object"}
    with pytest.raises(ValueError, match="steps must be at least 1"):
        train_scenes(icons, RECIPE.but(steps=-1), 0)
