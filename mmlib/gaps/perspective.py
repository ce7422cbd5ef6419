"""Perspective: left of whom? Words that depend on a viewpoint, and who is allowed to choose it.

Two experiments on the pictures of `mmlib.gaps.views`. The first trains on the viewer's words and
tests on mirrored and turned pictures, with captions as they were and rewritten. In the second the
character in the picture tells a share of the captions, and its left is our right. If nothing says
who tells, no model can be right about left and right more often than the commoner teller
("recipe.bound"); above, below and the names of the objects do not suffer.

A training that mirrors pictures at random and keeps their captions makes the same mixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.encoders import CNNVisualEncoder
from mmlib.evaluate import embed_images, evaluating
from mmlib.gaps.parts import WordBag, choose, others, percent
from mmlib.gaps.views import (
    CHANCE,
    OWNERS,
    PLACES,
    TELLERS,
    VIEWS,
    PerspectiveTask,
    examples,
    look,
    rewrite,
    told_by,
    view_examples,
)
from mmlib.layers import check_choice, check_positive
from mmlib.pair_lab import PairBudget, train_pair
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator

__all__ = [
    "CHANCE",
    "PLACES",
    "RECIPES",
    "VIEWS",
    "PerspectiveRecipe",
    "PerspectiveTask",
    "examples",
    "look",
    "rewrite",
    "run_perspective",
    "score_told",
    "score_views",
    "told_by",
    "train_perspective",
    "view_examples",
]

MARKERS = ("none", "true", "random")
THE, MY, YOUR = range(len(OWNERS))


@dataclass(frozen=True)
class PerspectiveRecipe(Variations):
    """How to train, and who tells.

    Attributes:
        character_share: probability that the character tells, from its own view.
        marker: "none" ("on the left"), "true" ("on my left" from the character, "on your left"
            otherwise: now the caption says whose left), or "random" (these words at random, a
            control: more words, no more information).
        shuffle: a control; the captions of a batch are dealt out to other pictures.
        batch_size: pictures in a step.
        rounds: test pictures of each object at each place.
        budget: how long; 0 steps leave the model untrained, as a baseline.
    """

    character_share: float = 0.0
    marker: str = "none"
    shuffle: bool = False
    batch_size: int = 64
    rounds: int = 15
    budget: PairBudget = field(default_factory=lambda: PairBudget(steps=150, learning_rate=3e-3))

    def __post_init__(self) -> None:
        if not 0 <= self.character_share <= 1:
            raise ValueError(
                f"character_share is a probability in [0, 1], got {self.character_share}"
            )
        check_choice("marker", self.marker, MARKERS)
        check_positive(rounds=self.rounds)
        if self.batch_size < 2:
            raise ValueError(f"batch_size={self.batch_size}: nothing to contrast, use 2 or more")

    @property
    def bound(self) -> float:
        """The best that any model can do on left and right of captions so told, in percent."""
        known = (
            1.0 if self.marker == "true" else max(self.character_share, 1 - self.character_share)
        )
        return 100 * known


#: The comparison of the chapter. The first is also the model that looks at mirrored pictures.
RECIPES: dict[str, PerspectiveRecipe] = {
    "viewer only": PerspectiveRecipe(),
    "half, unmarked": PerspectiveRecipe(character_share=0.5),
    "half, marked": PerspectiveRecipe(character_share=0.5, marker="true"),
    "half, random marks": PerspectiveRecipe(character_share=0.5, marker="random"),
    "shuffled": PerspectiveRecipe(shuffle=True),
    "untrained": PerspectiveRecipe(budget=PairBudget(steps=0)),
}


def draw_batch(
    task: PerspectiveTask, recipe: PerspectiveRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (B, 3, P, P), word numbers (B, L), and one group (B,) for each different caption.

    The group is the wording, all that a trainer can see: it does not give away who told.
    """
    facts = task.draw_facts(recipe.batch_size, generator)
    images = task.paint(facts, generator)
    u = torch.rand(2, len(facts), generator=generator, device=task.device)
    character = u[0] < recipe.character_share
    marked = torch.where(u[1] < 0.5 if recipe.marker == "random" else character, MY, YOUR)
    owners = torch.full_like(marked, THE) if recipe.marker == "none" else marked
    if recipe.shuffle:
        facts = facts[torch.randperm(len(facts), generator=generator, device=task.device)]
    told = facts[:, 0], told_by(facts[:, 1], character), owners
    return images, task.tokens(*told), task.numbers(*told)


def train_perspective(task: PerspectiveTask, recipe: PerspectiveRecipe, seed: int) -> CLIPModel:
    """A model in eval mode. Its picture encoder keeps a 4 x 4 map, so that it can tell places."""

    def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
        image = CNNVisualEncoder(
            "tiny", stem=16, widths=(32, 64), depths=(1, 1), pooling="grid", grid=4,
            generator=generator,
        )  # fmt: skip
        return image, WordBag(len(task.words), generator=generator)

    return train_pair(build, partial(draw_batch, task, recipe), recipe.budget, seed, task.device)


