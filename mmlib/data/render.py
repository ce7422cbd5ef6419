"""Putting a transparent drawing on a background."""

from __future__ import annotations

import torch


def render(rgba: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Composite premultiplied drawings over backgrounds.

    ``colour + (1 - alpha) * background``, the 'over' operator of Porter and Duff (1984), on the
    device of ``rgba``.

    Args:
        rgba: premultiplied uint8, (B, 4, H, W), as ``Icons.rgba`` holds them.
        background: float RGB in [0, 1], (B, 3, H, W), or (B, 3, 1, 1) for plain colours; a batch
            of 1 serves all drawings.

    Returns:
        Float32 RGB in [0, 1], (B, 3, H, W).

    Raises:
        ValueError: a type, shape or range is another one.
    """
    if rgba.dtype != torch.uint8 or rgba.ndim != 4 or rgba.shape[1] != 4:
        raise ValueError(
            f"rgba is {rgba.dtype} {tuple(rgba.shape)}: expected premultiplied uint8 (B, 4, H, W)"
        )
    _check_background(background, rgba)
    image = rgba.float().div_(255)  # (B, 4, H, W)
    colour, alpha = image[:, :3], image[:, 3:]
    over = torch.addcmul(background.float(), alpha, background.float(), value=-1)
    return over.add_(colour).clamp_(0, 1)  # (B, 3, H, W)


def _check_background(background: torch.Tensor, rgba: torch.Tensor) -> None:
    batch, _, height, width = rgba.shape
    if not background.is_floating_point():
        raise ValueError(f"background is {background.dtype}: expected float RGB in [0, 1]")
    shape = tuple(background.shape)
    fits = (
        len(shape) == 4
        and shape[0] in (1, batch)
        and shape[1] == 3
        and shape[2:] in ((1, 1), (height, width))
    )
    if not fits:
        raise ValueError(
            f"background has shape {shape}: expected ({batch}, 3, {height}, {width}), "
            f"or ({batch}, 3, 1, 1) for plain colours"
        )
    if background.numel():
        low, high = (float(value) for value in background.aminmax())
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"background has values from {low:g} to {high:g}: expected [0, 1] "
                "(divide by 255 if it comes from 8-bit pixels)"
            )
