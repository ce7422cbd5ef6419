"""Two clouds of embeddings in one space: do the pairs meet, how wide is the gap between the clouds?

Row i of the first argument and row i of the second belong to the same thing. Everything is computed
in float64 and says nothing about *why* a model put the rows where they are. Two spaces that are
not aligned at all can still be compared by what is near to what within each of them: linear CKA and
mutual nearest neighbours, from `mmlib.similarity_structure`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.ranking import check_embeddings, cosine_similarity, normalize64
from mmlib.runtime import make_generator
from mmlib.similarity_structure import (
    centred,
    chance_overlap,
    directions,
    linear_cka,
    mutual_nearest_neighbours,
    wide,
)

__all__ = [
    "CosineStatistics",
    "GapReport",
    "PlanarMap",
    "Spread",
    "alignment",
    "chance_overlap",
    "cosine_statistics",
    "linear_cka",
    "modality_gap",
    "mutual_nearest_neighbours",
    "pca_2d",
    "shift_gap",
    "uniformity",
]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (that of the given numbers, not of a wider population)."""

    mean: float
    std: float

    @classmethod
    def of(cls, values: Tensor) -> Spread:
        """The spread of all entries of a tensor."""
        return cls(float(values.mean()), float(values.std(correction=0)))


@dataclass(frozen=True)
class CosineStatistics:
    """Cosines in [-1, 1] between and within two clouds of N rows.

    Attributes:
        matching: of the N pairs that belong together.
        other: of the N (N - 1) pairs that do not.
        first, second: of the N (N - 1) / 2 pairs of different rows within one cloud.
        auc: chance that a matching pair has a larger cosine than another pair, ties counted half:
            1 is perfect, 0.5 is blind.
    """

    matching: Spread
    other: Spread
    first: Spread
    second: Spread
    auc: float


@dataclass(frozen=True, eq=False)
class GapReport:
    """The modality gap of two clouds on the unit sphere.

    Attributes:
        vector: float64 (D,), mean of the first cloud minus mean of the second.
        length: of the vector, in [0, 2].
        accuracy: in [0, 1], share of the rows that lie nearer to the centroid of their own cloud,
            ties counted half. At 1 the two clouds do not overlap along the gap.
        chance: the same after swapping the members of each pair or not, by a fair coin: then no
            gap is real. Above 0.5, because the centroids are those of the tested rows.
    """

    vector: Tensor = field(repr=False)
    length: float
    accuracy: float
    chance: float


@dataclass(frozen=True, eq=False)
class PlanarMap:
    """Clouds drawn in one plane. Iterating gives the clouds in the order they came.

    Attributes:
        points: float64 (N_i, 2) for each cloud.
        explained: share of the variance of all rows along the first and the second axis.
    """

    points: tuple[Tensor, ...] = field(repr=False)
    explained: tuple[float, float]

    def __iter__(self) -> Iterator[Tensor]:
        """The points of one cloud after the other: ``images, names = pca_2d(x, y)``."""
        return iter(self.points)


def cosine_statistics(first: Tensor, second: Tensor) -> CosineStatistics:
    """Cosines of matching pairs, of the others, and within each cloud; how far they separate.

    Every pair (i, j) with i != j counts as not matching: give one row per concept, or a pair that
    is right lowers the AUC.

    Args:
        first, second: (N, D) floats, 2 <= N <= 4096; lengths do not matter.

    Raises:
        ValueError: not float matrices of one shape, too few or too many rows, NaN, a zero row.
    """
    first, second = _shared_space(first, second)
    cosines = cosine_similarity(first, second)  # (N, N)
    same = torch.eye(len(first), dtype=torch.bool, device=first.device)
    above = torch.ones_like(same).triu(1)
    matching, other = cosines[same].sort().values, cosines[~same]  # (N,), (N * (N - 1),)
    smaller = torch.searchsorted(matching, other)  # matching pairs below each other pair
    not_larger = torch.searchsorted(matching, other, right=True)
    return CosineStatistics(
        matching=Spread.of(matching),
        other=Spread.of(other),
        first=Spread.of(cosine_similarity(first, first)[above]),
        second=Spread.of(cosine_similarity(second, second)[above]),
        auc=1 - float((smaller + not_larger).double().mean() / (2 * len(matching))),
    )


def alignment(first: Tensor, second: Tensor, alpha: float = 2.0) -> float:
    """Mean distance of matching pairs on the unit sphere, to the power `alpha`: 0 is perfect.

    With alpha 2 this is 2 - 2 cos, averaged: 2 for directions that have nothing to do with each
    other, at most 4 (Wang & Isola 2020, "Understanding contrastive representation learning through
    alignment and uniformity on the hypersphere").

    Raises:
        ValueError: as `cosine_statistics`, or alpha is not positive and finite.
    """
    _check_exponent("alpha", alpha)
    first, second = _shared_space(first, second)
    return float((first - second).norm(dim=1).pow(alpha).mean())


def uniformity(x: Tensor, t: float = 2.0) -> float:
    """Log of the mean Gaussian potential exp(-t d^2) over pairs of different rows on the sphere.

    0 when all rows have one direction; the more evenly they fill the sphere, the lower. Two
    opposite points reach -4 t, about -2 t is what many random directions have in high dimension
    (Wang & Isola 2020).

    Args:
        x: (N, D) floats, 2 <= N <= 4096.
        t: how local: large values look at the nearest pairs only.

    Raises:
        ValueError: as `cosine_statistics`, or t is not positive and finite.
    """
    _check_exponent("t", t)
    squared = F.pdist(directions("x", x)).square()  # (N * (N - 1) / 2,)
    return float(torch.logsumexp(-t * squared, dim=0)) - math.log(len(squared))


