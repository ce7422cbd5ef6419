"""Laws of the contrastive losses, on random embeddings, sizes, scales and groups."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from mmlib.losses import clip_loss, multi_positive_clip_loss, siglip_loss

few = settings(max_examples=15, deadline=None)
batches = st.integers(2, 12)
scales = st.floats(0.1, 100)
seeds = st.integers(0, 2**16)


def pairs(batch: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Image and text embeddings in float64, and groups of which some repeat."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(2, batch, 6, generator=generator, dtype=torch.float64)
    image, text = F.normalize(rows, dim=-1)
    return image, text, torch.randint(0, batch, (batch,), generator=generator)


def every_loss(image: Tensor, text: Tensor, scale, groups: Tensor, chunk: int | None = None):
    return (
        clip_loss(image, text, scale, chunk),
        multi_positive_clip_loss(image, text, scale, groups, chunk),
        siglip_loss(image, text, scale, -3.0, chunk_size=chunk),
        siglip_loss(image, text, scale, -3.0, groups, chunk),
    )


@few
@given(batches, scales, seeds)
def test_symmetric_in_the_towers(batch: int, scale: float, seed: int) -> None:
    image, text, groups = pairs(batch, seed)
    swapped = every_loss(text, image, scale, groups)
    for a, b in zip(every_loss(image, text, scale, groups), swapped, strict=True):
        assert a.item() == pytest.approx(b.item(), rel=1e-9)


@few
@given(batches, scales, seeds)
def test_order_of_the_pairs_does_not_matter(batch: int, scale: float, seed: int) -> None:
    image, text, groups = pairs(batch, seed)
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(seed + 1))
    shuffled = every_loss(image[order], text[order], scale, groups[order])
    for a, b in zip(every_loss(image, text, scale, groups), shuffled, strict=True):
        assert a.item() == pytest.approx(b.item(), rel=1e-9)


@few
@given(batches, scales)
def test_equal_features_give_ln_b(batch: int, scale: float) -> None:
    image, text, groups = pairs(batch, 0)
    same = image[:1].expand(batch, -1)
    for loss in every_loss(same, text[:1].expand(batch, -1), scale, groups)[:2]:
        assert loss.item() == pytest.approx(math.log(batch), rel=1e-9)


@few
@given(batches, scales, seeds, st.integers(1, 14))
def test_chunks_equal_the_whole(batch: int, scale: float, seed: int, chunk: int) -> None:
    image, text, groups = pairs(batch, seed)
    inputs = (
        image.requires_grad_(),
        text.requires_grad_(),
        torch.tensor(scale, requires_grad=True, dtype=torch.float64),
    )
    whole, parts = (every_loss(*inputs, groups, size) for size in (None, chunk))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b)
        gradients = (torch.autograd.grad(loss, inputs) for loss in (a, b))
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)


@few
@given(batches, scales, seeds)
def test_distinct_groups_give_clip_loss(batch: int, scale: float, seed: int) -> None:
    image, text, _ = pairs(batch, seed)
    groups = torch.arange(batch) * 7 - 3
    multi = multi_positive_clip_loss(image, text, scale, groups)
    assert multi.item() == pytest.approx(clip_loss(image, text, scale).item(), rel=1e-9)
    sigmoid = siglip_loss(image, text, scale, -3.0, groups)
    assert sigmoid.item() == pytest.approx(siglip_loss(image, text, scale, -3.0).item(), rel=1e-9)


@few
@given(batches, scales, seeds)
def test_names_of_groups_do_not_matter(batch: int, scale: float, seed: int) -> None:
    image, text, groups = pairs(batch, seed)
    renamed = 1000 - 3 * groups
    for a, b in zip(
        every_loss(image, text, scale, groups), every_loss(image, text, scale, renamed), strict=True
    ):
        assert torch.equal(a, b)


@few
@given(batches, scales, seeds)
def test_never_below_the_entropy_of_the_targets(batch: int, scale: float, seed: int) -> None:
    image, text, groups = pairs(batch, seed)
    floor = (groups[:, None] == groups).double().sum(dim=1).log().mean().item()
    assert multi_positive_clip_loss(image, text, scale, groups).item() >= floor - 1e-9
    assert clip_loss(image, text, scale).item() >= 0
