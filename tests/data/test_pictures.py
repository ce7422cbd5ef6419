"""Labelled pictures for encoders: what the label depends on, and what it does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.augment.image import AugmentConfig
from mmlib.data.icons import Icons, load_icons
from mmlib.data.pictures import (
    DISC,
    DISC_COLOURS,
    Labelled,
    motifs,
    object_pictures,
    pair_pictures,
    texture_pictures,
)

STILL = AugmentConfig(
    rotate=0.0, scale=(1.0, 1.0), aspect=0.0, shift=0.0, brightness=0.0, contrast=0.0,
    saturation=0.0, background=0.6,
)  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def icons() -> Icons:
    every = load_icons(16, ("openmoji", "twemoji"))
    return every.subset(every.where(concrete=True, max_words=1)[:5])


def make(kind: str, icons: Icons, count: int, seed: int = 0) -> Labelled:
    if kind == "objects":
        return object_pictures(icons, count, generator(seed))
    if kind == "textures":
        return texture_pictures(motifs(5, generator()), count, generator(seed))
    return pair_pictures(count, generator(seed))


@pytest.mark.parametrize("kind", ["objects", "textures", "pairs"])
def test_shape_balance_and_seed(kind: str, icons: Icons) -> None:
    data = make(kind, icons, 40)
    assert data.images.shape == (40, 3, 32, 32) and data.images.dtype == torch.uint8
    assert data.labels.bincount().tolist() == [40 // data.classes] * data.classes
    again, other = make(kind, icons, 40), make(kind, icons, 40, seed=1)
    assert torch.equal(data.images, again.images) and torch.equal(data.labels, again.labels)
    assert not torch.equal(data.images, other.images)
    assert len(data.images.flatten(1).unique(dim=0)) == 40
    half = data.first(10)
    assert len(half) == 10 and torch.equal(half.images, data.images[:10])
    assert data.floats().min() >= 0 and data.floats().max() <= 1


def test_first_wants_what_there_is(icons: Icons) -> None:
    with pytest.raises(ValueError, match=r"\[1, 40\], got 41"):
        make("objects", icons, 40).first(41)


def foreground(images: Tensor) -> Tensor:
    """True where a pixel differs from the top right corner's background: (N, H, W)."""
    return (images.int() - images[..., :1, -1:].int()).abs().amax(dim=1) > 8


def test_objects_move_exactly(icons: Icons) -> None:
    at = {
        left: object_pictures(icons, 10, generator(), left=left, config=STILL)
        for left in (0, 5, 16)
    }
    for left, data in at.items():
        assert torch.equal(data.labels, at[0].labels)
        assert torch.equal(data.images[..., left : left + 16], at[0].images[..., :16])
        columns = foreground(data.images).any(dim=1).any(dim=0).nonzero()
        assert columns.min() >= left and columns.max() < left + 16


def test_objects_anywhere_reach_all_places_and_the_label_does_not_tell(icons: Icons) -> None:
    data = object_pictures(icons, 600, generator(), anywhere=True, config=STILL)
    columns = torch.arange(32.0)
    seen = foreground(data.images).any(dim=1).float()  # (N, W)
    middle = (seen * columns).sum(dim=1) / seen.sum(dim=1)
    assert middle.min() < 9 and middle.max() > 22
    means = torch.stack([middle[data.labels == label].mean() for label in range(len(icons))])
    assert (means - means.mean()).abs().max() < 2.5


def test_objects_are_the_icons_of_the_style(icons: Icons) -> None:
    for style in icons.styles:
        data = object_pictures(icons, 5, generator(), style=style, left=8, config=STILL)
        rgba = icons.rgba[icons.style_index(style), data.labels]  # (5, 4, 16, 16)
        opaque = (rgba[:, 3:] == 255).expand(-1, 3, -1, -1)
        middle = data.images[:, :, 8:24, 8:24]
        assert opaque.any()
        assert (middle[opaque].int() - rgba[:, :3][opaque].int()).abs().max() <= 1


