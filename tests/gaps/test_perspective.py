"""Left and right: views that truly move things, tellers that truly swap them, honest bounds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.icons import Icons
from mmlib.gaps.perspective import (
    CHANCE,
    RECIPES,
    VIEWS,
    PerspectiveRecipe,
    PerspectiveTask,
    draw_batch,
    examples,
    look,
    rewrite,
    run_perspective,
    score_told,
    score_views,
    told_by,
    train_perspective,
    view_examples,
)
from mmlib.gaps.views import OBJECTS, PLACES, _turn
from mmlib.pair_lab import PairBudget
from mmlib.runtime import make_generator
from tests.gaps.oracles import Oracle

QUICK = PerspectiveRecipe(rounds=3, batch_size=48)
NUMBERS = torch.arange(4)


@pytest.fixture(scope="module")
def task(icons: Icons) -> PerspectiveTask:
    return PerspectiveTask(icons)


def place_of(images: Tensor) -> Tensor:
    """Where the ink outside the middle is (N,): read from pixels, without a model."""
    pixels = images.shape[-1]
    ink = (images - images[:, :, :1, :1]).abs().amax(dim=1)  # (N, P, P)
    third = round(pixels * 0.3)
    middle = slice(third, pixels - third)
    sums = [
        ink[:, middle, :third], ink[:, middle, -third:],
        ink[:, :third, middle], ink[:, -third:, middle],
    ]  # fmt: skip
    return torch.stack([part.sum(dim=(1, 2)) for part in sums], dim=1).argmax(dim=1)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_moves_things_where_it_says(task: PerspectiveTask, view: str) -> None:
    facts = task.combinations().repeat(4, 1)
    images = task.paint(facts, make_generator(0))
    assert torch.equal(place_of(images), facts[:, 1])
    assert torch.equal(place_of(look(images, view)), rewrite(facts[:, 1], view))


def test_views_are_turns_and_reflections() -> None:
    images = torch.rand(2, 3, 8, 8, generator=make_generator(0))
    assert torch.equal(look(look(images, "mirrored"), "mirrored"), images)
    again, places = images, NUMBERS
    for _ in range(4):
        again, places = look(again, "turned_90"), rewrite(places, "turned_90")
    assert torch.equal(again, images) and torch.equal(places, NUMBERS)
    assert torch.equal(look(look(images, "turned_90"), "turned_270"), images)
    corner = torch.zeros(1, 3, 4, 4)
    corner[..., 0, 0] = 1  # top left goes to top right when turned clockwise
    assert look(corner, "turned_90")[0, 0, 0, 3] == 1
    for bad in (lambda: look(images, "sideways"), lambda: rewrite(NUMBERS, "sideways")):
        with pytest.raises(ValueError, match="view=.sideways. is unknown"):
            bad()


def test_a_mirrored_picture_gets_the_other_word(task: PerspectiveTask) -> None:
    images, unchanged, rewritten = view_examples(task, seed=0)
    assert images.shape == (5, 3, 32, 32) and len(set(unchanged)) == 1
    now = dict(zip(VIEWS, rewritten, strict=True))
    assert now["upright"] == unchanged[0] and unchanged[0].endswith("on the left")
    assert now["mirrored"] == unchanged[0].replace("left", "right") == now["turned_180"]
    assert now["turned_90"].endswith("at the top") and now["turned_270"].endswith("at the bottom")


def test_a_character_swaps_left_and_right_alone() -> None:
    words = told_by(NUMBERS, torch.ones(4, dtype=torch.bool))
    assert words.tolist() == [1, 0, 2, 3]
    assert torch.equal(told_by(NUMBERS, torch.zeros(4, dtype=torch.bool)), NUMBERS)


def test_captions_tell_whose_left(task: PerspectiveTask) -> None:
    images, viewer, character = examples(task, 40, seed=0)
    assert images.shape == (40, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    for ours, theirs in zip(viewer, character, strict=True):
        if "left" in ours or "right" in ours:
            side = "right" if "left" in ours else "left"
            assert theirs == f"{ours.split()[0]} on my {side}"
        else:
            assert theirs == ours and ours.split()[1:3] == ["at", "the"]


def test_groups_are_wordings(task: PerspectiveTask) -> None:
    names, words, owners = torch.cartesian_prod(torch.arange(8), NUMBERS, torch.arange(3)).unbind(1)
    captions = task.captions(names, words, owners)
    numbers = task.numbers(names, words, owners)
    assert len(set(captions)) == len(set(numbers.tolist())) == 8 * (3 + 3 + 1 + 1)
    assert len(set(zip(captions, numbers.tolist(), strict=True))) == len(set(captions))
    assert torch.equal(task.tokens(names, words, owners), task.words.encode(captions))


def told(task: PerspectiveTask, recipe: PerspectiveRecipe, n: int = 2000) -> list[tuple[int, str]]:
    """Place and caption of n pictures as training sees them; the place is read from the pixels."""
    images, tokens, _ = draw_batch(task, recipe.but(batch_size=n), make_generator(5))
    captions = [" ".join(task.words.words[i - 1] for i in row if i) for row in tokens.tolist()]
    return list(zip(place_of(images).tolist(), captions, strict=True))


def sideways_share(rows: list[tuple[int, str]], words: str) -> float:
    """How often a caption with these words belongs to a picture with the object on the left."""
    places = [place for place, caption in rows if caption.endswith(words)]
    assert len(places) > 100
    return sum(place == 0 for place in places) / len(places)


def test_unmarked_captions_say_nothing_about_the_side(task: PerspectiveTask) -> None:
    rows = told(task, RECIPES["half, unmarked"])
    assert sideways_share(rows, "on the left") == pytest.approx(0.5, abs=0.08)
    assert all(place == 2 for place, caption in rows if caption.endswith("top"))
    assert all(place == 3 for place, caption in rows if caption.endswith("bottom"))
    assert all(place < 2 for place, caption in rows if "left" in caption or "right" in caption)
    assert sideways_share(told(task, RECIPES["viewer only"]), "on the left") == 1


def test_true_marks_tell_everything_and_random_marks_nothing(task: PerspectiveTask) -> None:
    marked = told(task, RECIPES["half, marked"])
    for words, share in (("my left", 0), ("your left", 1), ("my right", 1), ("your right", 0)):
        assert sideways_share(marked, words) == share
    random = told(task, RECIPES["half, random marks"])
    for words in ("my left", "your left", "my right", "your right"):
        assert sideways_share(random, words) == pytest.approx(0.5, abs=0.12)


def test_objects_and_places_are_drawn_alike(task: PerspectiveTask) -> None:
    facts = task.draw_facts(3200, make_generator(0))
    counts = torch.bincount(facts[:, 0] * 4 + facts[:, 1], minlength=32)
    assert counts.min() > 60 and counts.max() < 140  # 100 each


def test_objects_lie_in_all_eight_ways() -> None:
    """And a sprite keeps its channels: only its rows and columns move."""
    tile = torch.arange(36.0).view(1, 3, 4, 3)  # (n, h, 4, w)
    coins = torch.cartesian_prod(*[torch.tensor([False, True])] * 3)
    ways = _turn(tile.repeat(8, 1, 1, 1), coins)
    assert len({tuple(way.flatten().tolist()) for way in ways}) == 8
    for way in ways:
        assert torch.equal(way.sum(dim=(0, 2)), tile[0].sum(dim=(0, 2)))


def test_bounds_follow_the_commoner_teller() -> None:
    assert {name: recipe.bound for name, recipe in RECIPES.items()} == {
        "viewer only": 100, "half, unmarked": 50, "half, marked": 100,
        "half, random marks": 50, "shuffled": 100, "untrained": 100,
    }  # fmt: skip
    assert PerspectiveRecipe(character_share=0.25).bound == 75
    assert PerspectiveRecipe(character_share=1.0).bound == 100


class Planted(PerspectiveTask):
    """Pictures with the object's number everywhere in red, and a green spot where it is."""

    def paint(self, facts: Tensor, generator: torch.Generator) -> Tensor:
        images = torch.zeros(len(facts), 3, 9, 9)
        images[:, 0] = facts[:, :1, None] / 8
        spots = torch.tensor([[4, 0], [4, 8], [0, 4], [8, 4]])[facts[:, 1]]
        images[torch.arange(len(facts)), 1, spots[:, 0], spots[:, 1]] = 1
        return images


