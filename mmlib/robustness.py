"""Accuracy under perturbed pictures (in the spirit of Hendrycks and Dietterich 2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Perturbation = Callable[[Tensor, float, torch.Generator], Tensor]
"""(images (B, 3, H, W) in [0, 1], severity in [0, 1], generator) -> images of the same shape."""


def gaussian_noise(images: Tensor, severity: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise whose deviation is half the severity."""
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + 0.5 * severity * noise).clamp(0, 1)


def low_contrast(images: Tensor, severity: float, generator: torch.Generator) -> Tensor:
    """Pull every pixel to its picture's mean; severity 1 leaves a uniform grey."""
    return images.lerp(images.mean(dim=(1, 2, 3), keepdim=True), severity)


def low_resolution(images: Tensor, severity: float, generator: torch.Generator) -> Tensor:
    """Shrink (antialiased) to a share 1 - 0.9 * severity of the side, and enlarge again."""
    height, width = images.shape[-2:]
    share = 1 - 0.9 * severity
    small = (max(1, round(height * share)), max(1, round(width * share)))
    if small == (height, width):
        return images.clone()
    shrunk = F.interpolate(images, size=small, mode="bilinear", antialias=True)
    return F.interpolate(shrunk, size=(height, width), mode="bilinear").clamp(0, 1)


def occlusion(images: Tensor, severity: float, generator: torch.Generator) -> Tensor:
    """Cover a grey square of `severity` times the side, at a random place in each picture."""
    batch, _, height, width = images.shape
    sides = torch.tensor([height, width], device=images.device)
    size = (severity * sides).round()  # (2,)
    place = torch.rand(batch, 2, generator=generator, device=images.device)
    start = (place * (sides - size + 1)).floor()  # (B, 2), top and left
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    in_rows = (rows >= start[:, :1]) & (rows < start[:, :1] + size[0])  # (B, H)
    in_columns = (columns >= start[:, 1:]) & (columns < start[:, 1:] + size[1])  # (B, W)
    covered = in_rows[:, None, :, None] & in_columns[:, None, None, :]  # (B, 1, H, W)
    return images.masked_fill(covered, 0.5)


def grayscale(images: Tensor, severity: float, generator: torch.Generator) -> Tensor:
    """Fade the colours to luma (ITU-R BT.601); severity 1 leaves none."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(1, 3, 1, 1)
    luma = (images * weights).sum(dim=1, keepdim=True).expand_as(images)
    return images.lerp(luma, severity)


PERTURBATIONS: dict[str, Perturbation] = {
    "noise": gaussian_noise,
    "contrast": low_contrast,
    "resolution": low_resolution,
    "occlusion": occlusion,
    "colour": grayscale,
}


@dataclass(frozen=True)
class RobustnessRow:
    """Accuracy (a fraction in [0, 1]) under one perturbation at one severity."""

    perturbation: str
    severity: float
    accuracy: float


def robustness(
    images: Tensor,
    accuracy: Callable[[Tensor], float],
    severities: Sequence[float] = (0.0, 0.25, 0.5, 0.75),
    *,
    seed: int,
    perturbations: Mapping[str, Perturbation] | None = None,
) -> list[RobustnessRow]:
    """Score ``accuracy(perturbed images)`` for each perturbation and severity; 0 changes nothing.

    Every severity of a perturbation uses the same random draw (`seed`), so a curve over severities
    shows the severity and not the luck.

    Raises:
        ValueError: images that are not (B, 3, H, W) in [0, 1], a severity outside [0, 1],
            a perturbation that changes the shape or leaves [0, 1].
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(f"images must be (B, 3, H, W) and not empty, got {tuple(images.shape)}")
    _check_range("images", images)
    outside = [value for value in severities if not 0 <= value <= 1]
    if outside or not severities:
        raise ValueError(f"severities must lie in [0, 1] and not be empty, got {list(severities)}")
    rows = []
    for name, perturb in (PERTURBATIONS if perturbations is None else perturbations).items():
        for severity in severities:
            generator = torch.Generator(images.device).manual_seed(seed)
            changed = images if severity == 0 else perturb(images, float(severity), generator)
            if changed.shape != images.shape:
                raise ValueError(f"perturbation {name!r} changed the shape of the images")
            _check_range(f"the output of perturbation {name!r}", changed)
            rows.append(RobustnessRow(name, float(severity), float(accuracy(changed))))
    return rows


def _check_range(name: str, images: Tensor) -> None:
    low, high = float(images.min()), float(images.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # NaN fails too
        raise ValueError(f"{name} must lie in [0, 1], got values from {low:.3g} to {high:.3g}")
