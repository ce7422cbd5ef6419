"""Fine and coarse captions: what they say, what training sees, and that scores can reach 100."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.icons import Icons
from mmlib.gaps.details import GROUNDS, OBJECTS, TINTS, alternatives
from mmlib.gaps.granularity import (
    CHANCE,
    DETAILS,
    RECIPES,
    GranularityRecipe,
    GranularityTask,
    examples,
    run_granularity,
    score_captions,
    score_probes,
    train_granularity,
)
from mmlib.pair_lab import PairBudget
from mmlib.runtime import make_generator
from tests.gaps.oracles import Oracle

QUICK = GranularityRecipe(rounds=1, probe_pictures=240, batch_size=48)


@pytest.fixture(scope="module")
def task(icons: Icons) -> GranularityTask:
    return GranularityTask(icons)


def test_the_splits_share_every_word_and_no_combination(task: GranularityTask) -> None:
    seen, unseen = task.combinations("seen"), task.combinations("unseen")
    assert len(seen) == 16 * 5 * 6 and len(unseen) == 16 * 6
    pairs = [{tuple(row[:2].tolist()) for row in part} for part in (seen, unseen)]
    assert not pairs[0] & pairs[1] and len(pairs[0] | pairs[1]) == 16 * 6
    for column, size in enumerate(task.sizes):
        for part in (seen, unseen):
            assert set(part[:, column].tolist()) == set(range(size))


def test_training_draws_every_seen_combination_alike(task: GranularityTask) -> None:
    facts = task.draw_facts(4800, make_generator(0))
    counts = Counter(map(tuple, facts.tolist()))
    assert set(counts) == set(map(tuple, task.combinations("seen").tolist()))
    assert max(counts.values()) < 30 and min(counts.values()) >= 1  # 10 each


def test_captions_say_what_the_facts_are(task: GranularityTask) -> None:
    facts = torch.tensor([[0, 1, 2], [3, 0, 4]])
    assert task.captions(facts, "coarse") == ["dog", "elephant"]
    assert task.captions(facts, "fine") == ["blue dog on grass", "red elephant on stone"]
    for level in ("coarse", "fine"):
        words = task.words.encode(task.captions(facts, level))
        assert torch.equal(task.tokens(facts, level), words)
    names = set(OBJECTS) & set(TINTS) | set(TINTS) & set(GROUNDS) | set(OBJECTS) & set(GROUNDS)
    assert not names  # a bag of words cannot mix up the colour with the ground


def test_pictures_show_what_the_facts_are(task: GranularityTask) -> None:
    facts = task.combinations("seen")
    images = task.paint(facts, make_generator(0))
    assert images.shape == (480, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    grounds = torch.tensor(list(GROUNDS.values()))
    flat = images.flatten(2)  # (N, 3, 1024)
    near = (flat.mT[:, :, None] - grounds[facts[:, 2]][:, None, None]).abs().amax(-1)[..., 0]
    assert ((near < 0.05).float().mean(dim=1) > 0.3).all()  # most of a picture is its ground
    ink = (near > 0.15).float()[:, None]  # (N, 1, 1024)
    colour = (flat * ink).sum(-1) / ink.sum(-1)  # (N, 3), the mean of the object
    tints = task._tints
    found = torch.cdist(F.normalize(colour, dim=1), F.normalize(tints, dim=1)).argmin(dim=1)
    assert (found == facts[:, 1]).float().mean() > 0.9


def test_place_and_size_do_not_depend_on_the_facts(task: GranularityTask) -> None:
    """The same random numbers give the same box, whatever is drawn in it."""
    one = task.paint(torch.tensor([[0, 1, 0]]).repeat(20, 1), make_generator(3))
    two = task.paint(torch.tensor([[0, 4, 0]]).repeat(20, 1), make_generator(3))
    assert torch.equal((one - two).abs().amax(1) > 0.02, (two - one).abs().amax(1) > 0.02)
    ground = one[:, :, :1, :1]
    mask = [((part - ground).abs().amax(1) > 0.1) for part in (one, two)]
    overlap = (mask[0] & mask[1]).sum() / (mask[0] | mask[1]).sum()
    assert overlap > 0.9 and not torch.equal(one, two)


def test_equal_captions_form_a_group_and_others_do_not(task: GranularityTask) -> None:
    for share in (0.0, 0.5, 1.0):
        _, tokens, groups = task.batch(200, share, False, make_generator(1))
        same_words = (tokens[:, None] == tokens[None]).all(-1)
        assert torch.equal(same_words, groups[:, None] == groups[None])
        fine = (tokens != 0).sum(dim=1) > 1
        assert abs(fine.float().mean().item() - share) < 0.1
    with pytest.raises(ValueError, match="level=.medium. is unknown"):
        task.tokens(torch.tensor([0, 0, 0]), "medium")


def test_shuffling_deals_the_same_captions_to_other_pictures(task: GranularityTask) -> None:
    plain = task.batch(96, 1.0, False, make_generator(2))
    mixed = task.batch(96, 1.0, True, make_generator(2))
    assert torch.equal(plain[0], mixed[0])
    assert sorted(plain[2].tolist()) == sorted(mixed[2].tolist())
    assert (plain[2] == mixed[2]).float().mean() < 0.1


def test_alternatives_differ_in_one_detail(task: GranularityTask) -> None:
    facts = task.combinations("seen")
    for column, detail in enumerate(DETAILS):
        candidates = alternatives(task, facts, detail, make_generator(0))  # (N, 6, 3)
        assert torch.equal(candidates[:, 0], facts)
        changed = candidates != facts[:, None]
        assert changed[:, 1:, column].all() and changed.sum() == changed[:, :, column].sum()
        assert all(len(set(row)) == 6 for row in candidates[:50, :, column].tolist())
    with pytest.raises(ValueError, match="detail=.shape. is unknown"):
        alternatives(task, facts, "shape", make_generator(0))


def test_examples_are_pictures_with_both_captions(task: GranularityTask) -> None:
    images, coarse, fine = examples(task, 5, seed=0)
    assert images.shape == (5, 3, 32, 32)
    assert all(short in long.split() for short, long in zip(coarse, fine, strict=True))
    assert torch.equal(images, examples(task, 5, seed=0)[0])
    assert not torch.equal(images, examples(task, 5, seed=1)[0])


class Planted(GranularityTask):
    """Pictures whose first pixel is their facts."""

    def paint(self, facts: Tensor, generator: torch.Generator) -> Tensor:
        images = torch.zeros(len(facts), 3, 8, 8)
        images[:, :, 0, 0] = facts / 16
        return images


def planted_oracle(task: GranularityTask) -> Oracle:
    columns = [
        (word, i) for part in (OBJECTS, TINTS, tuple(GROUNDS)) for i, word in enumerate(part)
    ]
    rows = torch.zeros(len(task.words), len(columns))
    for column, (word, _) in enumerate(columns):
        rows[task.words.words.index(word) + 1, column] = 1

    def image(pictures: Tensor) -> Tensor:
        facts = (pictures[:, :, 0, 0] * 16).round().long()
        parts = [F.one_hot(facts[:, i], size) for i, size in enumerate(task.sizes)]
        return torch.cat(parts, dim=1).float()

    return Oracle(image, lambda ids: rows[ids].sum(dim=1))


def test_an_oracle_reaches_100_everywhere(icons: Icons) -> None:
    task = Planted(icons)
    oracle: Any = planted_oracle(task)
    captions = score_captions(task, oracle, QUICK, 0)
    assert set(captions.values()) == {100.0} and len(captions) == 10
    probes = score_probes(task, oracle, QUICK, 0)
    assert set(probes.values()) == {100.0} and len(probes) == 6


def test_a_model_that_sees_nothing_scores_chance_exactly(icons: Icons) -> None:
    task = Planted(icons)
    blind: Any = Oracle(lambda x: torch.ones(len(x), 2), lambda ids: torch.ones(len(ids), 2))
    scores = score_captions(task, blind, QUICK, 0) | score_probes(task, blind, QUICK, 0)
    for name, value in scores.items():
        assert value == pytest.approx(
            CHANCE, abs=2.5 if "probe" in name or "feat" in name else 0.01
        )


def test_a_short_training_learns_what_its_captions_say(task: GranularityTask) -> None:
    budget = PairBudget(steps=50, learning_rate=4e-3)
    coarse = run_granularity(task, QUICK.but(fine_share=0.0, budget=budget), 100)
    fine = run_granularity(task, QUICK.but(budget=budget), 100)
    assert coarse["coarse"] > 50 and coarse["fine"] < 30
    assert fine["fine"] > 80 and fine["fine_unseen"] > 80
    assert fine["probe_colour"] > coarse["probe_colour"] + 5


def test_a_seed_is_a_result(task: GranularityTask) -> None:
    recipe = QUICK.but(batch_size=8, budget=PairBudget(steps=2))
    first = run_granularity(task, recipe, 7)
    assert first == run_granularity(task, recipe, 7)
    assert first != run_granularity(task, recipe, 8)
    assert all(0 <= value <= 100 for value in first.values())


def test_no_steps_leave_the_model_as_it_was_drawn(task: GranularityTask) -> None:
    untrained = train_granularity(task, RECIPES["untrained"], 0)
    other = train_granularity(task, RECIPES["untrained"].but(fine_share=0.0), 0)
    for a, b in zip(untrained.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fine_share": 1.5}, r"fine_share is a probability in \[0, 1\], got 1.5"),
        ({"fine_share": float("nan")}, "fine_share is a probability"),
        ({"batch_size": 1}, "batch_size=1: nothing to contrast"),
        ({"rounds": 0}, "rounds=0 must be above 0"),
        ({"probe_pictures": 0}, "probe_pictures=0 must be above 0"),
    ],
)
def test_bad_recipes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GranularityRecipe(**change)


def test_bad_tasks_are_named(icons: Icons, task: GranularityTask) -> None:
    with pytest.raises(ValueError, match="5 objects"):
        GranularityTask(icons, OBJECTS[:5])
    with pytest.raises(ValueError, match="hot dog"):
        GranularityTask(icons, (*OBJECTS, "hot dog"))
    with pytest.raises(ValueError, match="image_size=0"):
        GranularityTask(icons, image_size=0)
    with pytest.raises(ValueError, match="split=.test. is unknown"):
        task.combinations("test")
    with pytest.raises(ValueError, match="n=0"):
        task.draw_facts(0, make_generator(0))
