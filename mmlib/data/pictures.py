"""Labelled pictures for comparing image encoders: objects, textures, and pairs far apart.

Three tasks that ask for three things. *Objects*: which icon is it, wherever it stands. *Textures*:
which 4 x 4 motif is strewn over the picture; a window of 4 pixels holds the answer. *Pairs*: do
two discs have the same colour; no window smaller than their distance holds the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.augment.image import N_RANDOM, AugmentConfig, augment_icons
from mmlib.data.icons import Icons

MOTIF = 4  # side of a texture motif in pixels
DISC = 6  # side of the square that holds a disc, in pixels
DISC_COLOURS = ((0.85, 0.1, 0.1), (0.1, 0.55, 0.15), (0.1, 0.25, 0.9), (0.95, 0.75, 0.0))
#: How objects vary unless told otherwise; the light background keeps line art visible.
VARIED = AugmentConfig(rotate=20.0, scale=(0.75, 1.0), shift=0.1, background=0.6)


@dataclass(frozen=True)
class Labelled:
    """Pictures with one label each.

    Attributes:
        images: uint8 (N, 3, H, W).
        labels: int64 (N,), 0 to classes - 1.
        classes: how many labels there are.
    """

    images: Tensor
    labels: Tensor
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Labelled:
        """The first `count` pictures. Raises ValueError when there are fewer."""
        if not 1 <= count <= len(self):
            raise ValueError(f"count must be in [1, {len(self)}], got {count}")
        return Labelled(self.images[:count], self.labels[:count], self.classes)

    def floats(self) -> Tensor:
        """The pictures as encoders take them: float32 (N, 3, H, W) in [0, 1]."""
        return self.images.float() / 255


def _bytes(images: Tensor) -> Tensor:
    return (images * 255).round().to(torch.uint8)


def object_pictures(
    icons: Icons,
    count: int,
    generator: torch.Generator,
    *,
    style: str = "openmoji",
    canvas: int = 32,
    left: int | None = None,
    anywhere: bool = False,
    config: AugmentConfig = VARIED,
) -> Labelled:
    """Icons on a plain background; the label is the row of the icon.

    Labels come in rounds that hold every icon once, so any first part of the pictures is balanced.

    Args:
        icons: C icons of a side of at most `canvas`; they are not resized.
        count: N, how many pictures.
        generator: on the device of the icons.
        style: which drawing.
        canvas: side of the pictures in pixels.
        left: first column of the icon; None centres it. Rows are centred.
        anywhere: each picture's column is drawn from all that fit (then `left` must be None).
        config: rotation, size, shift, colours and background.

    Raises:
        ValueError: a count below 1, a canvas or place that the icon does not fit.
    """
    size, device = icons.size, icons.rgba.device
    room = canvas - size
    if count < 1 or room < 0:
        raise ValueError(f"need count >= 1 and canvas >= {size}, got {count} and {canvas}")
    if left is not None and (anywhere or not 0 <= left <= room):
        raise ValueError(f"left={left} must be in [0, {room}], and None with anywhere=True")
    labels = _rounds(count, len(icons), generator)
    u = torch.rand(count, N_RANDOM, generator=generator, device=device)
    drawn = torch.randint(room + 1, (count,), generator=generator, device=device)
    column = drawn if anywhere else torch.full_like(drawn, room // 2 if left is None else left)
    rgba = icons.rgba[icons.style_index(style), labels]  # (N, 4, s, s)
    padded = F.pad(rgba, (0, room, room // 2, room - room // 2))  # (N, 4, canvas, canvas)
    source = (torch.arange(canvas, device=device) - column[:, None]) % canvas  # (N, canvas)
    padded = padded.gather(3, source[:, None, None].expand_as(padded))
    parts = [
        _bytes(augment_icons(p, q, config))
        for p, q in zip(padded.split(2048), u.split(2048), strict=True)
    ]
    return Labelled(torch.cat(parts), labels, len(icons))


def _rounds(count: int, classes: int, generator: torch.Generator) -> Tensor:
    """Labels (count,), in rounds of all classes in random order."""
    rounds = -(-count // classes)
    keys = torch.rand(rounds, classes, generator=generator, device=generator.device)
    return keys.argsort(dim=1).flatten()[:count]


def motifs(classes: int, generator: torch.Generator) -> Tensor:
    """Different motifs with equally many dark pixels: bool (classes, 4, 4), half of it dark.

    Raises ValueError for fewer than 2 or more than 64 classes.
    """
    if not 2 <= classes <= 64:
        raise ValueError(f"classes must be in [2, 64], got {classes}")
    found: list[Tensor] = []
    while len(found) < classes:
        order = torch.rand(MOTIF**2, generator=generator, device=generator.device).argsort()
        motif = (order < MOTIF**2 // 2).view(MOTIF, MOTIF)
        if not any(torch.equal(motif, other) for other in found):
            found.append(motif)
    return torch.stack(found)


def texture_pictures(
    shapes: Tensor, count: int, generator: torch.Generator, *, canvas: int = 32, copies: int = 16
) -> Labelled:
    """One motif strewn over each picture at random places in random dark colours.

    Motifs have equally many dark pixels and stand in no grid, so neither colour nor layout tells
    the class: only the inside of a window of 4 pixels does.

    Args:
        shapes: bool (classes, 4, 4), see `motifs`.
        count: N.
        generator: on the device of `shapes`.
        canvas: side in pixels.
        copies: motifs a picture; later ones may cover earlier ones.
    """
    device = shapes.device
    labels = _rounds(count, len(shapes), generator)
    light = 0.7 + 0.3 * torch.rand(count, 3, generator=generator, device=device)
    images = light[:, :, None, None].repeat(1, 1, canvas, canvas)  # (N, 3, H, W)
    cell = torch.arange(MOTIF, device=device)
    which = torch.arange(count, device=device)[:, None, None]
    mask = shapes[labels][..., None]  # (N, 4, 4, 1)
    view = images.permute(0, 2, 3, 1)  # (N, H, W, 3), the same memory
    for _ in range(copies):
        place = torch.randint(canvas - MOTIF + 1, (2, count, 1), generator=generator, device=device)
        rows, columns = (place[0] + cell)[:, :, None], (place[1] + cell)[:, None, :]
        dark = 0.6 * torch.rand(count, 1, 1, 3, generator=generator, device=device)
        view[which, rows, columns] = torch.where(mask, dark, view[which, rows, columns])
    return Labelled(_bytes(images), labels, len(shapes))


def pair_pictures(
    count: int,
    generator: torch.Generator,
    *,
    distance: int | None = None,
    colours: int = 4,
    canvas: int = 32,
    noise: float = 0.05,
) -> Labelled:
    """Two discs of four possible colours; the label is 1 where both have the same colour.

    Every colour is equally frequent in both labels, so one disc alone tells nothing.

    Args:
        count: N.
        generator: any device; pictures are made there.
        distance: from centre to centre in pixels, along a row or a column; None draws it from
            6 to canvas - 6, in steps of 1.
        colours: how many of `DISC_COLOURS` are used.
        canvas: side in pixels.
        noise: deviation of the background's noise.

    Raises:
        ValueError: a distance that does not fit.
    """
    device = generator.device
    if distance is not None and not DISC <= distance <= canvas - DISC:
        raise ValueError(f"distance must be in [{DISC}, {canvas - DISC}], got {distance}")
    labels = _rounds(count, 2, generator)

    def draw(high: int) -> Tensor:
        return torch.randint(high, (count,), generator=generator, device=device)

    first = draw(colours)
    other = (first + 1 + draw(colours - 1)) % colours
    second = torch.where(labels == 1, first, other)
    apart = DISC + draw(canvas - 2 * DISC + 1)
    if distance is not None:
        apart = torch.full_like(apart, distance)
    room = torch.rand(2, count, generator=generator, device=device)
    along = (room[0] * (canvas - DISC - apart + 1)).floor().long()
    across = (room[1] * (canvas - DISC + 1)).floor().long()
    upright = draw(2).bool()
    grey = 0.75 + noise * torch.randn(
        count, canvas, canvas, generator=generator, device=device
    )  # (N, H, W)
    images = grey.clamp(0, 1)[:, None].repeat(1, 3, 1, 1)
    for start, colour in ((along, first), (along + apart, second)):
        top = torch.where(upright, start, across)
        left = torch.where(upright, across, start)
        _disc(images, top, left, torch.tensor(DISC_COLOURS, device=device)[colour])
    return Labelled(_bytes(images), labels, 2)


def _disc(images: Tensor, top: Tensor, left: Tensor, colour: Tensor) -> None:
    """Draw one disc into each picture: places (N,), colours (N, 3)."""
    device = images.device
    cell = torch.arange(DISC, device=device)
    offset = cell - (DISC - 1) / 2
    inside = offset[:, None] ** 2 + offset[None] ** 2 <= (DISC / 2) ** 2  # (8, 8)
    view = images.permute(0, 2, 3, 1)  # (N, H, W, 3), the same memory
    which = torch.arange(len(images), device=device)[:, None, None]
    rows, columns = (top[:, None] + cell)[:, :, None], (left[:, None] + cell)[:, None, :]
    before = view[which, rows, columns]  # (N, 8, 8, 3)
    view[which, rows, columns] = torch.where(inside[..., None], colour[:, None, None], before)
