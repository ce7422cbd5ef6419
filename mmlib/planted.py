"""A planted scale: does a `ScaleAttention` find the kernel size that made its data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from mmlib.encoders.gates import ScaleAttention, check_kernels
from mmlib.layers import check_positive
from mmlib.optim import set_learning_rate
from mmlib.runtime import derive_seed, make_generator


@dataclass(frozen=True)
class LearnedScales:
    """What a `ScaleAttention` learnt: its weights, what each branch contributes, its loss.

    Attributes:
        weights: (S,), the softmax weights.
        shares: (S,), variance of each weighted branch, as a share of their sum.
        loss: mean squared error on the last batch; the variance of what is imitated is about 1.
    """

    weights: list[float]
    shares: list[float]
    loss: float


def learn_planted_scale(
    size: int,
    seed: int,
    *,
    steps: int = 200,
    kernel_sizes: Sequence[int] = (3, 5, 7),
    channels: int = 8,
    side: int = 12,
) -> LearnedScales:
    """Train a `ScaleAttention` to imitate one random convolution with kernel `size`.

    The inputs are noise, so nothing but the planted kernel has a scale. All cells of the kernel
    have equal variance. Batches of 16; Adam, learning rate 0.01 falling to 0.

    Args:
        size: of the planted kernel, odd.
        seed: of the kernel, the first weights and the noise.
        steps: of training.
        kernel_sizes: of the branches that may imitate.
        channels: in and out.
        side: of the noise maps.

    Raises:
        ValueError: a size that is not odd, or larger than all kernels; another value out of range.
    """
    check_kernels(kernel_sizes)
    check_positive(steps=steps, channels=channels, side=side)
    if size % 2 == 0 or not 0 < size <= max(kernel_sizes):
        raise ValueError(f"size={size} must be odd, from 1 to {max(kernel_sizes)}")
    generator = make_generator(derive_seed(seed, "planted"))
    scale = (channels * size**2) ** -0.5
    kernel = scale * torch.randn(channels, channels, size, size, generator=generator)
    student = ScaleAttention(channels, kernel_sizes, generator=generator)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for step in range(steps):
        set_learning_rate(optimizer, 1 - step / steps)
        x = torch.randn(16, channels, side, side, generator=generator)
        loss = F.mse_loss(student(x), F.conv2d(x, kernel, padding=size // 2))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    x = torch.randn(64, channels, side, side, generator=generator)
    with torch.no_grad():
        parts = [w * branch(x) for w, branch in zip(student.weights, student.scales, strict=True)]
        energy = torch.stack([part.var() for part in parts])
        shares = (energy / energy.sum()).tolist()
    return LearnedScales(student.weights.tolist(), shares, loss.item())
