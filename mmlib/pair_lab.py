"""Two modalities, two small encoders, one shared space: the experiment that chapter 1 repeats.

`CLIPModel` never asks what its two inputs are. Whatever comes in pairs can be aligned: a spoken
name with a drawing, a clip with a caption. `train_pair` does that with one budget and one seed, so
that two pairs of modalities, or two kinds of caption, differ in the data and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.evaluate import evaluating
from mmlib.layers import check_positive
from mmlib.optim import make_optimizer
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator
from mmlib.train import Batch, CLIPTraining, FitConfig, fit

#: From a generator to the two encoders, with weights drawn from it.
Build = Callable[[torch.Generator], tuple[nn.Module, nn.Module]]
#: From a generator to inputs of the first encoder (B, ...), of the second (B, ...), and groups (B,)
Draw = Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class PairBudget(Variations):
    """How long and how to train: the same for everything that is compared.

    Attributes:
        steps: optimiser steps; 0 leaves the model as it was drawn.
        learning_rate, weight_decay: of AdamW; half a cosine down to 0 after the warm-up.
        warmup: fraction of the steps.
        embed_dim: dimensions of the shared space.
        temperature: at the start; it is learnt.
    """

    steps: int = 150
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    embed_dim: int = 64
    temperature: float = 0.07

    def __post_init__(self) -> None:
        check_positive(learning_rate=self.learning_rate, embed_dim=self.embed_dim)
        check_positive(temperature=self.temperature)
        if self.steps < 0:
            raise ValueError(f"steps must be 0 or more, got {self.steps}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a fraction of the steps in [0, 1), got {self.warmup}")


def train_pair(
    build: Build,
    draw: Draw,
    budget: PairBudget,
    seed: int,
    device: torch.device | str = "cpu",
) -> CLIPModel:
    """Align two modalities with CLIP's loss; pairs of one group all match.

    Args:
        build: makes the two encoders; both have `feature_dim`.
        draw: makes one batch, with a generator that is on the device; called once a step.
        budget: how long.
        seed: of the weights and of the batches.
        device: where to compute; the weights are drawn on the CPU, so they are the same anywhere.

    Returns:
        The model in eval mode: `encode_image` takes the first modality, `encode_text` the second.

    Raises:
        ValueError: the loss is not finite.
    """
    device = torch.device(device)
    weights = make_generator(derive_seed(seed, "weights"))
    left, right = build(weights)
    model = CLIPModel(left, right, budget.embed_dim, budget.temperature, generator=weights)
    model = model.to(device)
    if budget.steps:
        optimizer = make_optimizer(model, budget.learning_rate, budget.weight_decay)
        trainer = CLIPTraining(model, optimizer, device)
        batches = _batches(draw, make_generator(derive_seed(seed, "batches"), device))
        config = FitConfig(budget.steps, int(budget.warmup * budget.steps), progress=False)
        for _ in fit(trainer, batches, config):
            pass  # the records of the loss are not kept
    return model.eval()


def _batches(draw: Draw, generator: torch.Generator) -> Iterator[Batch]:
    while True:
        first, second, groups = draw(generator)
        yield {"images": first, "text_tokens": second, "groups": groups}


def embed_pair(model: CLIPModel, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings (N, D) and (M, D) of inputs of both modalities, in eval mode.

    Inputs move to the model's device, and the embeddings stay there.
    """
    device = model.logit_scale.device
    with evaluating(model):
        return model.encode_image(first.to(device)), model.encode_text(second.to(device))
