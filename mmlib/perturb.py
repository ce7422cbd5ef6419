"""Two exact changes of a picture: move it by whole pixels, or shuffle its pieces.

Pixels are copied and never computed, so any device and dtype keeps its values. A shift leaves what
is shown and moves where; shuffled pieces keep what is inside each piece and lose the layout.
"""

from __future__ import annotations

import torch
from torch import Tensor


def shift(images: Tensor, dx: int, dy: int = 0, fill: float | None = None) -> Tensor:
    """Move pictures `dx` pixels to the right and `dy` pixels down (negative: left and up).

    What leaves the picture is lost; what becomes free repeats the pixel at the border, or gets
    the value `fill`.

    Args:
        images: (B, C, H, W), any dtype and device.
        dx: whole pixels, less than W either way.
        dy: whole pixels, less than H either way.
        fill: a value for all channels of the free pixels.

    Returns:
        New pictures of the same shape, dtype and device.

    Raises:
        ValueError: not (B, C, H, W), no whole pixels, or a shift of the whole side or more.
    """
    _check_batch(images)
    rows = _sources("dy", dy, images.shape[-2])
    columns = _sources("dx", dx, images.shape[-1])
    inside = [index.clamp(0, len(index) - 1).to(images.device) for index in (rows, columns)]
    moved = images[..., inside[0][:, None], inside[1]]  # (B, C, H, W)
    if fill is not None:
        moved[..., (rows < 0) | (rows >= len(rows)), :] = fill
        moved[..., (columns < 0) | (columns >= len(columns))] = fill
    return moved


def shuffle_patches(images: Tensor, grid: int, generator: torch.Generator) -> Tensor:
    """Cut each picture into `grid` x `grid` cells and put them back in a random order.

    Every picture gets an order of its own; the inside of a cell stays as it is.

    Args:
        images: (B, C, H, W), any dtype and device; `grid` divides H and W.
        grid: cells along a side; 1 changes nothing.
        generator: draws the orders.

    Returns:
        New pictures of the same shape, dtype and device.

    Raises:
        ValueError: not (B, C, H, W), or `grid` does not divide both sides.
    """
    _check_batch(images)
    batch, channels, height, width = images.shape
    if grid < 1 or height % grid or width % grid:
        raise ValueError(
            f"grid={grid} must be 1 or more and divide both sides of {height}x{width}: "
            "choose another grid or resize the pictures"
        )
    numbers = torch.rand(batch, grid**2, generator=generator, device=generator.device)
    order = numbers.argsort(dim=1).to(images.device)  # (B, g * g)
    cells = images.reshape(batch, channels, grid, height // grid, grid, width // grid)
    cells = cells.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, g * g, C, h, w)
    picture = torch.arange(batch, device=images.device)[:, None]  # (B, 1)
    cells = cells[picture, order].unflatten(1, (grid, grid))  # (B, g, g, C, h, w)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(images.shape)


def _check_batch(images: Tensor) -> None:
    if images.ndim != 4 or images.numel() == 0:
        raise ValueError(f"images must be a batch (B, C, H, W), got {tuple(images.shape)}")


def _sources(name: str, pixels: int, side: int) -> Tensor:
    """Where each row (or column) of the moved picture comes from; outside where it is free."""
    if int(pixels) != pixels or abs(pixels) >= side:
        raise ValueError(
            f"{name}={pixels!r} must be whole pixels, less than the side of {side} px either way"
        )
    return torch.arange(side) - int(pixels)
