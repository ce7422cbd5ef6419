"""Batched augmentation of drawings with an alpha channel.

A whole batch is transformed by one `grid_sample` and a few elementwise operations, on the device
where the drawings live. Every sample has its own parameters: one row of uniform numbers, drawn for
the batch in one call. The picture at row i depends on its drawing and on row i alone, so other
pictures in the batch cannot change it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

#: Uniform numbers that one sample uses: angle, scale, aspect, shift x and y, flip, brightness,
#: contrast, saturation, greyscale, and red, green, blue of the background.
N_RANDOM = 13

#: Rec. 601 weights of red, green and blue in perceived brightness.
LUMA = (0.299, 0.587, 0.114)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be in [{low}, {high}], got {value}")


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly drawings are varied; `AugmentConfig.none()` leaves them as drawn, on white.

    Attributes:
        rotate: largest rotation in degrees, either way.
        scale: smallest and largest size, as a factor.
        aspect: largest stretch of one side, as a fraction (0.1: 10 %).
        shift: largest shift, as a fraction of the side.
        flip: probability of a left-right mirror image.
        brightness, contrast, saturation: largest change, as a fraction.
        grey: probability of losing all colour.
        background: darkest value of the plain background colour; each picture's red, green and
            blue are drawn between it and 1. 1 is white. Black line drawings need a light one.
    """

    rotate: float = 8.0
    scale: tuple[float, float] = (0.85, 1.05)
    aspect: float = 0.05
    shift: float = 0.06
    flip: float = 0.0
    brightness: float = 0.1
    contrast: float = 0.1
    saturation: float = 0.2
    grey: float = 0.0
    background: float = 0.8

    def __post_init__(self) -> None:
        _check("rotate", self.rotate, 0, 180)
        _check("scale[0]", self.scale[0], 0.1, self.scale[1])
        _check("scale[1]", self.scale[1], self.scale[0], 4.0)
        for name in (
            "aspect", "shift", "flip", "brightness", "contrast", "saturation", "grey", "background",
        ):  # fmt: skip
            _check(name, getattr(self, name), 0, 1)

    @classmethod
    def none(cls) -> AugmentConfig:
        """No variation at all: the drawing on white."""
        return cls(0.0, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def _affine(u: Tensor, config: AugmentConfig) -> Tensor:
    """Sampling matrices (output to input coordinates) from rows of uniform numbers.

    Args:
        u: (B, N_RANDOM) in [0, 1).

    Returns:
        (B, 2, 3), for `affine_grid`.
    """
    angle = (2 * u[:, 0] - 1) * math.radians(config.rotate)
    low, high = config.scale
    scale = low * (high / low) ** u[:, 1]
    stretch = (1 + config.aspect) ** (2 * u[:, 2] - 1)
    mirror = torch.where(u[:, 5] < config.flip, -1.0, 1.0)
    inverse_x, inverse_y = mirror / (scale * stretch), stretch / scale
    cos, sin = torch.cos(angle), torch.sin(angle)
    tx, ty = (2 * u[:, 3] - 1) * 2 * config.shift, (2 * u[:, 4] - 1) * 2 * config.shift
    rows = torch.stack([inverse_x * cos, inverse_x * sin, -inverse_y * sin, inverse_y * cos], dim=1)
    matrix = rows.view(-1, 2, 2)  # (B, 2, 2)
    offset = -(matrix @ torch.stack([tx, ty], dim=1)[:, :, None])  # (B, 2, 1)
    return torch.cat([matrix, offset], dim=2)


def _jitter(rgb: Tensor, u: Tensor, config: AugmentConfig) -> Tensor:
    """Change brightness, contrast and saturation of (B, 3, H, W), in that order, and clamp."""

    def factor(column: int, strength: float) -> Tensor:
        return (1 + (2 * u[:, column] - 1) * strength)[:, None, None, None]  # (B, 1, 1, 1)

    luma = torch.tensor(LUMA, device=rgb.device).view(1, 3, 1, 1)
    saturation = factor(8, config.saturation)
    saturation = torch.where((u[:, 9] < config.grey)[:, None, None, None], 0.0, saturation)
    brightness, contrast = factor(6, config.brightness), factor(7, config.contrast)
    # One affine map of the colours: c * b * rgb + (1 - c) * mean, then a blend with its own grey.
    mean = (rgb.mean(dim=(2, 3), keepdim=True) * luma).sum(1, keepdim=True) * brightness
    rgb = rgb * (brightness * contrast) + (1 - contrast) * mean
    grey = (rgb * luma).sum(1, keepdim=True)  # (B, 1, H, W)
    return torch.lerp(grey, rgb, saturation).clamp_(0, 1)


def augment_icons(rgba: Tensor, u: Tensor, config: AugmentConfig) -> Tensor:
    """Vary drawings and put them on a background.

    Args:
        rgba: uint8 (B, 4, H, W), premultiplied alpha.
        u: (B, N_RANDOM) uniform numbers in [0, 1), one row for each picture.
        config: how strongly.

    Returns:
        float32 (B, 3, H, W) in [0, 1].

    Raises:
        ValueError: when a dtype or shape is wrong.
    """
    if rgba.dtype != torch.uint8 or rgba.ndim != 4 or rgba.shape[1] != 4:
        raise ValueError(
            f"expected uint8 drawings (B, 4, H, W), got {rgba.dtype} {tuple(rgba.shape)}"
        )
    if u.shape != (rgba.shape[0], N_RANDOM):
        raise ValueError(
            f"expected random numbers {(rgba.shape[0], N_RANDOM)}, got {tuple(u.shape)}"
        )
    x = rgba.float().div_(255)
    if (config.rotate, config.scale, config.aspect, config.shift, config.flip) != (
        0, (1.0, 1.0), 0, 0, 0,
    ):  # fmt: skip
        grid = F.affine_grid(_affine(u, config), list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    rgb, alpha = x[:, :3], x[:, 3:]
    background = torch.lerp(torch.ones_like(u[:, 10:13]), u[:, 10:13], 1 - config.background)
    background = background[:, :, None, None]  # (B, 3, 1, 1)
    return _jitter(torch.addcmul(rgb, 1 - alpha, background), u, config)


class IconAugmentation:
    """`augment_icons` with a configuration and random numbers from a generator.

    Args:
        config: how strongly the drawings are varied.
    """

    def __init__(self, config: AugmentConfig | None = None) -> None:
        self.config = config or AugmentConfig()

    def __call__(self, rgba: Tensor, generator: torch.Generator) -> Tensor:
        """uint8 (B, 4, H, W) to float32 (B, 3, H, W); the generator lives on the same device."""
        u = torch.rand(len(rgba), N_RANDOM, generator=generator, device=rgba.device)
        return augment_icons(rgba, u, self.config)
