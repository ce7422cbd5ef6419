"""Contrastive losses as pure functions of L2-normalised embeddings.

Everywhere: `image` and `text` are (B, D), row i of both is a pair, rows have length 1 (the
functions do not check that: it would make a GPU wait; `CLIPModel` normalises). `scale` is the
inverse temperature *after* `exp`. Similarities are computed in float32 whatever comes in, because
a half-precision logit near 100 is rounded to steps of 0.06 (float16) or 0.5 (bfloat16).

`chunk_size` bounds memory: logits are made for that many rows at a time and made again in the
backward pass, so that memory grows with B and not with B squared. Values and gradients stay.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


def check_pairs(image: Tensor, text: Tensor, groups: Tensor | None = None) -> None:
    """Raise ValueError unless both are floating (B, D), B >= 2, and `groups` is None or (B,)."""
    if image.ndim != 2 or image.shape != text.shape:
        raise ValueError(
            f"image {tuple(image.shape)} and text {tuple(text.shape)} must both be (B, D)"
        )
    if not (image.is_floating_point() and text.is_floating_point()):
        raise ValueError(f"embeddings must be floating point, got {image.dtype} and {text.dtype}")
    if len(image) < 2:
        raise ValueError(
            f"a batch of {len(image)} has nothing to contrast and no gradient: use 2 pairs or more"
        )
    if groups is not None:
        check_groups(groups, len(image))


def check_groups(groups: Tensor, batch: int) -> None:
    """Raise ValueError unless `groups` is an integer tensor (batch,)."""
    if groups.shape != (batch,) or groups.is_floating_point():
        raise ValueError(
            f"groups must be integers of shape ({batch},), got {groups.dtype} "
            f"{tuple(groups.shape)}: one id for each pair, equal for pairs that match each other"
        )


def similarity(image: Tensor, text: Tensor, scale: float | Tensor) -> Tensor:
    """`scale * image @ text.T` in float32 (or float64), also under autocast: (B, B')."""
    with torch.autocast(image.device.type, enabled=False):
        wide = torch.float64 if image.dtype == torch.float64 else torch.float32
        return scale * (image.to(wide) @ text.to(wide).T)


def matches(rows: Tensor, columns: Tensor) -> Tensor:
    """True where the group ids are equal: (R,), (C,) -> (R, C)."""
    return rows[:, None] == columns[None, :]


def _mean_over_rows(
    row_loss: Callable[[Tensor, Tensor], Tensor], queries: Tensor, chunk_size: int | None
) -> Tensor:
    """Mean over B rows of `row_loss(queries[chunk], row numbers) -> (chunk,)`."""
    batch = len(queries)
    rows = torch.arange(batch, device=queries.device)
    if chunk_size is None:
        return row_loss(queries, rows).mean()
    if chunk_size < 1:
        raise ValueError(f"chunk_size={chunk_size} must be 1 or more, or None for all at once")
    sums = [
        checkpoint(row_loss, q, r, use_reentrant=False).sum()
        for q, r in zip(queries.split(chunk_size), rows.split(chunk_size), strict=True)
    ]
    return torch.stack(sums).sum() / batch


def _both_directions(
    image: Tensor,
    text: Tensor,
    scale: float | Tensor,
    groups: Tensor | None,
    chunk_size: int | None,
) -> Tensor:
    """Mean of the image-to-text and the text-to-image cross-entropy."""

    def one_direction(queries: Tensor, keys: Tensor) -> Tensor:
        def row_loss(chunk: Tensor, rows: Tensor) -> Tensor:
            return softmax_loss(similarity(chunk, keys, scale), rows, groups)

        return _mean_over_rows(row_loss, queries, chunk_size)

    return (one_direction(image, text) + one_direction(text, image)) / 2


def softmax_loss(logits: Tensor, rows: Tensor, groups: Tensor | None = None) -> Tensor:
    """Cross-entropy of each row against its match: logits (R, B), row numbers (R,) -> (R,).

    Without `groups` row i has one match, column rows[i]. With `groups` (B,) every column of the
    same group is a match and gets an equal share of the target.
    """
    if groups is None:
        return F.cross_entropy(logits, rows, reduction="none")
    targets = matches(groups[rows], groups).to(logits.dtype)  # (R, B)
    targets = targets / targets.sum(dim=1, keepdim=True)
    return -(targets * F.log_softmax(logits, dim=1)).sum(dim=1)


def clip_loss(
    image: Tensor, text: Tensor, scale: float | Tensor, chunk_size: int | None = None
) -> Tensor:
    """Symmetric softmax loss of CLIP (Radford et al. 2021): (B, D), (B, D) -> scalar.

    ln B is chance. Raises ValueError for unequal shapes, another dtype or a batch of one.
    """
    check_pairs(image, text)
    return _both_directions(image, text, scale, None, chunk_size)


def multi_positive_clip_loss(
    image: Tensor,
    text: Tensor,
    scale: float | Tensor,
    groups: Tensor,
    chunk_size: int | None = None,
) -> Tensor:
    """CLIP's loss for batches in which several pairs match: pairs of equal `groups` (B,).

    Of the two usual forms this is the cross-entropy with a uniform target over the matches
    ("outside the log" in Khosla et al. 2020, also UniCL): every match must be found. The other
    one, the log of the summed probabilities, is content when a single match is found. With k
    matches in a row the lowest reachable value is ln k, not 0. With distinct groups it is
    `clip_loss`. Raises ValueError as `clip_loss` does, and for a wrong shape of `groups`.
    """
    check_pairs(image, text, groups)
    return _both_directions(image, text, scale, groups, chunk_size)


def siglip_loss(
    image: Tensor,
    text: Tensor,
    scale: float | Tensor,
    bias: float | Tensor,
    groups: Tensor | None = None,
    chunk_size: int | None = None,
) -> Tensor:
    """Sigmoid loss (Zhai et al. 2023): B * B yes-or-no questions, summed, over B -> scalar.

    With `groups` (B,) every pair of the same group is a yes. Start near scale 10 and bias -10.
    Raises ValueError as `clip_loss` does.
    """
    check_pairs(image, text, groups)
    ids = torch.arange(len(image), device=image.device) if groups is None else groups

    def row_loss(chunk: Tensor, rows: Tensor) -> Tensor:
        sign = 2.0 * matches(ids[rows], ids) - 1.0  # +1 for a match, -1 for the rest
        return -F.logsigmoid(sign * (similarity(chunk, text, scale) + bias)).sum(dim=1)

    return _mean_over_rows(row_loss, image, chunk_size)
