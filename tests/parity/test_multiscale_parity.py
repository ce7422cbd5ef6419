"""The pyramid against torchvision's, the gates against timm's CBAM."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from timm.layers.cbam import CbamModule
from torch import Tensor, nn
from torchvision import ops

from mmlib.encoders import ChannelAttention, FeaturePyramidNetwork, SpatialAttention

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}
CHANNELS = (16, 24, 40, 64)
SIZES = {
    "powers of two": ((32, 32), (16, 16), (8, 8), (4, 4)),
    "odd": ((33, 49), (17, 25), (9, 13), (5, 7)),
    "irregular": ((31, 20), (19, 20), (7, 6), (1, 5)),
}
NAMES = {"inner_blocks": "lateral", "layer_blocks": "smooth"}


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps(name: str) -> list[Tensor]:
    generator = draws(1)
    return [
        torch.randn(2, channels, *size, generator=generator, requires_grad=True)
        for channels, size in zip(CHANNELS, SIZES[name], strict=True)
    ]


def our_name(theirs: str) -> str:
    """ "inner_blocks.2.0.weight" -> "lateral.2.weight"."""
    part, index, _, kind = theirs.split(".")
    return f"{NAMES[part]}.{index}.{kind}"


def pyramids() -> tuple[FeaturePyramidNetwork, nn.Module]:
    """Ours with random weights, biases too, and torchvision's with the same."""
    ours = FeaturePyramidNetwork(CHANNELS, 12, generator=draws())
    theirs = ops.FeaturePyramidNetwork(list(CHANNELS), 12)
    with torch.no_grad():
        for parameter in ours.parameters():
            if parameter.ndim == 1:
                parameter.normal_(0, 0.1, generator=draws(2))
    state = ours.state_dict()
    theirs.load_state_dict({name: state[our_name(name)] for name in theirs.state_dict()})
    return ours, theirs


@pytest.mark.parametrize("name", SIZES)
def test_pyramid_against_torchvision(name: str) -> None:
    """Levels, and the gradients of the maps and of every weight."""
    ours, theirs = pyramids()
    our_maps, their_maps = maps(name), maps(name)
    got = ours(our_maps)
    want = list(theirs(OrderedDict((str(i), m) for i, m in enumerate(their_maps))).values())
    generator = draws(3)
    directions = [torch.randn(m.shape, generator=generator) for m in want]
    for levels in (got, want):
        sum((m * d).sum() for m, d in zip(levels, directions, strict=True)).backward()
    for a, b in zip(got, want, strict=True):
        assert b.std() > 0.1
        torch.testing.assert_close(a, b, **TOLERANCE)
    for ours_map, theirs_map in zip(our_maps, their_maps, strict=True):
        assert theirs_map.grad.std() > 0.1
        torch.testing.assert_close(ours_map.grad, theirs_map.grad, **TOLERANCE)
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    for parameter, p in theirs.named_parameters():
        torch.testing.assert_close(gradients[our_name(parameter)], p.grad, **TOLERANCE)


def cbam(channels: int, reduction: int) -> tuple[ChannelAttention, SpatialAttention, CbamModule]:
    """Ours and timm's with the same weights.

    timm has a BatchNorm after the spatial convolution, which CBAM's authors had too. In eval mode
    it multiplies and adds; its factor goes into our weights and its shift is 0 here.
    """
    theirs = CbamModule(channels, rd_ratio=1 / reduction).eval()
    channel = ChannelAttention(channels, reduction, generator=draws())
    spatial = SpatialAttention(generator=draws(1))
    conv, norm = theirs.spatial.conv.conv, theirs.spatial.conv.bn
    with torch.no_grad():
        channel.fc2.weight.mul_(4)  # gates far from 1/2
        theirs.channel.load_state_dict(channel.state_dict())
        conv.weight.copy_(spatial.conv.weight)
        norm.weight.fill_(1.7)
        norm.running_var.fill_(0.6)
        spatial.conv.weight.mul_(1.7 / (0.6 + norm.eps) ** 0.5)
    return channel, spatial, theirs


@pytest.mark.parametrize("size", [(9, 9), (7, 12), (1, 5)])
@pytest.mark.parametrize(("channels", "reduction"), [(64, 16), (24, 4), (8, 8)])
def test_gates_against_timm(channels: int, reduction: int, size: tuple[int, int]) -> None:
    """Channel, spatial, both in turn: the gated maps, the gates, the gradients of the map."""
    channel, spatial, theirs = cbam(channels, reduction)
    pairs = (
        (channel, theirs.channel),
        (spatial, theirs.spatial),
        (nn.Sequential(channel, spatial), theirs),
    )
    for module, reference in pairs:
        x, y = (
            torch.randn(2, channels, *size, generator=draws(4), requires_grad=True)
            for _ in range(2)
        )
        got, want = module(x), reference(y)
        torch.testing.assert_close(got, want, **TOLERANCE)
        direction = torch.randn(want.shape, generator=draws(5))
        for output in (got, want):
            (output * direction).sum().backward()
        torch.testing.assert_close(x.grad, y.grad, **TOLERANCE)
        if hasattr(module, "gate"):
            gate = module.gate(x).expand_as(x)
            torch.testing.assert_close(gate, want / y, atol=1e-5, rtol=1e-4)
            assert gate.std() > 0.01


def test_weight_gradients_of_the_channel_gate_against_timm() -> None:
    channel, _, theirs = cbam(64, 16)
    x = torch.randn(2, 64, 9, 7, generator=draws(4))
    for module in (channel, theirs.channel):
        module(x).square().mean().backward()
    for ours, reference in zip(channel.parameters(), theirs.channel.parameters(), strict=True):
        assert reference.grad.abs().max() > 1e-4
        torch.testing.assert_close(ours.grad, reference.grad, **TOLERANCE)
