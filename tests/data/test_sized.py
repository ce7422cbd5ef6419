"""Pictures with one object of known side: where it is, what it looks like, and what tells nothing.

Drawings that are black, white, or not there at all make the pixels say exactly what was drawn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.icons import Icons
from mmlib.data.sized import SIDES, SizedPictures, blended_grounds, sized_pictures
from mmlib.pyramid_lab import box_masks
from mmlib.runtime import make_generator

SMALLER = SIDES[:4]  # what the icons of these tests, 32 px large, can be drawn in
BLACK, WHITE, NOTHING = (0, 0, 0, 255), (255, 255, 255, 255), (0, 0, 0, 0)


@pytest.fixture
def icons(sixteen_icons: Icons) -> Icons:
    return sixteen_icons


def painted(icons: Icons, *colours: tuple[int, int, int, int], size: int = 48) -> Icons:
    """Full squares of these colours in place of the first drawings."""
    few = icons.subset(range(len(colours)))
    paint = torch.tensor(colours, dtype=torch.uint8)[:, :, None, None]  # (C, 4, 1, 1)
    return replace(few, rgba=paint.expand(len(few.styles), -1, -1, size, size))


def black(data: SizedPictures) -> Tensor:
    """Where a picture is black: bool (N, H, W). Grounds are light."""
    return data.images.amax(dim=1) == 0


# What is promised about labels, sides and seeds


def test_every_label_has_every_side_equally_often(icons: Icons) -> None:
    few = icons.subset(range(3))
    data = sized_pictures(few, 48, make_generator(0), sides=(4, 7), canvas=16)  # 8 rounds of 6
    assert data.images.shape == (48, 3, 16, 16) and data.images.dtype == torch.uint8
    assert data.labels.dtype == data.boxes.dtype == torch.int64 and data.classes == 3
    for part in (data, data.first(6), data.first(42)):
        pairs = part.labels * 2 + (part.boxes[:, 2] == 7)
        assert pairs.bincount(minlength=6).tolist() == [len(part) // 6] * 6
    orders = data.labels.view(8, 6)
    assert len(orders.unique(dim=0)) == 8


def test_part_of_a_round_repeats_no_pair(icons: Icons) -> None:
    data = sized_pictures(icons, 50, make_generator(0), sides=SMALLER)
    pairs = torch.stack([data.labels, data.boxes[:, 2]], dim=1)
    assert len(pairs.unique(dim=0)) == 50


def test_unless_told_otherwise_sides_grow_by_half_in_pictures_of_64_px(icons: Icons) -> None:
    data = sized_pictures(painted(icons, BLACK), 10, make_generator(0))
    assert data.images.shape == (10, 3, 64, 64) and data.sides == list(SIDES)
    growth = torch.tensor(SIDES[1:]) / torch.tensor(SIDES[:-1])
    assert ((growth - 1.5).abs() < 0.03).all()


@pytest.mark.parametrize("distractors", [0, 3])
def test_a_seed_is_a_set_of_pictures(icons: Icons, distractors: int) -> None:
    def make(seed: int) -> SizedPictures:
        return sized_pictures(
            icons, 20, make_generator(seed), sides=SMALLER, canvas=40, distractors=distractors
        )

    data, again, other = make(0), make(0), make(1)
    for name in ("images", "labels", "boxes"):
        assert torch.equal(getattr(data, name), getattr(again, name))
        assert not torch.equal(getattr(data, name), getattr(other, name))


# Where the object is


@pytest.mark.parametrize("sides", [(8, 12, 18), (1, 31, 32), (32,)])  # 32: the picture
def test_the_box_holds_the_object_and_nothing_else_changes(
    icons: Icons, sides: tuple[int, ...]
) -> None:
    def make(colour: tuple[int, int, int, int]) -> SizedPictures:
        return sized_pictures(painted(icons, colour), 60, make_generator(0), sides=sides, canvas=32)

    data, ground = make(BLACK), make(NOTHING)
    boxes = box_masks(data)
    assert torch.equal(black(data), boxes)
    outside = ~boxes[:, None].expand_as(data.images)
    assert torch.equal(data.images[outside], ground.images[outside])
    assert data.boxes[:, :2].min() >= 0
    assert (data.boxes[:, :2] + data.boxes[:, 2:]).max() <= 32
    assert data.sides == list(sides)


def test_grounds_are_light_and_smooth(icons: Icons) -> None:
    ground = blended_grounds(200, 64, make_generator(0))
    assert ground.shape == (200, 3, 64, 64)
    assert 0.6 <= float(ground.min()) < 0.61 and 0.99 < float(ground.max()) <= 1.0001
    steps = [ground.diff(dim=dim).abs().max() for dim in (2, 3)]
    assert max(steps) < 0.4 * 4 / 63 + 1e-6  # a cell has 63 / 4 px to change by 0.4
    drawn = sized_pictures(painted(icons, NOTHING), 20, make_generator(0))
    assert drawn.images.min() >= 153 and drawn.images.flatten(1).unique(dim=0).shape[0] == 20


@pytest.mark.parametrize("side", [8, 13, 32])
def test_the_drawing_is_the_icon_of_the_label_made_small(icons: Icons, side: int) -> None:
    """Alpha read back from the pixels is what Pillow's antialiased resize makes of the icon."""
    shadows = replace(icons, rgba=icons.rgba * torch.tensor([0, 0, 0, 1])[:, None, None].byte())
    ghosts = replace(icons, rgba=torch.zeros_like(icons.rgba))
    data, ground = (
        sized_pictures(kind, 32, make_generator(0), sides=(side,), canvas=40, style="twemoji")
        for kind in (shadows, ghosts)
    )
    alpha = (1 - data.floats() / ground.floats()).mean(dim=1)  # (N, H, W)
    style = icons.style_index("twemoji")
    for found, label, (top, left, _) in zip(alpha, data.labels, data.boxes.tolist(), strict=True):
        icon = Image.fromarray(icons.rgba[style, label, 3].numpy())
        small = np.asarray(icon.resize((side, side), Image.Resampling.BILINEAR)) / 255
        cut = found[top : top + side, left : left + side].numpy()
        assert np.abs(cut - small).max() < 0.012  # three pixels of half a step each, on 0.6


