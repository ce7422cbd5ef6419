"""A vision transformer (Dosovitskiy et al. 2021), small enough to train from scratch.

With `pre_norm=True, patch_bias=False, activation="quick_gelu", eps=1e-5` it is the image tower
of OpenAI's CLIP; with the defaults it is timm's and torchvision's ViT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders.base import ImageEncoder, resolve_config
from mmlib.layers import (
    ACTIVATIONS,
    Block,
    PatchEmbedding,
    check_choice,
    check_positive,
    init_transformer_,
)

POOLINGS = ("cls", "mean")


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a vision transformer. `image_size` and `patch_size` are in pixels."""

    image_size: int = 32
    patch_size: int = 4
    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 4.0
    pooling: str = "cls"  # "cls": the class token; "mean": the mean of the patch tokens
    activation: str = "gelu"
    eps: float = 1e-6
    pre_norm: bool = False  # a LayerNorm before the first block, as CLIP has
    patch_bias: bool = True
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ("mean", "std"):  # a config read back from JSON gives lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_positive(image_size=self.image_size, patch_size=self.patch_size, width=self.width)
        check_positive(depth=self.depth, heads=self.heads, mlp_ratio=self.mlp_ratio, eps=self.eps)
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("activation", self.activation, ACTIVATIONS)
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} must divide width={self.width}")
        if self.image_size % self.patch_size:
            raise ValueError(
                f"patch_size={self.patch_size} must divide image_size={self.image_size}"
            )

    @property
    def feature_dim(self) -> int:
        """Length of the pooled feature: the width."""
        return self.width

    @property
    def grid(self) -> int:
        """Patches along one side of an image of `image_size`."""
        return self.image_size // self.patch_size


PRESETS = {
    "tiny": ViTConfig(),
    "small": ViTConfig(width=192, depth=6, heads=6),
}


class VisionTransformerEncoder(ImageEncoder):
    """Patches as tokens, self-attention, one pooled feature: (B, 3, H, W) -> (B, width).

    `model_name` picks a preset ("tiny", "small"); any field of `ViTConfig` given by name replaces
    the preset's. Images of another size than `image_size` are accepted when the patch size
    divides them; the position embedding is then resampled. Weights are drawn with `generator`.
    Raises ValueError for an unknown preset or option and for `pretrained=True`.
    """

    config: ViTConfig

    def __init__(
        self,
        model_name: str = "tiny",
        pretrained: bool = False,
        *,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        config = resolve_config(PRESETS, model_name, pretrained, options)
        super().__init__(config)
        self.patch_embed = PatchEmbedding(config.patch_size, config.width, bias=config.patch_bias)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, config.width))
        self.norm_pre = (
            nn.LayerNorm(config.width, eps=config.eps) if config.pre_norm else nn.Identity()
        )
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                config.mlp_ratio,
                activation=config.activation,
                eps=config.eps,
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=config.eps)
        self._init_weights(generator)

    @torch.no_grad()
    def _init_weights(self, generator: torch.Generator | None) -> None:
        conv = self.patch_embed.proj
        conv.weight.normal_(0.0, conv.weight[0].numel() ** -0.5, generator=generator)
        if conv.bias is not None:
            conv.bias.zero_()
        self.cls_token.normal_(0.0, self.config.width**-0.5, generator=generator)
        self.pos_embed.normal_(0.0, self.config.width**-0.5, generator=generator)
        init_transformer_(self.blocks, generator)

    def _positions(self, height: int, width: int) -> Tensor:
        """Position embedding (1, 1 + height * width, C) for a grid of patches."""
        grid = self.config.grid
        if (height, width) == (grid, grid):
            return self.pos_embed
        patches = self.pos_embed[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
        patches = F.interpolate(patches, (height, width), mode="bicubic", antialias=True)
        return torch.cat([self.pos_embed[:, :1], patches.flatten(2).transpose(1, 2)], dim=1)

    def forward_tokens(self, images: Tensor) -> Tensor:
        """Normalised tokens (B, 1 + h * w, width), the class token first."""
        patches = self.patch_embed(self.normalise(images))  # (B, C, h, w)
        height, width = patches.shape[-2:]
        x = patches.flatten(2).transpose(1, 2)  # (B, h * w, C)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = self.norm_pre(x + self._positions(height, width))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> features (B, width)."""
        tokens = self.forward_tokens(images)
        return tokens[:, 0] if self.config.pooling == "cls" else tokens[:, 1:].mean(dim=1)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """The patch tokens as one map: [(B, width, H / patch_size, W / patch_size)]."""
        height, width = (side // self.config.patch_size for side in images.shape[-2:])
        return [self.forward_tokens(images)[:, 1:].transpose(1, 2).unflatten(2, (height, width))]
