"""Our losses against open_clip's, values and gradients."""

from __future__ import annotations

import pytest
import torch
from open_clip.loss import ClipLoss, SigLipLoss
from torch import Tensor
from torch.nn import functional as F

from mmlib.losses import clip_loss, siglip_loss

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def leaves(batch: int, scale: float, bias: float) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(batch)
    rows = [F.normalize(torch.randn(batch, 12, generator=generator), dim=1) for _ in range(2)]
    return tuple(t.requires_grad_() for t in (*rows, torch.tensor(scale), torch.tensor(bias)))


@pytest.mark.parametrize("chunk_size", [None, 3])
@pytest.mark.parametrize(("batch", "scale"), [(2, 1.0), (8, 14.3), (17, 100.0)])
def test_clip_loss(batch: int, scale: float, chunk_size: int | None) -> None:
    image, text, temperature, _ = leaves(batch, scale, 0.0)
    ours = clip_loss(image, text, temperature, chunk_size)
    theirs = ClipLoss()(image, text, temperature)
    torch.testing.assert_close(ours, theirs, **TOLERANCE)
    inputs = (image, text, temperature)
    for got, want in zip(
        torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True
    ):
        torch.testing.assert_close(got, want, **TOLERANCE)


@pytest.mark.parametrize("chunk_size", [None, 3])
@pytest.mark.parametrize(("batch", "scale", "bias"), [(2, 1.0, 0.0), (8, 10.0, -10.0), (17, 90, 3)])
def test_siglip_loss(batch: int, scale: float, bias: float, chunk_size: int | None) -> None:
    inputs = leaves(batch, float(scale), float(bias))
    ours = siglip_loss(*inputs, chunk_size=chunk_size)
    theirs = SigLipLoss()(*inputs)
    torch.testing.assert_close(ours, theirs, **TOLERANCE)
    for got, want in zip(
        torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True
    ):
        torch.testing.assert_close(got, want, **TOLERANCE)