def test_every_place_is_equally_likely_whatever_the_side(icons: Icons) -> None:
    data = sized_pictures(icons, 8000, make_generator(3), sides=(7, 9), canvas=12)
    for side in (7, 9):
        places = 13 - side
        top, left, _ = data.of_side(side).boxes.T
        seen = (top * places + left).bincount(minlength=places**2).double()
        expected = 4000 / places**2
        chi2, freedom = float(((seen - expected) ** 2 / expected).sum()), places**2 - 1
        assert len(seen) == places**2
        assert chi2 < freedom + 4 * (2 * freedom) ** 0.5


def test_colours_of_the_icon_are_gone(icons: Icons) -> None:
    """Red becomes the grey of its brightness, in a tint of between 0.4 and 1 that is drawn."""
    red, grey = (255, 0, 0, 255), (76, 76, 76, 255)  # 0.299 * 255 = 76.2
    data, other = (
        sized_pictures(painted(icons, colour), 300, make_generator(0), sides=(5,), canvas=8)
        for colour in (red, grey)
    )
    assert (data.images.int() - other.images.int()).abs().max() <= 1
    inside = box_masks(data)[:, None].expand_as(data.images)
    colour = data.images[inside].view(300, -1, 25)[:, :3]  # (N, 3, 25)
    tint = (colour[..., 0] / 76.2 - 0.4) / 0.6  # (N, 3)
    assert (colour == colour[..., :1]).all()
    assert -0.02 < tint.min() < 0.02 and 0.98 < tint.max() < 1.02
    assert tint.mean(dim=0).sub(0.5).abs().max() < 4 * (1 / 12 / 300) ** 0.5
    assert torch.corrcoef(tint.T).fill_diagonal_(0).abs().max() < 4 / 300**0.5


# Distractors


def test_distractors_never_have_the_label(icons: Icons) -> None:
    """Only one drawing is visible: where it is the label, nothing but the object shows."""
    for visible in range(4):
        colours = [BLACK if number == visible else NOTHING for number in range(4)]
        data = sized_pictures(
            painted(icons, *colours),
            80,
            make_generator(visible),
            sides=(5, 6),
            canvas=40,
            distractors=4,
        )
        asked = data.labels == visible
        assert torch.equal(black(data)[asked], box_masks(data)[asked])
        others = black(data)[~asked].sum(dim=(1, 2))
        assert (others > 0).any() and others.max() <= 4 * 36


def test_the_object_lies_above_its_distractors_of_the_same_side(icons: Icons) -> None:
    crowd = painted(icons, BLACK, WHITE)
    data = sized_pictures(crowd, 100, make_generator(0), sides=(6, 9), canvas=20, distractors=1)
    boxes = box_masks(data)
    asked = data.labels == 0  # a black object, one white distractor
    assert torch.equal(black(data)[asked], boxes[asked])
    seen = black(data)[~asked]  # a white object above one black distractor
    assert not (seen & boxes[~asked]).any()
    area = data.boxes[~asked, 2] ** 2
    count = seen.sum(dim=(1, 2))
    assert (count <= area).all() and (count == area).any() and (count < area).any()


# Parts of a set, and objects made large


def test_a_part_keeps_its_boxes(icons: Icons) -> None:
    data = sized_pictures(
        painted(icons, BLACK, BLACK), 40, make_generator(0), sides=(5, 8), canvas=16
    )
    for part in (data.first(9), data.of_side(8)):
        assert torch.equal(black(part), box_masks(part))
    assert data.of_side(8).sides == [8] and len(data.of_side(8)) == 20
    with pytest.raises(ValueError, match=r"no object has a side of 6 px; there are \[5, 8\]"):
        data.of_side(6)
    with pytest.raises(ValueError, match=r"\[1, 40\], got 41"):
        data.first(41)