def planted_oracle(task: PerspectiveTask) -> Oracle:
    """Right about everything; unmarked words it takes as the viewer's."""
    grid = torch.cartesian_prod(torch.arange(8), NUMBERS, torch.arange(3))
    meanings = {}
    for name, word, owner in grid.tolist():
        place = [1, 0, 2, 3][word] if owner == 1 else word
        tokens = task.tokens(*torch.tensor([name, word, owner]))
        meanings[tuple(tokens.tolist())] = (name, place)

    def embed(facts: Tensor) -> Tensor:
        return torch.cat([F.one_hot(facts[:, 0], 8), F.one_hot(facts[:, 1], 4)], dim=1).float()

    def image(pictures: Tensor) -> Tensor:
        green = pictures[:, 1]
        edges = torch.stack([green[:, 4, 0], green[:, 4, 8], green[:, 0, 4], green[:, 8, 4]], 1)
        names = (pictures[:, 0, 0, 0] * 8).round().long()
        return embed(torch.stack([names, edges.argmax(dim=1)], dim=1))

    def text(ids: Tensor) -> Tensor:
        return embed(torch.tensor([meanings[tuple(row)] for row in ids.tolist()]))

    return Oracle(image, text)


def test_an_oracle_reaches_every_bound(icons: Icons) -> None:
    task = Planted(icons)
    oracle: Any = planted_oracle(task)
    for name in ("viewer only", "half, unmarked", "half, marked", "half, random marks"):
        scores = score_told(task, oracle, RECIPES[name].but(rounds=1), 0)
        assert scores["horizontal"] == scores["bound"] == RECIPES[name].bound
        assert scores["vertical"] == scores["object"] == 100
        assert scores["place"] == (scores["horizontal"] + 100) / 2


