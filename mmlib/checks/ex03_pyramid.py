"""The checks of exercises 3.1 and 3.2: the pyramid's way down, and a box's level."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.checks.base import (
    CheckFailed,
    attempt,
    exercise,
    expect,
    expect_close,
    expect_raises,
    expect_shape,
)
from mmlib.encoders.multiscale import FeaturePyramidNetwork
from mmlib.runtime import make_generator

PURE = "your function changed its input: compute new tensors, and leave the dict as it is"
EVEN = ((16, 16), (8, 8), (4, 4), (2, 2))
ODD = ((13, 9), (7, 5), (4, 3), (2, 2))


@exercise
def ex03_1(answer: Callable[[Mapping[str, Tensor], Any, Any], Any]) -> None:
    """``pyramid(features, lateral, smooth)``: maps fine to coarse -> list of levels."""
    ones = _named([torch.ones(1, 1, *size) for size in EVEN])
    factors = [_factor(value) for value in (1000, 100, 10, 1)]
    kept = dict(ones)
    levels = _levels(answer, ones, factors, [nn.Identity()] * 4)
    expect(list(ones) == list(kept) and all(ones[name] is kept[name] for name in kept), PURE)
    expect(all(bool((value == 1).all()) for value in kept.values()), PURE)
    _ex03_1_digits(levels)
    _ex03_1_nearest(answer)
    _ex03_1_smoothing(answer, levels)
    for seed, sizes in enumerate((EVEN, ODD, ODD[2:], ODD[1:], ODD[:1], ((11, 4), (3, 3), (1, 2)))):
        _ex03_1_network(answer, sizes, seed)
    _ex03_1_gradients(answer)


def _named(maps: Sequence[Tensor]) -> dict[str, Tensor]:
    return {f"layer{number}": value for number, value in enumerate(maps, start=1)}


def _factor(value: float) -> nn.Conv2d:
    """A layer that multiplies a map of one channel by a number."""
    layer = nn.utils.skip_init(nn.Conv2d, 1, 1, 1, bias=False)  # draws no random numbers
    nn.init.constant_(layer.weight, value)
    return layer.requires_grad_(False)


def _levels(
    answer: Callable[..., Any], features: dict[str, Tensor], lateral: Any, smooth: Any
) -> list[Tensor]:
    """The answer's levels, of the right number and sizes."""
    maps = list(features.values())
    levels = attempt(answer, features, lateral, smooth)
    hint = "return the levels as a list, the finest first"
    expect(isinstance(levels, (list, tuple)), f"{hint} (got {type(levels).__name__})")
    expect(len(levels) == len(maps), f"make one level of each map: {len(maps)}, not {len(levels)}")
    for number, (level, value) in enumerate(zip(levels, maps, strict=True), start=1):
        hint = f"level {number}, counted from the finest, should keep the size of layer{number}"
        expect_shape(level, (len(value), None, *value.shape[-2:]), hint)
    return list(levels)


def _ex03_1_digits(levels: Sequence[Tensor]) -> None:
    """Maps of ones and lateral factors 1000, 100, 10, 1: the digits say what was added."""
    setting = "every map is 1, and the lateral layers multiply by 1000, 100, 10 and 1"
    hints = (
        "the coarsest level has none above it: layer4 and the last lateral layer make it alone",
        "the second level from the top should hold its own map and the one above, each once",
        "the levels below should get what has been summed so far, not only the next lateral map",
        "the finest level should hold every map once, each by its own lateral layer",
    )
    for hint, level, wanted in zip(
        hints, reversed(levels), (1.0, 11.0, 111.0, 1111.0), strict=True
    ):
        found = f"{setting}: in yours one cell is {float(level.flatten()[0]):g}"
        expect_close(level, torch.full_like(level, wanted), f"{hint} ({found})")


def _ex03_1_nearest(answer: Callable[..., Any]) -> None:
    maps = [torch.zeros(1, 1, *size) for size in EVEN]
    maps[-1][0, 0, 0, 1] = 1
    finest = _levels(answer, _named(maps), [_factor(1)] * 4, [nn.Identity()] * 4)[0]
    hint = "one bright cell of the coarsest map should be a block of 8 by 8 equal cells at the foot"
    expect_close(finest[0, 0, :8, 8:], torch.ones(8, 8), hint)
    expect_close(finest.sum(), 64.0, f"{hint}, with nothing beside it")


def _ex03_1_smoothing(answer: Callable[..., Any], plain: Sequence[Tensor]) -> None:
    """Double what one smoothing layer gives: its own level must double, the others must stay."""
    ones = _named([torch.ones(1, 1, *size) for size in EVEN])
    factors = [_factor(value) for value in (1000, 100, 10, 1)]
    for changed in range(3, -1, -1):
        smooth = [_factor(2) if number == changed else nn.Identity() for number in range(4)]
        levels = _levels(answer, ones, factors, smooth)
        hint = f"level {changed + 1} should pass once through its own smoothing layer, at the end"
        expect_close(levels[changed], 2 * plain[changed], hint)
        hint = "what is handed down is the sum before smoothing: one smoothing layer, one level"
        for number in set(range(4)) - {changed}:
            expect_close(levels[number], plain[number], hint)


def _network(
    sizes: Sequence[tuple[int, int]], seed: int
) -> tuple[FeaturePyramidNetwork, dict[str, Tensor]]:
    """Our pyramid with random weights, and random maps with other channels on each level."""
    generator = make_generator(301 + seed)
    channels = [3, 5, 7, 9][: len(sizes)]
    with torch.random.fork_rng(devices=[]):  # modules first draw weights of their own
        network = FeaturePyramidNetwork(channels, 6, generator=generator)
    shapes = [(2, width, *size) for width, size in zip(channels, sizes, strict=True)]
    maps = [torch.randn(shape, generator=generator) for shape in shapes]
    return network, _named(maps)


