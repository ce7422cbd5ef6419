"""Checks of chapter 3, multi-scale encoders: pyramid, levels, channel gate, fusion, class maps.

Each check asks for what must hold (small cases by hand, invariances, agreement with our modules)
on seeded inputs, from the simplest property to the hardest. None computes the answer itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmlib.checks.base import attempt, exercise, expect, expect_close, expect_shape
from mmlib.checks.ex03_pyramid import ex03_1, ex03_2
from mmlib.encoders.multiscale import ChannelAttention
from mmlib.runtime import make_generator

__all__ = ["ex03_1", "ex03_2", "ex03_3", "ex03_4", "ex03_5"]

PURE = "your function changed its input in place: compute new tensors instead"


def _reaches(output: Tensor, inputs: Sequence[Tensor], hint: str) -> None:
    """A gradient that is not all zero must reach every input."""
    expect(output.requires_grad, hint)
    found = torch.autograd.grad(output.square().sum(), tuple(inputs), allow_unused=True)
    expect(all(grad is not None and bool(grad.any()) for grad in found), hint)


@exercise
def ex03_3(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """``channel_gate(x, w1, w2)``: (B, C, h, w), (C / r, C), (C, C / r) -> (B, C, 1, 1)."""
    generator = make_generator(303)
    x = torch.randn(3, 8, 5, 4, generator=generator)
    w1 = 0.3 * torch.randn(2, 8, generator=generator)
    w2 = 0.3 * torch.randn(8, 2, generator=generator)
    before = [value.clone() for value in (x, w1, w2)]
    gate = attempt(answer, x, w1, w2)
    expect_shape(gate, (3, 8, 1, 1), "return the gate itself: one number to each channel")
    same = all(torch.equal(*pair) for pair in zip((x, w1, w2), before, strict=True))
    expect(same, PURE)
    hint = "every gate lies between 0 and 1, whatever the weights"
    expect(((gate > 0) & (gate < 1)).all(), hint)
    hint = "without any signal the scores are 0, and every gate is half open"
    expect_close(attempt(answer, 0 * x, w1, w2), torch.full_like(gate, 0.5), hint)
    _ex03_3_by_hand(answer)
    _ex03_3_invariances(answer, (x, w1, w2), gate)
    _ex03_3_module(answer, generator)
    leaves = [value.clone().requires_grad_() for value in (x, w1, w2)]
    _reaches(attempt(answer, *leaves), leaves, "no gradient reaches x, w1 or w2")


def _ex03_3_by_hand(answer: Callable[..., Tensor]) -> None:
    """One channel and weights of 1 or -1, so that the score can be read off the picture."""
    one = torch.ones(1, 1)

    def score(values: Sequence[float], first: float = 1.0, second: float = 1.0) -> Tensor:
        picture = torch.tensor(values).reshape(1, 1, 2, 2)
        return attempt(answer, picture, first * one, second * one).logit()

    three = math.log(3)
    unit = torch.ones(1, 1, 1, 1)
    hint = "one channel, weights of 1, the four values {}: the gate should be 3/4"
    values = (0.0, 0.0, 0.0, 0.8 * three)
    expect_close(score(values), three * unit, hint.format("0, 0, 0, 0.8 ln 3 (mean 0.2 ln 3)"))
    values = (three / 2,) * 4
    text = "when all values are equal, mean and maximum agree: " + hint
    expect_close(score(values), three * unit, text.format("ln 3 / 2"))
    hint = "the hidden values pass through a ReLU, which lets nothing negative through"
    expect_close(score((1.0, 2.0, 3.0, 4.0), first=-1), 0 * unit, hint)
    hint = "a ReLU stands after the first layer only: a gate can also close below a half"
    expect(score((1.0, 2.0, 3.0, 4.0), second=-1) < -1, hint)
    hint = "mean and maximum each go through the layers alone: a negative mean takes nothing away"
    expect_close(score((-3.0, -3.0, -3.0, 1.0)), unit, hint)


def _ex03_3_invariances(
    answer: Callable[..., Tensor], inputs: tuple[Tensor, Tensor, Tensor], gate: Tensor
) -> None:
    x, w1, w2 = inputs
    generator = make_generator(304)
    places = torch.randperm(20, generator=generator)
    shuffled = x.flatten(2)[..., places].reshape(x.shape)
    hint = "where a value stands in the map should not matter"
    expect_close(attempt(answer, shuffled, w1, w2), gate, hint)
    hint = "a map that is wide or high, with the same values, should get the same gate"
    expect_close(attempt(answer, x.flatten(2)[:, :, None], w1, w2), gate, hint)
    hint = "a picture should get the same gate alone and in a batch"
    expect_close(attempt(answer, x[1:2], w1, w2), gate[1:2], hint)
    order = torch.randperm(8, generator=generator)
    hint = "number the channels in another order, weights too, and the gates should follow"
    expect_close(attempt(answer, x[:, order], w1[:, order], w2[order]), gate[:, order], hint)
    hint = "the layers are linear, without bias: a signal twice as strong doubles the scores"
    expect_close(attempt(answer, 2 * x, w1, w2).logit(), 2 * gate.logit(), hint, atol=1e-3)


def _ex03_3_module(answer: Callable[..., Tensor], generator: torch.Generator) -> None:
    for channels, reduction, size in ((8, 4, (7, 5)), (6, 6, (1, 1)), (5, 1, (3, 9))):
        with torch.random.fork_rng(devices=[]):  # modules first draw weights of their own
            module = ChannelAttention(channels, reduction, generator=generator)
        module.requires_grad_(False)
        x = torch.randn(2, channels, *size, generator=generator)
        weights = module.fc1.weight.flatten(1), module.fc2.weight.flatten(1)
        hint = f"{channels} channels on a map of {size}: ChannelAttention gives another gate"
        expect_close(attempt(answer, x, *weights), module.gate(x), hint)


@exercise
def ex03_4(answer: Callable[[list[Tensor]], Tensor]) -> None:
    """``fuse_and_pool(levels)``: maps (B, C, h, w), finest first -> (B, C)."""
    sizes = ((64, 48), (32, 24), (16, 12), (8, 6))
    levels = _random_levels(sizes, 305)
    before = [level.clone() for level in levels]
    out = attempt(answer, levels)
    expect_shape(out, (2, 3), "return one number to each picture and channel")
    expect(len(levels) == 4, "your function took levels out of the list: leave it as it is")
    expect(all(torch.equal(*pair) for pair in zip(levels, before, strict=True)), PURE)
    ones = [torch.ones_like(level) for level in levels]
    expect_close(attempt(answer, ones), torch.ones(2, 3), "levels of ones should average to one")
    hint = "only level {} is 1, the others are 0: each level has the same vote, whatever its size"
    for number in range(4):
        single = [level * (other == number) for other, level in enumerate(ones)]
        expect_close(attempt(answer, single), torch.full((2, 3), 0.25), hint.format(number + 1))
    for seed, some in enumerate((sizes, sizes[:1], sizes[1:3], ((15, 9), (5, 9), (5, 3), (1, 1)))):
        levels = _random_levels(some, 306 + seed)
        hint = f"levels of the sizes {some}: enlarging, averaging and pooling gives other numbers"
        expect_close(attempt(answer, list(levels)), _the_long_way(levels), hint)
    leaves = [level.requires_grad_() for level in _random_levels(sizes, 310)]
    _reaches(attempt(answer, leaves), leaves, "no gradient reaches one of the levels")
    _ex03_4_makes_no_map(answer, _random_levels(sizes, 311))


def _random_levels(sizes: Sequence[tuple[int, int]], seed: int) -> list[Tensor]:
    generator = make_generator(seed)
    return [torch.randn(2, 3, *size, generator=generator) + 1 for size in sizes]


def _the_long_way(levels: Sequence[Tensor]) -> Tensor:
    """What the article does: bring every level to the finest size, average, pool."""
    finest = levels[0].shape[-2:]
    enlarged = [F.interpolate(level, size=finest, mode="nearest") for level in levels]
    return torch.stack(enlarged).mean(dim=0).flatten(2).mean(dim=-1)


class _Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that is computed; a view of one is free."""

    numbers = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if not any(value.alias_info is not None for value in func._schema.returns):
            made = [value.numel() for value in tree_leaves(out) if isinstance(value, Tensor)]
            self.numbers = max([self.numbers, *made])
        return out


