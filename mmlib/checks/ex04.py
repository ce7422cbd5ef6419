"""Checks of chapter 4, CLIP: logits, loss, soft targets, prompt ensembles, recall with ties.

Each check asks for what must hold (invariances, limits, tables small enough for pencil and paper)
on seeded inputs, from the simplest property to the hardest. None computes the answer itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mmlib.checks.base import attempt, exercise, expect, expect_close, expect_shape
from mmlib.runtime import make_generator

PURE = "your function changed its input in place: compute new tensors instead"


def _gradients(output: Tensor, inputs: Sequence[Tensor], hint: str) -> tuple[Tensor, ...]:
    """Finite gradients of the summed output, or the hint."""
    expect(output.requires_grad, hint)
    try:
        found = torch.autograd.grad(output.sum(), tuple(inputs))
    except RuntimeError:
        found = ()
    expect(len(found) == len(inputs), hint)
    expect(all(bool(grad.isfinite().all()) for grad in found), f"{hint}: it is not finite")
    return found


@exercise
def ex04_1(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """``logits(image, text, log_scale)``: features (B, D), (C, D) and a scalar -> (B, C)."""
    generator = make_generator(401)
    image = torch.randn(5, 16, generator=generator)
    text = torch.randn(3, 16, generator=generator)
    zero, step = torch.tensor(0.0), torch.tensor(math.log(2))
    before = image.clone(), text.clone()
    plain = attempt(answer, image, text, zero)
    expect_shape(plain, (5, 3), "give one row to each image and one column to each text")
    expect(torch.equal(image, before[0]) and torch.equal(text, before[1]), PURE)
    rows = 10 ** (2 * torch.rand(5, 1, generator=generator))  # factors 1 to 100
    columns = 10 ** (2 * torch.rand(3, 1, generator=generator))
    hint = "only the direction of a feature should count: make one {} longer and nothing may change"
    expect_close(attempt(answer, image * rows, text, zero), plain, hint.format("image"))
    expect_close(attempt(answer, image, text * columns, zero), plain, hint.format("text"))
    _ex04_1_values(answer, plain, (image, text), step)
    _ex04_1_precision(answer, image, text, step)


def _ex04_1_values(
    answer: Callable[..., Tensor], plain: Tensor, features: tuple[Tensor, Tensor], step: Tensor
) -> None:
    angles = torch.tensor([[math.pi / 9], [4 * math.pi / 9]])  # 20 and 80 degrees: on no axis
    pair = torch.cat([angles.cos(), angles.sin()], dim=1).split(1)
    hint = "with log_scale = 0 the scale is 1: two features 60 degrees apart should give a half"
    expect_close(attempt(answer, *pair, torch.tensor(0.0)), torch.tensor([[0.5]]), hint)
    doubled = attempt(answer, *features, step)
    hint = "the parameter holds the logarithm of the scale: ln 2 more should double every logit"
    expect_close(doubled, 2 * plain, hint)
    expect_close(attempt(answer, *features, 3 * step), 8 * plain, hint)


def _ex04_1_precision(
    answer: Callable[..., Tensor], image: Tensor, text: Tensor, log_scale: Tensor
) -> None:
    leaves = [tensor.clone().requires_grad_() for tensor in (image, text, log_scale)]
    out = attempt(answer, *leaves)
    _gradients(out, leaves, "no gradient reaches the features or log_scale: stay within tensors")
    half = image.bfloat16(), text.bfloat16()
    low = attempt(answer, *half, log_scale)
    hint = "half-precision features should still give float32 logits"
    expect(low.dtype == torch.float32, hint)
    exact = attempt(answer, half[0].float(), half[1].float(), log_scale)
    expect_close(low, exact, "raise the precision before you compute anything, not at the end")


@exercise
def ex04_2(answer: Callable[[Tensor], Tensor]) -> None:
    """``clip_loss(logits)``: square logits (B, B) -> scalar."""
    for batch in (2, 7, 64):
        flat = torch.full((batch, batch), 3.0)
        loss = attempt(answer, flat)
        expect_shape(loss, (), "a loss is one number, a tensor without dimensions")
        hint = "when all logits are equal every choice is a blind guess among B: the loss is ln B"
        expect_close(loss, math.log(batch), hint)
    odds = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])
    by_hand = (math.log(4 / 3) + math.log(4) + 2 * math.log(2)) / 4
    hint = "worked by hand, [[ln 3, 0], [ln 3, 0]] gives the four probabilities 3/4, 1/4, 1/2, 1/2"
    expect_close(attempt(answer, odds), by_hand, f"{hint}: average their negative logarithms")
    generator = make_generator(402)
    logits = 3 * torch.randn(6, 6, generator=generator)
    loss = attempt(answer, logits)
    hint = "swapping images and texts (the transpose) should not change the loss"
    expect_close(attempt(answer, logits.T), loss, hint)
    order = torch.randperm(6, generator=generator)
    hint = "the order of the pairs in the batch should not change the loss"
    expect_close(attempt(answer, logits[order][:, order]), loss, hint)
    _ex04_2_extremes(answer, logits)


def _ex04_2_extremes(answer: Callable[..., Tensor], logits: Tensor) -> None:
    losses = [float(attempt(answer, logits + step * torch.eye(6))) for step in range(4)]
    hint = "the loss should fall when the logits of the true pairs, on the diagonal, grow"
    expect(all(high > low for high, low in zip(losses, losses[1:], strict=False)), hint)
    right = 1000 * torch.eye(6)
    hint = "logits of 1000 (sure and {}) should give a loss of {}: exp overflows above 88"
    expect_close(attempt(answer, right), 0.0, hint.format("right", 0))
    expect_close(attempt(answer, right.roll(1, dims=0)), 1000.0, hint.format("wrong", 1000))
    for name, value in (("ordinary", logits), ("large", 100 * logits), ("certain", right)):
        leaf = value.clone().requires_grad_()
        (grad,) = _gradients(attempt(answer, leaf), [leaf], f"{name} logits get no gradient")
        hint = "the gradient should lift the diagonal and press on everything else"
        expect((grad.diagonal() <= 1e-6).all(), hint)
        expect((grad - grad.diagonal().diag() >= -1e-6).all(), hint)


@exercise
def ex04_3(answer: Callable[[Tensor], Tensor]) -> None:
    """``targets(groups)``: integer group ids (B,) -> target probabilities (B, B)."""
    distinct = torch.tensor([4, 0, 9, 2])
    out = attempt(answer, distinct)
    expect_shape(out, (4, 4), "each of the B rows is a distribution over the B columns")
    expect(out.is_floating_point(), "targets are probabilities: return floating-point numbers")
    expect_close(out, torch.eye(4), "when no two pairs are alike, each matches itself alone")
    sizes = torch.tensor([1, 3, 2])
    groups = torch.repeat_interleave(torch.tensor([5, 0, 8]), sizes)
    out = attempt(answer, groups)
    expect_shape(out, (6, 6), "each of the B rows is a distribution over the B columns")
    hint = "each row should sum to 1, whether its group is large or small"
    expect_close(out.sum(dim=1), torch.ones(6), hint)
    blocks = torch.block_diag(*(torch.full((size, size), 1 / size) for size in sizes.tolist()))
    hint = "a pair outside the group should get exactly 0"
    expect_close(out[blocks == 0], torch.zeros(22), hint)
    expect_close(out, blocks, "all pairs of one group, itself included, should get equal shares")
    hint = "ids are only labels: other integers, negative ones too, should give the same targets"
    expect_close(attempt(answer, -3 * groups - 1), blocks, hint)
    order = torch.randperm(6, generator=make_generator(403))
    hint = "members of a group need not be neighbours: shuffle the batch and the targets follow"
    expect_close(attempt(answer, groups[order]), blocks[order][:, order], hint)
    one = attempt(answer, torch.zeros(5, dtype=torch.long))
    expect_close(one, torch.full((5, 5), 0.2), "one group of five: every entry should be a fifth")


@exercise
def ex04_4(answer: Callable[[Tensor], Tensor]) -> None:
    """``class_embeddings(text)``: features (C, K, D) of K prompts a class -> (C, D)."""
    generator = make_generator(404)
    text = torch.randn(4, 3, 8, generator=generator)
    before = text.clone()
    out = attempt(answer, text)
    expect_shape(out, (4, 8), "give one vector to each class: the prompts are what you average")
    expect(torch.equal(text, before), PURE)
    expect_close(out.norm(dim=1), torch.ones(4), "each class embedding should have length 1")
    swapped = attempt(answer, text.flip(1))
    expect_close(swapped, out, "the order of the prompts of a class should not matter")
    other = torch.cat([text[:1], torch.randn(3, 3, 8, generator=generator)])
    hint = "a class should not depend on the prompts of the other classes"
    expect_close(attempt(answer, other)[:1], out[:1], hint)
    single = attempt(answer, 7 * torch.eye(8)[:4, None])
    expect_close(single, torch.eye(8)[:4], "a single prompt should keep its direction")
    lengths = 10 ** (2 * torch.rand(4, 3, 1, generator=generator))  # factors 1 to 100
    hint = "a prompt with a long feature should not outvote the others of its class"
    expect_close(attempt(answer, text * lengths), out, hint)
    votes = torch.eye(2)[[0, 0, 1]][None]  # two prompts one way, one at a right angle
    hint = "with two prompts pointing east and one north, the class should point 2 east, 1 north"
    expect_close(attempt(answer, votes), torch.tensor([[2.0, 1.0]]) / math.sqrt(5), hint)


@exercise
def ex04_5(answer: Callable[[Tensor, int], float]) -> None:
    """``recall_at_k(similarity, k)``: (N, N), row i belongs to column i -> fraction in [0, 1]."""
    size = 8
    perfect = torch.eye(size)
    expect_close(attempt(answer, perfect, 1), 1.0, "when every pair wins, recall is 1 (a fraction)")
    hint = "a right answer with exactly two better ones is found at k = 3 and not before"
    third = perfect + 2 * (perfect.roll(1, dims=1) + perfect.roll(3, dims=1))
    for k, wanted in ((1, 0.0), (2, 0.0), (3, 1.0), (size, 1.0)):
        expect_close(attempt(answer, third, k), wanted, hint)
    hub = perfect.clone()
    hub[:, 0] = 2  # one text that lies near every image
    hint = "each row is a query that ranks the columns: with one column near all, one row is right"
    expect_close(attempt(answer, hub, 1), 1 / size, hint)
    random = torch.rand(40, 40, generator=make_generator(405))
    steps = [float(attempt(answer, random, k)) for k in range(1, 41)]
    hint = "recall should never fall as k grows, and reach 1 when k is the number of columns"
    expect(all(low <= high for low, high in zip(steps, steps[1:], strict=False)), hint)
    expect_close(steps[-1], 1.0, hint)
    hint = "only the order of similarities should count, not their size or sign"
    expect_close(attempt(answer, 5 * random - 9, 4), steps[3], hint)
    _ex04_5_ties(answer, size)


def _ex04_5_ties(answer: Callable[..., float], size: int) -> None:
    hint = "a collapsed model, all similarities equal, knows nothing: it should score chance"
    for k in (1, 3, size):
        expect_close(attempt(answer, torch.zeros(size, size), k), k / size, hint)
    eye = torch.eye(size)
    hint = "tied with one wrong answer, the right one comes first half of the time"
    for shift in (1, -1):
        tied = eye + eye.roll(shift, dims=1)
        expect_close(attempt(answer, tied, 1), 0.5, hint)
        expect_close(attempt(answer, tied, 2), 1.0, hint)
    behind = tied + 2 * eye.roll(2, dims=1) + eye.roll(3, dims=1)  # one better, a tie of three
    hint = "one better answer, then a tie of three: the right one is 2nd, 3rd or 4th, equally often"
    for k, wanted in ((1, 0.0), (2, 1 / 3), (3, 2 / 3), (4, 1.0), (5, 1.0)):
        expect_close(attempt(answer, behind, k), wanted, hint)
