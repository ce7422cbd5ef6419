"""Experiments on image encoders: one linear head, one budget, several seeds.

An `EncoderSpec` names an encoder, a `Budget` says how long it trains. Encoders that are compared
get the same pictures in the same order, the same number of steps, and nearly the same FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.cost import latency
from mmlib.data.pictures import Labelled
from mmlib.encoders import CNNVisualEncoder, ImageEncoder, VisionTransformerEncoder
from mmlib.encoders.hybrid import HybridVisualEncoder
from mmlib.encoders.multiscale import MultiScaleVisualEncoder
from mmlib.evaluate import evaluating
from mmlib.layers import check_choice, check_positive
from mmlib.optim import make_optimizer, set_learning_rate, trainable, warmup_cosine
from mmlib.robustness import robustness
from mmlib.runtime import derive_seed, make_generator
from mmlib.sweep import check_same_seeds, train_all

FAMILIES: dict[str, Callable[..., ImageEncoder]] = {
    "cnn": partial(CNNVisualEncoder, "tiny"),
    "vit": partial(VisionTransformerEncoder, "tiny"),
    "hybrid": partial(HybridVisualEncoder, "tiny", "tiny"),
    "multiscale": partial(MultiScaleVisualEncoder, base_encoder="tiny"),
}


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder by family and options; see the classes for what the options mean.

    Attributes:
        family: "cnn", "vit", "hybrid" or "multiscale".
        options: replace fields of the preset "tiny" (of the last two: their arguments).
        learning_rate: at the top of the schedule; families differ in what they stand.
    """

    family: str
    options: Mapping[str, Any]
    learning_rate: float

    def __post_init__(self) -> None:
        check_choice("family", self.family, FAMILIES)
        check_positive(learning_rate=self.learning_rate)

    def build(self, generator: torch.Generator | None = None) -> ImageEncoder:
        """A fresh encoder with weights from `generator`."""
        return FAMILIES[self.family](generator=generator, **self.options)

    def but(self, *, learning_rate: float | None = None, **options: Any) -> EncoderSpec:
        """The same encoder with some options changed, and another learning rate if one is given."""
        rate = self.learning_rate if learning_rate is None else learning_rate
        return replace(self, options={**self.options, **options}, learning_rate=rate)


@dataclass(frozen=True)
class Budget:
    """How long to train: the same for everything that is compared.

    Attributes:
        steps, batch_size: as usual; pictures seen = steps * batch_size.
        weight_decay, max_norm: of AdamW, and of gradient clipping.
        warmup: fraction of the steps.
    """

    steps: int
    batch_size: int = 64
    weight_decay: float = 0.05
    max_norm: float = 1.0
    warmup: float = 0.1

    def __post_init__(self) -> None:
        check_positive(steps=self.steps, batch_size=self.batch_size, max_norm=self.max_norm)
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a fraction of the steps in [0, 1), got {self.warmup}")


