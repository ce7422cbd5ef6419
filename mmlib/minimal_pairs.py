"""Hard negatives: the right caption against one that differs in a single word or in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor

from mmlib.controls import GroupRow, binomial_interval, report_by
from mmlib.ranking import check_embeddings, cosine_similarity


@dataclass(frozen=True)
class HardNegativeReport:
    """Share of pictures whose right caption beats every wrong one, fractions in [0, 1].

    interval: 95% Wilson interval. hits: credit (N,) float64, fractional for ties. by_kind: one row
    per kind of negative. margin: mean of (right - best wrong) cosine.
    """

    accuracy: float
    chance: float
    interval: tuple[float, float]
    margin: float
    hits: Tensor
    by_kind: list[GroupRow]


def hard_negatives(
    image_emb: Tensor,
    positive_text_emb: Tensor,
    negative_text_emb: Tensor,
    kinds: Sequence[str] | None = None,
) -> HardNegativeReport:
    """Does each image (N, D) prefer its caption (N, D) to its hard negatives (N, D) or (N, M, D)?

    A tie counts as a blind guess among the tied captions (0.5 with one negative). `kinds` (N,)
    names the kind of each minimal pair ("order", "colour", ...) for the breakdown.

    Raises:
        ValueError: NaN, empty input, shapes that differ.
    """
    image_emb = check_embeddings("image_emb", image_emb)
    positive = check_embeddings("positive_text_emb", positive_text_emb)
    if negative_text_emb.ndim == 2:
        negative_text_emb = negative_text_emb[:, None]
    negative = check_embeddings("negative_text_emb", negative_text_emb, ndim=3)
    n, dim = image_emb.shape
    if positive.shape != (n, dim) or negative.shape[0] != n or negative.shape[2] != dim:
        raise ValueError(
            f"image_emb {(n, dim)} needs positives of the same shape and negatives "
            f"({n}, {dim}) or ({n}, M, {dim}); got {tuple(positive.shape)} and "
            f"{tuple(negative_text_emb.shape)}"
        )
    captions = torch.cat([positive[:, None].to(negative), negative], dim=1)  # (N, 1 + M, D)
    scores = cosine_similarity(image_emb[:, None], captions)[:, 0]  # (N, 1 + M)
    right, wrong = scores[:, 0], scores[:, 1:]
    best = wrong.amax(dim=1)
    tied = (wrong == right[:, None]).sum(dim=1)
    hits = torch.where(best > right, 0.0, 1.0 / (1 + tied.double())).cpu()
    chance = 1 / (1 + negative.shape[1])
    return HardNegativeReport(
        accuracy=float(hits.mean()),
        chance=chance,
        interval=binomial_interval(float(hits.sum()), n),
        margin=float((right - best).mean()),
        hits=hits,
        by_kind=[] if kinds is None else report_by(hits, kinds, chance),
    )


@dataclass(frozen=True)
class WinogroundReport:
    """Text, image and group score (Thrush et al. 2022), fractions in [0, 1].

    Chance is 1/4, 1/4 and 1/6.
    """

    text: float
    image: float
    group: float


def winoground(image_emb: Tensor, text_emb: Tensor) -> WinogroundReport:
    """Two images (N, 2, D) and two captions (N, 2, D), caption j of a pair fits image j.

    text: both images prefer their caption. image: both captions prefer their image. group: both.
    Ties are broken in all 24 orders and averaged, so equal features score chance, not 0.

    Raises:
        ValueError: NaN, empty input, shapes that differ or whose second size is not 2.
    """
    image_emb = check_embeddings("image_emb", image_emb, ndim=3)
    text_emb = check_embeddings("text_emb", text_emb, ndim=3)
    if image_emb.shape != text_emb.shape or image_emb.shape[1] != 2:
        raise ValueError(
            "image_emb and text_emb must both be (N, 2, D), got "
            f"{tuple(image_emb.shape)} and {tuple(text_emb.shape)}"
        )
    flat = cosine_similarity(image_emb, text_emb).flatten(
        1
    )  # (N, 4): image 0 with text 0, 0-1, ...
    totals = torch.zeros(3, dtype=torch.float64)
    orders = list(permutations(range(4)))
    for order in orders:

        def above(a: int, b: int, order: tuple[int, ...] = order) -> Tensor:
            tie_won = (flat[:, a] == flat[:, b]) & (order[a] > order[b])
            return (flat[:, a] > flat[:, b]) | tie_won

        text = above(0, 1) & above(3, 2)
        image = above(0, 2) & above(3, 1)
        shares = [both.double().mean() for both in (text, image, text & image)]
        totals += torch.stack(shares).cpu()
    return WinogroundReport(*(totals / len(orders)).tolist())