@pytest.mark.parametrize(("side", "to"), [(8, 8), (8, 13), (8, 40), (13, 31), (27, 40), (8, 48)])
def test_enlarged_objects_have_the_side_and_are_in_the_middle(
    icons: Icons, side: int, to: int
) -> None:
    data = sized_pictures(painted(icons, BLACK), 60, make_generator(0), sides=(side, 5), canvas=48)
    large = data.enlarged(side, to)
    assert large.images.shape == (30, 3, 48, 48) and large.images.dtype == torch.uint8
    assert torch.equal(large.labels, data.of_side(side).labels)
    window = round(48 * side / to)
    factor = 48 / window
    assert abs(side * factor - to) < 0.05 * to
    dark = large.images.amax(dim=1) < 80  # half way from black to a light ground
    corner = data.of_side(side).boxes[:, :2]
    for mask, place in zip(dark, corner, strict=True):
        cells = mask.nonzero()
        start, stop = cells.amin(dim=0), cells.amax(dim=0) + 1
        assert (stop - start - side * factor).abs().max() <= 1.5
        assert mask.sum() > 0.9 * (stop - start).prod()  # a full square, with rounder corners
        free = (place >= window) & (place + side <= 48 - window)  # the window was not moved
        assert (((start + stop) / 2 - 24).abs()[free] <= 0.5 * factor + 1).all()


def test_an_enlarged_picture_is_a_smooth_cut_around_the_object(icons: Icons) -> None:
    data = sized_pictures(icons, 32, make_generator(0), sides=(8, 12), canvas=48)
    part, large = data.of_side(12), data.enlarged(12, 18)  # a window of 32 pixels
    for picture, box, found in zip(part.floats(), part.boxes.tolist(), large.floats(), strict=True):
        top, left = (min(max(corner - 10, 0), 16) for corner in box[:2])
        cut = picture[None, :, top : top + 32, left : left + 32]
        smooth = F.interpolate(cut, (48, 48), mode="bicubic")[0].clamp(0, 1)
        assert (found - smooth).abs().max() <= 0.51 / 255


def test_enlarging_to_the_same_side_changes_nothing(icons: Icons) -> None:
    data = sized_pictures(icons, 160, make_generator(0), sides=SMALLER, canvas=40)
    same = data.enlarged(12, 12)
    assert torch.equal(same.images, data.of_side(12).images)


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count >= 1 and distractors >= 0, got 0"),
        ({"distractors": -1}, "got 4 and -1"),
        ({"sides": ()}, r"sides=\(\) must be different numbers in \[1, 20\]"),
        ({"sides": (8, 8)}, r"sides=\(8, 8\) must be different"),
        ({"sides": (0, 8)}, r"sides=\(0, 8\)"),
        ({"sides": (8, 21)}, "the canvas has 20 px"),
        ({"sides": (33,), "canvas": 64}, r"\[1, 32\]: icons have 32 px"),
        ({"style": "oil"}, "unknown style 'oil'"),
    ],
)
def test_bad_arguments_are_named(icons: Icons, change: dict[str, object], message: str) -> None:
    given = {"count": 4, "sides": (8,), "canvas": 20, **change}
    with pytest.raises(ValueError, match=message):
        sized_pictures(icons, generator=make_generator(0), **given)  # type: ignore[arg-type]


def test_icons_that_do_not_do_are_named(icons: Icons) -> None:
    with pytest.raises(ValueError, match="0 icons are too few"):
        sized_pictures(icons.subset([]), 4, make_generator(0))
    with pytest.raises(ValueError, match="1 icons are too few.*distractors"):
        sized_pictures(icons.subset([3]), 4, make_generator(0), sides=(8,), distractors=1)
    has = icons.has.clone()
    has[0, 2] = False
    name = icons.concepts[2].name
    with pytest.raises(ValueError, match=f"'{name}' has no drawing in style '{icons.styles[0]}'"):
        sized_pictures(
            replace(icons, has=has), 4, make_generator(0), sides=(8,), style=icons.styles[0]
        )


def test_enlarging_to_a_side_that_cannot_be_is_refused(icons: Icons) -> None:
    data = sized_pictures(icons, 16, make_generator(0), sides=(8,), canvas=20)
    for to in (7, 21):
        with pytest.raises(ValueError, match=rf"to={to} must be in \[8, 20\]"):
            data.enlarged(8, to)
    with pytest.raises(ValueError, match="no object has a side of 12 px"):
        data.enlarged(12, 18)


def test_boxes_must_fit_the_pictures(icons: Icons) -> None:
    data = sized_pictures(icons, 6, make_generator(0), sides=(8,), canvas=20)
    with pytest.raises(ValueError, match=r"boxes \(5, 3\): need square"):
        replace(data, boxes=data.boxes[:5])
    with pytest.raises(ValueError, match=r"\(6, 3, 20, 19\)"):
        replace(data, images=data.images[..., :19])
