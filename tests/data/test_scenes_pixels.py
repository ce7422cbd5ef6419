"""Pixels of scenes, against PIL, exact averages, the survey of colour names and cases by hand."""

import numpy as np
import pytest
import torch
from matplotlib.colors import XKCD_COLORS, to_rgb
from PIL import Image

from mmlib.data.icons import load_icons
from mmlib.data.scenes import BACKGROUNDS, COLOURS, SceneConfig, SceneGenerator
from mmlib.data.sprites import (
    BACKGROUND_COLUMNS,
    SpriteSheet,
    axis_weights,
    backgrounds,
    paint,
    place_sprites,
    tint,
)
from mmlib.runtime import make_generator

BASIC = "red orange yellow green blue purple pink brown black white grey".split()  # noqa: SIM905


def tiles(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random premultiplied tiles (n, K, h, 4, w)."""
    drawn = torch.rand(shape, generator=make_generator(seed))
    colour, alpha = drawn.split([3, 1], 3)
    return torch.cat([colour * alpha, alpha], 3)


def test_weights_worked_by_hand():
    # Two source pixels, each 1.5 output pixels long, from 0.5 on.
    weights = axis_weights(torch.tensor(0.5), torch.tensor(3.0), 4, 2)
    expected = torch.tensor([[0.5, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.5]])
    assert torch.allclose(weights, expected, atol=1e-6)


@pytest.mark.parametrize(("left", "top", "size"), [(0, 0, 16), (3, 9, 10), (17, 4, 7), (1, 2, 30)])
def test_a_placed_sprite_is_the_exact_area_average(left, top, size):
    tile = tiles(1, 1, 32, 4, 32)
    box = torch.tensor([[[left, top, left + size, top + size]]]).float()
    canvas = place_sprites(tile, box, 32)[0].numpy()
    for channel in range(4):
        # Each source pixel becomes size x size equal ones; each output pixel is 32 x 32 of them.
        fine = np.kron(tile[0, 0, :, channel].numpy(), np.ones((size, size)))
        expected = np.zeros((32, 32))
        expected[top : top + size, left : left + size] = fine.reshape(size, 32, size, 32).mean(
            axis=(1, 3)
        )
        assert np.abs(canvas[channel] - expected).max() < 1e-5


def test_a_halved_icon_equals_pil_reduce():
    rgba = load_icons(32).rgba[0, 5]  # (4, 32, 32)
    tile = rgba.permute(1, 0, 2)[None, None].float() / 255
    canvas = place_sprites(tile, torch.tensor([[[8.0, 8, 24, 24]]]), 32)[0, :, 8:24, 8:24]
    for channel in range(4):
        small = np.array(Image.fromarray(rgba[channel].numpy()).reduce(2), dtype=float) / 255
        assert np.abs(canvas[channel].numpy() - small).max() <= 0.5 / 255 + 1e-6


def test_sprites_do_not_depend_on_the_ones_beside_them():
    both = tiles(1, 2, 16, 4, 16)
    boxes = torch.tensor([[[2.3, 3.1, 10.3, 11.1], [14.5, 15.5, 30.0, 31.0]]])
    canvas = place_sprites(both, boxes, 32)
    apart = [place_sprites(both[:, [i]], boxes[:, [i]], 32) for i in range(2)]
    assert torch.allclose(canvas, apart[0] + apart[1], atol=1e-6)


def test_an_empty_slot_draws_nothing():
    canvas = place_sprites(tiles(2, 3, 16, 4, 16), torch.zeros(2, 3, 4), 32)
    assert canvas.abs().max() == 0


def test_nothing_is_drawn_outside_the_boxes():
    scenes = SceneGenerator(load_icons(32), SceneConfig(image_size=32, background="white"))
    batch = scenes.batch(200, make_generator(0))
    edge = torch.arange(32).float()
    box = batch.truth.boxes
    columns = (edge + 1 > box[..., :1]) & (edge < box[..., 2:3])  # (n, 5, 32)
    rows = (edge + 1 > box[..., 1:2]) & (edge < box[..., 3:4])
    inside = (rows[..., :, None] & columns[..., None, :]).any(1)  # (n, 32, 32)
    assert (batch.images.permute(0, 2, 3, 1)[~inside] > 1 - 1e-5).all()
    ink = 3 - batch.images.sum(1)
    for slot in range(5):
        used = box[:, slot, 2] > 0
        mine = (rows[:, slot, :, None] & columns[:, slot, None, :])[used]
        assert (ink[used] * mine).amax((1, 2)).min() > 0.1  # each sprite can be seen


def test_levels_are_the_smallest_that_is_sharp_enough():
    icons = load_icons(32)
    sheet = SpriteSheet(icons.rgba[:, :3], "cpu")
    assert sheet.largest == 32
    styles, objects = torch.tensor([1]), torch.tensor([[2]])
    assert [sheet.tiles(styles, objects, s).shape[2] for s in (4, 8, 8.1, 16, 17, 32)] == [
        8, 8, 16, 16, 32, 32,
    ]  # fmt: skip
    full = sheet.tiles(styles, objects, 32)[0, 0].permute(1, 0, 2)  # (4, h, w)
    assert torch.equal((full * 255).round().byte(), icons.rgba[1, 2])


def test_painting_puts_the_sprite_over_the_background():
    canvas = torch.tensor([0.3, 0.1, 0.0, 0.5]).view(1, 4, 1, 1)
    image = paint(canvas, torch.tensor([0.8, 1.0, 0.9]).view(1, 3, 1, 1))
    assert torch.allclose(image.flatten(), torch.tensor([0.7, 0.6, 0.45]))


def lab(rgb) -> np.ndarray:
    """CIE L*a*b* of an sRGB colour, white point D65."""
    linear = np.asarray(rgb, float)
    linear = np.where(linear > 0.04045, ((linear + 0.055) / 1.055) ** 2.4, linear / 12.92)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x = matrix @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.parametrize("ink", ["black", "grey", "white", "red", "cyan"])
def test_a_tinted_sprite_has_the_colour_that_its_caption_names(name, ink):
    # People named the XKCD colours; the nearest basic one must have our name, in every shade.
    colour = torch.tensor(to_rgb(ink)).view(3, 1).expand(3, 8)
    tile = torch.cat([colour, torch.ones(1, 8)]).expand(1, 1, 8, 4, 8)
    painted = tint(tile, torch.tensor(COLOURS[name]).view(1, 1, 3))[0, 0, 4, :3, 4].numpy()
    survey = {basic: lab(to_rgb(XKCD_COLORS[f"xkcd:{basic}"])) for basic in BASIC}
    nearest = min(survey, key=lambda basic: float(np.linalg.norm(survey[basic] - lab(painted))))
    assert nearest == name


def test_colours_in_scenes_are_the_named_ones():
    scenes = SceneGenerator(load_icons(32), SceneConfig(image_size=32, background="white"))
    batch = scenes.batch(100, make_generator(1), "colour")
    for row in range(100):
        for slot in range(2):
            left, top, right, bottom = batch.truth.boxes[row, slot].round().int().tolist()
            patch = batch.images[row, :, top:bottom, left:right]
            ink = patch.flatten(1)[:, (1 - patch).sum(0).flatten().argmax()]
            wanted = torch.tensor(COLOURS[scenes.colours[batch.truth.colours[row, slot]]])
            # Where the ink is densest it is the colour between its darkest shade and white paper.
            mixed = (1 - ink) / (1 - 0.72 * wanted).clamp(min=0.05)
            assert mixed.max() <= 1.02
            assert (ink.argmax() == wanted.argmax()) or ink.max() - ink[wanted.argmax()] < 0.02


def test_the_tint_keeps_the_shape_and_some_shading():
    tile = tiles(1, 1, 8, 4, 8)
    painted = tint(tile, torch.tensor([[[0.2, 0.4, 0.8]]]))
    assert torch.equal(painted[:, :, :, 3], tile[:, :, :, 3])
    straight = painted[:, :, :, 2] / tile[:, :, :, 3]
    assert straight.max() <= 0.8 + 1e-6 and straight.min() >= 0.72 * 0.8 - 1e-6
    assert straight.std() > 0.01


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_backgrounds_are_light_and_nearly_grey(name):
    uniform = torch.rand(200, BACKGROUND_COLUMNS, generator=make_generator(0))
    flat = backgrounds(name, uniform, 24).expand(-1, -1, 24, 24)
    assert flat.min() >= 0.75 - 1e-6 and flat.max() <= 1 + 1e-6
    assert (flat.amax(1) - flat.amin(1)).max() <= 0.1 + 1e-6
    within, between = flat.std((2, 3)).mean(), flat.mean((2, 3)).std()
    assert (within > 0.005) == (name in ("gradient", "texture"))
    assert (between > 0.005) == (name != "white")


def test_noise_has_the_stated_width_and_stays_in_range():
    plain = SceneConfig(image_size=32, background="plain")
    noisy = SceneConfig(image_size=32, background="plain", noise=0.04)
    icons = load_icons(32)
    one, two = (
        SceneGenerator(icons, c).batch(50, make_generator(4)).images for c in (plain, noisy)
    )
    difference = (two - one)[(one < 0.95) & (one > 0.05)]
    assert difference.abs().max() <= 0.04 + 1e-6
    assert abs(difference.std() - 0.04 / 3**0.5) < 5e-4 and difference.mean().abs() < 5e-4
    assert two.min() >= 0 and two.max() <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_paints_the_same_scenes():
    icons = load_icons(32)
    config = SceneConfig(image_size=32, background="texture")
    here, there = (
        SceneGenerator(icons, config, device).batch(64, make_generator(0))
        for device in ("cpu", "cuda")
    )
    assert there.images.is_cuda and there.groups.is_cuda
    assert here.captions == there.captions
    assert torch.allclose(here.images, there.images.cpu(), atol=2e-3)
