"""Laws of pyramid, fusion and gates for any sizes."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmlib.encoders.gates import ChannelAttention, ScaleAttention, SpatialAttention
from mmlib.encoders.pyramid import FUSIONS, FeaturePyramidNetwork, LevelFusion, enlarge

many = settings(max_examples=40, deadline=None)
sides = st.lists(st.integers(1, 20), min_size=1, max_size=4).map(lambda s: sorted(s, reverse=True))
channels = st.integers(1, 6)
seeds = st.integers(0, 2**31)


@st.composite
def shapes(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Sizes (h, w) fine to coarse; neighbours may have any ratio, 1 too."""
    heights = draw(sides)
    widths = sorted(
        draw(st.lists(st.integers(1, 20), min_size=len(heights), max_size=len(heights))),
        reverse=True,
    )
    return list(zip(heights, widths, strict=True))


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@many
@given(shapes(), channels, st.booleans(), seeds)
def test_levels_hear_of_coarser_maps_only(
    sizes: list[tuple[int, int]], width: int, top_down: bool, seed: int
) -> None:
    """Level i keeps the size of map i; it depends on map j where j = i, or j > i and top_down."""
    generator = draws(seed)
    fpn = FeaturePyramidNetwork(
        range(1, len(sizes) + 1), width, top_down=top_down, generator=generator
    ).double()
    maps = [random((2, i + 1, *s), generator).requires_grad_() for i, s in enumerate(sizes)]
    levels = fpn(maps)
    assert [tuple(m.shape) for m in levels] == [(2, width, *s) for s in sizes]
    for i, level in enumerate(levels):
        gradients = torch.autograd.grad(
            level.square().sum(), maps, retain_graph=True, materialize_grads=True
        )
        for j, gradient in enumerate(gradients):
            if j != i and not (top_down and j > i):
                assert gradient.eq(0).all()
        assert gradients[i].ne(0).any()


@many
@given(shapes(), channels, st.sampled_from(FUSIONS), seeds)
def test_constant_levels_fuse_to_their_weighted_sum(
    sizes: list[tuple[int, int]], width: int, kind: str, seed: int
) -> None:
    fusion = LevelFusion(len(sizes), width, kind, generator=draws(seed)).double()
    values = random((len(sizes), 2, width, 1, 1), draws(seed + 1))
    fused = fusion([v.expand(-1, -1, *s) for v, s in zip(values, sizes, strict=True)])
    assert fused.shape == (2, width, *sizes[0])
    if kind == "concat":
        want = fusion.mix(values.transpose(0, 1).flatten(1, 2))
    else:
        want = (fusion.weights.double().view(-1, 1, 1, 1, 1) * values).sum(dim=0)
    torch.testing.assert_close(fused, want.expand_as(fused), atol=1e-7, rtol=1e-6)


@many
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 6), st.integers(1, 6), seeds)
def test_enlarging_by_whole_factors_keeps_the_mean(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    """The border cells lose what lies outside and gain what is repeated: as much."""
    x = random((1, 2, height, width), draws(seed))
    larger = enlarge(x, (height * rows, width * columns))
    torch.testing.assert_close(larger.mean(dim=(2, 3)), x.mean(dim=(2, 3)), atol=1e-12, rtol=1e-12)


@many
@given(st.integers(1, 9), st.integers(1, 9), channels, seeds)
def test_the_channel_gate_does_not_see_places(h: int, w: int, c: int, seed: int) -> None:
    generator = draws(seed)
    module = ChannelAttention(c, 2, generator=generator).double()
    x = random((2, c, h, w), generator)
    moved = x.flatten(2)[..., torch.randperm(h * w, generator=generator)].unflatten(2, (h, w))
    gate = module.gate(x)
    assert gate.shape == (2, c, 1, 1) and (gate > 0).all() and (gate < 1).all()
    torch.testing.assert_close(module.gate(moved), gate)
    assert (module(x).abs() <= x.abs()).all()


@many
@given(st.integers(1, 9), st.integers(1, 9), channels, st.sampled_from([1, 3, 7]), seeds)
def test_the_spatial_gate_does_not_see_which_channel(
    h: int, w: int, c: int, kernel: int, seed: int
) -> None:
    generator = draws(seed)
    module = SpatialAttention(kernel, generator=generator).double()
    x = random((2, c, h, w), generator)
    gate = module.gate(x)
    assert gate.shape == (2, 1, h, w) and (gate > 0).all() and (gate < 1).all()
    torch.testing.assert_close(module.gate(x[:, torch.randperm(c, generator=generator)]), gate)


@many
@given(
    st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=4),
    st.integers(1, 9),
    st.floats(-50, 50),
    seeds,
)
def test_scale_weights_are_shares_and_a_common_shift_does_nothing(
    kernels: list[int], side: int, shift: float, seed: int
) -> None:
    generator = draws(seed)
    module = ScaleAttention(2, kernels, generator=generator).double()
    x = random((1, 2, side, side), generator)
    with torch.no_grad():
        module.scale_weights.copy_(random((len(kernels),), generator))
        weights, output = module.weights, module(x)
        assert weights.min() > 0
        torch.testing.assert_close(weights.sum(), torch.ones((), dtype=torch.float64))
        module.scale_weights.add_(shift)
        torch.testing.assert_close(module.weights, weights)
        torch.testing.assert_close(module(x), output)
    assert output.shape == x.shape