def modality_gap(first: Tensor, second: Tensor, *, seed: int = 0, swaps: int = 20) -> GapReport:
    """The vector between the centroids of two clouds on the sphere, and whether they overlap.

    Found in trained and in untrained two-tower models by Liang et al. (2022), "Mind the gap".
    A length has no scale of its own: compare it with the gap before training, and with the spread
    of the clouds (`accuracy`, `cosine_statistics`).

    Args:
        first, second: (N, D) floats.
        seed: of the coins behind `chance`.
        swaps: how many times they are thrown; `chance` is the mean.

    Raises:
        ValueError: as `cosine_statistics`, or swaps below 1.
    """
    first, second = _shared_space(first, second)
    if swaps < 1:
        raise ValueError(f"swaps={swaps} must be 1 or more: chance is a mean over them")
    vector = first.mean(dim=0) - second.mean(dim=0)
    generator = make_generator(seed)
    blind = []
    for _ in range(swaps):
        heads = torch.rand(len(first), 1, generator=generator).to(first.device) < 0.5  # (N, 1)
        blind.append(_nearer_centroid(first.where(heads, second), second.where(heads, first)))
    return GapReport(
        vector, float(vector.norm()), _nearer_centroid(first, second), sum(blind) / swaps
    )


def shift_gap(
    first: Tensor, second: Tensor, amount: float, *, vector: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Move two clouds towards each other along the gap and put them back on the sphere.

    Each moves by half of ``amount * vector``. At 1 the centroids coincide before the rows are
    normalised again (after it a small gap may be left), 0 only normalises, below 0 the gap widens.
    Every row of a cloud moves by the same vector, so nothing is learnt (Liang et al. 2022).

    Args:
        first, second: (N, D) floats.
        amount: in units of the gap.
        vector: (D,), the direction and length to use instead of the gap of these rows: the gap of
            other pairs, so that the test pairs stay unseen, or a random direction as a control.

    Returns:
        Both clouds, normalised, with the dtype and the device they had.

    Raises:
        ValueError: as `cosine_statistics`; the amount is not finite; `vector` has another shape; a
            row ends at the origin, where it has no direction.
    """
    if not math.isfinite(amount):
        raise ValueError(f"amount={amount!r} must be a finite number, such as 1 to close the gap")
    x, y = _shared_space(first, second)
    if vector is None:
        vector = x.mean(dim=0) - y.mean(dim=0)
    elif check_embeddings("vector", vector, ndim=1).shape != x.shape[1:]:
        raise ValueError(f"vector has shape {tuple(vector.shape)}, the rows {tuple(x.shape[1:])}")
    half = amount / 2 * vector.to(x)
    x, y = x - half, y + half
    for name, cloud in (("first", x), ("second", y)):
        if bool((cloud.norm(dim=1) < 1e-9).any()):
            raise ValueError(
                f"amount={amount} moves a row of {name} to the origin, where it has no direction: "
                "take another amount"
            )
    return normalize64(x).to(first), normalize64(y).to(second)


def pca_2d(x: Tensor, *more: Tensor) -> PlanarMap:
    """The plane in which all rows of all clouds together vary most, and their places in it.

    Rows are centred together and not normalised. The sign of each axis is fixed: its largest
    loading is positive. Axes of equal variance are an arbitrary choice among equals. Most of the
    variance may lie outside the plane: look at `explained` before reading distances from the map.

    Args:
        x: (N, D) floats, D >= 2.
        more: further clouds (N_i, D), at least 3 rows in all.

    Raises:
        ValueError: not float matrices of one width, NaN, too few rows or columns, all rows equal.
    """
    clouds = [wide(check_embeddings(f"cloud {i}", c)) for i, c in enumerate((x, *more))]
    widths = sorted({cloud.shape[1] for cloud in clouds})
    sizes = [len(cloud) for cloud in clouds]
    if len(widths) > 1 or widths[0] < 2 or sum(sizes) < 3:
        raise ValueError(
            f"clouds of shape {[tuple(cloud.shape) for cloud in clouds]} do not make a map: give "
            "one number of columns, 2 or more, and 3 rows or more in all"
        )
    rows = centred("clouds", torch.cat(clouds))  # (sum of N_i, D)
    values, axes = torch.linalg.svd(rows, full_matrices=False)[1:]  # (R,), (R, D)
    axes = axes[:2]
    largest = axes.abs().round(decimals=8).argmax(dim=1, keepdim=True)
    axes = axes * axes.gather(1, largest).sign()
    shares = (values.square() / values.square().sum()).tolist()
    return PlanarMap((rows @ axes.T).split(sizes), (shares[0], shares[1]))


def _shared_space(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both clouds as directions, or ValueError: they must have one shape."""
    first, second = directions("first", first), directions("second", second)
    if first.shape != second.shape:
        raise ValueError(
            f"first {tuple(first.shape)} and second {tuple(second.shape)} must have one shape: row "
            "i of both belongs to the same thing, in one space"
        )
    return first, second


def _nearer_centroid(first: Tensor, second: Tensor) -> float:
    """Share of the rows (N, D) of both clouds that are nearer to their own centroid, ties half."""
    a, b = first.mean(dim=0), second.mean(dim=0)
    axis, middle = a - b, (a + b) / 2  # (D,)
    lead = torch.cat([(first - middle) @ axis, (middle - second) @ axis])  # (2 * N,)
    return float((lead.round(decimals=12).sign() + 1).mean() / 2)


def _check_exponent(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value!r} must be a finite number above 0, such as 2")