def score_told(
    task: PerspectiveTask, model: CLIPModel, recipe: PerspectiveRecipe, seed: int
) -> dict[str, float]:
    """Percent right on captions told as in training, among four; chance is 25.

    'horizontal' is left or right, 'vertical' above or below, each among all four places, 'place'
    the mean of both; 'object' is the name among four, the place being right. Every picture is told
    by both tellers in turn, and their scores are weighted with their shares, so that 'horizontal'
    cannot pass `recipe.bound` by luck. 'bound' is that bound.

    A model that has learnt nothing scores chance over many seeds, but not in each: it repeats its
    arbitrary choice of a word for all pictures of one place.
    """
    images, facts, generator = _test_pictures(task, recipe, seed)
    image = embed_images(model, images)
    totals = {"horizontal": 0.0, "vertical": 0.0, "object": 0.0}
    for teller, owner, weight in _tellings(recipe):
        character = torch.full_like(facts[:, 1], teller, dtype=torch.bool)
        words = told_by(facts[:, 1], character)
        hits = _hits(task, model, image, facts[:, :1], _all_places(words), owner)
        for name, rows in _axes(facts[:, 1]).items():
            totals[name] += weight * percent(hits[rows])
        names = others(facts[:, 0], len(task.objects), len(PLACES), generator)  # (N, 4)
        hits = _hits(task, model, image, names, words[:, None], owner)
        totals["object"] += weight * percent(hits)
    place = (totals["horizontal"] + totals["vertical"]) / 2
    return totals | {"place": place, "bound": recipe.bound}


def score_views(
    task: PerspectiveTask, model: CLIPModel, recipe: PerspectiveRecipe, seed: int
) -> dict[str, float]:
    """Percent right among four on the same pictures in each view of `VIEWS`; chance is 25.

    The captions are the viewer's unmarked ones. '<view>_unchanged_horizontal' and '..._vertical'
    keep the caption of the picture before it was mirrored or turned, '<view>_rewritten_...' say
    where things are now; both axes go by the place before. '<view>_object' is the name.
    """
    images, facts, generator = _test_pictures(task, recipe, seed)
    names, places = facts.unbind(1)
    scores: dict[str, float] = {}
    for view in VIEWS:
        image = embed_images(model, look(images, view))
        now = rewrite(places, view)
        for caption, words in (("unchanged", places), ("rewritten", now)):
            hits = _hits(task, model, image, names[:, None], _all_places(words), THE)
            for axis, rows in _axes(places).items():
                scores[f"{view}_{caption}_{axis}"] = percent(hits[rows])
        candidates = others(names, len(task.objects), len(PLACES), generator)  # (N, 4)
        hits = _hits(task, model, image, candidates, now[:, None], THE)
        scores[f"{view}_object"] = percent(hits)
    return scores


def run_perspective(
    task: PerspectiveTask, recipe: PerspectiveRecipe, seed: int
) -> dict[str, float]:
    """Train with one seed; `score_told`, and `score_views` where captions are unmarked."""
    model = train_perspective(task, recipe, seed)
    scores = score_told(task, model, recipe, seed)
    if recipe.marker == "none":
        scores |= score_views(task, model, recipe, seed)
    return scores


def _test_pictures(
    task: PerspectiveTask, recipe: PerspectiveRecipe, seed: int
) -> tuple[Tensor, Tensor, torch.Generator]:
    """Pictures (N, 3, P, P) of every object at every place, their facts (N, 2), a generator."""
    generator = make_generator(derive_seed(seed, "test"), task.device)
    facts = task.combinations().repeat(recipe.rounds, 1)
    return task.paint(facts, generator), facts, generator


def _tellings(recipe: PerspectiveRecipe) -> Iterator[tuple[int, int, float]]:
    """Each teller, whose left it says, and how often."""
    shares = (1 - recipe.character_share, recipe.character_share)
    for teller in range(len(TELLERS)):
        owners = {"none": (THE,), "true": ((YOUR, MY)[teller],), "random": (MY, YOUR)}
        for owner in owners[recipe.marker]:
            yield teller, owner, shares[teller] / len(owners[recipe.marker])


def _axes(places: Tensor) -> dict[str, Tensor]:
    """Which pictures (N,) have the object beside the character, and which above or below it."""
    return {"horizontal": places < 2, "vertical": places >= 2}


def _all_places(words: Tensor) -> Tensor:
    """The words (N,) and then the three other places: (N, 4)."""
    step = torch.arange(len(PLACES), device=words.device)
    return (words[:, None] + step) % len(PLACES)


def _hits(
    task: PerspectiveTask, model: CLIPModel, image: Tensor, names: Tensor, words: Tensor, owner: int
) -> Tensor:
    """Credit (N,) for preferring the first of K captions; names and words broadcast to (N, K)."""
    names, words = torch.broadcast_tensors(names, words)
    tokens = task.tokens(names, words, torch.full_like(names, owner))  # (N, K, L)
    with evaluating(model):
        text = model.encode_text(tokens.flatten(0, 1)).unflatten(0, names.shape)
    return choose(image, text)
