"""The feature pyramid and the fusions of its levels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.encoders.pyramid import FUSIONS, FeaturePyramidNetwork, LevelFusion, enlarge

CHANNELS, SIZES = (3, 5, 7), ((17, 25), (9, 13), (5, 7))


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps(seed: int = 1) -> list[Tensor]:
    generator = draws(seed)
    return [
        torch.randn(2, channels, *size, generator=generator)
        for channels, size in zip(CHANNELS, SIZES, strict=True)
    ]


def pyramid(**options) -> FeaturePyramidNetwork:
    return FeaturePyramidNetwork(CHANNELS, 4, generator=draws(), **options)


def levels(channels: int = 4) -> list[Tensor]:
    generator = draws(2)
    return [torch.randn(2, channels, *size, generator=generator) for size in SIZES]


def test_every_level_keeps_its_size() -> None:
    got = pyramid()(maps())
    assert [tuple(m.shape) for m in got] == [(2, 4, *size) for size in SIZES]


@torch.no_grad()
def test_level_by_level() -> None:
    fpn, (fine, middle, coarse) = pyramid(), maps()
    c = fpn.lateral[2](coarse)
    b = fpn.lateral[1](middle) + F.interpolate(c, (9, 13))
    a = fpn.lateral[0](fine) + F.interpolate(b, (17, 25))
    want = [smooth(inner) for smooth, inner in zip(fpn.smooth, (a, b, c), strict=True)]
    for got, expected in zip(fpn(maps()), want, strict=True):
        torch.testing.assert_close(got, expected)


@torch.no_grad()
def test_without_the_top_down_path_levels_are_independent() -> None:
    fpn = pyramid(top_down=False)
    assert all(
        torch.equal(value, pyramid().state_dict()[name]) for name, value in fpn.state_dict().items()
    )
    for i, got in enumerate(fpn(maps())):
        torch.testing.assert_close(got, fpn.smooth[i](fpn.lateral[i](maps()[i])))


def test_a_dict_counts_in_its_order() -> None:
    named = dict(zip(("layer1", "layer2", "layer3"), maps(), strict=True))
    for got, want in zip(pyramid()(named), pyramid()(maps()), strict=True):
        assert torch.equal(got, want)
    with pytest.raises(ValueError, match="fine to coarse.*largest map first"):
        pyramid()(dict(reversed(named.items())))


def test_the_input_stays_as_it_is() -> None:
    given = maps()
    before = [m.clone() for m in given]
    pyramid()(given)
    assert len(given) == 3
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))


def test_weights_are_drawn_in_every_convolution() -> None:
    torch.manual_seed(0)
    fpn = FeaturePyramidNetwork((256, 512), 64, generator=draws(5))
    torch.manual_seed(1)
    twin = FeaturePyramidNetwork((256, 512), 64, generator=draws(5))
    for (name, value), other in zip(fpn.named_parameters(), twin.parameters(), strict=True):
        assert torch.equal(value, other), name
        if name.endswith("bias"):
            assert value.eq(0).all()
        else:
            fan_in = value[0].numel()
            assert value.std().item() == pytest.approx(fan_in**-0.5, rel=0.02), name


GROWING = ((8, 8), (4, 9), (2, 2))
ERRORS = {
    "order": (lambda: maps()[::-1], ValueError, "fine to coarse"),
    "one side grows": (
        lambda: [
            torch.rand(1, c, *s) for c, s in zip(CHANNELS, ((8, 8), (4, 9), (2, 2)), strict=True)
        ],
        ValueError,
        "fine to coarse",
    ),
    "too few": (lambda: maps()[:2], ValueError, "needs 3 maps .* got 2"),
    "too many": (lambda: [*maps(), maps()[2]], ValueError, "got 4"),
    "none": (list, ValueError, "got 0"),
    "no batch": (lambda: [m[0] for m in maps()], ValueError, r"maps \(B, C, h, w\)"),
    "channels": (
        lambda: [torch.rand(2, 4, *size) for size in SIZES],
        ValueError,
        r"maps have \[4, 4, 4\] channels, the pyramid was made for \[3, 5, 7\]",
    ),
    "batches": (
        lambda: [maps()[0], maps()[1][:1], maps()[2]],
        ValueError,
        "different numbers of pictures",
    ),
    "tensor": (lambda: maps()[0], TypeError, "one tensor"),
    "numbers": (lambda: [1, 2, 3], TypeError, "got int"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_maps(name: str) -> None:
    make, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        pyramid()(make())


@pytest.mark.parametrize(
    ("channels", "out", "message"),
    [((), 4, "in_channels_list is empty"), ((3, 0), 4, "in_channels=0"), ((3,), 0, "channels=0")],
)
def test_bad_sizes(channels: tuple[int, ...], out: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FeaturePyramidNetwork(channels, out)


@pytest.mark.parametrize("kind", FUSIONS)
def test_fused_at_the_size_of_the_finest(kind: str) -> None:
    fusion = LevelFusion(3, 4, kind, generator=draws())
    assert fusion(levels()).shape == (2, 4, *SIZES[0])
    single = LevelFusion(1, 4, kind, generator=draws())
    if kind != "concat":
        torch.testing.assert_close(single(levels()[:1]), levels()[0])


@torch.no_grad()
def test_each_fusion_by_hand() -> None:
    stack = torch.stack([F.interpolate(m, SIZES[0], mode="bilinear") for m in levels()])
    torch.testing.assert_close(LevelFusion(3, 4)(levels()), stack.mean(dim=0))
    torch.testing.assert_close(LevelFusion(3, 4, "sum")(levels()), stack.sum(dim=0))
    learned = LevelFusion(3, 4, "learned")
    torch.testing.assert_close(learned(levels()), stack.mean(dim=0))
    learned.level_weights.copy_(torch.tensor([0.1, 1.0, -1.0]))
    weights = learned.level_weights.exp() / learned.level_weights.exp().sum()
    torch.testing.assert_close(learned.weights, weights)
    want = torch.einsum("l,lbchw->bchw", weights, stack)
    torch.testing.assert_close(learned(levels()), want)
    concat = LevelFusion(3, 4, "concat", generator=draws())
    torch.testing.assert_close(
        concat(levels()), concat.mix(stack.transpose(0, 1).flatten(1, 2)), atol=1e-6, rtol=1e-5
    )


def test_a_fusion_of_another_number_of_levels_is_refused() -> None:
    for kind in FUSIONS:
        with pytest.raises(ValueError, match="made for 3 levels, got 2"):
            LevelFusion(3, 4, kind)(levels()[:2])
    with pytest.raises(ValueError, match="fusion='median'"):
        LevelFusion(3, 4, "median")
    with pytest.raises(ValueError, match="levels=0"):
        LevelFusion(0, 4)


def test_enlarge_to_the_same_size_is_free() -> None:
    x = levels()[0]
    assert enlarge(x, SIZES[0]) is x
