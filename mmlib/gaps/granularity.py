"""Granularity: a picture shows more than its caption says. What becomes of the rest?

Each picture shows one object in one colour on one ground. A coarse caption names the object
("dog"), a fine one names all three ("red dog on grass"). Models trained on coarse, fine or mixed
captions are tested with both, always among six captions, so that chance is the same everywhere.

The captions of the fine test differ in one word. A model that never saw the word cannot know it;
so linear probes ask whether the detail is at least still in its picture embedding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.encoders import CNNVisualEncoder
from mmlib.evaluate import embed_images, evaluating
from mmlib.gaps.details import CANDIDATES, CHANCE, DETAILS, GranularityTask, alternatives, examples
from mmlib.gaps.parts import WordBag, choose, credit, percent
from mmlib.layers import check_positive
from mmlib.pair_lab import PairBudget, train_pair
from mmlib.probe import linear_probe
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator

__all__ = [
    "CANDIDATES",
    "CHANCE",
    "DETAILS",
    "RECIPES",
    "GranularityRecipe",
    "GranularityTask",
    "examples",
    "run_granularity",
    "score_captions",
    "score_probes",
    "train_granularity",
]


@dataclass(frozen=True)
class GranularityRecipe(Variations):
    """How to train, and on which captions.

    Attributes:
        fine_share: probability that a picture comes with its fine caption; else the coarse one.
        shuffle: a control; the captions of a batch are dealt out to other pictures.
        batch_size: pictures in a step.
        rounds: test pictures of each combination of object, colour and ground.
        probe_pictures: pictures to which the probes are fitted.
        budget: how long; 0 steps leave the model untrained, as a baseline.
    """

    fine_share: float = 1.0
    shuffle: bool = False
    batch_size: int = 96
    rounds: int = 2
    probe_pictures: int = 960
    budget: PairBudget = field(default_factory=lambda: PairBudget(steps=150, learning_rate=3e-3))

    def __post_init__(self) -> None:
        if not 0 <= self.fine_share <= 1:
            raise ValueError(f"fine_share is a probability in [0, 1], got {self.fine_share}")
        check_positive(rounds=self.rounds, probe_pictures=self.probe_pictures)
        if self.batch_size < 2:
            raise ValueError(f"batch_size={self.batch_size}: nothing to contrast, use 2 or more")


#: The comparison of the chapter: three kinds of captions and two controls.
RECIPES: dict[str, GranularityRecipe] = {
    "coarse": GranularityRecipe(fine_share=0.0),
    "mixed": GranularityRecipe(fine_share=0.5),
    "fine": GranularityRecipe(fine_share=1.0),
    "shuffled": GranularityRecipe(fine_share=1.0, shuffle=True),
    "untrained": GranularityRecipe(budget=PairBudget(steps=0)),
}


def train_granularity(task: GranularityTask, recipe: GranularityRecipe, seed: int) -> CLIPModel:
    """A model in eval mode, trained on the captions of the recipe."""

    def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
        image = CNNVisualEncoder(
            "tiny", stem=16, widths=(32, 64), depths=(1, 1), generator=generator
        )
        return image, WordBag(len(task.words), generator=generator)

    draw = partial(task.batch, recipe.batch_size, recipe.fine_share, recipe.shuffle)
    return train_pair(build, draw, recipe.budget, seed, task.device)


def score_captions(
    task: GranularityTask, model: CLIPModel, recipe: GranularityRecipe, seed: int
) -> dict[str, float]:
    """Percent of pictures that find their caption among six; chance is 16.7.

    'coarse' asks for the object with coarse captions. 'fine_object', 'fine_colour' and
    'fine_ground' use fine captions that differ in this word alone; 'fine' is the mean of the last
    two, the details that a coarse caption omits. The same keys with '_unseen' are for the
    combinations of object and colour that training never showed.

    Chance is a guess without any knowledge. A model that knew which captions occur, and nothing
    of the picture, could leave out the one colour that an object never had: up to 20 for
    'fine_colour', and 0 for 'fine_colour_unseen'. The recipe "shuffled" is the control for that.

    A model that has learnt nothing scores chance over many seeds, but not in each: it has few
    ways to be wrong, and repeats its arbitrary choice for all pictures of one colour.
    """
    scores: dict[str, float] = {}
    for split, ending in (("seen", ""), ("unseen", "_unseen")):
        generator = make_generator(derive_seed(seed, "test", split), task.device)
        facts = task.combinations(split).repeat(recipe.rounds, 1)  # (N, 3)
        image = embed_images(model, task.paint(facts, generator))  # (N, D)
        for detail in DETAILS:
            candidates = alternatives(task, facts, detail, generator)  # (N, 6, 3)
            levels = ("coarse", "fine") if detail == "object" else ("fine",)
            for level in levels:
                name = "coarse" if level == "coarse" else f"fine_{detail}"
                text = _embed_captions(model, task.tokens(candidates, level))
                scores[name + ending] = percent(choose(image, text))
        scores["fine" + ending] = (
            scores["fine_colour" + ending] + scores["fine_ground" + ending]
        ) / 2
    return scores


def score_probes(
    task: GranularityTask, model: CLIPModel, recipe: GranularityRecipe, seed: int
) -> dict[str, float]:
    """What a linear probe reads from the frozen picture tower, in percent; chance is 16.7.

    'probe_object', 'probe_colour' and 'probe_ground' read the embedding that captions are compared
    with; 'features_...' read the features before the projection. The probe, too, chooses among
    the true class and five others.
    """
    generator = make_generator(derive_seed(seed, "probe"), task.device)
    fitted = task.draw_facts(recipe.probe_pictures, generator)
    tested = task.combinations("seen").repeat(recipe.rounds, 1)
    scores: dict[str, float] = {}
    train = _views(model, task.paint(fitted, generator))
    test = _views(model, task.paint(tested, generator))
    for view in train:
        for column, detail in enumerate(DETAILS):
            probe = linear_probe(
                train[view], fitted[:, column], test[view], tested[:, column], l2=1e-2
            )
            candidates = alternatives(task, tested, detail, generator)[:, :, column]  # (N, 6)
            logits = probe.logits(test[view]).gather(1, candidates)
            scores[f"{view}_{detail}"] = percent(credit(logits))
    return scores


def run_granularity(
    task: GranularityTask, recipe: GranularityRecipe, seed: int
) -> dict[str, float]:
    """Train with one seed; all of `score_captions` and `score_probes`, in percent."""
    model = train_granularity(task, recipe, seed)
    scores = score_captions(task, model, recipe, seed)
    return scores | score_probes(task, model, recipe, seed)


def _embed_captions(model: CLIPModel, tokens: Tensor) -> Tensor:
    """Embeddings (N, K, D) of captions (N, K, L)."""
    with evaluating(model):
        return model.encode_text(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])


def _views(model: CLIPModel, images: Tensor) -> dict[str, Tensor]:
    """Embeddings (N, D) and features (N, C) of pictures."""
    with evaluating(model):
        features = [model.image_encoder(part) for part in images.split(256)]
    return {"probe": embed_images(model, images), "features": torch.cat(features)}
