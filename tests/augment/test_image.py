"""Augmentation: identity, independence of batch mates, and direction of every change."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.augment import AugmentConfig, IconAugmentation, augment_icons
from mmlib.augment.image import N_RANDOM
from mmlib.runtime import make_generator


def drawings(n: int, seed: int = 0, size: int = 16) -> torch.Tensor:
    generator = make_generator(seed)
    alpha = torch.randint(0, 256, (n, 1, size, size), generator=generator)
    rgb = (torch.rand(n, 3, size, size, generator=generator) * alpha).long()
    return torch.cat([rgb, alpha], dim=1).to(torch.uint8)


def half(n: int = 1) -> torch.Tensor:
    """Random numbers that mean 'no change' for every symmetric parameter."""
    return torch.full((n, N_RANDOM), 0.5)


def test_none_is_the_drawing_on_white() -> None:
    rgba = drawings(3)
    out = augment_icons(rgba, torch.rand(3, N_RANDOM), AugmentConfig.none())
    expected = (rgba[:, :3].float() + 255 - rgba[:, 3:].float()) / 255
    assert torch.allclose(out, expected, atol=1e-6)


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_a_sample_does_not_depend_on_its_batch_mates(seed: int, n: int) -> None:
    augment = IconAugmentation()
    rgba, others = drawings(n, seed), drawings(n, seed + 1)
    others[0] = rgba[0]
    first = augment(rgba, make_generator(seed))
    second = augment(others, make_generator(seed))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_is_bit_equal_and_in_range(seed: int) -> None:
    rgba, augment = drawings(4, seed), IconAugmentation()
    first = augment(rgba, make_generator(seed))
    assert torch.equal(first, augment(rgba, make_generator(seed)))
    assert first.dtype == torch.float32 and first.shape == (4, 3, 16, 16)
    assert first.min() >= 0 and first.max() <= 1


def spot(row: int, column: int, size: int = 17) -> torch.Tensor:
    rgba = torch.zeros(1, 4, size, size, dtype=torch.uint8)
    rgba[0, 3, row, column] = 255  # one black pixel
    return rgba


def darkest(image: torch.Tensor) -> tuple[int, int]:
    index = int(image[0].mean(0).argmin())
    return index // image.shape[-1], index % image.shape[-1]


def only(**changes: object) -> AugmentConfig:
    base = dict(
        rotate=0.0, scale=(1.0, 1.0), aspect=0.0, shift=0.0, flip=0.0, brightness=0.0,
        contrast=0.0, saturation=0.0, grey=0.0, background=1.0,
    )  # fmt: skip
    return AugmentConfig(**(base | changes))  # type: ignore[arg-type]


def test_flip_mirrors_and_shift_moves_right_and_down() -> None:
    assert darkest(augment_icons(spot(8, 2), half(), only(flip=1.0))) == (8, 14)
    u = half()
    u[0, 3] = u[0, 4] = 1 - 1e-6  # the largest shift: 2 of 17 pixels
    assert darkest(augment_icons(spot(8, 8), u, only(shift=2 / 17))) == (10, 10)


def test_scale_moves_things_outwards_and_rotation_turns() -> None:
    u = half()
    u[0, 1] = 1 - 1e-6
    grown = augment_icons(spot(8, 11), u, only(scale=(1.0, 2.0)))
    assert darkest(grown) == (8, 14)
    u = half()
    u[0, 0] = 1 - 1e-6  # 90 degrees
    assert darkest(augment_icons(spot(8, 12), u, only(rotate=90.0))) in {(4, 8), (12, 8)}


def test_grey_removes_colour_and_background_fills() -> None:
    rgba = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    u = half()
    u[0, 10:13] = torch.tensor([0.2, 0.4, 0.6])
    out = augment_icons(rgba, u, only(background=0.0))
    assert torch.allclose(out[0, :, 0, 0], torch.tensor([0.2, 0.4, 0.6]), atol=1e-6)
    light = augment_icons(rgba, u, only(background=0.8))
    assert torch.allclose(light[0, :, 0, 0], torch.tensor([0.84, 0.88, 0.92]), atol=1e-6)
    grey = augment_icons(rgba, u, only(background=0.0, grey=1.0))
    assert torch.allclose(grey[0, 0], grey[0, 2], atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [{"rotate": 200.0}, {"scale": (2.0, 1.0)}, {"flip": 1.5}, {"background": -0.5}],
)
def test_wrong_settings_are_named(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AugmentConfig(**change)  # type: ignore[arg-type]


def test_wrong_tensors_are_named() -> None:
    with pytest.raises(ValueError, match="expected uint8 drawings"):
        augment_icons(torch.rand(2, 4, 8, 8), half(2), AugmentConfig())
    with pytest.raises(ValueError, match="expected random numbers"):
        augment_icons(drawings(2), half(3), AugmentConfig())
