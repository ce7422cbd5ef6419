"""An encoder that looks at every resolution of another: pyramid, fusion, attention, feature."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.encoders.base import ImageEncoder, named_or_ready
from mmlib.encoders.cnn import CNNVisualEncoder
from mmlib.encoders.gates import (
    PARTS,
    ChannelAttention,
    MultiScaleAttention,
    ScaleAttention,
    SpatialAttention,
    check_kernels,
    check_parts,
)
from mmlib.encoders.pyramid import FUSIONS, FeaturePyramidNetwork, LevelFusion
from mmlib.layers import PatchEmbedding, check_choice, check_positive

__all__ = [
    "ChannelAttention",
    "FeaturePyramidNetwork",
    "LevelFusion",
    "MultiScaleAttention",
    "MultiScaleConfig",
    "MultiScaleVisualEncoder",
    "ScaleAttention",
    "SpatialAttention",
]


@dataclass(frozen=True, kw_only=True)
class MultiScaleConfig:
    """All that rebuilds the encoder without its weights: `MultiScaleVisualEncoder(**asdict(c))`.

    Read from an encoder, `base_options` is the complete config of its base.
    """

    base_encoder: str = "resnet50"
    width: int = 256
    feature_dim: int = 512
    levels: Sequence[int] | None = None  # this and the other sequences become tuples
    top_down: bool = True
    fusion: str = "mean"
    attention: Sequence[str] = PARTS
    reduction: int = 16
    kernel_sizes: Sequence[int] = (3, 5, 7)
    base_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_parts(self.attention)
        check_kernels(self.kernel_sizes)
        for name in ("levels", "attention", "kernel_sizes"):  # JSON gives lists
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else tuple(value))
        check_positive(width=self.width, feature_dim=self.feature_dim, reduction=self.reduction)
        check_choice("fusion", self.fusion, FUSIONS)
        if self.levels is not None and not self.levels:
            raise ValueError("levels=() leaves nothing to see: give one index or more, or None")


class MultiScaleVisualEncoder(ImageEncoder):
    """Feature of all resolutions of a base encoder: (B, 3, H, W) in [0, 1] -> (B, feature_dim).

    The base's maps become a pyramid (`fpn`), its levels one map (`fusion`), that map is weighed
    (`attention`), averaged over its places and projected. The base normalises the pictures with
    its own constants. A seed gives the base, the projection and each part of the attention the
    same weights whatever the other options, so that variants can be compared pair by pair.

    Args:
        base_encoder: name for `CNNVisualEncoder`, or a ready encoder (any that keeps the contract).
        pretrained: load trained weights into the base.
        width: channels of the pyramid.
        feature_dim: length of the feature.
        levels: which of the base's maps to use, by index, fine to coarse; None is all.
        top_down: whether coarse levels are added to finer ones.
        fusion: "mean", "sum", "concat" or "learned": see `LevelFusion`.
        attention: which of "channel", "spatial", "scale"; () is none.
        reduction: how much narrower the channel gate's hidden layer is than `width`.
        kernel_sizes: of the scale attention, odd.
        base_options: further arguments of `CNNVisualEncoder`, such as `{"norm": "group"}`.
        generator: draws the weights.

    Raises:
        ValueError: an option out of range, levels that the base does not have, options or
            `pretrained` for a ready encoder, or what the base raises.
        TypeError: a base that is neither a name nor an encoder.
    """

    def __init__(
        self,
        base_encoder: str | ImageEncoder = "resnet50",
        pretrained: bool = False,
        *,
        width: int = 256,
        feature_dim: int = 512,
        levels: Sequence[int] | None = None,
        top_down: bool = True,
        fusion: str = "mean",
        attention: Sequence[str] = PARTS,
        reduction: int = 16,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        base_options: Mapping[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self._options = MultiScaleConfig(  # checks them
            width=width,
            feature_dim=feature_dim,
            levels=levels,
            top_down=top_down,
            fusion=fusion,
            attention=attention,
            reduction=reduction,
            kernel_sizes=kernel_sizes,
        )
        self.feature_dim = feature_dim
        self.base = named_or_ready(
            CNNVisualEncoder, base_encoder, pretrained, base_options or {}, generator
        )
        self._build_neck(generator)

    def _build_neck(self, generator: torch.Generator | None) -> None:
        """All that follows the base. What depends on the levels is drawn last."""
        options = self._options
        width = options.width
        channels = map_channels(self.base)
        self.levels = resolve_levels(options.levels, len(channels))
        self.projection = nn.Linear(width, options.feature_dim)
        nn.init.normal_(self.projection.weight, 0, width**-0.5, generator=generator)
        nn.init.zeros_(self.projection.bias)
        self.attention = MultiScaleAttention(
            width, options.attention, options.reduction, options.kernel_sizes, generator=generator
        )
        chosen = [channels[i] for i in self.levels]
        self.fpn = FeaturePyramidNetwork(
            chosen, width, top_down=options.top_down, generator=generator
        )
        self.fusion = LevelFusion(len(chosen), width, options.fusion, generator=generator)
        for part in (self.fpn, self.attention, self.fusion):  # a ready base stays as it is
            part.to(memory_format=torch.channels_last)

    @property
    def config(self) -> MultiScaleConfig:
        """What rebuilds this encoder. Raises ValueError when its base is no `CNNVisualEncoder`."""
        if not isinstance(self.base, CNNVisualEncoder):
            raise ValueError(
                f"a multi-scale encoder with a {type(self.base).__name__} as its base cannot be "
                "rebuilt from a config: save its state_dict() yourself"
            )
        base = asdict(self.base.config)  # all fields: they replace those of any preset
        name = base.get("model_name", "tiny")
        return replace(self._options, base_encoder=name, base_options=base)

    @property
    def fusion_weights(self) -> Tensor:
        """The factor of each level in the fusion, (L,). Raises ValueError for "concat"."""
        return self.fusion.weights

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """The levels of the pyramid, fine to coarse: [(B, width, h, w), ...]."""
        return self.pyramid(self.base.feature_maps(images))

    def fused_map(self, images: Tensor) -> Tensor:
        """The one map that is averaged: fused and weighed, (B, width, h, w)."""
        return self.attention(self.fusion(self.feature_maps(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> features (B, feature_dim)."""
        return self.forward_maps(self.base.feature_maps(images))

    def pyramid(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """All maps of the base, fine to coarse -> the levels [(B, width, h, w), ...]."""
        return self.fpn([maps[i] for i in self.levels])

    def forward_maps(self, maps: Sequence[Tensor]) -> Tensor:
        """All maps of the base, fine to coarse -> features (B, feature_dim)."""
        fused = self.attention(self.fusion(self.pyramid(maps)))  # (B, width, h, w)
        return self.projection(fused.mean(dim=(2, 3)))


def resolve_levels(levels: Sequence[int] | None, available: int) -> tuple[int, ...]:
    """Indices 0 to `available` - 1 of the chosen maps; None is all, negative ones count back.

    Raises ValueError for an index that does not exist, one given twice, or another order than
    fine to coarse.
    """
    if levels is None:
        return tuple(range(available))
    for level in levels:
        if not -available <= level < available:
            raise ValueError(
                f"level {level} of levels={tuple(levels)} does not exist: the base encoder has "
                f"{available} maps, 0 (finest) to {available - 1}"
            )
    chosen = tuple(level % available for level in levels)
    if list(chosen) != sorted(set(chosen)):
        raise ValueError(f"levels={tuple(levels)} must be in order, fine to coarse, each once")
    return chosen


@torch.no_grad()
def map_channels(encoder: ImageEncoder) -> list[int]:
    """Channels of each of the encoder's feature maps, found with a picture that has no values."""
    patches = [m.patch_size for m in encoder.modules() if isinstance(m, PatchEmbedding)]
    step = math.lcm(*patches)
    side = step * math.ceil(224 / step)  # a size that every patch divides
    shadow = copy.deepcopy(encoder).eval().to("meta")
    maps = shadow.feature_maps(torch.empty(1, 3, side, side, device="meta"))
    return [m.shape[1] for m in maps]
