"""Clips: captions against the boxes, time as the only clue, held-out motions, refusals."""

import re

import pytest
import torch

from mmlib.data.clips import (
    CLIP_NEGATIVES,
    MOTIONS,
    ClipConfig,
    ClipGenerator,
    motion_path,
)
from mmlib.data.icons import Icons, load_icons
from mmlib.runtime import make_generator

CAPTION = re.compile(r"an? (\w+) (?:moving (left|right|up|down)|(growing|shrinking))")
OPPOSITE = {
    "left": "right", "right": "left", "up": "down", "down": "up",
    "growing": "shrinking", "shrinking": "growing",
}  # fmt: skip


@pytest.fixture(scope="module")
def icons() -> Icons:
    return load_icons(32)


@pytest.fixture(scope="module")
def clips(icons) -> ClipGenerator:
    return ClipGenerator(icons, ClipConfig(image_size=24, frames=5))


def read(caption: str) -> tuple[str, str]:
    """The object and the motion that a caption states."""
    match = CAPTION.fullmatch(caption)
    assert match, caption
    return match[1], match[2] or match[3]


def motion_of(boxes: torch.Tensor) -> str:
    """The motion that boxes (T, 4) make, decided from the boxes alone."""
    side = boxes[:, 2] - boxes[:, 0]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    change = torch.cat([centre.diff(dim=0), side.diff()[:, None]], 1)  # (T-1, 3)
    moving = (change.abs() > 1e-3).all(0)
    assert moving.sum() == 1 and (change.abs().amax(0)[~moving] < 1e-3).all()
    axis = int(moving.nonzero())
    forth = change[:, axis] > 0
    assert forth.all() or not forth.any()
    names = [("left", "right"), ("up", "down"), ("shrinking", "growing")]
    return names[axis][int(forth[0])]


@pytest.mark.parametrize("split", ["seen", "unseen"])
def test_every_caption_is_true_and_every_minimal_pair_false(clips, split):
    batch = clips.batch(150, make_generator(0), split)
    for row, caption in enumerate(batch.captions):
        assert read(caption) == (clips.names[batch.objects[row]], motion_of(batch.boxes[row]))
    for kind in CLIP_NEGATIVES:
        pairs = batch.negatives(kind)
        assert pairs.rows.tolist() == list(range(150))
        for row, false in zip(pairs.rows.tolist(), pairs.captions, strict=True):
            (thing, motion), (other, another) = read(batch.captions[row]), read(false)
            if kind == "motion":
                assert (other, another) == (thing, OPPOSITE[motion])
            else:
                assert other != thing and another == motion


def test_shapes_and_ranges(clips):
    batch = clips.batch(7, make_generator(0))
    assert batch.frames.shape == (7, 5, 3, 24, 24) and batch.frames.dtype == torch.float32
    assert batch.frames.min() >= 0 and batch.frames.max() <= 1
    assert batch.boxes.shape == (7, 5, 4) and len(batch) == 7
    assert batch.boxes.min() >= 0 and batch.boxes.max() <= 24 + 1e-4
    same = batch.groups[:, None] == batch.groups[None, :]
    for i, one in enumerate(batch.captions):
        for j, two in enumerate(batch.captions):
            assert bool(same[i, j]) == (one == two)


@pytest.mark.parametrize("motion", range(0, len(MOTIONS), 2))
def test_a_clip_played_backwards_is_exactly_the_opposite_motion(motion):
    path = torch.rand(50, 4, generator=make_generator(0), dtype=torch.float64)
    forth = motion_path(torch.full((50,), motion), path, 6)
    back = motion_path(torch.full((50,), motion + 1), path, 6)
    assert torch.allclose(forth, back.flip(1))
    assert not torch.allclose(forth, back)


def test_no_single_frame_place_or_look_tells_the_direction(icons):
    clips = ClipGenerator(icons, ClipConfig(image_size=16, frames=3))
    batch = clips.batch(4000, make_generator(1))
    whole = batch.boxes.mean(1)  # (n, 4): what a bag of frames knows
    for axis in range(3):
        one, two = (whole[batch.motions == m] for m in (2 * axis, 2 * axis + 1))
        spread = (one.var(0) / len(one) + two.var(0) / len(two)).sqrt()
        assert ((one.mean(0) - two.mean(0)).abs() < 5 * spread).all()
    counts = batch.motions.bincount(minlength=6).double()
    pairs = counts.view(3, 2)
    assert ((pairs[:, 0] - pairs[:, 1]).abs() < 5 * pairs.sum(1).sqrt()).all()