def test_objects_refuse_what_does_not_fit(icons: Icons) -> None:
    with pytest.raises(ValueError, match="canvas >= 16"):
        object_pictures(icons, 4, generator(), canvas=12)
    with pytest.raises(ValueError, match=r"left=17 must be in \[0, 16\]"):
        object_pictures(icons, 4, generator(), left=17)
    with pytest.raises(ValueError, match="None with anywhere"):
        object_pictures(icons, 4, generator(), left=1, anywhere=True)


def test_motifs_differ_in_form_alone() -> None:
    shapes = motifs(8, generator())
    assert shapes.shape == (8, 4, 4)
    assert (shapes.sum(dim=(1, 2)) == 8).all()
    assert len(shapes.flatten(1).unique(dim=0)) == 8
    with pytest.raises(ValueError, match="classes must be in"):
        motifs(1, generator())


def test_a_texture_shows_its_motif_and_no_colour_tells() -> None:
    shapes = motifs(4, generator())
    data = texture_pictures(shapes, 200, generator(1), copies=1)
    for image, label in zip(data.images, data.labels, strict=True):
        ground = image.flatten(1).median(dim=1).values[:, None, None]  # most pixels are ground
        dark = (image.int() - ground.int()).abs().amax(dim=0) > 0  # (32, 32)
        assert dark.sum() == 8
        windows = F.unfold(dark.float()[None, None], 4)[0].T.view(-1, 4, 4).bool()
        assert (windows == shapes[label]).all(dim=(1, 2)).any()
    share = (data.floats().mean(dim=(1, 2, 3)) - data.floats().mean()).abs()
    assert share.max() < 0.2


def colours_of(image: Tensor) -> list[int]:
    """Which of `DISC_COLOURS` cover more than half a disc, once for each disc."""
    found = []
    for number, colour in enumerate(DISC_COLOURS):
        near = (image - torch.tensor(colour)[:, None, None]).abs().amax(dim=0) < 0.01
        found += [number] * round(float(near.sum()) / 32)  # a disc covers 32 of 36 pixels
    return found


@pytest.mark.parametrize("distance", [6, 15, 26])
@pytest.mark.parametrize("colours", [2, 4])
def test_pairs_are_labelled_by_their_colours(distance: int, colours: int) -> None:
    data = pair_pictures(200, generator(2), distance=distance, colours=colours)
    firsts = torch.zeros(2, colours)
    for image, label in zip(data.floats(), data.labels.tolist(), strict=True):
        pair = colours_of(image)
        assert len(pair) == 2
        assert (pair[0] == pair[1]) == bool(label)
        for colour in pair:
            firsts[label, colour] += 1
    # one disc alone tells nothing: every colour is about as frequent in both labels
    assert (firsts / firsts.sum(dim=1, keepdim=True) - 1 / colours).abs().max() < 0.12


def test_pairs_stand_at_their_distance() -> None:
    data = pair_pictures(50, generator(3), distance=20, noise=0.0)
    coloured = (data.images.amax(dim=1).int() - data.images.amin(dim=1).int()) > 20  # (N, H, W)
    for mask in coloured:
        places = mask.nonzero().float()
        extent = places.amax(dim=0) - places.amin(dim=0) + 1
        assert sorted(extent.tolist()) == [DISC, 20 + DISC]


def test_pairs_draw_every_distance_and_both_directions() -> None:
    data = pair_pictures(400, generator(4), noise=0.0)
    coloured = (data.images.amax(dim=1).int() - data.images.amin(dim=1).int()) > 20
    extents = torch.stack([m.nonzero().amax(0) - m.nonzero().amin(0) + 1 for m in coloured])
    apart = extents.amax(dim=1) - DISC
    assert apart.unique().tolist() == list(range(6, 27))
    assert 100 < int((extents[:, 0] > extents[:, 1]).sum()) < 300


def test_pairs_refuse_what_does_not_fit() -> None:
    for distance in (5, 27):
        with pytest.raises(ValueError, match=r"distance must be in \[6, 26\]"):
            pair_pictures(4, generator(), distance=distance)