class Classifier(nn.Module):
    """An image encoder and one linear layer: (B, 3, H, W) in [0, 1] -> logits (B, classes)."""

    def __init__(
        self, encoder: ImageEncoder, classes: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.feature_dim, classes)
        nn.init.normal_(self.head.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return self.head(self.encoder(images))


def endless_rows(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers (batch_size,) for ever: every row once, then all again in another order."""
    pool = torch.empty(0, dtype=torch.long, device=generator.device)
    while True:
        while len(pool) < batch_size:
            fresh = torch.randperm(count, generator=generator, device=generator.device)
            pool = torch.cat([pool, fresh])
        yield pool[:batch_size]
        pool = pool[batch_size:]


def train_classifier(
    spec: EncoderSpec,
    data: Labelled,
    budget: Budget,
    seed: int,
    *,
    model_class: type[Classifier] = Classifier,
    losses: list[float] | None = None,
) -> Classifier:
    """Train encoder and head with cross-entropy on a fixed set of pictures.

    Args:
        spec: the encoder and its learning rate.
        data: the training pictures, on the wanted device. No augmentation is added.
        budget: steps and batch size.
        seed: of weights and order; two encoders with one seed see the same pictures in one order.
        model_class: a broken variant can be put in its place.
        losses: receives the loss of every step.

    Raises:
        ValueError: the loss is not finite at the end.
    """
    device = data.images.device
    weights = make_generator(derive_seed(seed, "weights"))
    model = model_class(spec.build(weights), data.classes, weights).to(device).train()
    optimizer = make_optimizer(model, spec.learning_rate, budget.weight_decay)
    order = make_generator(derive_seed(seed, "order"), device)
    rows = endless_rows(len(data), budget.batch_size, order)
    kept: list[Tensor] = []
    for step in range(budget.steps):
        set_learning_rate(
            optimizer, warmup_cosine(step, budget.steps, int(budget.warmup * budget.steps))
        )
        batch = next(rows)
        loss = F.cross_entropy(model(data.images[batch].float() / 255), data.labels[batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trainable(model), budget.max_norm)
        optimizer.step()
        kept.append(loss.detach())
    values = torch.stack(kept).tolist()  # one wait for the device, not one a step
    if not torch.isfinite(kept[-1]):
        raise ValueError(
            f"the loss ended at {values[-1]}: lower learning_rate={spec.learning_rate}"
        )
    if losses is not None:
        losses.extend(values)
    return model


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 512) -> float:
    """Top-1 in percent of a classifier on float (N, 3, H, W) or uint8 pictures, in eval mode."""
    hits = 0
    with evaluating(model):
        for part, right in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            floats = part.float() / 255 if part.dtype == torch.uint8 else part
            hits += int((model(floats).argmax(dim=1) == right).sum())
    return 100 * hits / len(labels)


@torch.no_grad()
def feature_cosine(model: Classifier, first: Tensor, second: Tensor) -> float:
    """Mean cosine between the features of two versions of the same pictures (uint8)."""
    one, two = (model.encoder.encode(images.float() / 255) for images in (first, second))
    return float(F.cosine_similarity(one, two).mean())


def corrupted_accuracy(
    model: nn.Module, data: Labelled, seed: int, severities: Sequence[float] = (0.25, 0.5)
) -> float:
    """Mean accuracy in percent over the perturbations of `mmlib.robustness` and severities."""
    rows = robustness(
        data.floats(), lambda images: accuracy(model, images, data.labels), severities, seed=seed
    )
    return sum(row.accuracy for row in rows) / len(rows)


def latencies(
    encoders: Mapping[str, ImageEncoder], images: Tensor, rounds: int = 5, repeats: int = 7
) -> dict[str, list[float]]:
    """Milliseconds a picture of one forward pass in eval mode, a median for each round.

    The encoders take turns in every round, so that a slow minute of the machine hits all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(rounds):
        for name, encoder in encoders.items():
            with evaluating(encoder):
                call = partial(encoder, images)
                took = latency(call, warmup=2, repeats=repeats, device=images.device)
            times[name].append(took.median_ms / len(images))
    return times


@dataclass
class Study:
    """Trained classifiers: `models[name][i]` has seed `seeds[i]`."""

    seeds: tuple[int, ...]
    models: dict[str, list[Classifier]]

    def score(self, data: Labelled) -> dict[str, list[float]]:
        """Accuracy in percent on `data`, one value for each seed."""
        return {
            name: [accuracy(model, data.images, data.labels) for model in models]
            for name, models in self.models.items()
        }


def study(
    specs: Mapping[str, EncoderSpec],
    data: Labelled,
    budget: Budget,
    seeds: Sequence[int],
    *,
    known: Study | None = None,
    model_class: type[Classifier] = Classifier,
) -> Study:
    """Train every encoder with every seed on the same pictures; leaves one line of progress.

    Args:
        specs: by the name that figures and tables show.
        data, budget, model_class: see `train_classifier`.
        seeds: the same for all, so that differences can be taken seed by seed.
        known: an earlier study with these seeds whose models are taken over (a shared baseline).

    Raises:
        ValueError: `known` has other seeds, or a run diverges.
    """

    def train(spec: EncoderSpec, seed: int) -> Classifier:
        return train_classifier(spec, data, budget, seed, model_class=model_class)

    known = known or Study(tuple(seeds), {})
    check_same_seeds(known.seeds, seeds)
    return Study(tuple(seeds), {**known.models, **train_all(train, specs, seeds)})
