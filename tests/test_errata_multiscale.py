"""The errata page's groups on the pyramid and its attention: each fault shown, then gone here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.clip import CLIPModel
from mmlib.cost import conv_flops, count_flops, count_parameters
from mmlib.data.photos import load_photos
from mmlib.encoders.cnn import CNNVisualEncoder
from mmlib.encoders.multiscale import (
    ChannelAttention,
    FeaturePyramidNetwork,
    LevelFusion,
    MultiScaleVisualEncoder,
    ScaleAttention,
    SpatialAttention,
)
from mmlib.text import TextConfig, TextEncoder

CHANNELS = (256, 512, 1024, 2048)  # of ResNet-50's four maps
SIDES = (16, 8, 4, 2)  # a picture of 64 px


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps_of(channels: Sequence[int], seed: int = 1, sides: Sequence[int] = SIDES) -> list[Tensor]:
    """Maps (2, C_i, s_i, s_i), fine to coarse."""
    draw = generator(seed)
    return [
        torch.rand(2, c, side, side, generator=draw)
        for c, side in zip(channels, sides, strict=True)
    ]


def encoder(seed: int = 0, **options: Any) -> MultiScaleVisualEncoder:
    sizes = {"width": 24, "feature_dim": 16, **options}
    return MultiScaleVisualEncoder("tiny", generator=generator(seed), **sizes)


def images(size: int = 32) -> Tensor:
    return torch.rand(4, 3, size, size, generator=generator(1))


def crossed(pyramid: FeaturePyramidNetwork, maps: Sequence[Tensor]) -> list[Tensor]:
    """The broken loop: one index for convolutions (fine to coarse) and maps (coarse to fine)."""
    from_coarse = list(reversed(maps))
    inner = pyramid.lateral[-1](from_coarse[0])
    levels = [pyramid.smooth[-1](inner)]
    for i in reversed(range(len(maps) - 1)):
        side = pyramid.lateral[i](from_coarse[i])
        inner = side + F.interpolate(inner, size=side.shape[-2:])
        levels = [pyramid.smooth[i](inner), *levels]
    return levels


def met(pyramid: FeaturePyramidNetwork) -> dict[int, int]:
    """Filled at each call of the pyramid: lateral convolution -> side of the map it got."""
    sides: dict[int, int] = {}
    for i, lateral in enumerate(pyramid.lateral):
        lateral.register_forward_pre_hook(
            lambda _, inputs, i=i: sides.__setitem__(i, inputs[0].shape[-1])
        )
    return sides


def test_each_lateral_convolution_gets_its_own_map() -> None:
    pyramid = FeaturePyramidNetwork(CHANNELS, 8, generator=generator())
    sides = met(pyramid)
    with pytest.raises(RuntimeError, match="to have 1024 channels, but got 512 channels"):
        crossed(pyramid, maps_of(CHANNELS))
    assert sides == {3: 2, 2: 8}  # the third convolution met the second map
    levels = pyramid(maps_of(CHANNELS))
    assert sides == dict(enumerate(SIDES))
    assert [level.shape for level in levels] == [(2, 8, side, side) for side in SIDES]


def test_equal_channels_do_not_hide_a_crossed_pyramid() -> None:
    pyramid = FeaturePyramidNetwork([8] * 4, 8, generator=generator())
    sides = met(pyramid)
    maps = maps_of([8] * 4)
    other_finest = [maps[0] + 1, *maps[1:]]
    wrong = crossed(pyramid, maps)
    assert sides == {0: 2, 1: 4, 2: 8, 3: 2}
    assert [level.shape[-1] for level in wrong] == [2, 4, 8, 2]
    for before, after in zip(wrong, crossed(pyramid, other_finest), strict=True):
        torch.testing.assert_close(before, after, atol=0, rtol=0)
    right = pyramid(maps)
    assert LevelFusion(4, 8)(wrong).shape[-1] == 2 and LevelFusion(4, 8)(right).shape[-1] == 16
    assert not torch.equal(right[0], pyramid(other_finest)[0])


def test_a_pyramid_takes_any_number_of_maps_under_any_names() -> None:
    for names in (("a", "b", "c"), ("layer4", "layer1", "layer2", "layer3", "more")):
        maps = maps_of([8] * len(names), sides=(16, 8, 4, 2, 1)[: len(names)])
        pyramid = FeaturePyramidNetwork([8] * len(names), 8, generator=generator())
        levels = pyramid(dict(zip(names, maps, strict=True)))
        assert len(levels) == len(names)
        for by_name, by_place in zip(levels, pyramid(maps), strict=True):
            torch.testing.assert_close(by_name, by_place, atol=0, rtol=0)
        with pytest.raises(ValueError, match="fine to coarse"):
            pyramid(maps[::-1])


def test_another_base_is_a_base_or_an_error() -> None:
    class OneNameOnly(nn.Module):
        def __init__(self, base: str) -> None:
            super().__init__()
            if base == "resnet50":
                self.first = nn.Conv2d(3, 8, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x)

    built = OneNameOnly("efficientnet")
    with pytest.raises(AttributeError, match="no attribute 'first'"):
        built(images())
    with pytest.raises(ValueError, match="'resnet101'.*tiny.*resnet50"):
        MultiScaleVisualEncoder("resnet101")
    for name in ("efficientnet", "efficientnet_lite0", "resnet50"):
        other = MultiScaleVisualEncoder(name, width=16, feature_dim=4, attention=())
        assert other(images()).shape == (4, 4)


def test_the_multi_scale_encoder_fits_clip() -> None:
    base = encoder()
    text = TextEncoder(TextConfig(40, context_length=12, width=32, depth=1, heads=2))
    model = CLIPModel(base, text, embed_dim=8)
    assert model.visual_projection.in_features == base.feature_dim == 16
    assert model.encode_image(images()).shape == (4, 8)
    assert base.train().encode(images()).requires_grad is False and base.training
    base(images()).square().sum().backward()
    assert all(weight.grad is not None for weight in base.parameters())


def test_the_pyramid_s_base_normalises() -> None:
    other = CNNVisualEncoder("tiny", generator=generator(), mean=(0.4,) * 3, std=(0.2,) * 3)
    ours = MultiScaleVisualEncoder(other, width=8, feature_dim=4, generator=generator()).eval()
    seen: list[Tensor] = []
    other.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    ours.encode(images())
    torch.testing.assert_close(seen[0], (images() - 0.4) / 0.2)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        ours(images() * 255)


def test_a_fused_map_leaves_no_level_to_choose() -> None:
    levels = maps_of([8] * 4)
    moved = [levels[0] + 1, levels[1] - 1, *levels[2:]]  # from one level to another
    for kind, same in (("mean", True), ("learned", False)):
        fusion = LevelFusion(4, 8, kind)
        if kind == "learned":
            with torch.no_grad():
                fusion.level_weights.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        assert torch.allclose(fusion(levels), fusion(moved), atol=1e-6) is same, kind
    chooser = encoder(fusion="learned", attention=())
    assert chooser.fusion_weights.tolist() == pytest.approx([0.5, 0.5])
    chooser(images()).square().sum().backward()
    assert chooser.fusion.level_weights.grad.abs().min() > 0


def one_kernel(attention: ScaleAttention) -> tuple[Tensor, Tensor]:
    """Weight (C, C, 7, 7) and bias (C,) of the one convolution that does the same."""
    shares = attention.weights
    weight = sum(
        share * F.pad(scale.weight, [(7 - scale.kernel_size[0]) // 2] * 4)
        for share, scale in zip(shares, attention.scales, strict=True)
    )
    bias = sum(share * scale.bias for share, scale in zip(shares, attention.scales, strict=True))
    return weight, bias


@pytest.mark.parametrize("shares", [(0.0, 0.0, 0.0), (3.0, 0.0, -3.0)])
@torch.no_grad()
def test_scale_attention_is_one_convolution(shares: tuple[float, ...]) -> None:
    attention = ScaleAttention(8, generator=generator())
    attention.scale_weights.copy_(torch.tensor(shares))
    for scale in attention.scales:
        nn.init.normal_(scale.bias, generator=generator(2))
    weight, bias = one_kernel(attention)
    assert weight.shape == (8, 8, 7, 7)
    (x,) = maps_of([8], sides=[12])
    torch.testing.assert_close(attention(x), F.conv2d(x, weight, bias, padding=3))


@torch.no_grad()
def test_scale_weights_are_known_only_with_their_convolutions() -> None:
    equal, unequal = (ScaleAttention(8, generator=generator()) for _ in range(2))
    unequal.scale_weights.copy_(torch.tensor([3.0, 0.0, -3.0]))
    for scale, old, new in zip(unequal.scales, equal.weights, unequal.weights, strict=True):
        scale.weight.mul_(old / new)
        scale.bias.mul_(old / new)
    assert equal.weights.tolist() == pytest.approx([1 / 3] * 3)
    assert unequal.weights.tolist() == pytest.approx([0.950, 0.047, 0.002], abs=1e-3)
    (x,) = maps_of([8], sides=[12])
    torch.testing.assert_close(equal(x), unequal(x))


def test_a_channel_gate_keeps_a_hidden_unit() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        empty = nn.Sequential(nn.Linear(8, 8 // 16, bias=False), nn.Linear(0, 8, bias=False))
    (x,) = maps_of([8], sides=[6])
    assert sum(weight.numel() for weight in empty.parameters()) == 0
    assert torch.equal(empty(x.mean(dim=(2, 3))).sigmoid(), torch.full((2, 8), 0.5))
    for channels in (1, 8, 15, 256):
        gate = ChannelAttention(channels, generator=generator())
        assert gate.fc1.out_channels == max(1, channels // 16)
        (x,) = maps_of([channels], sides=[6])
        gate(x).square().sum().backward()
        assert all(weight.grad.isfinite().all() for weight in gate.parameters())
    (x,) = maps_of([8], sides=[6])
    values = ChannelAttention(8, reduction=1, generator=generator()).gate(x)
    assert values.std() > 0.1 and not torch.equal(values[0], values[1])
    gates = [ChannelAttention(8, generator=generator(seed)).gate(x) for seed in range(50)]
    silent = sum(bool((gate == 0.5).all()) for gate in gates)
    assert 10 <= silent <= 30  # the page: 4 in 10


def test_an_even_kernel_is_refused() -> None:
    (x,) = maps_of([2], sides=[8])
    grown = nn.Conv2d(2, 1, 4, padding=4 // 2)(x)
    assert grown.shape[-1] == 9
    with pytest.raises(RuntimeError, match="must match the size"):
        grown * x
    with pytest.raises(ValueError, match="odd"):
        SpatialAttention(kernel_size=4)


def test_what_scale_attention_costs() -> None:
    """The page's numbers: 34 GFLOPs and 5.4 M weights on top of ResNet-50's 8.2 and 23.5."""
    options: dict[str, Any] = {"width": 256, "feature_dim": 512}
    whole, bare = (
        MultiScaleVisualEncoder("resnet50", attention=attention, **options)
        for attention in (("scale",), ())
    )
    added = count_flops(whole, 224) - count_flops(bare, 224)
    assert added == sum(conv_flops(256, 256, k, 56) for k in (3, 5, 7)) == 34_116_468_736
    assert count_parameters(whole.attention) == 5_440_259
    backbone = count_flops(bare.base, 224)
    assert backbone / 1e9 == pytest.approx(8.17, abs=0.01)
    assert added / backbone == pytest.approx(4.2, abs=0.05)
    assert (count_flops(bare, 224) - backbone) / 1e9 == pytest.approx(5.7, abs=0.05)


def without_borders(ours: MultiScaleVisualEncoder) -> MultiScaleVisualEncoder:
    """The same with maps that go on at the other side, instead of in zeros, when they are mixed."""
    for module in (*ours.fpn.modules(), *ours.attention.modules()):
        if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 1:
            module.padding_mode = "circular"
    return ours.eval()


@pytest.mark.parametrize("top_down", [True, False])
@pytest.mark.parametrize("fusion", ["mean", "sum", "concat", "learned"])
@torch.no_grad()
def test_a_pyramid_that_is_only_averaged_adds_nothing(fusion: str, top_down: bool) -> None:
    """Without gates, the feature is the same when each map is replaced by its mean."""
    options: dict[str, Any] = {"fusion": fusion, "top_down": top_down, "attention": ("scale",)}
    ours = without_borders(encoder(**options).double())
    maps = ours.base.feature_maps(images())
    flat = [m.mean(dim=(2, 3), keepdim=True).expand_as(m) for m in maps]
    assert maps[0].std() > 0.01 and not torch.allclose(maps[0], flat[0], atol=0.01)
    torch.testing.assert_close(ours.forward_maps(maps), ours.forward_maps(flat))
    gated = without_borders(encoder(**{**options, "attention": ("spatial",)}).double())
    assert not torch.allclose(gated.forward_maps(maps), gated.forward_maps(flat), rtol=1e-3)


@torch.no_grad()
def test_with_borders_it_adds_next_to_nothing() -> None:
    """The page's number: less than 1% of the features' variance on the photographs."""
    photos = load_photos().images
    shares = {}
    for parts in (("scale",), ("channel", "spatial")):
        ours = MultiScaleVisualEncoder(
            "efficientnet_lite0",
            pretrained=True,
            width=32,
            attention=parts,
            generator=generator(),
        ).eval()
        maps = ours.base.feature_maps(photos)
        flat = [m.mean(dim=(2, 3), keepdim=True).expand_as(m) for m in maps]
        real, from_means = ours.forward_maps(maps), ours.forward_maps(flat)
        lost = (real - from_means).square().sum() / (real - real.mean(dim=0)).square().sum()
        shares[parts] = lost.item()
    without_gates, with_gates = shares.values()
    assert without_gates < 0.02 and with_gates > 3 * without_gates, shares
