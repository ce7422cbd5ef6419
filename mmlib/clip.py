"""CLIP (Radford et al. 2021): two encoders, two projections, one temperature."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.losses import check_groups, similarity, softmax_loss

MAX_SCALE = 100.0


class CLIPModel(nn.Module):
    """Images and texts in one space of `embed_dim` dimensions.

    `image_encoder` and `text_encoder` are any modules with `feature_dim` whose `forward` gives
    (B, feature_dim). `temperature` is the initial softmax temperature; the parameter is
    `logit_scale = ln(1 / temperature)`. `logit_bias` (a number, -10 in Zhai et al. 2023) adds the
    bias that the sigmoid loss needs. The projections are drawn with `generator`.
    Raises ValueError for an `embed_dim` or a `temperature` that is not above 0.
    """

    def __init__(
        self,
        image_encoder: nn.Module,
        text_encoder: nn.Module,
        embed_dim: int,
        temperature: float = 0.07,
        *,
        logit_bias: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if embed_dim < 1 or not temperature > 0:
            raise ValueError(f"{embed_dim=} and {temperature=} must both be above 0")
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.embed_dim = embed_dim
        self.visual_projection = _projection(image_encoder, embed_dim, generator)
        self.text_projection = _projection(text_encoder, embed_dim, generator)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))
        self.logit_bias = None if logit_bias is None else nn.Parameter(torch.tensor(logit_bias))

    def encode_image(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> float32 embeddings (B, embed_dim) of length 1."""
        return _normalised(self.visual_projection(self.image_encoder(images)))

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Tokens (B, L) -> float32 embeddings (B, embed_dim) of length 1."""
        return _normalised(self.text_projection(self.text_encoder(tokens)))

    @property
    def scale(self) -> Tensor:
        """The inverse temperature, `exp(logit_scale)`."""
        return self.logit_scale.exp()

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of each image against each text (B, B'), and the transpose (B', B)."""
        logits = similarity(self.encode_image(images), self.encode_text(tokens), self.scale)
        if self.logit_bias is not None:
            logits = logits + self.logit_bias
        return logits, logits.T

    def contrastive_loss(
        self,
        logits_per_image: Tensor,
        logits_per_text: Tensor,
        groups: Tensor | None = None,
    ) -> Tensor:
        """Symmetric softmax loss of square logits (B, B): scalar, ln B is chance.

        With `groups` (B,), pairs of the same group all match (see `multi_positive_clip_loss`).
        Raises ValueError for logits that are not square, not alike, or of a batch of one.
        """
        batch = len(logits_per_image)
        if logits_per_image.shape != (batch, batch) or logits_per_text.shape != (batch, batch):
            raise ValueError(
                f"logits must be square and alike, got {tuple(logits_per_image.shape)} and "
                f"{tuple(logits_per_text.shape)}: give as many texts as images"
            )
        if batch < 2:
            raise ValueError("a batch of one has nothing to contrast: use 2 pairs or more")
        if groups is not None:
            check_groups(groups, batch)
        rows = torch.arange(batch, device=logits_per_image.device)
        loss_image = softmax_loss(logits_per_image, rows, groups).mean()
        loss_text = softmax_loss(logits_per_text, rows, groups).mean()
        return (loss_image + loss_text) / 2

    @torch.no_grad()
    def clamp_logit_scale_(self, max_scale: float = MAX_SCALE) -> None:
        """Keep the scale at or below `max_scale`: call after each optimizer step.

        The parameter is clamped, not the value in `forward`: there a clamp has no gradient above
        the cap and never comes back. For softmax losses only: a sigmoid loss may end above 100.
        """
        self.logit_scale.clamp_(max=math.log(max_scale))

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> CLIPModel:
        """Load a folder written by `save_pretrained` or any transformers CLIP checkpoint.

        `name_or_folder` is a folder, or a name on the Hugging Face hub (needs a network). See
        `mmlib.model_io.load_model`.
        """
        from mmlib.model_io import load_model

        return load_model(name_or_folder)

    def save_pretrained(self, folder: str | Path, format: str = "auto") -> Path:
        """Write config.json and model.safetensors; see `mmlib.model_io.save_model`."""
        from mmlib.model_io import save_model

        return save_model(self, folder, format)


def _projection(encoder: nn.Module, embed_dim: int, generator: torch.Generator | None) -> nn.Linear:
    feature_dim = getattr(encoder, "feature_dim", None)
    if not isinstance(feature_dim, int):
        raise ValueError(
            f"{type(encoder).__name__} has no integer `feature_dim`: an encoder must say how long "
            "its features are"
        )
    layer = nn.Linear(feature_dim, embed_dim, bias=False)
    nn.init.normal_(layer.weight, std=feature_dim**-0.5, generator=generator)
    return layer


def _normalised(x: Tensor) -> Tensor:
    """Rows of length 1 in float32; a zero row stays zero (in float16 it would become NaN)."""
    return F.normalize(x.float(), dim=-1)
