"""Ranks with honest ties: the arithmetic under zero-shot accuracy and retrieval.

A strict ``score > right_score`` gives a collapsed model 100%, because nothing is above the right
answer when everything is equal. Here each number is the expected value over all orders in which
the tied candidates could stand, so a collapsed model scores exactly chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def check_embeddings(name: str, value: Tensor, ndim: int = 2) -> Tensor:
    """Return `value` if it is a usable float tensor of `ndim` dimensions.

    Raises:
        ValueError: not a float tensor, wrong number of dimensions, empty, or NaN/infinite entries.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name} must be a float tensor, got {kind}")
    if value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {tuple(value.shape)}")
    if value.numel() == 0:
        raise ValueError(f"{name} is empty: shape {tuple(value.shape)}; nothing to evaluate")
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{name} holds NaN or infinite values; check the model before scoring it")
    return value.detach()


def check_indices(name: str, value: Tensor, length: int | None, upper: int) -> Tensor:
    """Return `value` if it is an integer vector of `length` entries in ``[0, upper)``.

    Raises:
        ValueError: wrong dtype, shape or range.
    """
    is_index = isinstance(value, Tensor) and not (value.is_floating_point() or value.is_complex())
    if not is_index or value.dtype == torch.bool:
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name} must be an integer tensor, got {kind}")
    if value.ndim != 1 or value.numel() == 0:
        raise ValueError(f"{name} must be a non-empty vector, got shape {tuple(value.shape)}")
    if length is not None and value.numel() != length:
        raise ValueError(f"{name} must have {length} entries, got {value.numel()}")
    low, high = int(value.min()), int(value.max())
    if low < 0 or high >= upper:
        raise ValueError(f"{name} must lie in 0..{upper - 1}, got values from {low} to {high}")
    return value.detach().long()


def check_ks(ks: tuple[int, ...]) -> tuple[int, ...]:
    """Return the cut-offs if they are positive integers, else raise `ValueError`."""
    if not ks or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 for k in ks):
        raise ValueError(f"cut-offs must be integers of at least 1, got {ks!r}")
    return tuple(ks)


def normalize64(embeddings: Tensor) -> Tensor:
    """L2-normalise the last dimension in float64; a zero vector stays zero."""
    if embeddings.device.type == "mps":  # has no float64
        embeddings = embeddings.cpu()
    # Take out the largest entry first: squares of very small or large values would leave the range.
    wide = embeddings.double()
    largest = wide.abs().amax(dim=-1, keepdim=True)
    return F.normalize(wide / largest.where(largest > 0, torch.ones_like(largest)), dim=-1)


def cosine_similarity(queries: Tensor, candidates: Tensor) -> Tensor:
    """Cosine of each query with each candidate: (..., Q, D), (..., C, D) -> (..., Q, C) float64.

    Rounded to 8 decimals, about the precision of float32 features. Without it, the order in which
    a matrix product adds would decide between equal candidates: ties would not be ties, and chunks
    would not agree with the full matrix.
    """
    return _cosines(normalize64(queries), normalize64(candidates))


def _cosines(queries: Tensor, candidates: Tensor) -> Tensor:
    return (queries @ candidates.transpose(-1, -2)).round(decimals=8)


def similarity_chunks(
    queries: Tensor, candidates: Tensor, chunk_size: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows, cosines (rows, C)) so that large sets never need the whole matrix."""
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    queries, candidates = normalize64(queries), normalize64(candidates)
    for start in range(0, len(queries), chunk_size):
        rows = slice(start, start + chunk_size)
        yield rows, _cosines(queries[rows], candidates)


@dataclass(frozen=True)
class Ranks:
    """Where the best right answer of each query stands. All fields are int64 of shape (Q,).

    better: candidates strictly above it. tied_wrong: wrong candidates with the same score.
    tied_right: right candidates with that score, itself included (so at least 1).
    """

    better: Tensor
    tied_wrong: Tensor
    tied_right: Tensor

    @classmethod
    def from_scores(cls, scores: Tensor, relevant: Tensor) -> Ranks:
        """Scores (Q, C) float and relevant (Q, C) bool, at least one True in each row."""
        if scores.shape != relevant.shape:
            raise ValueError(
                f"scores {tuple(scores.shape)} and relevant {tuple(relevant.shape)} differ in shape"
            )
        if not bool(relevant.any(dim=1).all()):
            row = int((~relevant.any(dim=1)).nonzero()[0])
            raise ValueError(f"query {row} has no right answer among the candidates")
        best = scores.masked_fill(~relevant, float("-inf")).amax(dim=1, keepdim=True)  # (Q, 1)
        tied = scores == best
        return cls(
            (scores > best).sum(dim=1),
            (tied & ~relevant).sum(dim=1),
            (tied & relevant).sum(dim=1),
        )

    @classmethod
    def of_chance(cls, right: Tensor, candidates: int) -> Ranks:
        """Ranks of a model that sees nothing: `right` (Q,) answers tied with all the others."""
        return cls(torch.zeros_like(right), candidates - right, right)

    @classmethod
    def concatenate(cls, parts: list[Ranks]) -> Ranks:
        """Join the ranks of consecutive chunks of queries."""
        return cls(
            torch.cat([part.better for part in parts]),
            torch.cat([part.tied_wrong for part in parts]),
            torch.cat([part.tied_right for part in parts]),
        )

    def cpu(self) -> Ranks:
        """The same ranks on the CPU."""
        return Ranks(self.better.cpu(), self.tied_wrong.cpu(), self.tied_right.cpu())

    def hits(self, k: int) -> Tensor:
        """Chance (Q,) float64 that a right answer is among the first `k` when ties are shuffled."""
        tied = self.tied_wrong + self.tied_right
        places = k - self.better  # places among the first k left for the tied candidates
        miss = torch.ones_like(tied, dtype=torch.float64)
        for drawn in range(min(k, int(tied.max()))):
            wrong = (self.tied_wrong - drawn).clamp(min=0).double() / (tied - drawn).clamp(min=1)
            miss = torch.where(drawn < places, miss * wrong, miss)
        return 1 - miss

    def mean_rank(self) -> Tensor:
        """Expected rank (Q,) float64 of the best right answer, 1 is first."""
        return 1 + self.better + self.tied_wrong.double() / (self.tied_right + 1)

    def reciprocal_rank(self) -> Tensor:
        """Expected 1 / rank (Q,) float64 of the best right answer."""
        result = 1 / (1 + self.better.double())
        rows = torch.stack([self.better, self.tied_wrong, self.tied_right], dim=1)
        distinct, where = rows.unique(dim=0, return_inverse=True)
        for index, (better, wrong, right) in enumerate(distinct.tolist()):
            if wrong:  # E[f(X)] = f(0) + sum over j of P(X >= j) * (f(j) - f(j - 1))
                drawn = torch.arange(wrong, dtype=torch.float64, device=rows.device)
                at_least = torch.cumprod((wrong - drawn) / (wrong + right - drawn), dim=0)
                step = 1 / (better + drawn + 2) - 1 / (better + drawn + 1)
                result[where == index] += (at_least * step).sum()
        return result
