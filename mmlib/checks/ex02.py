"""Checks of chapter 2, CNN or ViT: patches, receptive field, FLOPs, attention distance, encode.

Each check asks for what must hold (small cases by hand, invariances, agreement with a real layer)
on seeded inputs, from the simplest property to the hardest. None computes the answer itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmlib.checks.base import attempt, exercise, expect, expect_close, expect_raises, expect_shape
from mmlib.checks.ex02_encode import ex02_5
from mmlib.layers import Attention, PatchEmbedding
from mmlib.runtime import make_generator

__all__ = ["ex02_1", "ex02_2", "ex02_3", "ex02_4", "ex02_5"]

PURE = "your function changed its input in place: compute new values instead"


@exercise
def ex02_1(answer: Callable[[Tensor, int], Tensor]) -> None:
    """``patchify(images, patch_size)``: (B, 3, H, W) -> (B, N, 3 * P * P)."""
    images = torch.rand(2, 3, 8, 12, generator=make_generator(201))
    before = images.clone()
    tokens = attempt(answer, images, 4)
    hint = "give each picture one row for each patch, and each row all numbers of its patch"
    expect_shape(tokens, (2, 6, 48), hint)
    expect(torch.equal(images, before), PURE)
    hint = "every number of a picture should stand in its tokens exactly once"
    expect_close(tokens.flatten(1).sort().values, images.flatten(1).sort().values, hint, atol=0)
    _ex02_1_order(answer, patch=4)
    for batch, height, width, patch in ((1, 4, 4, 2), (3, 6, 9, 3), (2, 8, 4, 4), (2, 3, 5, 1)):
        images = torch.rand(batch, 3, height, width, generator=make_generator(202))
        _ex02_1_projection(answer, images, patch)
    hint = "a size that the patch does not divide should raise an error, not lose pixels"
    expect_raises(Exception, hint, answer, torch.zeros(1, 3, 10, 8), 4)
    leaf = torch.rand(1, 3, 4, 6, generator=make_generator(203)).requires_grad_()
    out = attempt(answer, leaf, 2)
    hint = "the gradient does not reach every pixel: stay within tensors"
    expect(out.requires_grad, hint)
    (grad,) = torch.autograd.grad(out.sum(), leaf)
    expect_close(grad, torch.ones_like(leaf), hint)


def _ex02_1_order(answer: Callable[..., Tensor], patch: int) -> None:
    """Pictures whose pixels say where they stand: patch number, channel, place in the patch."""
    ones = torch.ones(patch, patch)
    numbers = torch.arange(6.0).reshape(2, 3)  # 2 rows of 3 patches
    number = torch.kron(numbers, ones).expand(3, -1, -1)  # (3, 2 P, 3 P)
    tokens = attempt(answer, torch.stack([number, number + 100]), patch)
    hint = "each token should hold the pixels of one patch of one picture, and no others"
    expect_close(tokens, tokens[..., :1].expand_as(tokens), hint)
    hint = "number the patches as you read: left to right, then the next row"
    expect_close(tokens[0, :, 0], numbers.flatten(), hint)
    channel = torch.arange(3.0)[:, None, None].expand(3, 2 * patch, 3 * patch)
    tokens = attempt(answer, channel[None], patch)
    hint = "within a token all red numbers come first, then all green, then all blue"
    expect((tokens.diff(dim=-1) >= 0).all(), hint)
    place = torch.arange(float(patch**2)).reshape(patch, patch).repeat(2, 3)
    tokens = attempt(answer, place.expand(1, 3, -1, -1), patch)
    hint = "within one colour of a token, read the patch row by row"
    expect((tokens[..., : patch**2].diff(dim=-1) == 1).all(), hint)


def _ex02_1_projection(answer: Callable[..., Tensor], images: Tensor, patch: int) -> None:
    """A matrix product on the tokens must equal the convolution of our patch embedding."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(204)
        layer = PatchEmbedding(patch, 5).requires_grad_(False)
    maps = layer(images)  # (B, 5, H / P, W / P)
    count = maps[0, 0].numel()
    tokens = attempt(answer, images, patch)
    hint = "the number of tokens should follow from the size of the picture, square or not"
    expect_shape(tokens, (len(images), count, 3 * patch**2), hint)
    projected = F.linear(tokens, layer.proj.weight.flatten(1), layer.proj.bias)
    hint = "a linear layer with the convolution's weights should give what PatchEmbedding gives"
    expect_close(projected.mT, maps.flatten(2), hint)


