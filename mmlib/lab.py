"""Experiments on icons: one task, many recipes, several seeds.

A `Recipe` says how to train, an `IconTask` holds what to train and to test on, and `train_icons`
puts them together with a seed. Everything that an experiment compares is one field of the recipe,
so two runs differ in what their recipes differ in and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.augment.image import IconAugmentation
from mmlib.clip import CLIPModel
from mmlib.data.batches import TEMPLATES, IconPairs, PairConfig, captions_of, token_table
from mmlib.data.icons import Icons, render
from mmlib.encoders import CNNVisualEncoder, VisionTransformerEncoder
from mmlib.evaluate import embed_images, evaluating, zero_shot_accuracy, zero_shot_weights
from mmlib.optim import make_optimizer
from mmlib.recipe import Recipe
from mmlib.runtime import derive_seed, make_generator
from mmlib.sweep import Run, Sweep, run_all
from mmlib.text import FeatureTable, TextConfig, TextEncoder, Tokenizer
from mmlib.train import CLIPTraining, FitConfig, fit

__all__ = [
    "IconTask",
    "Recipe",
    "Run",
    "Sweep",
    "build_model",
    "name_embeddings",
    "picture_embeddings",
    "score_icons",
    "sweep",
    "train_icons",
    "trainer_for",
]

TextFeatures = Callable[[list[str]], Tensor]


class IconTask:
    """Concepts to train on, concepts to test on, and their captions as tokens.

    Args:
        icons: the concepts of the task, drawn in every style named here; on the wanted device.
        train_styles: drawing styles seen in training.
        test_styles: styles only tested.
        features: from texts to frozen features (N, D), for recipes with `text="frozen"`.
        templates: ways to say a name.
        context_length, vocab_size: of the own tokenizer, learnt from the captions of the seen
            concepts alone.

    Raises:
        ValueError: a style is both trained and held out.
    """

    def __init__(
        self,
        icons: Icons,
        train_styles: Sequence[str],
        test_styles: Sequence[str] = (),
        *,
        features: TextFeatures | None = None,
        templates: Sequence[str] = TEMPLATES,
        context_length: int = 16,
        vocab_size: int = 1024,
    ) -> None:
        if overlap := set(train_styles) & set(test_styles):
            raise ValueError(f"styles {sorted(overlap)} are both trained and held out")
        self.icons, self.device = icons, icons.rgba.device
        self.train_styles, self.test_styles = tuple(train_styles), tuple(test_styles)
        self.captions = captions_of(icons.names(), templates)
        split = torch.tensor([concept.split == "seen" for concept in icons.concepts])
        self.seen, self.unseen = split.nonzero()[:, 0], (~split).nonzero()[:, 0]
        self.seen_icons = icons.subset(self.seen)
        self.context_length = context_length
        self.tokenizer = Tokenizer.train(
            [text for i in self.seen.tolist() for text in self.captions[i]], vocab_size
        )
        self.own_tokens = token_table(
            self.captions, lambda texts: self.tokenizer.encode(texts, context_length)
        ).to(self.device)  # (N, K, L)
        self.features = None
        if features is not None:
            flat = [text for row in self.captions for text in row]
            self.features = features(flat).to(self.device)  # (N * K, D)
        count = len(icons) * len(templates)
        self.row_numbers = torch.arange(count, device=self.device).view(len(icons), -1, 1)

    def tokens(self, recipe: Recipe) -> Tensor:
        """Captions of all concepts as the recipe's text tower wants them, (N, K, L)."""
        return self.own_tokens if recipe.text == "own" else self.row_numbers

    def pictures(self, style: str, which: Tensor) -> Tensor:
        """Drawings on white, not varied: float32 (n, 3, H, W)."""
        rgba = self.icons.rgba[self.icons.style_index(style)][which.to(self.device)]
        return render(rgba, torch.ones(len(rgba), 3, 1, 1, device=self.device))

    def varied(self, style: str, which: Tensor, seed: int) -> Tensor:
        """Drawings with the training's default variation, drawn afresh from `seed`."""
        rgba = self.icons.rgba[self.icons.style_index(style)][which.to(self.device)]
        return IconAugmentation()(rgba, make_generator(seed, self.device))


def build_model(task: IconTask, recipe: Recipe, seed: int) -> CLIPModel:
    """A fresh model for the task, with weights drawn from `seed`, on the task's device."""
    generator = make_generator(derive_seed(seed, "weights"))
    options: dict[str, Any] = dict(recipe.image_options)
    image: nn.Module
    if recipe.encoder == "cnn":
        image = CNNVisualEncoder(recipe.size, generator=generator, **options)
    else:
        image = VisionTransformerEncoder(recipe.size, generator=generator, **options)
    text: nn.Module
    if recipe.text == "own":
        config = TextConfig(
            task.tokenizer.vocab_size, task.context_length, recipe.text_width, recipe.text_depth,
            pooling=recipe.pooling,
        )  # fmt: skip
        text = TextEncoder(config, generator=generator)
    elif task.features is None:
        raise ValueError("this task has no frozen text features: IconTask(..., features=...)")
    else:
        text = FeatureTable(task.features)
    model = recipe.model(
        image, text, recipe.embed_dim, recipe.temperature,
        logit_bias=recipe.logit_bias, generator=generator,
    )  # fmt: skip
    model.logit_scale.requires_grad_(recipe.learn_temperature)
    return model.to(task.device)


