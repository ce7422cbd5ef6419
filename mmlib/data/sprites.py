"""Pixels of a scene: sprites are resized and placed by two matrix products, on any device.

Resizing and moving a picture is linear and separable: ``canvas = rows @ icon @ columns.T``. Each
row of these matrices says which part of an output pixel every source pixel covers, so the result is
the exact area average: no aliasing, any real-valued place and size, and the ink of a sprite is the
same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

BACKGROUNDS = ("white", "plain", "gradient", "texture")
_TEXTURE = 4  # colours along a side of a texture
BACKGROUND_COLUMNS = 1 + _TEXTURE * _TEXTURE * 4
_LUMA = (0.299, 0.587, 0.114)
_FLAT = 0.72  # a tinted sprite is this much flat colour; the rest is the shading of its drawing
_LIGHT, _CHROMA = (0.80, 0.95), 0.05  # backgrounds are light and nearly grey


def axis_weights(start: Tensor, size: Tensor, pixels: int, source: int) -> Tensor:
    """How much of each output pixel each source pixel covers, along one axis.

    Args:
        start, size: (...) where the sprite begins and how long it is, in output pixels.
        pixels: P, output pixels.
        source: Q, source pixels.

    Returns:
        (..., P, Q) weights; a row sums to the part of that pixel that the sprite covers.
    """
    edges = torch.arange(pixels + 1, device=start.device, dtype=start.dtype)
    edges = (edges - start[..., None]) * (source / size)[..., None]  # (..., P+1) in source pixels
    cells = torch.arange(source, device=start.device, dtype=start.dtype)
    covered = (edges[..., None] - cells).clamp(0, 1)  # (..., P+1, Q)
    return covered.diff(dim=-2) * (size / source)[..., None, None]


def place_sprites(tiles: Tensor, boxes: Tensor, pixels: int) -> Tensor:
    """Draw sprites that do not overlap on a transparent canvas.

    Args:
        tiles: (n, K, h, 4, w) premultiplied RGBA, channels between the axes.
        boxes: (n, K, 4) in pixels; a box of no width draws nothing.
        pixels: P, the side of the canvas.

    Returns:
        (n, 4, P, P) premultiplied RGBA.
    """
    n, slots, height, _, width = tiles.shape
    size = boxes[..., 2] - boxes[..., 0]  # (n, K)
    empty = size <= 0
    start = boxes[..., :2].masked_fill(empty[..., None], 2.0 * pixels)
    size = size.masked_fill(empty, 1.0)
    rows = axis_weights(start[..., 1], size, pixels, height)  # (n, K, P, h)
    columns = axis_weights(start[..., 0], size, pixels, width)  # (n, K, P, w)
    half = rows @ tiles.flatten(3)  # (n, K, P, 4w)
    half = half.unflatten(3, (4, width)).permute(0, 3, 2, 1, 4)  # (n, 4, P, K, w)
    half = half.reshape(n, 4 * pixels, slots * width)
    columns = columns.transpose(2, 3).reshape(n, slots * width, pixels)
    return (half @ columns).unflatten(1, (4, pixels))


def tint(tiles: Tensor, colours: Tensor) -> Tensor:
    """Paint sprites in one colour each, keeping a little of the drawing's light and shade.

    Args:
        tiles: (n, K, h, 4, w) premultiplied RGBA.
        colours: (n, K, 3) in [0, 1].

    Returns:
        (n, K, h, 4, w) premultiplied RGBA.
    """
    red, green, blue, alpha = tiles.unbind(3)  # each (n, K, h, w)
    light = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    shade = _FLAT * alpha + (1 - _FLAT) * light
    return torch.cat([shade.unsqueeze(3) * colours[:, :, None, :, None], alpha.unsqueeze(3)], 3)


def backgrounds(name: str, uniform: Tensor, pixels: int) -> Tensor:
    """Light backgrounds, the same at every label.

    Args:
        name: one of ``BACKGROUNDS``.
        uniform: (n, BACKGROUND_COLUMNS) in [0, 1).
        pixels: P, the side.

    Returns:
        (n, 3, 1, 1) where they are flat, else (n, 3, P, P); values in [0.75, 1].
    """
    n = len(uniform)
    if name == "white":
        return uniform.new_ones(n, 3, 1, 1)
    light, chroma = uniform[:, 1:].unflatten(1, (_TEXTURE**2, 4)).split([1, 3], 2)
    level = _LIGHT[0] + (_LIGHT[1] - _LIGHT[0]) * light
    colours = (level + _CHROMA * (2 * chroma - 1)).mT  # (n, 3, 16)
    if name == "plain":
        return colours[:, :, 0, None, None]
    centre = (torch.arange(pixels, device=uniform.device) + 0.5) / pixels  # (P,)
    if name == "gradient":
        turn = 2 * torch.pi * uniform[:, 0]
        across = (centre - 0.5) * turn.cos()[:, None], (centre - 0.5) * turn.sin()[:, None]
        ramp = (0.5 + 0.7 * (across[0][:, None, :] + across[1][:, :, None])).clamp(0, 1)
        first, second = colours[:, :, 0, None, None], colours[:, :, 1, None, None]
        return first + (second - first) * ramp[:, None]
    knots = torch.arange(_TEXTURE, device=uniform.device)
    blend = (1 - (centre[:, None] * (_TEXTURE - 1) - knots).abs()).clamp(min=0)  # (P, 4)
    return blend @ colours.unflatten(2, (_TEXTURE, _TEXTURE)) @ blend.T


def add_noise(images: Tensor, amplitude: float, seed: int) -> Tensor:
    """Add to each pixel a number uniform in ``[-amplitude, amplitude]`` and keep [0, 1]."""
    generator = torch.Generator(images.device).manual_seed(seed)
    noise = torch.rand(images.shape, generator=generator, device=images.device)
    return images.add_(noise.mul_(2).sub_(1), alpha=amplitude).clamp_(0, 1)


class SpriteSheet:
    """The icons of a scene at several sizes, ready to be placed.

    Args:
        rgba: (S, N, 4, H, H) uint8, premultiplied.
        device: where the pixels are computed.
    """

    def __init__(self, rgba: Tensor, device: torch.device | str) -> None:
        level = rgba.to(device)
        self._levels: dict[int, Tensor] = {}
        while True:
            side = level.shape[-1]
            self._levels[side] = level.transpose(2, 3).contiguous()  # (S, N, h, 4, w)
            if side % 2 or side <= 8:
                break
            smaller = F.avg_pool2d(level.flatten(0, 1).float(), 2).round().to(torch.uint8)
            level = smaller.unflatten(0, level.shape[:2])

    @property
    def largest(self) -> int:
        """The side of the sharpest level, in pixels."""
        return max(self._levels)

    def tiles(self, styles: Tensor, objects: Tensor, side: float) -> Tensor:
        """(n, K, h, 4, w) in [0, 1]: icons of at least ``side`` pixels.

        ``styles`` (n,) and ``objects`` (n, K) index the sheet; ``-1`` gives any icon.
        """
        level = min((s for s in self._levels if s >= side), default=self.largest)
        return self._levels[level][styles[:, None], objects.clamp(min=0)].float().div_(255)


def chunk_size(device: torch.device, pixels: int) -> int:
    """How many images to paint at once.

    A CPU is fastest while the intermediate tensors stay in its cache (measured: 64 images of 32 px
    or 16 of 64 px; batches of 128 at 64 px cost twice the time, in page faults). A GPU takes all.
    """
    return max(1, 2**16 // pixels**2) if device.type == "cpu" else 2**31


def colour_table(rgb: Sequence[tuple[float, float, float]], device: torch.device | str) -> Tensor:
    """(C, 3) float32, the values of the named colours."""
    return torch.tensor(rgb, dtype=torch.float32, device=device).reshape(-1, 3)


def paint(canvas: Tensor, background: Tensor) -> Tensor:
    """(n, 3, P, P) in [0, 1]: a premultiplied canvas (n, 4, P, P) over a background."""
    colour, alpha = canvas.split([3, 1], 1)
    return torch.addcmul(colour + background, alpha, background, value=-1).clamp_(0, 1)
