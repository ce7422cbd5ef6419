"""Evaluation: pure functions on embeddings, and the thin wrappers that let a model make them.

Everything is computed over the full set, never as a mean of batches. The arithmetic lives in
`ranking`, `zeroshot`, `retrieval`, `minimal_pairs`, `controls`, `probe` and `robustness`; import it
all from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmlib.controls import (
    Control,
    GroupRow,
    binomial_interval,
    derangement,
    report_by,
    shuffled_control,
)
from mmlib.minimal_pairs import HardNegativeReport, WinogroundReport, hard_negatives, winoground
from mmlib.probe import LinearProbe, linear_probe
from mmlib.ranking import Ranks, cosine_similarity
from mmlib.retrieval import RetrievalDirection, RetrievalReport, retrieval
from mmlib.robustness import PERTURBATIONS, Perturbation, RobustnessRow, robustness
from mmlib.tables import Table
from mmlib.zeroshot import ZeroShotReport, zero_shot_accuracy, zero_shot_weights

__all__ = [
    "PERTURBATIONS",
    "Control",
    "GroupRow",
    "HardNegativeReport",
    "LinearProbe",
    "Perturbation",
    "Ranks",
    "RetrievalDirection",
    "RetrievalReport",
    "RobustnessRow",
    "Table",
    "WinogroundReport",
    "ZeroShotReport",
    "binomial_interval",
    "cosine_similarity",
    "derangement",
    "embed_images",
    "embed_texts",
    "evaluate_hard_negatives",
    "evaluate_retrieval",
    "evaluate_zero_shot",
    "evaluating",
    "hard_negatives",
    "linear_probe",
    "report_by",
    "retrieval",
    "robustness",
    "shuffled_control",
    "winoground",
    "zero_shot_accuracy",
    "zero_shot_weights",
]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Evaluation mode without gradients; afterwards each part is in the mode it had before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for module, training in modes:
            module.training = training


def embed_images(
    model: nn.Module, images: Tensor | Iterable[Tensor], batch_size: int = 256
) -> Tensor:
    """Embeddings (N, D) of images (N, 3, H, W) in [0, 1], or of an iterable of such batches.

    The model needs ``encode_image``. Batches move to the model's device one at a time.

    Raises:
        ValueError: no image, a wrong `batch_size`.
    """
    return _embed(model, "encode_image", images, batch_size)


def embed_texts(
    model: nn.Module, tokens: Tensor | Iterable[Tensor], batch_size: int = 1024
) -> Tensor:
    """Embeddings (T, D) of tokens (T, L) int64, or of an iterable of such batches.

    Raises:
        ValueError: no caption, a wrong `batch_size`.
    """
    return _embed(model, "encode_text", tokens, batch_size)


def _embed(
    model: nn.Module, method: str, inputs: Tensor | Iterable[Tensor], batch_size: int
) -> Tensor:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    batches = inputs.split(batch_size) if isinstance(inputs, Tensor) else inputs
    tensors = [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    with evaluating(model):
        parts = [getattr(model, method)(batch.to(device)) for batch in batches if len(batch)]
    if not parts:
        raise ValueError(f"nothing to evaluate: {method} got no input")
    return torch.cat(parts)


def evaluate_zero_shot(
    model: nn.Module,
    images: Tensor | Iterable[Tensor],
    labels: Tensor,
    prompts: Tensor | Sequence[Tensor],
    *,
    top: tuple[int, ...] = (1, 5),
    candidates: Tensor | None = None,
    batch_size: int = 256,
) -> ZeroShotReport:
    """Zero-shot accuracy of a model; see `zero_shot_accuracy`.

    `prompts`: tokens (C, L), one caption per class; or C tensors (P_c, L), several per class.
    """
    if isinstance(prompts, Tensor) and prompts.ndim == 2:
        class_emb = embed_texts(model, prompts)
    else:
        counts = [len(tokens) for tokens in prompts]
        text_emb = embed_texts(model, list(prompts))
        if 0 in counts:
            raise ValueError(f"class {counts.index(0)} has no prompt")
        class_emb = zero_shot_weights(text_emb.split(counts))
    image_emb = embed_images(model, images, batch_size)
    return zero_shot_accuracy(image_emb, class_emb, labels, top, candidates)


def evaluate_retrieval(
    model: nn.Module,
    images: Tensor | Iterable[Tensor],
    tokens: Tensor | Iterable[Tensor],
    image_of_text: Tensor | None = None,
    *,
    image_groups: Tensor | None = None,
    ks: tuple[int, ...] = (1, 5, 10),
    batch_size: int = 256,
) -> RetrievalReport:
    """Retrieval with a model, both directions; see `retrieval`."""
    image_emb = embed_images(model, images, batch_size)
    text_emb = embed_texts(model, tokens)
    return retrieval(image_emb, text_emb, image_of_text, image_groups=image_groups, ks=ks)


def evaluate_hard_negatives(
    model: nn.Module,
    images: Tensor | Iterable[Tensor],
    positive_tokens: Tensor | Iterable[Tensor],
    negative_tokens: Tensor | Iterable[Tensor],
    kinds: Sequence[str] | None = None,
    *,
    batch_size: int = 256,
) -> HardNegativeReport:
    """Minimal pairs with a model, one negative caption per image; see `hard_negatives`."""
    return hard_negatives(
        embed_images(model, images, batch_size),
        embed_texts(model, positive_tokens),
        embed_texts(model, negative_tokens),
        kinds,
    )