@exercise
def ex02_2(answer: Callable[[Sequence[tuple[int, int]]], int]) -> None:
    """``receptive_field(layers)``: (kernel, stride) of each layer, first to last -> pixels."""
    hint = "without any layer an output cell is a pixel, and sees itself"
    expect_close(attempt(answer, []), 1, hint)
    for kernel in (1, 3, 7):
        hint = "a single layer should see as many pixels as its kernel is wide, at any stride"
        expect_close(attempt(answer, [(kernel, 1)]), kernel, hint)
        expect_close(attempt(answer, [(kernel, 2)]), kernel, hint)
    hint = "draw it: two 3x3 layers of stride 1 should see what one 5x5 layer sees"
    expect_close(attempt(answer, [(3, 1), (3, 1)]), attempt(answer, [(5, 1)]), hint)
    layers = [(4, 2), (3, 1), (5, 3), (3, 1)]
    before = list(layers)
    side = attempt(answer, layers)
    expect(layers == before, PURE)
    hint = "a 1x1 layer of stride 1 should change nothing, wherever it stands"
    for place in range(5):
        expect_close(attempt(answer, [*layers[:place], (1, 1), *layers[place:]]), side, hint)
    hint = "the stride of the last layer should not matter: it moves the window, never widens it"
    expect_close(attempt(answer, [*layers[:-1], (3, 4)]), side, hint)
    hint = "a stride should spread the pixels that every later layer looks at, and no earlier one"
    for stack in ([(2, 2), (3, 1)], [(3, 1), (2, 2)], [(1, 2), (3, 1)], [(3, 2)] * 3):
        expect_close(attempt(answer, list(stack)), _measured_field(stack), hint)
    generator = make_generator(206)
    hint = "pixels with a gradient, counted in a real network of {} layers, are a different number"
    for depth in (1, 2, 3, 4, 5, 5, 5):
        kernels = torch.randint(1, 6, (depth,), generator=generator).tolist()
        strides = torch.randint(1, 4, (depth,), generator=generator).tolist()
        stack = list(zip(kernels, strides, strict=True))
        expect_close(attempt(answer, list(stack)), _measured_field(stack), hint.format(depth))


def _measured_field(layers: Sequence[tuple[int, int]]) -> int:
    """Pixels from the first to the last one that the first output cell has a gradient to."""
    pixels = torch.zeros(1, 1, 2000, dtype=torch.float64, requires_grad=True)
    signal: Tensor = pixels
    for kernel, stride in layers:
        signal = F.conv1d(signal, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride)
    (grad,) = torch.autograd.grad(signal[0, 0, 0], pixels)
    return int(grad[0, 0].nonzero().max()) + 1


@exercise
def ex02_3(answer: Callable[[int, int], int]) -> None:
    """``attention_flops(tokens, width)``: FLOPs of one attention layer on one picture."""
    hint = "return one number for each pair of tokens and width"
    expect_close(torch.as_tensor(attempt(answer, 16, 8)).ndim, 0, hint)
    expect(attempt(answer, 16, 8) > 0, "a layer with tokens to mix should cost something")
    many, few = 10**6, 8
    for hint, times, sizes in (
        ("a few tokens, very wide: twice as wide should cost 4 times as much", 4, (1, 2 * many)),
        ("a few tokens, very wide: twice as many should cost twice as much", 2, (2, many)),
    ):
        expect_close(attempt(answer, *sizes) / attempt(answer, 1, many), times, hint, rtol=1e-3)
    for hint, times, sizes in (
        ("very many tokens: twice as many should cost 4 times as much", 4, (2 * many, few)),
        ("very many tokens: twice as wide should cost twice as much", 2, (many, 2 * few)),
    ):
        expect_close(attempt(answer, *sizes) / attempt(answer, many, few), times, hint, rtol=1e-3)
    generator = make_generator(207)
    for tokens in (1, 5, 50, 197):
        width = 4 * int(torch.randint(1, 50, (), generator=generator))
        _ex02_3_counted(answer, tokens, width)


