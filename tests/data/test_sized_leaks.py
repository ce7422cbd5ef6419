"""Pictures with one object of known side: nothing but the drawing tells the label."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.icons import Icons
from mmlib.data.sized import SIDES, SizedPictures, sized_pictures
from mmlib.encoder_lab import Budget, EncoderSpec, accuracy, train_classifier
from mmlib.evaluate import binomial_interval, linear_probe
from mmlib.pyramid_lab import box_masks
from mmlib.runtime import make_generator

SMALLER = SIDES[:4]  # what the icons of these tests, 32 px large, can be drawn in


@pytest.fixture
def icons(sixteen_icons: Icons) -> Icons:
    return sixteen_icons


def features(data: SizedPictures) -> Tensor:
    """What a leak could show in: coarse pixels, place and side, mean colour of the box."""
    pixels, inside = data.floats(), box_masks(data)[:, None].float()
    colour = (pixels * inside).sum(dim=(2, 3)) / inside.sum(dim=(2, 3))  # (N, 3)
    coarse = F.adaptive_avg_pool2d(pixels, 6).flatten(1)  # (N, 108)
    return torch.cat([coarse, data.boxes.float(), data.boxes.float().square(), colour], dim=1)


def probed(train: SizedPictures, test: SizedPictures) -> tuple[float, float, float]:
    """Accuracy of a linear probe on `features`, with its interval at 3 deviations."""
    probe = linear_probe(features(train), train.labels, features(test), test.labels, 1e-2)
    return probe.test_accuracy, *binomial_interval(float(probe.hits.sum()), len(test), z=3)


def noise_in_the_box(data: SizedPictures, seed: int) -> SizedPictures:
    noise = torch.randint(256, data.images.shape, generator=make_generator(seed)).byte()
    return replace(data, images=torch.where(box_masks(data)[:, None], noise, data.images))


def test_nothing_but_the_drawing_tells_the_label(icons: Icons) -> None:
    """With one drawing for all labels a probe is at chance; with noise in its place, too."""
    eight = icons.subset(range(8))
    alike = replace(eight, rgba=eight.rgba[:, :1].expand_as(eight.rgba))
    train, test = (
        sized_pictures(alike, 4000, make_generator(seed), sides=SMALLER, canvas=48)
        for seed in (1, 2)
    )
    _, low, high = probed(train, test)
    assert low < 1 / 8 < high
    train, test = (
        sized_pictures(eight, 4000, make_generator(seed), sides=SMALLER, canvas=48)
        for seed in (1, 2)
    )
    _, low, high = probed(noise_in_the_box(train, 3), noise_in_the_box(test, 4))
    assert low < 1 / 8 < high
    assert probed(train, test)[0] > 0.2  # the probe is no blind one: it sees how dark a drawing is


def test_a_network_learns_the_drawing_and_no_other_trace(icons: Icons) -> None:
    four = icons.subset([0, 1, 2, 3])
    alike = replace(four, rgba=four.rgba[:, :1].expand_as(four.rgba))
    spec = EncoderSpec("cnn", {"stem": 8, "widths": (16, 32), "depths": (1, 1)}, 1e-2)
    right = {}
    for name, kind in (("drawings", four), ("alike", alike)):
        train, test = (
            sized_pictures(kind, 800, make_generator(seed), sides=(16, 20), canvas=24)
            for seed in (5, 6)
        )
        model = train_classifier(spec, train, Budget(120, 32), 0)
        right[name] = accuracy(model, test.images, test.labels) * 8  # pictures of 800
    assert right["drawings"] > 0.6 * 800
    low, high = binomial_interval(right["alike"], 800, z=3)
    assert low < 0.25 < high


def test_how_much_the_mean_colour_tells(icons: Icons) -> None:
    """Drawings cover more or less: the mean of the box tells 23%, of the picture 8%, luck 6%."""
    train, test = (
        sized_pictures(icons, 4000, make_generator(seed), sides=SMALLER) for seed in (1, 2)
    )
    share = {}
    for name, read in (
        ("box", lambda data: features(data)[:, -3:]),
        ("picture", lambda data: data.floats().mean(dim=(2, 3))),
    ):
        probe = linear_probe(read(train), train.labels, read(test), test.labels)
        share[name] = probe.test_accuracy
    assert 0.15 < share["box"] < 0.30
    assert share["picture"] < 0.12
