"""Four modalities of the same concepts: shapes, ranges, seeds, and no speaker on both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mmlib.data.icons import Icons, load_icons
from mmlib.data.renditions import MODALITIES, RenditionConfig, Renditions, short_names
from mmlib.data.speech import TEST_SPEAKERS, TRAIN_SPEAKERS
from mmlib.runtime import make_generator


@pytest.fixture(scope="module")
def eight() -> Icons:
    icons = load_icons(32)
    rows = short_names(icons)
    return icons.subset(rows[torch.linspace(0, len(rows) - 1, 8).long()])


@pytest.fixture(scope="module")
def world(eight: Icons) -> Renditions:
    return Renditions(eight)


def test_short_names_are_short_and_no_twins() -> None:
    icons = load_icons(32)
    chosen = [icons.concepts[row] for row in short_names(icons, 12).tolist()]
    assert len(chosen) > 200
    assert all(len(c.name.encode()) <= 12 and c.concrete for c in chosen)
    assert len({c.twin_group for c in chosen}) == len(chosen)


SHAPES = {"text": (5, 27), "image": (5, 3, 32, 32), "audio": (5, 3, 32, 32)}
SHAPES["video"] = (5, 4, 3, 32, 32)


@pytest.mark.parametrize("modality", MODALITIES)
def test_shapes_ranges_and_seeds(world: Renditions, modality: str) -> None:
    concepts = torch.tensor([0, 3, 3, 7, 1])
    one, same = (world.draw(modality, concepts, make_generator(4)) for _ in range(2))
    assert one.shape == SHAPES[modality] and torch.equal(one, same)
    if modality == "text":
        assert one.dtype == torch.int64
        return
    assert one.dtype == torch.float32 and one.min() >= 0 and one.max() <= 1
    assert one.std() > 0.05
    assert not torch.equal(one, world.draw(modality, concepts, make_generator(5)))


def test_a_name_has_one_form_and_can_be_read_back(world: Renditions) -> None:
    from mmlib.tokenizer import Tokenizer

    tokens = world.draw("text", torch.arange(8), make_generator(0))
    assert [Tokenizer().decode(row) for row in tokens] == [n.lower() for n in world.names]


def test_a_clip_moves_and_keeps_its_colours(world: Renditions) -> None:
    clip = world.draw("video", torch.arange(8), make_generator(1))
    assert (clip[:, 0] - clip[:, -1]).abs().mean() > 0.02
    corner = clip[:, :, :, 0, 0]  # (8, T, 3): ground, which stands still
    ground = (corner[:, 0] - corner[:, -1]).abs().amax(dim=1)
    assert ground.max() < 0.01  # contrast is relative to the mean of a frame, which varies a little


def test_a_frame_of_a_clip_is_drawn_like_a_picture(world: Renditions) -> None:
    concepts = torch.arange(8).repeat(64)
    picture = world.draw("image", concepts, make_generator(2))
    frames = world.draw("video", concepts, make_generator(3))
    assert abs(float(picture.mean() - frames[:, 0].mean())) < 0.01
    assert abs(float(picture.std() - frames[:, 0].std())) < 0.01


def test_speakers_of_the_test_are_new(world: Renditions) -> None:
    assert not set(TRAIN_SPEAKERS) & set(TEST_SPEAKERS)
    assert len(world.spoken["train"]) == len(TRAIN_SPEAKERS)
    train = {row.numpy().tobytes() for row in world.spoken["train"].flatten(0, 1)}
    assert not any(row.numpy().tobytes() in train for row in world.spoken["test"].flatten(0, 1))
    heard = world.draw("audio", torch.arange(8), make_generator(0), "test")
    bytes_heard = (heard[:, 0] * 255).round().to(torch.uint8)
    assert all(
        any(torch.equal(row, s[i]) for s in world.spoken["test"])
        for i, row in enumerate(bytes_heard)
    )


def test_without_sound_the_rest_works(eight: Icons) -> None:
    silent = Renditions(eight, audio=False)
    assert silent.modalities == ("text", "image", "video")
    with pytest.raises(ValueError, match=r"no sound here: run `pip install"):
        silent.draw("audio", torch.arange(2), make_generator(0))


@pytest.mark.parametrize(("what", "message"), [("smell", "modality"), ("image", "part")])
def test_unknown_words_are_refused(world: Renditions, what: str, message: str) -> None:
    part = "train" if message == "modality" else "later"
    with pytest.raises(ValueError, match=message):
        world.draw(what, torch.arange(2), make_generator(0), part)


def test_a_long_name_is_refused(eight: Icons) -> None:
    with pytest.raises(ValueError, match=r"more than letters=3 bytes: choose concepts"):
        Renditions(eight, RenditionConfig(letters=3), audio=False)


def test_a_concept_that_an_artist_did_not_draw_is_refused(eight: Icons) -> None:
    has = eight.has.clone()
    has[eight.style_index("twemoji"), 3] = False
    with pytest.raises(ValueError, match=f"'{eight.names()[3]}' has no drawing by each of"):
        Renditions(replace(eight, has=has), audio=False)


def test_one_frame_is_no_clip() -> None:
    with pytest.raises(ValueError, match="frames=1 make no motion"):
        RenditionConfig(frames=1)


def test_raw_renditions_become_bytes(world: Renditions) -> None:
    from mmlib.signals import to_bytes

    sizes = {
        m: [len(to_bytes(x)) for x in world.raw(m, torch.arange(8), make_generator(0))]
        for m in MODALITIES
    }
    assert sizes["text"] == [len(name) for name in world.names]
    assert set(sizes["image"]) == {3 * 32 * 32} and set(sizes["video"]) == {4 * 3 * 32 * 32}
    assert all(4_000 < size < 200_000 and size % 2 == 0 for size in sizes["audio"])
