"""Where the sprites of a scene stand: boxes drawn from uniform numbers, one row for each scene.

All lengths are fractions of the image side; a box is ``(left, top, right, bottom)`` and holds the
square tile of an icon, whose ink lies inside. The layouts keep nothing secret in the position: a
place says nothing about which object, colour or number it is, except where the place is the label.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.data.grammar import KINDS, SLOTS, Facts

# Range of the side of a sprite. In one kind of scene every sprite has the same range.
SIZES = {"single": (0.50, 0.85), "colour": (0.32, 0.44), "count": (0.22, 0.30)}
SIZES["relation"] = SIZES["colour"]
CELLS = 3  # counted sprites stand in a 3 x 3 grid of cells
PLACE_COLUMNS = CELLS * CELLS + 2 * SLOTS  # uniform numbers that a layout may use
_GAP = 0.04  # least distance between two related sprites


def sprite_sizes(kind: str, uniform: Tensor) -> Tensor:
    """Sides of the sprites, uniform in the range of the kind; same shape as ``uniform``."""
    low, high = SIZES[kind]
    return low + (high - low) * uniform


def boxes_of(corner: Tensor, size: Tensor) -> Tensor:
    """(..., 4) boxes from their upper left corner (..., 2) and side (...)."""
    return torch.cat([corner, corner + size[..., None]], -1)


def place_single(size: Tensor, place: Tensor) -> Tensor:
    """(n, 1, 4): anywhere inside the image. ``size`` (n, >= 1), ``place`` (n, >= 2) uniform."""
    side = size[:, :1]  # (n, 1)
    return boxes_of((place[:, :2] * (1 - side))[:, None], side)


def place_pair(relation: Tensor, size: Tensor, place: Tensor) -> Tensor:
    """(n, 2, 4): two sprites of which exactly one of the four relations is true.

    Along the axis of the relation the boxes lie apart; across it they overlap by at least half of
    the smaller one.

    Args:
        relation: (n,) index into ``RELATIONS``, of the first box to the second.
        size: (n, >= 2) sides.
        place: (n, >= 4) uniform.
    """
    swapped = relation % 2 == 1
    side = torch.where(swapped[:, None], size[:, :2].flip(1), size[:, :2])  # (n, 2) near to far
    cuts = place[:, :2].sort(1).values * (1 - _GAP - side.sum(1))[:, None]  # (n, 2)
    near, far = cuts[:, 0], cuts[:, 1] + side[:, 0] + _GAP
    shift = (place[:, 2] - 0.5) * side.amin(1)  # between the centres, across the axis
    margin = (side.amax(1) + shift.abs()) / 2
    middle = margin + place[:, 3] * (1 - 2 * margin)
    across = torch.stack([middle - shift / 2, middle + shift / 2], 1) - side / 2  # (n, 2)
    along = torch.stack([near, far], 1)
    vertical = (relation >= 2)[:, None]
    corner = torch.stack(
        [torch.where(vertical, across, along), torch.where(vertical, along, across)], -1
    )  # (n, 2, 2)
    boxes = boxes_of(corner, side)
    return torch.where(swapped[:, None, None], boxes.flip(1), boxes)


def place_many(size: Tensor, place: Tensor) -> Tensor:
    """(n, SLOTS, 4): each sprite somewhere in its own cell of a grid, the cells chosen at random.

    The place of a sprite does not depend on how many of the slots will be used.
    """
    cell = place[:, : CELLS * CELLS].argsort(1)[:, :SLOTS]  # (n, SLOTS)
    jitter = place[:, CELLS * CELLS :].unflatten(1, (SLOTS, 2))  # (n, SLOTS, 2)
    origin = torch.stack([cell % CELLS, cell // CELLS], -1) / CELLS
    return boxes_of(origin + jitter * (1 / CELLS - size)[..., None], size)


def place_scenes(facts: Facts, size: Tensor, place: Tensor, pixels: int) -> Tensor:
    """The boxes of ``n`` scenes.

    Args:
        facts: what the scenes hold.
        size: (n, SLOTS) uniform numbers.
        place: (n, PLACE_COLUMNS) uniform numbers.
        pixels: the side of the image.

    Returns:
        (n, SLOTS, 4) float32 in pixels, zero for empty slots.
    """
    boxes = torch.zeros(len(facts), SLOTS, 4)
    for code, kind in enumerate(KINDS):
        rows = (facts.kind == code).nonzero()[:, 0]
        sides = sprite_sizes(kind, size[rows])
        if kind == "single":
            placed = place_single(sides, place[rows])
        elif kind == "count":
            placed = place_many(sides, place[rows])
        else:
            placed = place_pair(facts.relation[rows], sides, place[rows])
        boxes[rows, : placed.shape[1]] = placed.float()
    return boxes * pixels * (facts.objects >= 0)[..., None]
