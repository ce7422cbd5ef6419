"""What a map emphasises: which channels, which places, which kernel size.

The channel and the spatial gate are those of CBAM (Woo et al. 2018). The scale attention mixes
convolutions of several kernel sizes; unlike selective kernels (Li et al. 2019) its weights are
the same for every picture.

A gate lies strictly between 0 and 1 while the number format can tell: above a logit of about 17
in float32, 8 in float16 and 6 in bfloat16 the sigmoid rounds to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from mmlib.layers import check_choice, check_positive

PARTS = ("channel", "spatial", "scale")


class ChannelAttention(nn.Module):
    """Weighs channels by what they hold anywhere in the map: (B, C, h, w) -> (B, C, h, w).

    One small network (`fc1`, `fc2`, no bias) reads the channels' means, then their maxima; the
    sigmoid of the sum is the gate (Woo et al. 2018). Its hidden width is `channels // reduction`,
    at least 1.
    Raises ValueError for `channels` or `reduction` not above 0.
    """

    def __init__(
        self, channels: int, reduction: int = 16, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        check_positive(channels=channels, reduction=reduction)
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)
        init_convolutions_(self, generator)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of each channel, between 0 and 1: (B, C, h, w) -> (B, C, 1, 1)."""
        pooled = (x.mean(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True))
        mean, maximum = (self.fc2(torch.relu(self.fc1(p))) for p in pooled)  # (B, C, 1, 1)
        return torch.sigmoid(mean + maximum)

    def forward(self, x: Tensor) -> Tensor:
        """The gated map, (B, C, h, w)."""
        return x * self.gate(x)


class SpatialAttention(nn.Module):
    """Weighs places by what all channels hold there: (B, C, h, w) -> (B, C, h, w).

    A convolution (`conv`, no bias) reads the mean and the maximum over the channels; its sigmoid
    is the gate (Woo et al. 2018). The border is padded with zeros.
    Raises ValueError for a kernel size that is not odd and above 0.
    """

    def __init__(self, kernel_size: int = 7, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_kernels([kernel_size])
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        init_convolutions_(self, generator)

    def gate(self, x: Tensor) -> Tensor:
        """The factor of each place, between 0 and 1: (B, C, h, w) -> (B, 1, h, w)."""
        pooled = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.conv(pooled))  # (B, 2, h, w) -> (B, 1, h, w)

    def forward(self, x: Tensor) -> Tensor:
        """The gated map, (B, C, h, w)."""
        return x * self.gate(x)


class ScaleAttention(nn.Module):
    """A weighted sum of convolutions of several kernel sizes: (B, C, h, w) -> (B, C, h, w).

    The weights are the softmax of `scale_weights`, equal at first. They are parameters and do not
    look at the picture. As there is no activation in between, the whole is one linear map, that
    of one convolution with the largest kernel.
    Raises ValueError for no kernel size, or one that is not odd and above 0.
    """

    def __init__(
        self,
        channels: int,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_positive(channels=channels)
        check_kernels(kernel_sizes)
        self.scales = nn.ModuleList(
            nn.Conv2d(channels, channels, size, padding=size // 2) for size in kernel_sizes
        )
        self.scale_weights = nn.Parameter(torch.zeros(len(self.scales)))
        init_convolutions_(self, generator)

    @property
    def weights(self) -> Tensor:
        """The share of each kernel size, (S,), sum 1."""
        return self.scale_weights.softmax(dim=0)

    def forward(self, x: Tensor) -> Tensor:
        """The weighted sum, (B, C, h, w)."""
        return weighted_sum(self.weights, (scale(x) for scale in self.scales))


class MultiScaleAttention(nn.Module):
    """Channel gate, then spatial gate, then scale attention: (B, C, h, w) -> (B, C, h, w).

    `use` names the parts; the others are left out. The order is always the one above, and a seed
    gives a part the same weights whatever other parts there are.
    Raises ValueError for an unknown or repeated part, and what the parts raise.
    """

    def __init__(
        self,
        channels: int,
        use: Sequence[str] = PARTS,
        reduction: int = 16,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_parts(use)
        parts: dict[str, nn.Module] = {  # all are drawn, those not in use too
            "channel": ChannelAttention(channels, reduction, generator=generator),
            "spatial": SpatialAttention(generator=generator),
            "scale": ScaleAttention(channels, kernel_sizes, generator=generator),
        }
        self.channel, self.spatial, self.scale = (
            part if name in use else nn.Identity() for name, part in parts.items()
        )

    def forward(self, x: Tensor) -> Tensor:
        """The parts in use, one after the other: (B, C, h, w) -> (B, C, h, w)."""
        return self.scale(self.spatial(self.channel(x)))


def check_parts(use: Sequence[str]) -> None:
    """Raise ValueError unless `use` holds names of attention parts, each once."""
    if isinstance(use, str):
        raise ValueError(f"attention={use!r} is one name: give a tuple, such as ({use!r},)")
    for part in use:
        check_choice("attention", part, PARTS)
    if len(set(use)) != len(use):
        raise ValueError(f"attention={tuple(use)} names a part twice: each can be there once")


def check_kernels(kernel_sizes: Sequence[int]) -> None:
    """Raise ValueError unless there are kernel sizes, all odd and above 0."""
    if not kernel_sizes or any(size < 1 or size % 2 == 0 for size in kernel_sizes):
        raise ValueError(
            f"kernel sizes {tuple(kernel_sizes)}: give one or more odd numbers, because only an "
            "odd kernel has a centre and keeps the size of the map"
        )


def weighted_sum(weights: Tensor, maps: Iterable[Tensor]) -> Tensor:
    """`weights` (S,) times S maps of one shape (B, C, h, w), added up."""
    first, *others = (weight * m for weight, m in zip(weights, maps, strict=True))
    return sum(others, start=first)


@torch.no_grad()
def init_convolutions_(module: nn.Module, generator: torch.Generator | None) -> None:
    """Draw every convolution in `module`, however deep, so that it keeps the variance (a=1)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_uniform_(part.weight, a=1, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
