from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.losses import clip_loss, multi_positive_clip_loss, siglip_loss, similarity

LOSSES = {
    "clip": lambda i, t, **k: clip_loss(i, t, 10.0, **k),
    "multi": lambda i, t, **k: multi_positive_clip_loss(i, t, 10.0, torch.arange(len(i)) // 2, **k),
    "siglip": lambda i, t, **k: siglip_loss(i, t, 10.0, -10.0, **k),
}


def pairs(batch: int = 8, dim: int = 12, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, batch, dim, generator=generator)
    return tuple(F.normalize(rows, dim=-1).to(dtype))


def test_clip_loss_of_a_table_worked_by_hand() -> None:
    """Two orthogonal pairs at scale ln 3: the right answer has probability 3 / (3 + 1)."""
    eye = torch.eye(2)
    assert clip_loss(eye, eye, math.log(3)).item() == pytest.approx(math.log(4 / 3))


def test_multi_positive_floor_is_ln_k() -> None:
    """Three pairs of one caption: perfect embeddings reach ln 3, not 0."""
    rows = torch.eye(4)[[0, 0, 0, 1, 1, 1]]
    groups = torch.tensor([0, 0, 0, 1, 1, 1])
    got = multi_positive_clip_loss(rows, rows, 50.0, groups)
    assert got.item() == pytest.approx(math.log(3), abs=1e-6)


def test_one_hot_targets_on_duplicate_captions_have_a_floor() -> None:
    """10 captions in a batch of 256: the best model ends at 3.24, the mean ln of the counts."""
    rows = torch.eye(10)[torch.arange(256) % 10]
    counts = torch.bincount(torch.arange(256) % 10).double()
    floor = (counts / 256 * counts.log()).sum().item()
    assert clip_loss(rows, rows, 100.0).item() == pytest.approx(floor, abs=1e-4)
    assert floor == pytest.approx(3.24, abs=0.005)


def test_siglip_by_hand_with_groups() -> None:
    image, text = pairs(4)
    groups = torch.tensor([7, 7, 1, 2])
    want = 0.0
    for row in range(4):
        for column in range(4):
            sign = 1 if groups[row] == groups[column] else -1
            logit = 10 * (image[row] @ text[column]).item() - 5
            want += math.log1p(math.exp(-sign * logit))
    got = siglip_loss(image, text, 10.0, -5.0, groups)
    assert got.item() == pytest.approx(want / 4, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_no_overflow(name: str) -> None:
    """exp(100) is infinite in float32: a naive exp and log gives NaN here."""
    image, text = (rows.clone().requires_grad_() for rows in pairs())
    scale = torch.tensor(1000.0, requires_grad=True)
    groups = torch.arange(8) // 2
    loss = {
        "clip": lambda: clip_loss(image, text, scale),
        "multi": lambda: multi_positive_clip_loss(image, text, scale, groups),
        "siglip": lambda: siglip_loss(image, text, scale, -10.0),
    }[name]()
    loss.backward()
    assert loss.isfinite()
    assert all(t.grad is not None and t.grad.isfinite().all() for t in (image, text, scale))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_similarity_is_float32(dtype: torch.dtype) -> None:
    image, text = pairs(dtype=dtype)
    want = 100 * (image.float() @ text.float().T)
    got = similarity(image, text, 100.0)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(similarity(image, text, 100.0), got)
        loss = clip_loss(image, text, 100.0)
    torch.testing.assert_close(loss, clip_loss(image, text, 100.0))
    assert loss.dtype == torch.float32


@pytest.mark.parametrize("name", LOSSES)
def test_chunks_keep_no_square(name: str) -> None:
    """With chunks no tensor of B * B elements is kept for the backward pass."""
    image, text = (rows.clone().requires_grad_() for rows in pairs(32, 4))

    def largest_saved(**options: int) -> int:
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: (sizes.append(t.numel()), t)[1], lambda t: t
        ):
            LOSSES[name](image, text, **options)
        return max(sizes)

    assert largest_saved() >= 32 * 32
    assert largest_saved(chunk_size=4) < 32 * 32 / 2


BAD = {
    "shapes": (lambda i, t: (i, t[:-1]), r"image \(8, 12\) and text \(7, 12\)"),
    "dimensions": (lambda i, t: (i, t[:, :-1]), r"text \(8, 11\)"),
    "one axis": (lambda i, t: (i[0], t[0]), r"must both be \(B, D\)"),
    "integers": (lambda i, t: (i.long(), t.long()), "floating point"),
    "batch of one": (lambda i, t: (i[:1], t[:1]), "batch of 1 has nothing to contrast"),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", BAD)
def test_bad_embeddings(name: str, kind: str) -> None:
    change, message = BAD[kind]
    with pytest.raises(ValueError, match=message):
        LOSSES[name](*change(*pairs()))


@pytest.mark.parametrize("name", LOSSES)
def test_bad_chunk_size(name: str) -> None:
    with pytest.raises(ValueError, match="chunk_size=0"):
        LOSSES[name](*pairs(), chunk_size=0)


@pytest.mark.parametrize("groups", [torch.arange(7), torch.arange(8.0), torch.zeros(8, 1).long()])
def test_bad_groups(groups: Tensor) -> None:
    for loss in (
        lambda: multi_positive_clip_loss(*pairs(), 1.0, groups),
        lambda: siglip_loss(*pairs(), 1.0, 0.0, groups),
    ):
        with pytest.raises(ValueError, match=r"groups must be integers of shape \(8,\)"):
            loss()
