"""A small residual network (He et al. 2016) that trains in minutes on a CPU, and the backbones.

It halves the resolution in its first layer, has few channels where maps are large, and works in
channels-last memory order: on a CPU these three decide how many pictures a second it sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders.backbones import (
    ALIASES,
    WIDTHS,
    BackboneConfig,
    backbone_config,
    backbone_parts,
)
from mmlib.encoders.base import ConvParts, ImageEncoder, PooledConfig, resolve_config
from mmlib.layers import check_choice, check_positive

NORMS = ("batch", "group")


@dataclass(frozen=True, kw_only=True)
class CNNConfig(PooledConfig):
    """Widths (channels) of the stem and of each stage, and residual blocks in each stage.

    The stem has stride 2 and each stage halves again: with three stages a 32 px image ends as a
    2 x 2 map.
    """

    stem: int = 32
    widths: tuple[int, ...] = (64, 128)
    depths: tuple[int, ...] = (1, 1)
    norm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("widths", "depths"):  # a config read back from JSON gives lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_positive(stem=self.stem)
        check_choice("norm", self.norm, NORMS)
        if not self.widths or len(self.widths) != len(self.depths):
            raise ValueError(
                f"widths={self.widths} and depths={self.depths} need one number for each stage"
            )
        for width, depth in zip(self.widths, self.depths, strict=True):
            check_positive(width=width, depth=depth)
        if self.norm == "group" and any(width % 8 for width in (self.stem, *self.widths)):
            raise ValueError(f"norm='group' needs multiples of 8: {self.stem}, {self.widths}")

    @property
    def width(self) -> int:
        """Channels of the last map."""
        return self.widths[-1]

    @property
    def smallest(self) -> int:
        """The least image side, in pixels."""
        return 8


PRESETS = {
    "tiny": CNNConfig(),  # 0.29 M parameters
    "small": CNNConfig(widths=(64, 128, 256), depths=(1, 1, 1)),  # 1.2 M parameters
}


def _norm(kind: str, width: int) -> nn.Module:
    return nn.BatchNorm2d(width) if kind == "batch" else nn.GroupNorm(width // 8, width)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride).

    Where the resolution halves, the shortcut averages before its 1x1 convolution and so drops no
    pixel (the "D" variant of He et al. 2019, "Bag of tricks").
    """

    def __init__(self, in_width: int, width: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, width, 3, stride, padding=1, bias=False)
        self.norm1 = _norm(norm, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = _norm(norm, width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_width != width:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(in_width, width, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Shortcut plus residual: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""
        residual = F.relu(self.norm1(self.conv1(x)))
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(x))


def residual_parts(config: CNNConfig) -> ConvParts:
    """Stem (to H/2) and stages (to H/4, H/8, ...) of the residual network in `config`."""
    stem = nn.Sequential(
        nn.Conv2d(3, config.stem, 4, stride=2, padding=1, bias=False),
        _norm(config.norm, config.stem),
        nn.ReLU(),
    )
    stages = nn.ModuleList()
    width_in = config.stem
    for width, depth in zip(config.widths, config.depths, strict=True):
        blocks = [ResidualBlock(width_in, width, 2, config.norm)]
        blocks += [ResidualBlock(width, width, 1, config.norm) for _ in range(depth - 1)]
        stages.append(nn.Sequential(*blocks))
        width_in = width
    return ConvParts(stem, stages)


class CNNVisualEncoder(ImageEncoder):
    """Convolutional image encoder: (B, 3, H, W) -> (B, feature_dim), any size from 8 px on.

    `model_name` picks a preset ("tiny", "small") or a backbone ("efficientnet_lite0", "resnet50",
    "efficientnet_b0", "efficientnet" for short; 32 px on), the only ones with trained weights.
    Options replace fields of `CNNConfig` (presets) or `BackboneConfig` by name. Untrained weights
    are drawn with `generator`. With BatchNorm (all but `norm="group"`) a picture's feature depends
    on its batch while training, never in eval mode.
    Raises ValueError for an unknown name or option, and for `pretrained=True` with a preset; a
    backbone raises ImportError for a missing package and OSError when it cannot be downloaded.
    """

    config: CNNConfig | BackboneConfig

    def __init__(
        self,
        model_name: str = "small",
        pretrained: bool = False,
        *,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        model_name = ALIASES.get(model_name, model_name)
        if model_name in WIDTHS:
            super().__init__(backbone_config(model_name, options))
            parts = backbone_parts(model_name, pretrained)
        else:
            config = resolve_config(PRESETS, model_name, pretrained, options, trained=list(WIDTHS))
            super().__init__(config)
            parts = residual_parts(config)
        self.pretrained = pretrained
        self.stem, self.stages = parts.stem, parts.stages
        if not pretrained:
            self._init_weights(generator)
        self.to(memory_format=torch.channels_last)

    @torch.no_grad()
    def _init_weights(self, generator: torch.Generator | None) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
                # PyTorch counts the outputs of all groups: a depthwise layer would start near 0
                module.weight.mul_(module.groups**0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """One map a stage, each half the size of the one before: [(B, C, h, w), ...].

        The first is at 1/4 of the image size; backbones have four.
        """
        x = self.normalise(images).contiguous(memory_format=torch.channels_last)
        if min(x.shape[-2:]) < self.config.smallest:
            raise ValueError(
                f"images of {tuple(x.shape)} are too small: {self.config.smallest} px at least"
            )
        x = self.stem(x)  # (B, C, H/2, W/2), resnet50: (B, C, H/4, W/4)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> features (B, feature_dim)."""
        return F.adaptive_avg_pool2d(self.feature_maps(images)[-1], self.config.cells).flatten(1)
