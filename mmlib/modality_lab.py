"""Which pairs of modalities align, at one budget? The experiment behind claim C1.1.

Drawings, sound and frames are read by one and the same small network, and all pairs train on the
same concepts for the same number of steps, so that what differs is the signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.data.renditions import MODALITIES, Renditions
from mmlib.encoders import CNNVisualEncoder, ImageEncoder
from mmlib.evaluate import retrieval
from mmlib.layers import check_choice
from mmlib.pair_lab import PairBudget, embed_pair, train_pair
from mmlib.runtime import derive_seed, make_generator
from mmlib.text import TextConfig, TextEncoder
from mmlib.tokenizer import FIRST_MERGE

PAIRS = tuple(combinations(MODALITIES, 2))
CNN: dict[str, Any] = {"stem": 16, "widths": (24, 48, 96), "depths": (1, 1, 1)}


class FrameMean(nn.Module):
    """The mean of an image encoder's features over the frames of a clip.

    Clips (B, T, 3, H, W) -> features (B, feature_dim); the order of the frames is not seen.
    """

    def __init__(self, image_encoder: ImageEncoder) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.feature_dim = image_encoder.feature_dim

    def forward(self, clips: Tensor) -> Tensor:
        """Clips (B, T, 3, H, W) -> features (B, feature_dim)."""
        features = self.image_encoder(clips.flatten(0, 1))  # (B T, C)
        return features.unflatten(0, clips.shape[:2]).mean(dim=1)


def build_encoder(modality: str, world: Renditions, generator: torch.Generator) -> nn.Module:
    """The small encoder of a modality: one CNN for pixels, sound and frames; bytes for text.

    Raises:
        ValueError: the modality is unknown.
    """
    check_choice("modality", modality, MODALITIES)
    if modality == "text":
        config = TextConfig(FIRST_MERGE, world.config.context_length, width=64, depth=1)
        return TextEncoder(config, generator=generator)
    cnn = CNNVisualEncoder("tiny", generator=generator, **CNN)
    return FrameMean(cnn) if modality == "video" else cnn


@dataclass(frozen=True, eq=False)
class Split:
    """Concepts for training, and concepts kept for testing; int64 rows of the icons."""

    seen: Tensor
    unseen: Tensor

    @classmethod
    def of(cls, concepts: int, unseen: int, seed: int) -> Split:
        """Keep `unseen` of the concepts, drawn by `seed`.

        Raises:
            ValueError: fewer than 2 concepts would be on one side.
        """
        if not 2 <= unseen <= concepts - 2:
            raise ValueError(f"cannot keep {unseen} of {concepts} concepts: leave 2 on each side")
        order = torch.randperm(concepts, generator=make_generator(seed))
        return cls(order[unseen:].sort().values, order[:unseen].sort().values)


def align(
    world: Renditions,
    pair: tuple[str, str],
    split: Split,
    budget: PairBudget,
    seed: int,
    *,
    batch_size: int = 64,
) -> CLIPModel:
    """Align two modalities on the seen concepts.

    Every batch holds `batch_size` of them, drawn anew, each once; all of them if there are fewer.

    Returns:
        The model in eval mode; `encode_image` takes the first modality of the pair.
    """
    seen = split.seen.to(world.device)

    def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
        first, second = (build_encoder(name, world, generator) for name in pair)
        return first, second

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        order = torch.randperm(len(seen), generator=generator, device=world.device)
        concepts = seen[order[:batch_size]]
        first, second = (world.draw(name, concepts, generator) for name in pair)
        return first, second, concepts

    return train_pair(build, draw, budget, seed, world.device)


def embed_test(
    model: CLIPModel, world: Renditions, pair: tuple[str, str], concepts: Tensor, seed: int
) -> tuple[Tensor, Tensor]:
    """Embeddings (N, D) of fresh renditions of the concepts in both modalities."""
    generator = make_generator(derive_seed(seed, "test"), world.device)
    concepts = concepts.to(world.device)
    first, second = (world.draw(name, concepts, generator, "test") for name in pair)
    return embed_pair(model, first, second)


def pair_scores(
    model: CLIPModel,
    world: Renditions,
    pair: tuple[str, str],
    split: Split,
    seed: int,
    candidates: int = 32,
) -> dict[str, float]:
    """Right answers in percent among `candidates`, in both directions, for "seen" and "unseen".

    The concepts of a part are dealt into rounds of `candidates`; what is left over is not asked.

    Raises:
        ValueError: a part has fewer concepts than `candidates`.
    """
    scores = {}
    for part, concepts in (("seen", split.seen), ("unseen", split.unseen)):
        if len(concepts) < candidates:
            raise ValueError(f"{len(concepts)} {part} concepts are fewer than {candidates=}")
        order = torch.randperm(len(concepts), generator=make_generator(derive_seed(seed, part)))
        first, second = embed_test(model, world, pair, concepts[order], seed)
        rounds = [
            retrieval(a, b, ks=(1,))
            for a, b in zip(first.split(candidates), second.split(candidates), strict=True)
            if len(a) == candidates
        ]
        right = [(r.image_to_text.recall[1] + r.text_to_image.recall[1]) / 2 for r in rounds]
        scores[part] = 100 * sum(right) / len(right)
    return scores
