"""Linear probe: how much a frozen feature knows, read out by one linear layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.controls import binomial_interval
from mmlib.ranking import Ranks, check_embeddings, check_indices


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe; accuracies are fractions in [0, 1], interval the 95% Wilson one of the test.

    weight (C, D) and bias (C,) act on raw features (the standardisation is folded in). gradient:
    the largest entry of the objective's gradient at the end, 0 at the optimum. converged: whether
    it is below the tolerance asked for.
    """

    weight: Tensor
    bias: Tensor
    train_accuracy: float
    test_accuracy: float
    interval: tuple[float, float]
    hits: Tensor
    gradient: float
    converged: bool

    def logits(self, features: Tensor) -> Tensor:
        """Class scores (N, C) of features (N, D), in the probe's precision."""
        return features.to(self.weight) @ self.weight.T + self.bias


def linear_probe(
    train_x: Tensor,
    train_y: Tensor,
    test_x: Tensor,
    test_y: Tensor,
    l2: float = 1e-3,
    *,
    standardize: bool = True,
    max_iter: int = 500,
    tolerance: float = 1e-5,
) -> LinearProbe:
    """Multinomial logistic regression by L-BFGS from zero: convex, so there is no luck in it.

    Minimises mean cross-entropy + l2/2 * sum(weight**2) (the bias is free). With `standardize` the
    features are first shifted and scaled by the mean and deviation of the *training* set.

    Args:
        train_x: (N, D) float features; float64 is kept, all else is computed in float32.
        train_y: (N,) int64 classes from 0; the number of classes is the largest one plus 1.
        test_x: (M, D).
        test_y: (M,), classes that occur in training.
        l2: strength of the penalty, >= 0.
        standardize: see above.
        max_iter: most steps of the optimiser.
        tolerance: largest entry of the gradient at which the fit counts as converged.

    Raises:
        ValueError: NaN, empty sets, shapes that differ, labels out of range, bad `l2`.
    """
    _check_settings(l2, max_iter, tolerance)
    train_x, test_x = check_embeddings("train_x", train_x), check_embeddings("test_x", test_x)
    if train_x.shape[1] != test_x.shape[1]:
        raise ValueError(f"train_x has width {train_x.shape[1]} and test_x {test_x.shape[1]}")
    train_y = check_indices("train_y", train_y, len(train_x), torch.iinfo(torch.long).max)
    classes = int(train_y.max()) + 1
    test_y = check_indices("test_y", test_y, len(test_x), classes)
    x = train_x.to(torch.float64 if train_x.dtype == torch.float64 else torch.float32)
    labels = train_y.to(x.device)
    mean, scale = _mean_and_scale(x) if standardize else (torch.zeros_like(x[0]), 1.0)
    weight, bias, gradient = _fit((x - mean) / scale, labels, classes, l2, max_iter, tolerance)
    weight = weight / scale
    bias = bias - weight @ mean
    train_hits = _hits(x @ weight.T + bias, labels)
    test_hits = _hits(test_x.to(x) @ weight.T + bias, test_y.to(x.device))
    return LinearProbe(
        weight=weight,
        bias=bias,
        train_accuracy=float(train_hits.mean()),
        test_accuracy=float(test_hits.mean()),
        interval=binomial_interval(float(test_hits.sum()), len(test_hits)),
        hits=test_hits,
        gradient=gradient,
        converged=gradient <= tolerance,
    )


def _check_settings(l2: float, max_iter: int, tolerance: float) -> None:
    if not 0 <= l2 < float("inf"):
        raise ValueError(f"l2 must be at least 0 and finite, got {l2}")
    if max_iter < 1:
        raise ValueError(f"max_iter must be at least 1, got {max_iter}")
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance}")


def _mean_and_scale(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (D,) of each feature; a constant feature gets scale 1."""
    mean, deviation = x.mean(dim=0), x.std(dim=0, correction=0)
    constant = deviation <= 1e-6 * mean.abs()  # true for a feature of zeros, too
    return mean, deviation.masked_fill(constant, 1.0)


def _fit(
    x: Tensor, labels: Tensor, classes: int, l2: float, max_iter: int, tolerance: float
) -> tuple[Tensor, Tensor, float]:
    """Weight (C, D), bias (C,) and the largest gradient entry at the end."""
    weight = torch.zeros(classes, x.shape[1], dtype=x.dtype, device=x.device, requires_grad=True)
    bias = torch.zeros(classes, dtype=x.dtype, device=x.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=max_iter,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight, bias), labels) + l2 / 2 * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
        objective()
    gradients = [parameter.grad for parameter in (weight, bias) if parameter.grad is not None]
    largest = max(float(gradient.abs().max()) for gradient in gradients)
    return weight.detach(), bias.detach(), largest


def _hits(logits: Tensor, labels: Tensor) -> Tensor:
    relevant = torch.zeros_like(logits, dtype=torch.bool).scatter(1, labels[:, None], True)
    return Ranks.from_scores(logits, relevant).hits(1).cpu()