def test_an_oracle_is_wrong_with_old_captions_and_right_with_new_ones(icons: Icons) -> None:
    task = Planted(icons)
    oracle: Any = planted_oracle(task)
    scores = score_views(task, oracle, QUICK, 0)
    for view, moved in VIEWS.items():
        assert scores[f"{view}_object"] == 100
        for axis, place in (("horizontal", 0), ("vertical", 2)):
            assert scores[f"{view}_rewritten_{axis}"] == 100
            assert scores[f"{view}_unchanged_{axis}"] == (100 if moved[place] == place else 0)


def test_a_model_that_sees_nothing_scores_chance_exactly(icons: Icons) -> None:
    task = Planted(icons)
    blind: Any = Oracle(lambda x: torch.ones(len(x), 2), lambda ids: torch.ones(len(ids), 2))
    told_scores = score_told(task, blind, RECIPES["half, marked"].but(rounds=1), 0)
    assert told_scores.pop("bound") == 100
    for value in (*told_scores.values(), *score_views(task, blind, QUICK, 0).values()):
        assert value == pytest.approx(CHANCE)


def test_a_short_training_learns_places_up_to_the_bound(task: PerspectiveTask) -> None:
    budget = PairBudget(steps=40, learning_rate=4e-3)
    plain = run_perspective(task, QUICK.but(budget=budget), 100)
    assert plain["horizontal"] > 90 and plain["vertical"] > 90
    assert plain["mirrored_unchanged_horizontal"] < 10  # below the chance of 25
    assert plain["mirrored_rewritten_horizontal"] > 90
    assert plain["mirrored_unchanged_vertical"] > 90
    mixed = run_perspective(task, QUICK.but(budget=budget, character_share=0.5), 100)
    assert 40 < mixed["horizontal"] <= 50 + 1e-9 and mixed["bound"] == 50
    assert mixed["vertical"] > 90


def test_a_seed_is_a_result(task: PerspectiveTask) -> None:
    recipe = QUICK.but(batch_size=8, rounds=1, budget=PairBudget(steps=2), marker="true")
    first = run_perspective(task, recipe, 7)
    assert first == run_perspective(task, recipe, 7)
    assert first != run_perspective(task, recipe, 8)
    assert set(first) == {"horizontal", "vertical", "place", "object", "bound"}
    untrained = train_perspective(task, RECIPES["untrained"], 7)
    other = train_perspective(task, RECIPES["untrained"].but(marker="true"), 7)
    for a, b in zip(untrained.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_turned_character_is_drawn_in_other_ways(icons: Icons, task: PerspectiveTask) -> None:
    facts = torch.tensor([[0, 0]]).repeat(16, 1)
    upright = task.paint(facts, make_generator(0))
    turned = PerspectiveTask(icons, turn_character=True).paint(facts, make_generator(0))
    assert not torch.equal(upright[..., 11:21, 11:21], turned[..., 11:21, 11:21])
    assert torch.equal(upright[..., :9], turned[..., :9])  # the object is as it was


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"character_share": -0.1}, r"character_share is a probability in \[0, 1\], got -0.1"),
        ({"marker": "my"}, "marker=.my. is unknown"),
        ({"batch_size": 1}, "batch_size=1: nothing to contrast"),
        ({"rounds": 0}, "rounds=0 must be above 0"),
    ],
)
def test_bad_recipes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PerspectiveRecipe(**change)


def test_bad_tasks_are_named(icons: Icons) -> None:
    with pytest.raises(ValueError, match="3 objects are too few"):
        PerspectiveTask(icons, OBJECTS[:3])
    with pytest.raises(ValueError, match="2 or more different names"):
        PerspectiveTask(icons, character=OBJECTS[0])
    with pytest.raises(ValueError, match="image_size=-1"):
        PerspectiveTask(icons, image_size=-1)
    assert len(PLACES) == 4
