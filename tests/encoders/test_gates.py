"""Channel, spatial and scale attention, each alone and all together."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders.gates import (
    ChannelAttention,
    MultiScaleAttention,
    ScaleAttention,
    SpatialAttention,
)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps(channels: int = 16, height: int = 7, width: int = 5, seed: int = 1) -> Tensor:
    return torch.randn(3, channels, height, width, generator=draws(seed))


GATES = {
    "channel": (lambda: ChannelAttention(16, 4, generator=draws()), (3, 16, 1, 1)),
    "spatial": (lambda: SpatialAttention(generator=draws()), (3, 1, 7, 5)),
}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_lies_between_0_and_1_and_forward_is_gated(name: str) -> None:
    make, shape = GATES[name]
    module, x = make(), maps()
    gate = module.gate(x)
    assert gate.shape == shape
    assert gate.min() > 0 and gate.max() < 1 and gate.std() > 0.01
    torch.testing.assert_close(module(x), x * gate)


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_gates_in_other_precisions(name: str, dtype: torch.dtype) -> None:
    make, _ = GATES[name]
    gate = make().to(dtype).gate(maps().to(dtype))
    assert gate.dtype == dtype and gate.min() > 0 and gate.max() < 1
    torch.testing.assert_close(gate.float(), make().gate(maps()), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("dtype", "below", "above"),
    [(torch.float32, 16, 18), (torch.float16, 8, 9), (torch.bfloat16, 6, 7)],
)
@torch.no_grad()
def test_a_gate_is_below_1_until_the_sigmoid_rounds(
    dtype: torch.dtype, below: float, above: float
) -> None:
    """A logit of 16 (float32), 8 (float16) or 6 (bfloat16) is still open; a bit more is shut."""
    module = SpatialAttention(1).to(dtype)
    module.conv.weight.fill_(0.5)  # logit = (mean + maximum) / 2
    gates = {v: module.gate(torch.full((1, 4, 2, 2), v, dtype=dtype)) for v in (below, above)}
    assert (gates[below] < 1).all() and (gates[above] == 1).all()
    assert (module.gate(torch.full((1, 4, 2, 2), -above, dtype=dtype)) > 0).all()


@torch.no_grad()
def test_channel_gate_by_hand() -> None:
    module, x = ChannelAttention(16, 4, generator=draws()), maps()
    first, second = (layer.weight[:, :, 0, 0] for layer in (module.fc1, module.fc2))
    assert first.shape == (4, 16) and second.shape == (16, 4)
    assert module.fc1.bias is None and module.fc2.bias is None
    logits = sum(
        F.relu(pooled @ first.T) @ second.T for pooled in (x.mean(dim=(2, 3)), x.amax(dim=(2, 3)))
    )
    torch.testing.assert_close(module.gate(x)[:, :, 0, 0], logits.sigmoid())


@torch.no_grad()
def test_spatial_gate_by_hand() -> None:
    module, x = SpatialAttention(3, generator=draws()), maps()
    assert module.conv.bias is None and module.conv.weight.shape == (1, 2, 3, 3)
    padded = F.pad(torch.stack([x.mean(dim=1), x.amax(dim=1)], dim=1), [1] * 4)
    logit = (padded[0, :, 2:5, 1:4] * module.conv.weight[0]).sum()  # at row 2, column 1
    torch.testing.assert_close(module.gate(x)[0, 0, 2, 1], logit.sigmoid())


@pytest.mark.parametrize(("channels", "reduction", "hidden"), [(16, 16, 1), (8, 16, 1), (24, 5, 4)])
def test_the_hidden_width(channels: int, reduction: int, hidden: int) -> None:
    assert ChannelAttention(channels, reduction).fc1.out_channels == hidden


@torch.no_grad()
def test_scale_attention_is_the_weighted_sum() -> None:
    module, x = ScaleAttention(16, (1, 3, 5), generator=draws()), maps()
    torch.testing.assert_close(module.weights, torch.full((3,), 1 / 3))
    module.scale_weights.copy_(torch.tensor([0.3, -2.0, 1.0]))
    torch.testing.assert_close(module.weights.sum(), torch.tensor(1.0))
    want = sum(w * conv(x) for w, conv in zip(module.weights, module.scales, strict=True))
    torch.testing.assert_close(module(x), want)
    assert module(x).shape == x.shape


@torch.no_grad()
def test_scales_permute_with_their_convolutions() -> None:
    module, x = ScaleAttention(16, generator=draws()), maps()
    module.scale_weights.copy_(torch.tensor([0.3, -2.0, 1.0]))
    for order in permutations(range(3)):
        other = ScaleAttention(16, [(3, 5, 7)[i] for i in order])
        other.scales = nn.ModuleList(module.scales[i] for i in order)
        other.scale_weights.copy_(module.scale_weights[list(order)])
        torch.testing.assert_close(other.weights, module.weights[list(order)])
        torch.testing.assert_close(other(x), module(x), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_scale_attention_is_one_convolution_with_the_largest_kernel() -> None:
    module, x = ScaleAttention(16, (3, 5, 7), generator=draws()), maps()
    module.scale_weights.copy_(torch.tensor([0.3, -2.0, 1.0]))
    shares = list(zip(module.weights, module.scales, strict=True))
    kernel = sum(w * F.pad(c.weight, [(7 - c.kernel_size[0]) // 2] * 4) for w, c in shares)
    bias = sum(w * conv.bias for w, conv in shares)
    torch.testing.assert_close(F.conv2d(x, kernel, bias, padding=3), module(x), atol=1e-5, rtol=0)


@torch.no_grad()
def test_channel_before_spatial_before_scale_whatever_the_order_of_the_names() -> None:
    x = maps()
    for use in (("channel", "spatial", "scale"), ("scale", "spatial", "channel")):
        module = MultiScaleAttention(16, use, reduction=4, generator=draws())
        torch.testing.assert_close(module(x), module.scale(module.spatial(module.channel(x))))
        assert not torch.allclose(module(x), module.scale(module.channel(module.spatial(x))))
        torch.testing.assert_close(
            module(x), MultiScaleAttention(16, reduction=4, generator=draws())(x)
        )


def test_no_part_is_the_identity() -> None:
    module, x = MultiScaleAttention(16, ()), maps()
    assert module(x) is x and not list(module.parameters())


def test_weights_are_drawn_with_equal_variance_and_no_global_state() -> None:
    torch.manual_seed(0)
    module = ScaleAttention(64, generator=draws(3))
    torch.manual_seed(1)
    twin = ScaleAttention(64, generator=draws(3))
    for conv, again in zip(module.scales, twin.scales, strict=True):
        assert torch.equal(conv.weight, again.weight)
        fan_in = 64 * conv.kernel_size[0] ** 2
        assert conv.weight.std().item() == pytest.approx(fan_in**-0.5, rel=0.02)
        assert conv.bias.eq(0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChannelAttention(0), "channels=0"),
        (lambda: ChannelAttention(8, 0), "reduction=0"),
        (lambda: SpatialAttention(4), r"\(4,\).*odd"),
        (lambda: SpatialAttention(0), "odd"),
        (lambda: ScaleAttention(8, ()), "one or more odd"),
        (lambda: ScaleAttention(8, (3, 2)), r"\(3, 2\)"),
        (lambda: ScaleAttention(0), "channels=0"),
        (lambda: MultiScaleAttention(8, ("colour",)), "attention='colour'"),
        (lambda: MultiScaleAttention(8, ("scale", "scale")), "twice"),
        (lambda: MultiScaleAttention(8, "scale"), "tuple"),
    ],
)
def test_what_cannot_be_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