def test_the_background_stands_still_and_the_sprite_moves(icons):
    config = ClipConfig(image_size=24, frames=4, background="texture")
    batch = ClipGenerator(icons, config).batch(40, make_generator(0))
    change = batch.frames.diff(dim=1).abs().sum(2)  # (n, T-1, H, W)
    edge = torch.arange(24).float()
    low, high = batch.boxes[..., :2].amin(1), batch.boxes[..., 2:].amax(1)  # (n, 2)
    columns = (edge + 1 > low[:, :1]) & (edge < high[:, :1])
    rows = (edge + 1 > low[:, 1:]) & (edge < high[:, 1:])
    swept = rows[:, :, None] & columns[:, None, :]
    assert (change * ~swept[:, None]).max() < 1e-5
    assert (change.amax((2, 3)) > 0.05).all()


def test_held_out_motions_are_never_seen_and_come_in_pairs(icons):
    clips = ClipGenerator(icons, ClipConfig(image_size=16, frames=2))
    found = {}
    for split in ("seen", "unseen"):
        batch = clips.batch(4000, make_generator(3), split)
        pairs = batch.negatives("object")
        false = [read(caption) for caption in pairs.captions]
        found[split] = {read(c) for c in batch.captions} | set(false)
    assert not found["seen"] & found["unseen"]
    assert {thing for thing, _ in found["seen"]} == set(clips.names)
    assert {motion for _, motion in found["seen"]} == set(OPPOSITE)
    assert len(found["unseen"]) == 2 * len(clips.names)
    assert len(found["seen"]) == 4 * len(clips.names)


def test_the_same_seed_and_a_shorter_batch_give_the_same_clips(icons):
    config = ClipConfig(image_size=16, frames=3, background="gradient", noise=0.05)
    one, two = (ClipGenerator(icons, config).batch(20, make_generator(9)) for _ in range(2))
    assert torch.equal(one.frames, two.frames) and one.captions == two.captions
    part = ClipGenerator(icons, config).batch(6, make_generator(9))
    assert part.captions == one.captions[:6]
    assert torch.equal(part.boxes, one.boxes[:6])
    assert torch.allclose(part.frames, one.frames[:6], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frames": 1}, "frames 1 make no motion"),
        ({"frames": 2.0}, "frames 2.0"),
        ({"motions": ("left", "sideways")}, "unknown motion 'sideways': choose from left"),
        ({"motions": ("left", "up", "down")}, "motion 'left' needs its opposite 'right'"),
        ({"image_size": 4}, "image_size 4"),
        ({"background": "sky"}, "unknown background 'sky'"),
    ],
)
def test_a_wrong_config_is_refused_by_name(values, message):
    with pytest.raises(ValueError, match=message):
        ClipConfig(**values)


def test_a_wrong_request_is_refused_by_name(icons, clips):
    generator = make_generator(0)
    with pytest.raises(ValueError, match="a batch of 0 clips"):
        clips.batch(0, generator)
    with pytest.raises(ValueError, match="unknown split 'test'"):
        clips.batch(2, generator, "test")
    with pytest.raises(ValueError, match="unknown kind of negative 'colour'"):
        clips.batch(2, generator).negatives("colour")
    with pytest.raises(ValueError, match="1 objects are too few"):
        ClipGenerator(icons, ClipConfig(image_size=24, objects=("dog",)))
    with pytest.raises(ValueError, match="icons of 32 px are too small"):
        ClipGenerator(icons, ClipConfig(image_size=64))
    one_axis = ClipGenerator(icons, ClipConfig(image_size=24, motions=("left", "right")))
    assert one_axis.batch(4, generator).frames.shape[0] == 4
    with pytest.raises(ValueError, match="no unseen clips"):
        one_axis.batch(2, generator, "unseen")
