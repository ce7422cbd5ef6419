"""Receptive fields against the arithmetic of strides, attention maps against SDPA."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders import CNNVisualEncoder, ImageEncoder, VisionTransformerEncoder
from mmlib.encoders.hybrid import HybridVisualEncoder
from mmlib.layers import Attention
from mmlib.receptive import (
    attention_distance,
    attention_maps,
    attention_weights,
    effective_receptive_field,
    receptive_field,
    spread,
)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 4, size: int = 32) -> Tensor:
    return torch.rand(n, 3, size, size, generator=draws())


def cnn(name: str = "tiny", **options: Any) -> CNNVisualEncoder:
    return CNNVisualEncoder(name, generator=draws(), **options)


def vit(**options: Any) -> VisionTransformerEncoder:
    return VisionTransformerEncoder("tiny", generator=draws(), **({"width": 32} | options))


class Convolutions(ImageEncoder):
    """A stack of convolutions (kernel, stride), each with a ReLU behind it."""

    def __init__(self, *layers: tuple[int, int]) -> None:
        super().__init__()
        self.stack = nn.Sequential()
        for index, (kernel, stride) in enumerate(layers):
            conv = nn.Conv2d(3 if index == 0 else 8, 8, kernel, stride, kernel // 2)
            nn.init.normal_(conv.weight, generator=draws(index))
            self.stack.append(conv)
            self.stack.append(nn.ReLU())
        self.feature_dim = 8

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        return [self.stack(self.normalise(images))]


def arithmetic(*layers: tuple[int, int]) -> int:
    """r grows by (kernel - 1) steps of the stride so far."""
    field, step = 1, 1
    for kernel, stride in layers:
        field, step = field + (kernel - 1) * step, step * stride
    return field


STACKS = [
    ((1, 1),),
    ((3, 1),),
    ((3, 1), (3, 1), (3, 1)),
    ((7, 2), (3, 2)),
    ((4, 4), (2, 2)),
    ((5, 1), (1, 1), (3, 2), (3, 1)),
    ((3, 2), (3, 2), (3, 2), (3, 1)),
]


@pytest.mark.parametrize("layers", STACKS, ids=str)
def test_receptive_field_of_plain_stacks(layers: tuple[tuple[int, int], ...]) -> None:
    assert receptive_field(Convolutions(*layers), 64) == arithmetic(*layers)


@pytest.mark.parametrize(("name", "stages", "size"), [("tiny", 2, 64), ("small", 3, 136)])
def test_receptive_field_of_the_presets(name: str, stages: int, size: int) -> None:
    # The stem (4, 2), then in each stage a (3, 2) and a (3, 1); the shortcut sees less.
    expected = arithmetic((4, 2), *([(3, 2), (3, 1)] * stages))
    assert expected == {"tiny": 40, "small": 88}[name]
    assert receptive_field(cnn(name), size) == expected


def test_each_stage_sees_more() -> None:
    encoder = cnn("small")
    fields = [receptive_field(encoder, 96, level=level) for level in (0, 1, 2)]
    assert fields == [arithmetic((4, 2), *([(3, 2), (3, 1)] * (level + 1))) for level in (0, 1, 2)]
    first, last = (effective_receptive_field(encoder, images(8, 96), level=i) for i in (0, 2))
    assert spread(first) < spread(last)


def test_every_family_has_a_field() -> None:
    hybrid = HybridVisualEncoder(
        "tiny", "tiny", vit_options={"width": 32, "depth": 1}, generator=draws()
    )
    assert receptive_field(hybrid, 64, level=0) == 64  # the patches are in the fine map
    assert receptive_field(hybrid, 64) == 40  # the coarse map is the convolutions' alone
    for level in (0, -1):
        field = effective_receptive_field(hybrid, images(2, 64), level=level)
        assert field.sum() == pytest.approx(1, abs=1e-6)
    assert len(attention_maps(hybrid, images(1))) == 1


def test_receptive_field_ends_at_the_border_and_is_all_for_global_layers() -> None:
    assert receptive_field(cnn("tiny"), 32) == 32
    assert receptive_field(cnn("tiny", norm="group"), 96) == 96
    assert receptive_field(vit(depth=1), 32) == 32


def test_receptive_field_leaves_the_encoder_alone() -> None:
    encoder = cnn().train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    assert receptive_field(encoder, 64, seed=1) == receptive_field(encoder, 64, seed=2)
    after = encoder.state_dict()
    assert encoder.training and encoder.stem[0].weight.dtype == torch.float32
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_effective_field_of_one_linear_layer_is_its_kernel() -> None:
    encoder = Convolutions((3, 1))
    encoder.stack = nn.Sequential(encoder.stack[0])  # without the ReLU
    field = effective_receptive_field(encoder, images(2000, 9))
    assert field.shape == (9, 9) and field.sum() == pytest.approx(1, abs=1e-6)
    assert field[3:6, 3:6].sum() == pytest.approx(1, abs=1e-6)
    # E |v . w| over Gaussian v is sqrt(2 / pi) times the length of w over the output channels.
    expected = encoder.stack[0].weight.detach().norm(dim=0).sum(dim=0)  # (3, 3)
    torch.testing.assert_close(field[3:6, 3:6], expected / expected.sum(), atol=0.004, rtol=0.03)


def test_effective_field_lies_inside_the_receptive_field_and_is_smaller() -> None:
    field = effective_receptive_field(cnn(), images(8, 64))
    assert field.dtype == torch.float32 and (field >= 0).all()
    assert (field > 0).any(dim=0).sum() <= 40 and (field > 0).any(dim=1).sum() <= 40
    assert spread(field) < 0.75 * 40


def test_effective_field_of_a_fresh_vit_is_not_rounding_noise() -> None:
    # The channels of a LayerNorm sum to a constant: their plain sum would have no gradient.
    encoder = vit()
    batch = images(8).requires_grad_()
    (plain,) = torch.autograd.grad(encoder.feature_maps(batch)[0][..., 4, 4].sum(), batch)
    assert plain.abs().max() < 1e-4
    field = effective_receptive_field(encoder, images(8))
    own_patch = field[16:20, 16:20].sum()
    assert own_patch > 3 * 16 / 32**2  # the skip connection keeps the patch in its own cell
    assert (field > 0).all()


def test_effective_field_is_seeded_and_keeps_modes_and_gradients() -> None:
    encoder = cnn().train()
    encoder.stem.eval()
    statistics = encoder.stem[1].running_mean.clone()
    with torch.no_grad():  # a caller's no_grad does not matter
        first = effective_receptive_field(encoder, images(20), seed=3)
    assert torch.equal(first, effective_receptive_field(encoder, images(20), seed=3))
    assert not torch.equal(first, effective_receptive_field(encoder, images(20), seed=4))
    assert encoder.training and encoder.stages.training and not encoder.stem.training
    assert torch.equal(encoder.stem[1].running_mean, statistics)
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_spread_of_known_fields() -> None:
    y, x = torch.meshgrid(torch.arange(201.0), torch.arange(201.0), indexing="ij")
    disc = (torch.hypot(y - 90, x - 110) <= 60).float()
    assert spread(disc, 0.5) == pytest.approx(120 / math.sqrt(2), rel=0.01)
    assert spread(disc, 1.0) == pytest.approx(120, rel=0.01)
    bell = torch.exp(-((y - 100) ** 2 + (x - 100) ** 2) / (2 * 12**2))
    assert spread(bell * 7) == pytest.approx(2 * 12 * math.sqrt(2 * math.log(2)), rel=0.01)
    point = torch.zeros(5, 5)
    point[1, 3] = 2.0
    assert spread(point) == spread(point, 1.0) == 0


def test_attention_maps_are_those_of_the_forward_pass() -> None:
    encoder = vit(depth=3)
    inputs, outputs = [], []
    for block in encoder.blocks:
        block.attn.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
        block.attn.register_forward_hook(lambda _, args, output: outputs.append(output))
    maps = attention_maps(encoder, images(2))
    assert len(maps) == len(outputs) == 3
    for block, weights, tokens, output in zip(encoder.blocks, maps, inputs, outputs, strict=True):
        assert weights.shape == (2, 4, 65, 65) and not weights.requires_grad
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 4, 65))
        v = block.attn.qkv(tokens)[..., 64:].unflatten(2, (4, 8)).transpose(1, 2)  # (B, h, N, C/h)
        mixed = block.attn.proj((weights @ v).transpose(1, 2).flatten(2))
        torch.testing.assert_close(mixed, output, atol=1e-6, rtol=1e-5)


def test_attention_weights_of_a_causal_layer_are_those_of_sdpa() -> None:
    layer, tokens = Attention(12, 3, causal=True).double(), torch.rand(2, 5, 12).double()
    weights = attention_weights(layer, tokens)
    q, k, _ = layer.qkv(tokens).unflatten(2, (3, 3, 4)).permute(2, 0, 3, 1, 4)
    eye = torch.eye(5, dtype=torch.float64).expand(2, 3, 5, 5)
    expected = F.scaled_dot_product_attention(q, k, eye, is_causal=True)
    torch.testing.assert_close(weights, expected)


def test_attention_maps_of_a_half_precision_model_are_float32() -> None:
    maps = attention_maps(vit().bfloat16(), images(1))
    assert {weights.dtype for weights in maps} == {torch.float32}
    torch.testing.assert_close(maps[-1].sum(dim=-1), torch.ones(1, 4, 65))


def test_attention_maps_leave_no_hook_and_restore_the_mode_after_an_error() -> None:
    encoder = vit().train()
    for batch in (images(2), images(2) * 9):
        try:
            attention_maps(encoder, batch)
        except ValueError as error:
            assert "must lie in [0, 1]" in str(error)
        assert encoder.training
        assert not any(block.attn._forward_pre_hooks for block in encoder.blocks)


def patch_maps(patches: int, kind: str) -> Tensor:
    return {"eye": torch.eye(patches), "uniform": torch.full((patches, patches), 1 / patches)}[
        kind
    ].expand(2, 3, patches, patches)


def test_attention_distance_of_maps_made_by_hand() -> None:
    eye, uniform = patch_maps(4, "eye"), patch_maps(4, "uniform")
    distance = attention_distance([eye, uniform], (2, 2), 16)
    assert distance.shape == (2, 3) and (distance[0] == 0).all()
    corner = (0 + 1 + 1 + math.sqrt(2)) / 4 * 16  # the same for each corner of a 2 x 2 grid
    torch.testing.assert_close(distance[1], torch.full((3,), corner, dtype=torch.float64))
    row = attention_distance([patch_maps(3, "uniform")], (1, 3), 10)
    assert row[0, 0].item() == pytest.approx((10 + 20 + 10 + 10 + 20 + 10) / 9)
    heads = torch.stack([eye[0, 0], eye[0, 0].flip(0)])[None]  # the second looks across the middle
    across = attention_distance([heads], (2, 2), 1)
    torch.testing.assert_close(across, torch.tensor([[0, math.sqrt(2)]], dtype=torch.float64))


def test_attention_distance_leaves_the_class_token_out() -> None:
    patches = patch_maps(6, "uniform")
    with_class = torch.rand(2, 3, 7, 7, generator=draws())
    with_class[..., 1:, 1:] = patches * (1 - with_class[..., 1:, :1])
    torch.testing.assert_close(
        attention_distance([with_class], (2, 3), 8), attention_distance([patches], (2, 3), 8)
    )


def test_attention_of_a_real_vit_looks_some_distance() -> None:
    distance = attention_distance(attention_maps(vit(depth=2), images()), (8, 8), 4)
    uniform = attention_distance([patch_maps(64, "uniform")], (8, 8), 4)[0, 0]
    assert distance.shape == (2, 4)
    assert ((distance - uniform).abs() < 0.1 * uniform).all()  # untrained: close to uniform


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "dead weights": (lambda: receptive_field(zero(cnn()), 32), "weights all 0"),
    "dead weights, effective": (
        lambda: effective_receptive_field(zero(cnn()), images()),
        "weights all 0",
    ),
    "range": (lambda: effective_receptive_field(cnn(), images() * 9), "divide bytes by 255"),
    "size": (lambda: receptive_field(vit(), 30), "not a multiple of patch_size=4"),
    "level": (lambda: receptive_field(cnn(), 32, level=2), "level=2 is none of the 2 maps"),
    "share": (lambda: spread(torch.ones(3, 3), 0.0), "share=0.0 must be above 0"),
    "share 2": (lambda: spread(torch.ones(3, 3), 2.0), "at most 1"),
    "field shape": (lambda: spread(torch.ones(3)), r"\(H, W\).*\(3,\)"),
    "field sign": (lambda: spread(torch.tensor([[1.0, -1.0]])), "nowhere negative"),
    "field empty": (lambda: spread(torch.zeros(3, 3)), "not all 0"),
    "field nan": (lambda: spread(torch.full((2, 2), math.nan)), "finite"),
    "no attention": (lambda: attention_maps(cnn(), images()), "CNNVisualEncoder has no"),
    "no maps": (lambda: attention_distance([], (2, 2), 4), "maps is empty"),
    "grid": (
        lambda: attention_distance([patch_maps(4, "eye")], (3, 3), 4),
        r"\(2, 3, 4, 4\).*N = 9, or 10",
    ),
}


def zero(encoder: ImageEncoder) -> ImageEncoder:
    for parameter in encoder.parameters():
        nn.init.zeros_(parameter)
    return encoder


@pytest.mark.parametrize("case", BAD)
def test_bad_calls(case: str) -> None:
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()