def _ex02_3_counted(answer: Callable[[int, int], int], tokens: int, width: int) -> None:
    linear, mixing = _counted_flops(tokens, width)
    total, double = attempt(answer, tokens, width), attempt(answer, 2 * tokens, width)
    halved = math.isclose(2 * total, linear + mixing, rel_tol=1e-9)
    expect(not halved, "you counted multiply-adds: here each of them is two FLOPs")
    mine = double / 2 - total  # what grows with the square of the tokens
    hint = "the part that grows with the square of the tokens is off: which two products are it?"
    expect_close(mine, mixing, hint, atol=1e-3, rtol=1e-9)
    hint = "the part that is linear in the tokens is off: which linear layers does Attention have?"
    expect_close(total - mine, linear, hint, atol=1e-3, rtol=1e-9)


def _counted_flops(tokens: int, width: int) -> tuple[int, int]:
    """What torch counts for our attention on one picture: its linear layers, and the rest."""
    with torch.device("meta"):
        layer, x = Attention(width, heads=4), torch.empty(1, tokens, width)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:  # the fused kernel is not counted
        layer(x)
    counts = counter.get_flop_counts()
    linear = sum(sum(counts[f"Attention.{name}"].values()) for name in ("qkv", "proj"))
    return linear, counter.get_total_flops() - linear


@exercise
def ex02_4(answer: Callable[[Tensor, tuple[int, int], int], Tensor]) -> None:
    """``mean_attention_distance(attention, grid, patch_size)``: (heads, N, N) -> (heads,)."""
    grid, count = (4, 5), 20
    itself = torch.eye(count).repeat(3, 1, 1)
    out = attempt(answer, itself, grid, 8)
    expect_shape(out, (3,), "give one distance to each head")
    expect_close(out, torch.zeros(3), "patches that look only at themselves look 0 pixels far")
    hint = "when each patch (a row) looks at the first of four in a {}: 0, 1, 2 and 3 patches away"
    for line, name in (((1, 4), "row"), ((4, 1), "column")):
        first = torch.eye(4)[:1].repeat(1, 4, 1)
        expect_close(attempt(answer, first, line, 1), torch.tensor([1.5]), hint.format(name))
        text = "distances are in pixels, between the centres of patches"
        expect_close(attempt(answer, first, line, 16), torch.tensor([24.0]), text)
    far = torch.eye(count)
    far[0] = torch.eye(count)[19]  # from the first patch to the last, 3 rows down and 4 right
    hint = "3 rows down and 4 columns right is 5 patches away, as the crow flies"
    expect_close(attempt(answer, far[None], grid, 1), torch.tensor([5 / count]), hint)
    below = torch.eye(count)
    below[:15] = torch.eye(count)[5:]  # three rows of four look at the patch below them
    hint = "grid is (rows, columns) and tokens are numbered row by row: the patch below is {} on"
    expect_close(attempt(answer, below[None], grid, 2), torch.tensor([1.5]), hint.format("a row"))
    _ex02_4_random(answer, grid)


def _ex02_4_random(answer: Callable[..., Tensor], grid: tuple[int, int]) -> None:
    generator = make_generator(208)
    rows, columns = grid
    attention = (2 * torch.randn(3, 20, 20, generator=generator)).softmax(dim=-1)
    before = attention.clone()
    out = attempt(answer, attention, grid, 4)
    expect(torch.equal(attention, before), PURE)
    order = torch.tensor([2, 0, 1])
    hint = "each head should have its own mean, whatever the other heads do"
    expect_close(attempt(answer, attention[order], grid, 4), out[order], hint)
    expect_close(attempt(answer, attention[1:2], grid, 4), out[1:2], hint)
    numbers = torch.arange(20).reshape(rows, columns)
    for name, turned, size in (
        ("mirrored", numbers.flip(1), grid),
        ("upside down", numbers.flip(0), grid),
        ("lying on its side", numbers.T, (columns, rows)),
    ):
        same = attention[:, turned.flatten()][:, :, turned.flatten()]
        hint = f"a picture that is {name} should give the same distances"
        expect_close(attempt(answer, same, size, 4), out, hint)
    mixed = (attention[:1] + 3 * torch.eye(20)) / 4
    hint = "weigh each distance by its attention: three quarters on itself leave a quarter of it"
    expect_close(attempt(answer, mixed, grid, 4), out[:1] / 4, hint)
    shares = 0.1 + 0.9 * torch.rand(3, 20, 1, generator=generator)
    hint = "the class token took a share of each row: what is left should count as a whole again"
    expect_close(attempt(answer, attention * shares, grid, 4), out, hint)
