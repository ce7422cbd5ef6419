"""Pictures with one object of known side in pixels, for asking what size an encoder can see.

The side is drawn from a short list, each equally often with each label. Place, tint and ground are
drawn without a look at the label, so the label is in the grey drawing and nowhere else. How dark
and how full a drawing is belongs to it, and tells a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.icons import Icons
from mmlib.data.pictures import Labelled

SIDES = (8, 12, 18, 27, 40)  # pixels; each 1.5 times the one before
GROUND_CELLS = 5  # a ground is this many random colours along a side, blended
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class SizedPictures(Labelled):
    """Square pictures with one label each, and where the object is.

    Attributes:
        boxes: int64 (N, 3): row and column of the drawing's first pixel, and its side in pixels.
            The drawing is square; its ink seldom reaches all four edges.

    Raises:
        ValueError: pictures that are not square, or boxes of another shape.
    """

    boxes: Tensor

    def __post_init__(self) -> None:
        count, _, height, width = self.images.shape
        if height != width or self.boxes.shape != (count, 3):
            raise ValueError(
                f"pictures {tuple(self.images.shape)} with boxes {tuple(self.boxes.shape)}: need "
                "square pictures (N, 3, S, S) and boxes (N, 3)"
            )

    @property
    def sides(self) -> list[int]:
        """The sides that occur, in pixels, small to large."""
        return self.boxes[:, 2].unique().tolist()

    def first(self, count: int) -> SizedPictures:
        """The first `count` pictures. Raises ValueError when there are fewer."""
        part = super().first(count)
        return SizedPictures(part.images, part.labels, part.classes, self.boxes[:count])

    def of_side(self, side: int) -> SizedPictures:
        """The pictures whose object has this side. Raises ValueError when there are none."""
        rows = self.boxes[:, 2] == side
        if not rows.any():
            raise ValueError(f"no object has a side of {side} px; there are {self.sides}")
        return SizedPictures(self.images[rows], self.labels[rows], self.classes, self.boxes[rows])

    def enlarged(self, side: int, to: int) -> Labelled:
        """The pictures whose object has this side, cut and enlarged until it has `to` pixels.

        About `to`: the window is cut in whole pixels. It goes around the object, and is moved
        where it would leave the picture. Cubic interpolation adds no detail: what was lost in
        drawing the object small stays lost.
        Raises ValueError when no object has this side, or `to` is smaller than it or larger than
        the picture.
        """
        part = self.of_side(side)
        canvas = self.images.shape[-1]
        if not side <= to <= canvas:
            raise ValueError(
                f"to={to} must be in [{side}, {canvas}]: from the object's side to the picture's"
            )
        window = round(canvas * side / to)
        corner = part.boxes[:, :2] + side // 2 - window // 2  # (n, 2)
        corner = corner.clamp(0, canvas - window)
        cell = torch.arange(window, device=corner.device)
        rows, columns = corner[:, :1] + cell, corner[:, 1:] + cell  # (n, window) each
        which = torch.arange(len(part), device=corner.device)
        cut = part.images.permute(0, 2, 3, 1)[
            which[:, None, None], rows[:, :, None], columns[:, None, :]
        ]  # (n, window, window, 3)
        large = F.interpolate(cut.permute(0, 3, 1, 2).float(), (canvas, canvas), mode="bicubic")
        return Labelled(large.clamp(0, 255).round().to(torch.uint8), part.labels, part.classes)


def sized_pictures(
    icons: Icons,
    count: int,
    generator: torch.Generator,
    *,
    sides: Sequence[int] = SIDES,
    canvas: int = 64,
    distractors: int = 0,
    style: str = "openmoji",
) -> SizedPictures:
    """One tinted icon on a blended ground; the label is the row of the icon.

    Labels and sides come in rounds that hold every pair once. An icon is turned to grey and
    tinted, so its colours tell nothing; every place where it fits is equally likely.

    Args:
        icons: C icons, at least as large as the largest side.
        count: N.
        generator: on the device of the icons.
        sides: of the object in pixels.
        canvas: side of the pictures in pixels.
        distractors: objects of other labels and of the same side, drawn before the object.
        style: which drawing.

    Raises:
        ValueError: a count below 1, negative distractors, no icons, one icon with distractors, an
            icon without a drawing in this style, sides that repeat, or one that is below 1 or
            larger than the icons or the canvas.
    """
    _check(icons, count, sides, canvas, distractors, style)
    device = icons.rgba.device
    labels, which = _rounds(count, len(icons), len(sides), generator)
    stamps = _stamps(icons.rgba[icons.style_index(style)], sides)
    images = blended_grounds(count, canvas, generator)
    side = torch.tensor(sides, device=device)[which]  # (N,)
    for turn in range(distractors + 1):
        drawn = labels
        if turn < distractors:
            step = torch.randint(
                1, len(icons), (count,), generator=generator, device=device
            )  # never 0: never the label
            drawn = (labels + step) % len(icons)
        place = torch.rand(2, count, generator=generator, device=device)
        corner = (place * (canvas - side + 1)).floor().long()  # (2, N)
        tint = torch.rand(count, 3, generator=generator, device=device)
        for index, stamp in enumerate(stamps):
            rows = (which == index).nonzero().flatten()
            _paste(images, rows, stamp[drawn[rows]], corner[:, rows], tint[rows])
    boxes = torch.stack([corner[0], corner[1], side], dim=1)  # of the object: drawn last
    pixels = images.mul_(255).round_().clamp_(0, 255).to(torch.uint8)
    return SizedPictures(pixels, labels, len(icons), boxes)


def blended_grounds(count: int, canvas: int, generator: torch.Generator) -> Tensor:
    """Light random colours blended into each other: float (N, 3, canvas, canvas) in [0.6, 1]."""
    cells = 0.6 + 0.4 * torch.rand(
        count, 3, GROUND_CELLS, GROUND_CELLS, generator=generator, device=generator.device
    )
    return F.interpolate(cells, size=(canvas, canvas), mode="bilinear", align_corners=True)


def _check(
    icons: Icons, count: int, sides: Sequence[int], canvas: int, distractors: int, style: str
) -> None:
    if count < 1 or distractors < 0:
        raise ValueError(f"need count >= 1 and distractors >= 0, got {count} and {distractors}")
    if len(icons) < (2 if distractors else 1):
        raise ValueError(
            f"{len(icons)} icons are too few: give 1 or more, with distractors 2 or more, because "
            "these have another label than the object"
        )
    drawn = icons.has[icons.style_index(style)]
    if not drawn.all():
        name = icons.concepts[int((~drawn).nonzero()[0])].name
        raise ValueError(
            f"{name!r} has no drawing in style {style!r}: choose with icons.where(styles={style!r})"
        )
    largest = min(icons.size, canvas)
    if not sides or len(set(sides)) != len(sides) or not all(1 <= s <= largest for s in sides):
        raise ValueError(
            f"sides={tuple(sides)} must be different numbers in [1, {largest}]: icons have "
            f"{icons.size} px, the canvas has {canvas} px"
        )


def _rounds(
    count: int, classes: int, sides: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Labels and side numbers, (count,) each: every pair once in a round, in random order."""
    pairs = classes * sides
    keys = torch.rand(-(-count // pairs), pairs, generator=generator, device=generator.device)
    chosen = keys.argsort(dim=1).flatten()[:count]
    return chosen // sides, chosen % sides


def _stamps(rgba: Tensor, sides: Sequence[int]) -> list[Tensor]:
    """Grey and alpha of icons (C, 4, s, s), premultiplied, at each side: [(C, 2, side, side)]."""
    floats = rgba.float() / 255
    luma = torch.tensor(LUMA, device=rgba.device)[:, None, None]
    grey = (floats[:, :3] * luma).sum(dim=1)  # (C, s, s)
    both = torch.stack([grey, floats[:, 3]], dim=1)  # (C, 2, s, s)
    return [
        F.interpolate(both, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)
        for side in sides
    ]


def _paste(images: Tensor, rows: Tensor, stamp: Tensor, corner: Tensor, tint: Tensor) -> None:
    """Draw one stamp (n, 2, s, s) into each picture `rows`, corners (2, n), tints (n, 3)."""
    cell = torch.arange(stamp.shape[-1], device=images.device)
    view = images.permute(0, 2, 3, 1)  # (N, H, W, 3), the same memory
    place = (
        rows[:, None, None],
        (corner[0][:, None] + cell)[:, :, None],
        (corner[1][:, None] + cell)[:, None, :],
    )
    grey, alpha = stamp[:, 0, :, :, None], stamp[:, 1, :, :, None]  # (n, s, s, 1)
    colour = grey * (0.4 + 0.6 * tint[:, None, None])  # dark lines stay dark
    view[place] = colour + (1 - alpha) * view[place]
