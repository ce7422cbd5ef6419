"""The checks of exercises 1.3 and 1.4: the gap between two clouds, and shared neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mmlib.checks.base import attempt, exercise, expect, expect_close, expect_shape
from mmlib.runtime import make_generator

PURE = "your function changed its input in place: compute new tensors instead"


@exercise
def ex01_3(answer: Callable[[Tensor, Tensor], Any]) -> None:
    """``close_gap(first, second)``: (N, D), (M, D) -> length of the gap, (N, D), (M, D)."""
    first, second = _crowns()
    length, *moved = _closed(answer, first, second)
    _ex01_3_length(answer)
    hint = "one cloud around height 0.6, the other around -0.6: the gap is the way between"
    expect_close(length, 1.2, hint)
    hint = "only directions should count: make {} longer, and neither gap nor result may change"
    rows = 10 ** torch.linspace(0, 2, 3)[:, None]  # factors 1 to 100
    for name, longer in (
        ("one row of the first", (torch.tensor([[1.0], [50.0]]) * first, second)),
        ("rows of the second", (first, rows * second)),
    ):
        for mine, wanted in zip(_closed(answer, *longer), (length, *moved), strict=True):
            expect_close(mine, wanted, hint.format(name))
    for name, cloud in (("first", moved[0]), ("second", moved[1])):
        hint = f"after the move every row of the {name} should have length 1 again"
        expect_close(cloud.norm(dim=1), torch.ones(len(cloud)), hint)
    hint = "both clouds should meet half way: from heights 0.6 and -0.6 they should come to {}"
    for name, cloud, given in (("first", moved[0], first), ("second", moved[1], second)):
        equator = given / 0.8 * torch.tensor([1.0, 1.0, 0.0])
        expect_close(cloud, equator, hint.format(f"0, and the {name} is elsewhere"))
    _ex01_3_symmetries(answer)
    for seed, (count, others, width) in enumerate(((2, 4, 3), (6, 2, 5), (10, 20, 16))):
        _ex01_3_built(answer, (count, others), width, seed)


def _crowns() -> tuple[Tensor, Tensor]:
    """Two rows at height 0.6 and three at -0.6, each lot evenly around the axis."""
    first = torch.tensor([[0.8, 0.0, 0.6], [-0.8, 0.0, 0.6]])
    angles = 2 * math.pi * torch.arange(3) / 3
    heights = torch.full((3,), -0.6)
    return first, torch.stack([0.8 * angles.cos(), 0.8 * angles.sin(), heights], dim=1)


def _closed(answer: Callable[..., Any], first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
    """What the answer returned, as three tensors of the right shapes."""
    out = attempt(answer, first, second)
    hint = "return three things: the length of the gap, the first cloud moved, the second moved"
    expect(isinstance(out, tuple | list) and len(out) == 3, hint)
    try:
        length = torch.as_tensor(out[0])
    except (TypeError, ValueError, RuntimeError):
        length = torch.empty(0)
    expect_shape(length, (), "the length of the gap is one number, and comes first")
    for name, cloud, given in (("first", out[1], first), ("second", out[2], second)):
        expect_shape(cloud, tuple(given.shape), f"the {name} cloud should keep its shape")
        expect(cloud.isfinite().all(), f"the {name} cloud has values that are not finite")
    return length, out[1], out[2]


def _ex01_3_length(answer: Callable[..., Any]) -> None:
    generator = make_generator(107)
    cloud = torch.randn(5, 4, generator=generator)
    hint = "a cloud and itself have the same centre: the gap is 0"
    expect_close(_closed(answer, cloud, cloud.clone())[0], 0.0, hint)
    hint = "the order of the rows should not matter for the gap, nor should it pair them"
    expect_close(_closed(answer, cloud, cloud.flip(0))[0], 0.0, hint)
    hint = "the centre is a mean: a cloud whose rows all come twice has the same centre"
    expect_close(_closed(answer, cloud, cloud.repeat(2, 1))[0], 0.0, hint)
    east, north = torch.eye(2)[:1], torch.eye(2)[1:]
    length, first, second = _closed(answer, 7 * east, 3 * north)
    hint = "one row to the east, one to the north: the gap is the diagonal of a unit square"
    expect_close(length, math.sqrt(2), hint)
    hint = "one row to the east, one to the north: half way both should look north-east"
    for cloud in (first, second):
        expect_close(cloud, torch.full((1, 2), math.sqrt(0.5)), hint)


def _ex01_3_symmetries(answer: Callable[..., Any]) -> None:
    generator = make_generator(108)
    first = torch.randn(6, 4, generator=generator) + 1
    second = torch.randn(5, 4, generator=generator)
    before = first.clone(), second.clone()
    length, *moved = _closed(answer, first, second)
    expect(torch.equal(first, before[0]) and torch.equal(second, before[1]), PURE)
    swapped = _closed(answer, second, first)
    hint = "neither cloud is special: exchange them, and the results should be exchanged"
    for mine, wanted in zip(swapped, (length, moved[1], moved[0]), strict=True):
        expect_close(mine, wanted, hint)
    order = torch.randperm(6, generator=generator)
    hint = "list the rows in another order, and the moved rows should follow"
    expect_close(_closed(answer, first[order], second)[1], moved[0][order], hint)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q
    hint = "turn both clouds together: the gap should keep its length, the result should turn along"
    turned = _closed(answer, first @ turn, second @ turn)
    for mine, wanted in zip(turned, (length, moved[0] @ turn, moved[1] @ turn), strict=True):
        expect_close(mine, wanted, hint)


def _ex01_3_built(
    answer: Callable[..., Any], counts: tuple[int, int], width: int, seed: int
) -> None:
    """Clouds whose rows come in mirrored pairs around an axis, so that their centres are on it."""
    generator = make_generator(109 + seed)
    turn = torch.linalg.qr(torch.randn(width, width, generator=generator)).Q
    flats, heights = [], []
    for count in counts:
        half = torch.randn(count // 2, width - 1, generator=generator)
        flats.append(torch.cat([half, -half]))
        heights.append(torch.rand(count // 2, generator=generator).repeat(2))
    heights[1] = heights[1] - 1.2
    rows, centres = [], []
    for flat, height in zip(flats, heights, strict=True):
        sizes = torch.sqrt(flat.square().sum(dim=1) + height.square())
        centres.append(float((height / sizes).mean()))
        rows.append((flat / sizes[:, None], height / sizes))
    clouds = [torch.cat([flat, height[:, None]], dim=1) @ turn for flat, height in rows]
    length, *moved = _closed(answer, *clouds)
    hint = f"clouds of {counts[0]} and {counts[1]} rows in {width} dimensions: "
    expect_close(length, abs(centres[0] - centres[1]), f"{hint}the gap has another length")
    middle = sum(centres) / 2
    hint += "every row of a cloud takes the same step, half of the way between the centres"
    for mine, (flat, height), centre in zip(moved, rows, centres, strict=True):
        wanted = torch.cat([flat, (height + middle - centre)[:, None]], dim=1) @ turn
        angles = torch.cosine_similarity(mine, wanted)
        expect_close(angles, torch.ones_like(angles), hint, atol=2e-6, rtol=0)


@exercise
def ex01_4(answer: Callable[[Tensor, Tensor, int], float]) -> None:
    """``mutual_neighbours(x, y, k)``: (N, D), (N, E), neighbours each -> from 0 to 1."""
    generator = make_generator(120)
    x = torch.randn(30, 6, generator=generator)
    before = x.clone()
    same = attempt(answer, x, x.clone(), 4)
    expect_close(same, 1.0, "a space and its copy share all neighbours: the overlap is 1")
    expect(torch.equal(x, before), PURE)
    turn = torch.linalg.qr(torch.randn(9, 9, generator=generator)).Q[:6]  # (6, 9)
    hint = "turn the space into one with more dimensions: angles stay, and so do all neighbours"
    expect_close(attempt(answer, x, 3 * x @ turn, 4), 1.0, hint)
    lengths = 10 ** (2 * torch.rand(30, 1, generator=generator))  # factors 1 to 100
    hint = "neighbours by the cosine: how long a row is should not matter"
    expect_close(attempt(answer, x, lengths * x, 4), 1.0, hint)
    _ex01_4_itself(answer)
    y = torch.randn(30, 5, generator=generator)
    found = float(attempt(answer, x, y, 4))
    expect_close(attempt(answer, y, x, 4), found, "x and y should be able to change places")
    order = torch.randperm(30, generator=generator)
    hint = "shuffle the rows of x and y alike: which row is listed first should not matter"
    expect_close(attempt(answer, x[order], y[order], 4), found, hint)
    _ex01_4_groups(answer)


def _circle(*degrees: float) -> Tensor:
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def _ex01_4_itself(answer: Callable[..., Any]) -> None:
    hint = (
        "by hand: on a circle at 0, 10, 90 and 100 degrees each row has the one next to it as its "
        "neighbour. Exchange the second and the third: no row keeps its neighbour, the overlap is 0"
    )
    pairs, exchanged = _circle(0, 10, 90, 100), _circle(0, 90, 10, 100)
    found = attempt(answer, pairs, exchanged, 1)
    text = f"{hint}. A row is not its own neighbour"
    expect_close(found, 0.0, text)
    half = _circle(0, 10, 100, 90, 200, 270, 210, 280)
    other = _circle(0, 10, 100, 90, 200, 210, 270, 280)
    hint = "of eight rows, four have the same neighbour in both spaces and four another: one half"
    expect_close(attempt(answer, half, other, 1), 0.5, hint)
    far, moved = _circle(0, 100, 225), _circle(0, 225, 100)
    hint = "at 0, 100 and 225 degrees all cosines are negative, and a row still is not its own"
    expect_close(attempt(answer, far, moved, 1), 0.0, f"{hint} neighbour")
    twins = torch.eye(4).repeat_interleave(2, dim=0)  # rows 2i and 2i + 1 are equal
    hint = "equal rows (0 and 1, 2 and 3 ...) are neighbours: leave out the row itself, by number"
    for shift in range(1, 8, 2):
        crossed = twins.roll(shift, dims=0)
        expect_close(attempt(answer, twins, crossed, 1), 0.0, hint)
        expect_close(attempt(answer, crossed, crossed.clone(), 1), 1.0, hint)


def _ex01_4_groups(answer: Callable[..., Any]) -> None:
    """Tight groups of k + 1 rows: the neighbours of a row are the others of its group."""
    generator = make_generator(121)
    hint = "tight groups of {} rows, k = {}: each row should share with its second space those "
    hint += "members that are in both of its groups, out of k, and the mean is over all rows"
    for size, groups in ((2, 9), (3, 4), (6, 3), (10, 8)):
        labels = torch.arange(groups).repeat_interleave(size)
        first, second = (labels[torch.randperm(len(labels), generator=generator)] for _ in range(2))
        together = (first[:, None] == first) & (second[:, None] == second)
        wanted = (together.sum() - len(labels)) / (len(labels) * (size - 1))
        spaces = [_tight(label, groups, generator) for label in (first, second)]
        text = hint.format(size, size - 1)
        expect_close(attempt(answer, *spaces, size - 1), wanted, text)
    spaces = [torch.randn(300, 8, generator=generator) for _ in range(2)]
    hint = "two spaces that have nothing to do with each other share by luck k of the n - 1 others"
    expect_close(attempt(answer, *spaces, 15), 15 / 299, hint, atol=0.015)


def _tight(labels: Tensor, groups: int, generator: torch.Generator) -> Tensor:
    noise = torch.randn(len(labels), groups, generator=generator)
    return torch.eye(groups)[labels] + 0.02 * noise
