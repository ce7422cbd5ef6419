"""Small models and data that several tests share."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from mmlib.clip import CLIPModel
from mmlib.encoders import CNNVisualEncoder
from mmlib.runtime import make_generator
from mmlib.text import TextConfig, TextEncoder

VOCABULARY, LENGTH = 40, 6


def small_clip(
    seed: int = 0, *, logit_bias: float | None = None, embed_dim: int = 16, pooling: str = "eot"
) -> CLIPModel:
    generator = make_generator(seed)
    image = CNNVisualEncoder("tiny", stem=8, widths=(16, 32), generator=generator)
    text = TextEncoder(
        TextConfig(VOCABULARY, LENGTH, 16, 1, 2, pooling=pooling), generator=generator
    )
    return CLIPModel(image, text, embed_dim, logit_bias=logit_bias, generator=generator)


def random_tokens(n: int, generator: torch.Generator) -> Tensor:
    """Distinct rows (n, LENGTH): start, three words, end, padding."""
    words = torch.stack(
        [torch.randperm(VOCABULARY - 3, generator=generator)[:3] + 3 for _ in range(n)]
    )
    start, end, pad = (torch.full((n, 1), i) for i in (1, 2, 0))
    return torch.cat([start, words, end, pad], dim=1)


class FixedPairs:
    """An endless iterator that draws batches from n fixed random pairs."""

    def __init__(self, n: int, batch_size: int, seed: int = 0, size: int = 16) -> None:
        generator = make_generator(seed)
        self.images = torch.rand(n, 3, size, size, generator=generator)
        self.tokens = random_tokens(n, generator)
        self.batch_size = batch_size
        self.generator = make_generator(seed + 1)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self

    def __next__(self) -> dict[str, Tensor]:
        rows = torch.randperm(len(self.images), generator=self.generator)[: self.batch_size]
        return {"images": self.images[rows], "text_tokens": self.tokens[rows], "groups": rows}
