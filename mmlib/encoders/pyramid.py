"""Maps of several resolutions: the pyramid that passes meaning down, and ways to make one map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders.gates import init_convolutions_, weighted_sum
from mmlib.layers import check_choice, check_positive

FUSIONS = ("mean", "sum", "concat", "learned")


class FeaturePyramidNetwork(nn.Module):
    """Feature pyramid (Lin et al. 2017): maps (B, C_i, h_i, w_i) -> levels (B, C, h_i, w_i).

    A 1x1 convolution (`lateral`) gives each map `out_channels`; from the coarsest on, each is
    enlarged by nearest neighbour to the size of the next finer one and added to it; a 3x3
    convolution (`smooth`) makes a level of each sum. Maps go from fine to coarse. Any sizes do,
    odd ones too. `top_down=False` leaves the additions out and keeps the weights.

    Args:
        in_channels_list: channels of each map, fine to coarse.
        out_channels: channels of every level.
        top_down: whether a level hears of the coarser ones.
        generator: draws the weights.

    Raises:
        ValueError: no map, or channels not above 0.
    """

    def __init__(
        self,
        in_channels_list: Sequence[int],
        out_channels: int,
        *,
        top_down: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not in_channels_list:
            raise ValueError("in_channels_list is empty: give the channels of one map or more")
        check_positive(out_channels=out_channels, in_channels=min(in_channels_list))
        self.in_channels, self.top_down = tuple(in_channels_list), top_down
        self.lateral = nn.ModuleList(
            nn.Conv2d(channels, out_channels, 1) for channels in in_channels_list
        )
        self.smooth = nn.ModuleList(
            nn.Conv2d(out_channels, out_channels, 3, padding=1) for _ in in_channels_list
        )
        init_convolutions_(self, generator)

    def forward(self, features: Sequence[Tensor] | Mapping[str, Tensor]) -> list[Tensor]:
        """Levels [(B, out_channels, h_i, w_i), ...] of maps in a list, or in a dict by name.

        The maps of a dict count in the order in which they stand there.
        Raises what `check_maps` raises, and TypeError for something else than a list or a dict.
        """
        if isinstance(features, Tensor):
            raise TypeError("features must be a list or a dict of maps, got one tensor")
        maps = list(features.values() if isinstance(features, Mapping) else features)
        check_maps(maps, self.in_channels)
        inner = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        if self.top_down:
            for i in range(len(inner) - 2, -1, -1):
                size = inner[i].shape[-2:]
                inner[i] = inner[i] + F.interpolate(inner[i + 1], size=size, mode="nearest")
        return [smooth(m) for smooth, m in zip(self.smooth, inner, strict=True)]


class LevelFusion(nn.Module):
    """One map of all levels, at the size of the finest: [(B, C, h_i, w_i)] -> (B, C, h_0, w_0).

    Coarser levels are enlarged bilinearly (`align_corners=False`). Then "mean" or "sum"; or
    "concat" side by side and back to C channels by a 1x1 convolution (`mix`); or "learned", a sum
    with softmax weights that start equal, as in BiFPN (Tan et al. 2020, section 3.3).
    Raises ValueError for another kind.
    """

    def __init__(
        self,
        levels: int,
        channels: int,
        kind: str = "mean",
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_positive(levels=levels, channels=channels)
        check_choice("fusion", kind, FUSIONS)
        self.levels, self.kind = levels, kind
        if kind == "learned":
            self.level_weights = nn.Parameter(torch.zeros(levels))
        if kind == "concat":
            self.mix = nn.Conv2d(levels * channels, channels, 1)
            init_convolutions_(self, generator)

    @property
    def weights(self) -> Tensor:
        """The factor of each level, (L,). Raises ValueError for "concat", which has none."""
        if self.kind == "concat":
            raise ValueError("fusion='concat' has no weight for a level: its 1x1 convolution mixes")
        if self.kind == "learned":
            return self.level_weights.softmax(dim=0)
        return torch.full((self.levels,), 1.0 if self.kind == "sum" else 1 / self.levels)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Levels [(B, C, h_i, w_i), ...], finest first -> (B, C, h_0, w_0).

        Raises ValueError for another number of levels.
        """
        if len(levels) != self.levels:
            raise ValueError(f"the fusion was made for {self.levels} levels, got {len(levels)}")
        maps = [enlarge(level, levels[0].shape[-2:]) for level in levels]
        if self.kind == "concat":
            return self.mix(torch.cat(maps, dim=1))  # (B, L * C, h, w) -> (B, C, h, w)
        if self.kind == "learned":
            return weighted_sum(self.weights, maps)
        total = sum(maps[1:], start=maps[0])
        return total / self.levels if self.kind == "mean" else total


def check_maps(maps: Sequence[Tensor], channels: Sequence[int]) -> None:
    """Raise unless `maps` are (B, C_i, h_i, w_i) with these channels, fine to coarse.

    Raises TypeError for something else than tensors; ValueError for a wrong number of maps,
    dimensions or channels, for unequal B, and for a map that is larger than the one before it.
    """
    for m in maps:
        if not isinstance(m, Tensor):
            raise TypeError(f"a map must be a torch.Tensor, got {type(m).__name__}")
    shapes = [tuple(m.shape) for m in maps]
    if len(maps) != len(channels) or any(m.ndim != 4 for m in maps):
        raise ValueError(
            f"the pyramid needs {len(channels)} maps (B, C, h, w) with {list(channels)} channels, "
            f"fine to coarse, got {len(maps)} of shapes {shapes}"
        )
    if any(b[2] > a[2] or b[3] > a[3] for a, b in pairwise(shapes)):
        raise ValueError(
            f"maps must go from fine to coarse, got the shapes {shapes}: put the largest map "
            "first (in a dict too: its order counts, not its names)"
        )
    if len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"maps are of different numbers of pictures: {shapes}")
    if [shape[1] for shape in shapes] != list(channels):
        raise ValueError(
            f"maps have {[shape[1] for shape in shapes]} channels, the pyramid was made for "
            f"{list(channels)}, fine to coarse"
        )


def enlarge(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear to (height, width), half-pixel centres: (B, C, h, w) -> (B, C, height, width)."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)
