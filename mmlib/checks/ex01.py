"""Checks of chapter 1, modality challenges: entropy, ranks, the gap, neighbours, candidates.

Each check asks for what must hold (small cases by hand, invariances, cases built so that the
result is known beforehand), from the simplest property to the hardest. None computes the answer
itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mmlib.checks.base import attempt, exercise, expect, expect_close, expect_raises
from mmlib.checks.ex01_candidates import ex01_5
from mmlib.checks.ex01_spaces import ex01_3, ex01_4
from mmlib.runtime import make_generator

__all__ = ["ex01_1", "ex01_2", "ex01_3", "ex01_4", "ex01_5"]


@exercise
def ex01_1(answer: Callable[[bytes], float]) -> None:
    """``bits_per_byte(data)``: bytes -> bits for each byte, from 0 to 8."""
    hint = "a byte that always comes is no news: it needs 0 bits"
    for data in (20 * b"a", b"\x00", 3 * b"\xff"):
        expect_close(attempt(answer, data), 0.0, hint)
    hint = "two bytes that come equally often are a coin: 1 bit to each throw"
    for data in (b"ab", 50 * b"ab", 40 * b"\x00\xff"):
        expect_close(attempt(answer, data), 1.0, hint)
    hint = "{} different bytes, each equally often, are {}: as many bits as name one of them"
    for count, many in ((4, "2 bits"), (256, "8 bits"), (3, "between 1 and 2 bits")):
        data = 5 * bytes(range(count))
        expect_close(attempt(answer, data), math.log2(count), hint.format(count, many))
    hint = (
        "by hand, b'aaaabbcd': ask 'is it an a?', then 'a b?', then 'a c?'. This finds a in 1, b "
        "in 2, c and d in 3 questions: average them over the eight bytes"
    )
    expect_close(attempt(answer, b"aaaabbcd"), 14 / 8, hint)
    _ex01_1_invariances(answer)
    _ex01_1_groups(answer)


def _skewed_bytes(count: int, seed: int) -> bytes:
    """Bytes of which the small ones are common and the large ones rare."""
    shares = torch.rand(count, generator=make_generator(seed), dtype=torch.float64)
    return bytes((255 * shares**3).to(torch.uint8).tolist())


def _ex01_1_invariances(answer: Callable[[bytes], float]) -> None:
    data = _skewed_bytes(600, 101)
    bits = float(attempt(answer, data))
    hint = "only how often each byte comes should count: sorted bytes should give the same"
    expect_close(attempt(answer, bytes(sorted(data))), bits, hint)
    hint = "the same data twice in a row should give the same: bits for each byte, not altogether"
    expect_close(attempt(answer, 2 * data), bits, hint)
    hint = "a byte is only a label: replace each by its opposite, 255 - b, and nothing changes"
    expect_close(attempt(answer, bytes(255 - byte for byte in data)), bits, hint)
    hint = "bytes, not characters: text in UTF-8 may use several bytes to a character"
    text = 9 * "犬".encode()  # three different bytes, over and over
    expect_close(attempt(answer, text), attempt(answer, 9 * b"abc"), hint)


def _ex01_1_groups(answer: Callable[[bytes], float]) -> None:
    """Naming a byte in two steps, first its group and then which of the group, costs the same."""
    hint = (
        "ask in two steps, first for the upper half of a byte (0 to 15), then for the byte itself "
        "among those with this upper half: together this should cost what one step costs"
    )
    for seed, count in ((102, 40), (103, 300), (104, 2000)):
        data = _skewed_bytes(count, seed)
        groups = [byte >> 4 for byte in data]
        second = 0.0
        for group in sorted(set(groups)):
            members = bytes(byte for byte in data if byte >> 4 == group)
            second += len(members) / count * float(attempt(answer, members))
        first = float(attempt(answer, bytes(groups)))
        expect_close(attempt(answer, data), first + second, hint)


#: Mean ranks of sorted values, by how many are tied: read them as 1st, 2nd, 3rd ... shared out.
TIED_RANKS = (
    (1.5, 1.5, 3.0, 4.0),
    (1.0, 3.0, 3.0, 3.0, 5.0),
    (1.0, 2.5, 2.5, 4.5, 4.5, 6.0),
    (2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 7.0),
    (1.0, 2.0, 3.0, 4.0, 6.5, 6.5, 6.5, 6.5),
)


@exercise
def ex01_2(answer: Callable[[Tensor, Tensor], float]) -> None:
    """``rank_correlation(x, y)``: numbers (n,), (n,) -> from -1 to 1."""
    x = torch.tensor([3.0, -1.0, 9.0, 4.0])
    before = x.clone()
    same = attempt(answer, x, x.clone())
    expect_close(same, 1.0, "a list and itself have the same order: the correlation is 1")
    expect(torch.equal(x, before), "your function changed its input: sort a copy")
    expect_close(attempt(answer, x, -x), -1.0, "the opposite order should give -1")
    hint = "only the order should count: {} should change nothing"
    expect_close(attempt(answer, x, x.exp()), 1.0, hint.format("exp, applied to one list,"))
    expect_close(attempt(answer, x**3, 100 + x), 1.0, hint.format("a cube or a shift"))
    four = torch.arange(1.0, 5.0)
    hint = (
        "by hand, ranks 1 2 3 4 and 1 2 4 3: as deviations from 2.5, their products sum to 4 and "
        "the squares of each to 5. What is the correlation?"
    )
    expect_close(attempt(answer, four, torch.tensor([1.0, 2.0, 4.0, 3.0])), 4 / 5, hint)
    hint = (
        "30 10 20 has the ranks 3 1 2, and 5 9 7 the ranks 1 3 2: opposite orders, so -1. A rank "
        "says where a value stands in the order, not which value stands there"
    )
    opposite = torch.tensor([30.0, 10.0, 20.0]), torch.tensor([5.0, 9.0, 7.0])
    expect_close(attempt(answer, *opposite), -1.0, hint)
    _ex01_2_symmetries(answer)
    _ex01_2_ties(answer)
    hint = "all values of one list are equal: there is no order to compare. Raise an error"
    expect_raises(Exception, hint, answer, torch.full((4,), 13.0), four)
    expect_raises(Exception, hint, answer, four, torch.full((4,), 0.5))


def _ex01_2_symmetries(answer: Callable[[Tensor, Tensor], float]) -> None:
    generator = make_generator(105)
    x, y = torch.randn(2, 9, generator=generator)
    found = float(attempt(answer, x, y))
    expect_close(attempt(answer, y, x), found, "x and y should be able to change places")
    expect_close(attempt(answer, x, -y), -found, "reverse one order: only the sign should change")
    order = torch.randperm(9, generator=generator)
    hint = "which pair is listed first should not matter"
    expect_close(attempt(answer, x[order], y[order]), found, hint)
    hint = "only the order of {} should count: stretch its values and nothing changes"
    expect_close(attempt(answer, (2 * x).exp(), y), found, hint.format("x"))
    expect_close(attempt(answer, x, y**3), found, hint.format("y"))


def _ex01_2_ties(answer: Callable[[Tensor, Tensor], float]) -> None:
    tied = torch.tensor([7, 7, 20])  # whole numbers, as scores are
    hint = "two equal values: neither is first, so it should not matter which is listed first"
    one = attempt(answer, tied, torch.tensor([1, 2, 3]))
    expect_close(attempt(answer, tied, torch.tensor([2, 1, 3])), float(one), hint)
    hint = (
        "by hand, 7 7 20 against 1 2 3: the two sevens share places 1 and 2, so each gets the mean "
        "of both. Then correlate the ranks as they are: short formulas hold without ties only"
    )
    expect_close(one, math.sqrt(3) / 2, hint)
    generator = make_generator(106)
    for ranks in TIED_RANKS:
        first = torch.tensor(ranks)
        for other in (first, torch.arange(1.0, len(ranks) + 1), _any_ranks(len(ranks), generator)):
            second = other[torch.randperm(len(ranks), generator=generator)]
            wanted = torch.corrcoef(torch.stack([first, second]))[0, 1]
            hint = f"values with the ranks {_listed(first)} against {_listed(second)}"
            mine = attempt(answer, first**2 - 40, second.exp())  # other values, the same order
            expect_close(mine, wanted, f"{hint} should correlate as these ranks do")


def _any_ranks(count: int, generator: torch.Generator) -> Tensor:
    """Ranks of one of the patterns of ties, filled up with single values behind it."""
    fitting = [ranks for ranks in TIED_RANKS if len(ranks) <= count]
    chosen = fitting[int(torch.randint(len(fitting), (), generator=generator))]
    return torch.tensor([*chosen, *range(len(chosen) + 1, count + 1)])


def _listed(ranks: Tensor) -> str:
    return " ".join(f"{rank:g}" for rank in _floats(ranks))


def _floats(values: Tensor) -> Sequence[float]:
    return [float(value) for value in values]
