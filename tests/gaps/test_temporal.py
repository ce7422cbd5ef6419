"""Time: the data leak nothing, the views show what they say, only the ordered one tells left."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmlib.data.clips import MOTIONS, WORDS
from mmlib.data.icons import Icons
from mmlib.gaps.clip_encoder import ClipEncoder
from mmlib.gaps.temporal import (
    CHANCE,
    VIEWS,
    Clips,
    TimeConfig,
    all_captions,
    compare_views,
    draw_clips,
    example_clips,
    score_view,
    train_view,
    view_frames,
)
from mmlib.pair_lab import PairBudget
from mmlib.runtime import make_generator
from tests.gaps.oracles import Oracle

SMALL = TimeConfig(
    image_size=16,
    objects=("banana", "frog", "umbrella"),
    train_clips=300,
    test_clips=60,
    batch_size=24,
    budget=PairBudget(steps=50, learning_rate=3e-3),
)


@pytest.fixture(scope="module")
def clips(icons: Icons) -> Clips:
    return draw_clips(icons, SMALL.but(train_clips=3), 900, make_generator(1))


@pytest.fixture(scope="module")
def scores(icons: Icons) -> dict[str, float]:
    return compare_views(icons, SMALL, 100)


def test_axes_are_equal_and_directions_and_objects_are_balanced(clips: Clips) -> None:
    assert clips.frames.shape == (900, 4, 3, 16, 16) and clips.frames.dtype == torch.uint8
    assert (clips.motions // 2).bincount().tolist() == [300, 300, 300]
    assert clips.motions.bincount(minlength=6).min() > 115  # of 150
    assert clips.objects.bincount(minlength=3).min() > 240  # of 300


def test_the_object_tells_nothing_about_the_motion(clips: Clips) -> None:
    """`ClipGenerator` alone would hold out one axis for each object: a leak of one bit and more."""
    table = torch.zeros(3, 6).index_put_(
        (clips.objects, clips.motions), torch.ones(900), accumulate=True
    )
    assert table.min() > 25 and table.max() < 75  # expected 50, deviation 7


def test_captions_are_those_of_the_rows(clips: Clips) -> None:
    every = all_captions(clips.names)
    assert len(set(every)) == 18 and every[0] == "a banana moving left"
    for caption, thing, motion in zip(
        clips.captions, clips.objects.tolist(), clips.motions.tolist(), strict=True
    ):
        assert clips.names[thing] in caption and caption.endswith(WORDS[motion])


def test_backwards_swaps_the_words_and_is_its_own_inverse(clips: Clips) -> None:
    other = clips.backwards()
    assert torch.equal(other.frames[:, 0], clips.frames[:, -1])
    pairs = {(MOTIONS[a], MOTIONS[b]) for a, b in zip(clips.motions, other.motions, strict=True)}
    assert pairs == {
        ("left", "right"), ("right", "left"), ("up", "down"), ("down", "up"),
        ("grow", "shrink"), ("shrink", "grow"),
    }  # fmt: skip
    again = other.backwards()
    assert torch.equal(again.frames, clips.frames) and again.captions == clips.captions
    both = clips.both_ways()
    counts = both.motions.bincount(minlength=6)
    assert len(both) == 1800 and torch.equal(counts[::2], counts[1::2])


def test_the_motion_is_the_one_that_is_named(clips: Clips) -> None:
    """Where the ink is: its centre moves the way the caption says, its amount grows or shrinks."""
    first, last = _ink(clips.frames[:, 0]), _ink(clips.frames[:, -1])
    change = last - first  # (n, 3): centre x, centre y, amount
    for motion, (column, sign) in enumerate([(0, -1), (0, 1), (1, -1), (1, 1), (2, 1), (2, -1)]):
        assert (sign * change[clips.motions == motion, column] > 0).all(), MOTIONS[motion]


def _ink(frames: torch.Tensor) -> torch.Tensor:
    """Centre (columns, rows) and amount of what is not background, (n, 3)."""
    grey = frames.float().mean(dim=1)  # (n, H, W)
    paper = grey[:, [0, 0, -1, -1], [0, -1, 0, -1]].median(dim=1).values
    ink = (grey - paper[:, None, None]).abs()
    ink = torch.where(ink > 10, ink, 0)
    place = torch.arange(ink.shape[-1])
    total = ink.sum(dim=(1, 2))
    across, down = (ink * place).sum(dim=(1, 2)), (ink * place[:, None]).sum(dim=(1, 2))
    return torch.stack([across / total, down / total, (ink > 0).sum(dim=(1, 2))], dim=1)


def test_shuffling_keeps_the_frames_as_a_set(clips: Clips) -> None:
    shuffled = view_frames(clips.frames, "shuffled", make_generator(0))
    sums = [
        part.flatten(2).long().sum(dim=2).sort(dim=1).values for part in (clips.frames, shuffled)
    ]
    assert torch.equal(*sums)
    same = (shuffled == clips.frames).flatten(1).all(dim=1).float().mean()
    assert same < 0.1  # one order of 24 is the one that it was
    first = (shuffled[:, :1] == clips.frames).flatten(2).all(dim=2).float().mean(dim=0)  # (4,)
    assert first.min() > 0.18 and first.max() < 0.32  # each frame comes first equally often


def test_one_frame_comes_from_any_moment(clips: Clips) -> None:
    one = view_frames(clips.frames, "one", make_generator(0))
    assert one.shape == (900, 1, 3, 16, 16)
    moment = (one == clips.frames).flatten(2).all(dim=2)  # (n, T)
    assert moment.any(dim=1).all()
    assert moment.float().mean(dim=0).min() > 0.18


@pytest.mark.parametrize("view", ["ordered", "bag"])
def test_the_other_views_change_nothing(clips: Clips, view: str) -> None:
    assert view_frames(clips.frames, view, make_generator(0)) is clips.frames


def test_a_bag_does_not_know_the_order_and_the_ordered_encoder_does(clips: Clips) -> None:
    frames = clips.frames[:32].float() / 255
    for order in ("bag", "ordered"):
        encoder = ClipEncoder(4, order, generator=make_generator(0)).eval()
        with torch.no_grad():
            gap = (encoder(frames) - encoder(frames.flip(1))).abs().max()
            scale = encoder(frames).abs().max()
        assert (gap < 1e-5 * scale) == (order == "bag")


def test_one_frame_counts_as_equal_frames(clips: Clips) -> None:
    frames = clips.frames[:8, :1].float() / 255
    encoder = ClipEncoder(4, generator=make_generator(0)).eval()
    with torch.no_grad():
        torch.testing.assert_close(encoder(frames), encoder(frames.expand(-1, 4, -1, -1, -1)))


def test_every_view_has_the_same_parameters() -> None:
    count = {
        order: sum(p.numel() for p in ClipEncoder(4, order).parameters())
        for order in ("ordered", "bag")
    }
    assert count["ordered"] == count["bag"]


def test_only_the_order_tells_the_direction(scores: dict[str, float]) -> None:
    assert scores["ordered.direction"] > 90
    assert scores["bag.direction"] == pytest.approx(50)  # exactly: both ways give one input
    for view in ("shuffled", "one"):
        assert scores[f"{view}.direction"] == pytest.approx(50, abs=15)
    for view in ("shuffled", "one", "bag"):
        assert scores[f"{view}.process"] < 60


def test_every_view_tells_the_object(scores: dict[str, float]) -> None:
    assert min(scores[f"{view}.state"] for view in VIEWS) > 60  # chance 33


def test_a_collapsed_model_has_no_direction(icons: Icons, clips: Clips) -> None:
    """All scores equal: the direction is a coin, not a failure."""
    shown = clips.both_ways()
    same = Oracle(lambda seen: torch.ones(len(seen), 2), lambda tokens: torch.ones(len(tokens), 2))
    found = score_view(same, shown, "ordered", 0)  # type: ignore[arg-type]
    assert found["direction"] == 50
    assert found["process"] == pytest.approx(CHANCE["process"], abs=2)


def test_reversed_frames_get_the_opposite_word(scores: dict[str, float]) -> None:
    assert scores["ordered.reversed"] == pytest.approx(100 - scores["ordered.direction"], abs=1e-6)
    assert scores["ordered.reversed"] < 10
    assert scores["bag.reversed"] == pytest.approx(50)


def test_an_untrained_model_is_near_chance(icons: Icons, clips: Clips) -> None:
    config = SMALL.but(budget=PairBudget(steps=0))
    model = train_view(clips, "ordered", config, 100)
    found = score_view(model, clips.both_ways(), "ordered", 0)
    assert found["process"] == pytest.approx(CHANCE["process"], abs=8)
    assert found["direction"] == pytest.approx(CHANCE["direction"], abs=8)


def test_a_seed_is_a_result(icons: Icons) -> None:
    short = SMALL.but(train_clips=30, test_clips=30, budget=PairBudget(steps=3))
    first = compare_views(icons, short, 100, ("shuffled",))
    assert first == compare_views(icons, short, 100, ("shuffled",))
    assert set(first) == {
        f"shuffled.{name}" for name in ("process", "direction", "axis", "state", "reversed")
    }


def test_examples_are_six_motions_in_pairs(icons: Icons) -> None:
    shown = example_clips(icons, SMALL, 0)
    assert shown.motions.tolist() == [0, 1, 2, 3, 4, 5]
    for left in (0, 2, 4):
        assert torch.equal(shown.frames[left], shown.frames[left + 1].flip(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 1}, "frames 1 make no motion"),
        ({"image_size": 8}, "8"),
        ({"objects": ("frog",)}, "two or more different"),
        ({"objects": ("frog", "frog")}, "two or more different"),
        ({"train_clips": 100}, "train_clips=100 must be a multiple of 3"),
        ({"test_clips": 0}, "test_clips=0 must be a multiple of 3"),
        ({"batch_size": 0}, "batch_size=0 must be above 0"),
    ],
)
def test_bad_settings_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SMALL.but(**change)


def test_bad_calls_are_named(icons: Icons, clips: Clips) -> None:
    with pytest.raises(ValueError, match="view"):
        view_frames(clips.frames, "middle", make_generator(0))
    with pytest.raises(ValueError, match="view"):
        compare_views(icons, SMALL, 0, ("middle",))
    with pytest.raises(ValueError, match="order"):
        ClipEncoder(4, "sorted")
    with pytest.raises(ValueError, match=r"clips must be \(B, 4"):
        ClipEncoder(4)(torch.zeros(2, 3, 3, 16, 16))
    with pytest.raises(ValueError, match="multiple of 3"):
        draw_clips(icons, SMALL, 4, make_generator(0))
    with pytest.raises(ValueError, match="bananna"):
        draw_clips(icons, SMALL.but(objects=("bananna", "frog")), 3, make_generator(0))
