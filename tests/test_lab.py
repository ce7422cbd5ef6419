"""Experiments on icons: what is held out is held out, and what is compared differs in one thing."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.icons import STYLES, Icons, load_icons
from mmlib.lab import (
    IconTask,
    Recipe,
    build_model,
    name_embeddings,
    picture_embeddings,
    sweep,
    train_icons,
)

RECIPE = Recipe(
    image_options=(("stem", 8), ("widths", (16, 32)), ("pooling", "grid")),
    text_width=32, embed_dim=32, steps=60, batch_size=32, pooling="mean",
)  # fmt: skip


@pytest.fixture(scope="module")
def icons() -> Icons:
    every = load_icons(size=32)
    return every.subset(every.where(concrete=True, max_words=2, styles=STYLES)[::14])


@pytest.fixture(scope="module")
def task(icons: Icons) -> IconTask:
    return IconTask(icons, STYLES[:3], STYLES[3:], templates=("{}",), context_length=10)


def test_training_names_seen_concepts_and_the_shuffled_control_does_not(task: IconTask) -> None:
    result = sweep(task, {"own": RECIPE, "control": RECIPE.but(shuffle_captions=True)}, (0, 1))
    chance = 100 / len(task.seen)
    assert min(result.values("own", "seen")) > 10 * chance
    assert max(result.values("control", "seen")) < 5 * chance
    _, losses = result.history("control", "loss")
    assert all(curve[-1] > 0.9 * torch.tensor(32.0).log() for curve in losses)


def test_seen_and_unseen_do_not_meet(task: IconTask) -> None:
    seen = {task.icons.concepts[i].twin_group for i in task.seen.tolist()}
    unseen = {task.icons.concepts[i].twin_group for i in task.unseen.tolist()}
    assert seen and unseen and not seen & unseen
    assert len(task.seen_icons) == len(task.seen)


def test_the_same_seed_is_bit_equal_and_another_is_not(task: IconTask) -> None:
    short = RECIPE.but(steps=3)
    first, second, other = (train_icons(task, short, seed) for seed in (5, 5, 6))
    one, two, three = (run.model.state_dict() for run in (first, second, other))
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert any(not torch.equal(one[k], three[k]) for k in one)
    assert first.scores == second.scores


def test_scores_cover_every_part(task: IconTask) -> None:
    scores = train_icons(task, RECIPE.but(steps=2), 0).scores
    assert set(scores) == {"seen", "seen_varied", "unseen", "style", "unseen_style"}
    assert all(0 <= value <= 100 for value in scores.values())


def test_a_trained_model_is_in_eval_mode_and_looking_changes_nothing(task: IconTask) -> None:
    model = train_icons(task, RECIPE.but(steps=2), 0).model
    assert not any(module.training for module in model.modules())
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names = name_embeddings(task, RECIPE, model)
    pictures = picture_embeddings(model, task.pictures("openmoji", task.seen), batch_size=4)
    assert names.shape == (len(task.icons), 32) and pictures.shape == (len(task.seen), 32)
    assert not names.requires_grad and not pictures.requires_grad
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_frozen_features_are_used_and_asked_for(task: IconTask, icons: Icons) -> None:
    with pytest.raises(ValueError, match="no frozen text features"):
        build_model(task, RECIPE.but(text="frozen"), 0)
    made = torch.randn(len(icons), 8, generator=torch.Generator().manual_seed(0))
    frozen = IconTask(icons, STYLES[:1], features=lambda texts: made, templates=("{}",))
    recipe = RECIPE.but(text="frozen", steps=2)
    run = train_icons(frozen, recipe, 0)
    assert torch.equal(run.model.text_encoder.features, made)
    assert name_embeddings(frozen, recipe, run.model).shape == (len(icons), 32)


def test_a_sweep_takes_over_known_runs_of_the_same_seeds(task: IconTask) -> None:
    short = RECIPE.but(steps=2)
    base = sweep(task, {"base": short}, (0,))
    both = sweep(task, {"other": short.but(temperature=0.5)}, (0,), known=base)
    assert list(both.runs) == ["base", "other"]
    assert both.runs["base"][0] is base.runs["base"][0]
    with pytest.raises(ValueError, match="known runs have seeds"):
        sweep(task, {}, (1,), known=base)


def test_wrong_recipes_are_named(icons: Icons) -> None:
    for change in ({"encoder": "mlp"}, {"text": "bert"}, {"warmup": 1.0}):
        with pytest.raises(ValueError, match="must be|fraction"):
            RECIPE.but(**change)
    with pytest.raises(TypeError, match="learning_rte"):
        RECIPE.but(learning_rte=1e-3)
    with pytest.raises(ValueError, match="both trained and held out"):
        IconTask(icons, STYLES, STYLES[3:])


def test_a_fixed_temperature_stays(task: IconTask) -> None:
    run = train_icons(task, RECIPE.but(steps=4, temperature=0.1, learn_temperature=False), 0)
    assert run.history[-1]["temperature"] == pytest.approx(0.1)