def trainer_for(model: CLIPModel, recipe: Recipe, device: torch.device) -> CLIPTraining:
    """Optimiser and training step as the recipe says."""
    optimizer = make_optimizer(model, recipe.learning_rate, recipe.weight_decay)
    return CLIPTraining(
        model, optimizer, device,
        objective=recipe.objective, max_norm=recipe.max_norm, max_scale=recipe.max_scale,
    )  # fmt: skip


def train_icons(
    task: IconTask,
    recipe: Recipe,
    seed: int,
    *,
    log_every: int = 20,
    progress: bool = False,
    score: bool = True,
) -> Run:
    """Train one model on the task's seen concepts and trained styles, then test it.

    The model comes back in eval mode: looking at a picture then does not change it.

    Args:
        task: the data.
        recipe: how.
        seed: of weights, batches and augmentation.
        log_every: steps between two records.
        progress: show a line while running.
        score: whether to test at the end.
    """
    model = build_model(task, recipe, seed)
    generator = make_generator(derive_seed(seed, "batches"), task.device)
    pairs = IconPairs(
        task.seen_icons,
        task.tokens(recipe)[task.seen.to(task.device)],
        PairConfig(recipe.batch_size, task.train_styles, recipe.distinct, recipe.shuffle_captions),
        generator,
        IconAugmentation(recipe.augment),
    )
    trainer = trainer_for(model, recipe, task.device)
    config = FitConfig(
        recipe.steps, int(recipe.warmup * recipe.steps), log_every, progress=progress
    )
    history = list(fit(trainer, pairs, config))
    model.eval()
    scores = score_icons(task, recipe, model) if score else {}
    return Run(model, history, scores, history[-1]["seconds"])


def name_embeddings(task: IconTask, recipe: Recipe, model: CLIPModel) -> Tensor:
    """One embedding for each of the task's concepts: the ensemble of its captions, (N, D)."""
    tokens = task.tokens(recipe)  # (N, K, L)
    with evaluating(model):
        flat = model.encode_text(tokens.flatten(0, 1))  # (N * K, D)
    return zero_shot_weights(flat.view(*tokens.shape[:2], -1))


def picture_embeddings(model: CLIPModel, pictures: Tensor, batch_size: int = 512) -> Tensor:
    """(n, 3, H, W) to (n, D), in eval mode, in batches; see `mmlib.evaluate.embed_images`."""
    return embed_images(model, pictures, batch_size)


def accuracy_on(
    task: IconTask, model: CLIPModel, names: Tensor, style: str, which: Tensor, seed: int | None
) -> float:
    """Top-1 in percent among the concepts `which`; `seed` varies the drawings, None does not."""
    pictures = task.pictures(style, which) if seed is None else task.varied(style, which, seed)
    embeddings = picture_embeddings(model, pictures)
    labels = torch.arange(len(which), device=task.device)
    report = zero_shot_accuracy(embeddings, names[which.to(task.device)], labels)
    return 100 * report.top[1]


def score_icons(task: IconTask, recipe: Recipe, model: CLIPModel) -> dict[str, float]:
    """Top-1 in percent on every part of the task.

    'seen', 'seen_varied': seen concepts in trained styles, as drawn and freshly varied;
    'style': seen concepts in held-out styles; 'unseen': held-out concepts in trained styles;
    'unseen_style': held-out concepts in held-out styles. Candidates are the names of the same
    part, so chance is 100 / their number.
    """
    names = name_embeddings(task, recipe, model)

    def mean(styles: Sequence[str], which: Tensor, seed: int | None = None) -> float:
        values = [accuracy_on(task, model, names, style, which, seed) for style in styles]
        return sum(values) / len(values)

    scores = {
        "seen": mean(task.train_styles, task.seen),
        "seen_varied": mean(task.train_styles, task.seen, seed=0),
    }
    if len(task.unseen) > 1:
        scores["unseen"] = mean(task.train_styles, task.unseen)
    if task.test_styles:
        scores["style"] = mean(task.test_styles, task.seen)
        if len(task.unseen) > 1:
            scores["unseen_style"] = mean(task.test_styles, task.unseen)
    return scores


def sweep(
    task: IconTask,
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    *,
    known: Sweep | None = None,
    log_every: int = 20,
) -> Sweep:
    """`train_icons` on every recipe with every seed; see `mmlib.sweep.run_all`.

    Args:
        task: the data.
        recipes: by the name that figures and tables show.
        seeds: the same for all, so that differences can be taken seed by seed.
        known: an earlier sweep with these seeds whose runs are taken over (a shared baseline).
        log_every: steps between two records of a run.
    """

    def train(recipe: Recipe, seed: int) -> Run:
        return train_icons(task, recipe, seed, log_every=log_every)

    return run_all(train, recipes, seeds, known)
