"""A small residual network (He et al. 2016) that trains in minutes on a CPU.

It halves the resolution in its first layer, has few channels where maps are large, and works in
channels-last memory order: on a CPU these three decide how many pictures a second it sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders.base import ImageEncoder, resolve_config
from mmlib.layers import check_choice, check_positive

NORMS = ("batch", "group")
POOLINGS = ("mean", "grid")


@dataclass(frozen=True)
class CNNConfig:
    """Widths (channels) of the stem and of each stage, and residual blocks in each stage.

    The stem has stride 2 and each stage halves again: with three stages a 32 px image ends as a
    2 x 2 map. `pooling="mean"` averages that map; `"grid"` resizes it to `grid` x `grid` and
    keeps every cell, so that the feature still knows where things are.
    """

    stem: int = 32
    widths: tuple[int, ...] = (64, 128)
    depths: tuple[int, ...] = (1, 1)
    norm: str = "batch"
    pooling: str = "mean"
    grid: int = 2
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        # JSON knows no tuples: a config read back from a file gives lists
        for name in ("widths", "depths", "mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_positive(stem=self.stem, grid=self.grid)
        check_choice("norm", self.norm, NORMS)
        check_choice("pooling", self.pooling, POOLINGS)
        if not self.widths or len(self.widths) != len(self.depths):
            raise ValueError(
                f"widths={self.widths} and depths={self.depths} need one number for each stage"
            )
        for width, depth in zip(self.widths, self.depths, strict=True):
            check_positive(width=width, depth=depth)
        if self.norm == "group" and any(width % 8 for width in (self.stem, *self.widths)):
            raise ValueError(f"norm='group' needs multiples of 8: {self.stem}, {self.widths}")

    @property
    def feature_dim(self) -> int:
        """Length of the pooled feature."""
        return self.widths[-1] * (self.grid**2 if self.pooling == "grid" else 1)


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


class CNNVisualEncoder(ImageEncoder):
    """Convolutional image encoder: (B, 3, H, W) -> (B, feature_dim), any size of 8 px or more.

    `model_name` picks a preset ("tiny", "small"); any field of `CNNConfig` given by name replaces
    the preset's. Weights are drawn with `generator`. With `norm="batch"` a picture's feature
    depends on its batch while training, never in eval mode; with `"group"` never.
    Raises ValueError for an unknown preset or option and for `pretrained=True`.
    """

    config: CNNConfig

    def __init__(
        self,
        model_name: str = "small",
        pretrained: bool = False,
        *,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        config = resolve_config(PRESETS, model_name, pretrained, options)
        super().__init__(config)
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.stem, 4, stride=2, padding=1, bias=False),
            _norm(config.norm, config.stem),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList()
        width_in = config.stem
        for width, depth in zip(config.widths, config.depths, strict=True):
            blocks = [ResidualBlock(width_in, width, 2, config.norm)]
            blocks += [ResidualBlock(width, width, 1, config.norm) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
            width_in = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        self.to(memory_format=torch.channels_last)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """One map a stage, at 1/4, 1/8, ... of the image size: [(B, widths[i], h, w), ...]."""
        x = self.normalise(images).contiguous(memory_format=torch.channels_last)
        if min(x.shape[-2:]) < 8:
            raise ValueError(f"images of {tuple(x.shape)} are too small: 8 px at least")
        x = self.stem(x)  # (B, stem, H/2, W/2)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> features (B, feature_dim)."""
        cells = self.config.grid if self.config.pooling == "grid" else 1
        return F.adaptive_avg_pool2d(self.feature_maps(images)[-1], cells).flatten(1)