def _ex03_4_makes_no_map(answer: Callable[..., Tensor], levels: list[Tensor]) -> None:
    with _Largest() as largest:
        attempt(answer, levels)
    hint = "the numbers are right, but a tensor as large as the finest level was made on the way: "
    expect(largest.numbers < levels[0].numel(), hint + "what does enlarging do to a level's mean?")


@exercise
def ex03_5(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """``class_map(features, weight, bias)``: (B, C, h, w), (K, C), (K,) -> (B, K, h, w)."""
    generator = make_generator(312)
    features = torch.randn(2, 4, 5, 3, generator=generator)
    weight, bias = torch.randn(3, 4, generator=generator), torch.randn(3, generator=generator)
    inputs = features, weight, bias
    before = [value.clone() for value in inputs]
    maps = attempt(answer, *inputs)
    expect_shape(maps, (2, 3, 5, 3), "give each class a map, as high and wide as the features")
    expect(all(torch.equal(*pair) for pair in zip(inputs, before, strict=True)), PURE)
    flat = attempt(answer, 0 * features, weight, bias)
    hint = "without any feature the head gives its bias, and so should every place of the map"
    expect_close(flat, bias[:, None, None].expand_as(flat), hint)
    doubled = attempt(answer, 2 * features, weight, bias)
    hint = "a map is linear: features twice as strong move it twice as far from the bias"
    expect_close(doubled - flat, 2 * (maps - flat), hint)
    _ex03_5_places(answer, inputs, maps)
    for seed, (batch, channels, height, width, classes) in enumerate(
        ((2, 4, 5, 3, 3), (1, 6, 1, 1, 2), (3, 4, 4, 4, 4), (2, 1, 7, 2, 5), (1, 5, 3, 8, 1))
    ):
        generator = make_generator(313 + seed)
        features = torch.randn(batch, channels, height, width, generator=generator)
        weight = torch.randn(classes, channels, generator=generator)
        bias = torch.randn(classes, generator=generator)
        maps = attempt(answer, features, weight, bias)
        expect_shape(maps, (batch, classes, height, width), "give each class a map")
        hint = "the mean of a class's map should be that class's logit, from the pooled features"
        expect_close(maps.mean(dim=(2, 3)), _logits(features, weight, bias), hint)
    leaves = [value.clone().requires_grad_() for value in inputs]
    _reaches(attempt(answer, *leaves), leaves, "no gradient reaches features, weight or bias")


def _logits(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The head on the pooled features: (B, K)."""
    return F.linear(features.mean(dim=(2, 3)), weight, bias)


def _ex03_5_places(
    answer: Callable[..., Tensor], inputs: tuple[Tensor, Tensor, Tensor], maps: Tensor
) -> None:
    features, weight, bias = inputs
    hint = "a place of the map should say what the head makes of the features at that place alone"
    for row, column in ((0, 0), (4, 2), (3, 1), (0, 2)):
        place = features[:, :, row : row + 1, column : column + 1]
        expect_close(maps[:, :, row, column], _logits(place, weight, bias), hint)
    hint = "mirror the features, and the map should be mirrored"
    expect_close(attempt(answer, features.flip(-1), weight, bias), maps.flip(-1), hint)
    hint = "a picture should get the same map alone and in a batch"
    expect_close(attempt(answer, features[1:], weight, bias), maps[1:], hint)
    hint = "a class should keep its map when other classes are left out"
    expect_close(attempt(answer, features, weight[1:2], bias[1:2]), maps[:, 1:2], hint)