def _ex03_1_network(
    answer: Callable[..., Any], sizes: Sequence[tuple[int, int]], seed: int
) -> None:
    network, features = _network(sizes, seed)
    before = {name: value.clone() for name, value in features.items()}
    tall = [height for height, _ in sizes]
    with torch.no_grad():
        try:
            levels = _levels(answer, features, network.lateral, network.smooth)
        except CheckFailed as failed:
            hint = f"maps of {tall} rows fail: a side need not double, and there may be any number"
            raise CheckFailed(f"{hint} of maps. What happened: {failed}") from None
        expect(all(torch.equal(features[name], value) for name, value in before.items()), PURE)
        hint = f"maps of {tall} rows: FeaturePyramidNetwork with the same layers gives other levels"
        for level, wanted in zip(levels, network(features), strict=True):
            expect_close(level, wanted, hint)


def _ex03_1_gradients(answer: Callable[..., Any]) -> None:
    network, features = _network(ODD, 9)
    leaves = {name: value.requires_grad_() for name, value in features.items()}
    levels = _levels(answer, leaves, network.lateral, network.smooth)
    hint = "the finest level should pass its gradient to every map and every lateral layer"
    expect(levels[0].requires_grad, hint)
    weights = [value for name, value in network.named_parameters() if "lateral" in name]
    inputs = [*leaves.values(), *weights]
    found = torch.autograd.grad(levels[0].square().sum(), inputs, allow_unused=True)
    expect(all(grad is not None and bool(grad.any()) for grad in found), hint)


@exercise
def ex03_2(answer: Callable[..., int]) -> None:
    """``pyramid_level(width, height, canonical, top, lowest, highest)``: a box -> its level."""
    level = attempt(answer, 224, 224)
    hint = "a level picks a map out of a list: give a whole number (an int)"
    expect(isinstance(level, Integral), f"{hint}, not {type(level).__name__}")
    expect(level == 4, "a box of the canonical size belongs to the level `top`")
    hint = "a box of half the side should lie one level finer, of twice the side one coarser"
    expect(attempt(answer, 112, 112) == 3 and attempt(answer, 448, 448) == 5, hint)
    hint = "a box between two doublings stays on the lower level, however near the next one is"
    for side, wanted in ((113, 3), (223, 3), (225, 4), (300, 4), (330, 4), (447, 4)):
        expect(attempt(answer, side, side) == wanted, hint)
    hint = "no box may leave the pyramid: below `lowest` and above `highest` there are no maps"
    for side, wanted in ((60, 2), (3, 2), (1, 2), (900, 5), (4000, 5)):
        expect(attempt(answer, side, side) == wanted, hint)
    hint = "a long box should go where the square of the same area goes, lying or standing"
    for width, height, wanted in ((120, 480, 4), (60, 960, 4), (170, 340, 4), (100, 300, 3)):
        expect(attempt(answer, width, height) == wanted, hint)
        expect(attempt(answer, height, width) == wanted, hint)
    _ex03_2_arguments(answer)
    _ex03_2_doublings(answer)
    hint = "a box without area belongs to no level: raise an error"
    for box in ((0, 50), (50, 0)):
        expect_raises(Exception, hint, answer, *box)


def _ex03_2_arguments(answer: Callable[..., int]) -> None:
    hint = "the level should follow the argument `{}`, not its default value"
    small = {"canonical": 32, "top": 1, "lowest": 0, "highest": 3}
    expect(attempt(answer, 224, 224, top=3) == 3, hint.format("top"))
    expect(attempt(answer, 50, 50, canonical=50) == 4, hint.format("canonical"))
    expect(attempt(answer, 30, 30, lowest=1) == 1, hint.format("lowest"))
    expect(attempt(answer, 2000, 2000, highest=7) == 7, hint.format("highest"))
    hint = "small pictures have a small pyramid (canonical 32, top 1, levels 0 to 3): a box is off"
    for side, wanted in ((5, 0), (20, 0), (33, 1), (63, 1), (65, 2), (130, 3), (900, 3)):
        expect(attempt(answer, side, side, **small) == wanted, hint)


def _ex03_2_doublings(answer: Callable[..., int]) -> None:
    """Exact doublings, where a rounding error moves a box; then random boxes."""
    wide = {"top": 10, "lowest": 0, "highest": 20}
    hint = "a rounding error moves a long box that lies exactly on a doubling: use its area"
    for canonical in (48, 100, 180):
        area = canonical**2
        heights = [height for height in range(1, canonical + 1) if area % height == 0]
        for height, power in itertools.product(heights, range(-5, 9)):
            box = area / height * 2.0**power, height * 2.0**power
            expect(attempt(answer, *box, canonical, **wide) == 10 + power, hint)
    generator = make_generator(302)
    hint = "twice as wide and twice as high should always be one level more"
    for share, stretch in torch.rand(60, 2, generator=generator, dtype=torch.float64).tolist():
        side = 200 * 2 ** (0.001 + 0.998 * share)  # between one doubling of 200 and the next
        longer, shorter = side * 2 ** (3 * stretch), side / 2 ** (3 * stretch)
        for power in (-7, -1, 0, 1, 6):
            box = shorter * 2.0**power, longer * 2.0**power
            expect(attempt(answer, *box, 200, **wide) == 10 + power, hint)
