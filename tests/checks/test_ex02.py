"""Chapter 2's exercises: solutions, other right ways, usual mistakes; run by `test_all`."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmlib import check
from mmlib.checks import ex02, ex02_encode

Answer = Callable[..., Any]


# The solutions, as the chapter prints them.
def patchify(images, patch_size):
    batch, channels, height, width = images.shape
    rows, columns = height // patch_size, width // patch_size
    cells = images.reshape(batch, channels, rows, patch_size, columns, patch_size)
    cells = cells.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, 3, P, P)
    return cells.reshape(batch, rows * columns, channels * patch_size**2)  # (B, N, 3 * P * P)


def receptive_field(layers):
    side, step = 1, 1  # a pixel sees itself; neighbouring cells are one pixel apart
    for kernel, stride in layers:
        side += (kernel - 1) * step
        step *= stride
    return side


def attention_flops(tokens, width):
    qkv = tokens * width * 3 * width  # multiply-adds of each token
    scores = tokens * tokens * width  # a dot product for each pair of tokens
    mixing = tokens * tokens * width  # a weighted sum of all values for each token
    proj = tokens * width * width
    return 2 * (qkv + scores + mixing + proj)


def mean_attention_distance(attention, grid, patch_size):
    rows, columns = torch.meshgrid(*map(torch.arange, grid), indexing="ij")
    places = torch.stack([rows, columns], dim=-1).reshape(-1, 2).to(attention)  # (N, 2)
    distance = patch_size * torch.cdist(places, places)  # (N, N) in pixels
    weights = attention / attention.sum(dim=-1, keepdim=True)  # (heads, N, N), rows sum to 1
    return (weights * distance).sum(dim=-1).mean(dim=-1)  # (heads,)


class Trainable(torch.nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, images):
        return self.backbone(images)  # with gradient, in the mode that the model is in

    @torch.no_grad()
    def encode(self, images):
        modes = {module: module.training for module in self.modules()}
        self.eval()
        try:
            return self(images)
        finally:  # also when the line above fails
            for module, mode in modes.items():
                module.training = mode


SOLUTIONS: dict[str, Answer] = {
    "ex02_1": patchify,
    "ex02_2": receptive_field,
    "ex02_3": attention_flops,
    "ex02_4": mean_attention_distance,
    "ex02_5": Trainable,
}


# Other right ways to write the same, by exercise.
def patches_by_loop(images, patch_size):
    height, width = images.shape[-2:]
    if height % patch_size or width % patch_size:
        raise ValueError("the patches do not fit")
    tokens = [
        images[:, :, top : top + patch_size, left : left + patch_size].flatten(1)
        for top in range(0, height, patch_size)
        for left in range(0, width, patch_size)
    ]
    return torch.stack(tokens, dim=1)


def unfold(images, patch_size):
    assert images.shape[-2] % patch_size == images.shape[-1] % patch_size == 0
    return F.unfold(images, patch_size, stride=patch_size).mT


def field_from_the_end(layers):
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return torch.tensor(side)


def distance_by_loop(attention, grid, patch_size):
    far = torch.zeros(len(attention))
    for i, weights in enumerate(attention.unbind(dim=1)):  # (heads, N)
        for j, weight in enumerate(weights.unbind(dim=1)):  # (heads,)
            down, right = i // grid[1] - j // grid[1], i % grid[1] - j % grid[1]
            far += weight / weights.sum(dim=1) * math.hypot(down, right)
    return far * patch_size / (grid[0] * grid[1])


class CopyEncodes(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.inner = backbone

    def forward(self, images):
        return self.inner(images)

    def encode(self, images):
        with torch.no_grad():
            return copy.deepcopy(self.inner).eval()(images)


ALTERNATIVES: list[tuple[str, Answer]] = [
    ("ex02_1", patches_by_loop),
    ("ex02_1", unfold),
    ("ex02_2", field_from_the_end),
    ("ex02_3", lambda n, c: float(8 * n * c**2 + 4 * n**2 * c)),
    ("ex02_4", distance_by_loop),
    ("ex02_5", CopyEncodes),
]


# Mistakes.
def reordered(*order: int) -> Answer:
    """Patches whose axes (B, rows, columns, C, P, P) are put into another order."""

    def answer(images, patch_size):
        rows, columns = (side // patch_size for side in images.shape[-2:])
        cells = images.unflatten(-1, (columns, patch_size)).unflatten(-3, (rows, patch_size))
        tokens = cells.permute(0, 2, 4, 1, 3, 5).permute(order)
        return tokens.reshape(len(images), rows * columns, -1)

    return answer


def in_place_patches(images, patch_size):
    images -= 0.5
    return patchify(images, patch_size)


def padded_patches(images, patch_size):
    height, width = images.shape[-2:]
    padded = F.pad(images, (0, -width % patch_size, 0, -height % patch_size))
    return patchify(padded, patch_size)


def field(start: int = 1, late: bool = False, by: Callable[[int], int] = lambda k: k - 1) -> Answer:
    """A receptive field with another start, the stride applied too soon, another growth."""

    def answer(layers):
        side, step = start, 1
        for kernel, stride in layers:
            step *= stride if late else 1
            side += by(kernel) * step
            step *= 1 if late else stride
        return side

    return answer


def eats_its_input(layers):
    side = 1
    while layers:
        kernel, stride = layers.pop()
        side = (side - 1) * stride + kernel
    return side


def no_memory_of_strides(layers):
    return 1 + sum((kernel - 1) * stride for kernel, stride in layers)


def only_the_last_stride(layers):
    side, step = 1, 1
    for kernel, stride in layers:
        side += (kernel - 1) * step
        step = stride
    return side


def distance(metric: Callable[..., Any], reduce: Callable[..., Any] | None = None) -> Answer:
    """Attention distance with another metric on the differences (N, N, 2), or another mean."""

    def answer(attention, grid, patch_size):
        places = torch.cartesian_prod(*map(torch.arange, grid)).float()
        far = metric(patch_size * (places[:, None] - places[None]))
        weights = attention / attention.sum(dim=-1, keepdim=True)
        if reduce is not None:
            return reduce(weights, far)
        return (weights * far).sum(dim=-1).mean(dim=-1)

    return answer


def euclid(x):
    return x.norm(dim=-1)


def in_place_attention(attention, grid, patch_size):
    attention /= attention.sum(dim=-1, keepdim=True)
    return mean_attention_distance(attention, grid, patch_size)


def without_renormalising(attention, grid, patch_size):
    return mean_attention_distance(attention, grid, patch_size) * attention.sum(-1).mean(-1)


def heads_mixed(attention, grid, patch_size):
    mean = attention.mean(dim=0, keepdim=True).expand_as(attention)
    return mean_attention_distance(mean, grid, patch_size)


def strongest_only(weights, far):
    return torch.stack([far.gather(1, w.argmax(1)[:, None]).mean() for w in weights])


def over_keys(attention, grid, patch_size):
    return mean_attention_distance(attention.mT, grid, patch_size)


class Article(Trainable):
    """Everything without gradient: what the exercise mends."""

    @torch.no_grad()
    def forward(self, images):
        return self.backbone(images)


class Detached(Trainable):
    def forward(self, images):
        return self.backbone(images).detach()


class ForwardEncodes(Trainable):
    def forward(self, images):
        return self.encode(images)

    @torch.no_grad()
    def encode(self, images):
        return self.backbone(images)


class ForwardEvaluates(Trainable):
    def forward(self, images):
        return self.backbone.eval()(images)


class ForwardTrains(Trainable):
    def forward(self, images):
        return self.train().backbone(images)


class HalfFrozen(Trainable):
    def __init__(self, backbone):
        super().__init__(backbone)
        next(backbone.parameters()).requires_grad_(False)


class GradientSwitchedOnAfterwards(Trainable):
    def forward(self, images):
        with torch.no_grad():
            features = self.backbone(images)
        return features.requires_grad_()


class GradientOnlyInTraining(Trainable):
    def forward(self, images):
        with torch.set_grad_enabled(self.training):
            return self.backbone(images)


class Hidden(Trainable):
    def __init__(self, backbone):
        super().__init__(backbone)
        del self.backbone
        self.parts = [backbone]

    def forward(self, images):
        return self.parts[0](images)


class Copied(Trainable):
    def __init__(self, backbone):
        super().__init__(copy.deepcopy(backbone))


class WithGradient(Trainable):
    def encode(self, images):
        return Trainable.encode.__wrapped__(self, images)


class DetachedTooLate(WithGradient):
    def encode(self, images):
        return super().encode(images).detach()


class TrainingMode(Trainable):
    @torch.no_grad()
    def encode(self, images):
        return self(images)


class StaysInEval(Trainable):
    @torch.no_grad()
    def encode(self, images):
        return self.eval()(images)


class AlwaysBackToTraining(Trainable):
    def encode(self, images):
        features = super().encode(images)
        self.train()
        return features


class OneModeForAll(Trainable):
    @torch.no_grad()
    def encode(self, images):
        mode = self.training
        self.eval()
        try:
            return self(images)
        finally:
            self.train(mode)


class ForgetsOnFailure(Trainable):
    @torch.no_grad()
    def encode(self, images):
        modes = {module: module.training for module in self.modules()}
        features = self.eval()(images)
        for module, mode in modes.items():
            module.training = mode
        return features


class GradientsOffForEveryone(Trainable):
    def encode(self, images):
        torch.set_grad_enabled(False)
        return super().encode(images)


class FreezesParameters(Trainable):
    def encode(self, images):
        self.requires_grad_(False)
        return super().encode(images)


class InferenceMode(Trainable):
    def encode(self, images):
        with torch.inference_mode():
            return super().encode(images)


WRONG: list[tuple[str, str, Answer]] = [
    ("ex02_1", "plain reshape", lambda x, p: x.reshape(len(x), -1, 3 * p * p)),
    ("ex02_1", "no permute", reordered(0, 3, 1, 4, 2, 5)),
    ("ex02_1", "column by column", reordered(0, 2, 1, 3, 4, 5)),
    ("ex02_1", "channel last", reordered(0, 1, 2, 4, 5, 3)),
    ("ex02_1", "patches transposed", reordered(0, 1, 2, 3, 5, 4)),
    ("ex02_1", "places, not patches", reordered(0, 4, 5, 3, 1, 2)),
    ("ex02_1", "unfold not transposed", lambda x, p: F.unfold(x, p, stride=p)),
    ("ex02_1", "overlapping", lambda x, p: F.unfold(x, p, stride=p // 2 or 1).mT),
    ("ex02_1", "border lost", lambda x, p: F.unfold(x, p, stride=p).mT),
    ("ex02_1", "border padded", padded_patches),
    ("ex02_1", "mean of a patch", lambda x, p: F.avg_pool2d(x, p).flatten(2).mT),
    ("ex02_1", "rows and columns kept", lambda x, p: patchify(x, p).unflatten(1, (2, -1))),
    ("ex02_1", "square pictures only", lambda x, p: patchify(x[..., : x.shape[-2]], p)),
    ("ex02_1", "normalised", lambda x, p: patchify((x - 0.5) / 0.5, p)),
    ("ex02_1", "pictures mixed", lambda x, p: patchify(x.flip(0), p)),
    ("ex02_1", "in place", in_place_patches),
    ("ex02_1", "detached", lambda x, p: patchify(x.detach(), p)),
    ("ex02_2", "kernels added", lambda layers: sum(k for k, _ in layers)),
    ("ex02_2", "kernels multiplied", lambda layers: math.prod(k for k, _ in layers)),
    ("ex02_2", "strides forgotten", lambda layers: 1 + sum(k - 1 for k, _ in layers)),
    ("ex02_2", "strides multiplied only", lambda layers: math.prod(s for _, s in layers)),
    ("ex02_2", "own stride counts", field(late=True)),
    ("ex02_2", "own stride only", no_memory_of_strides),
    ("ex02_2", "last stride only", only_the_last_stride),
    ("ex02_2", "starts at 0", field(start=0)),
    ("ex02_2", "whole kernel each time", field(start=0, by=lambda k: k)),
    ("ex02_2", "half a kernel", field(by=lambda k: k // 2)),
    ("ex02_2", "odd kernels only", field(by=lambda k: 2 * (k // 2))),
    ("ex02_2", "last to first", lambda layers: receptive_field(layers[::-1])),
    ("ex02_2", "in area", lambda layers: receptive_field(layers) ** 2),
    ("ex02_2", "no empty list", lambda layers: receptive_field(layers) if layers else 0),
    ("ex02_2", "input eaten", eats_its_input),
    ("ex02_3", "multiply-adds", lambda n, c: attention_flops(n, c) / 2),
    ("ex02_3", "linear layers only", lambda n, c: 8 * n * c * c),
    ("ex02_3", "pairs only", lambda n, c: 4 * n * n * c),
    ("ex02_3", "no mixing", lambda n, c: 8 * n * c * c + 2 * n * n * c),
    ("ex02_3", "no projection", lambda n, c: 6 * n * c * c + 4 * n * n * c),
    ("ex02_3", "no values", lambda n, c: 6 * n * c * c + 4 * n * n * c),
    ("ex02_3", "biases counted", lambda n, c: attention_flops(n, c) + 4 * n * c),
    ("ex02_3", "softmax counted", lambda n, c: attention_flops(n, c) + 5 * n * n),
    ("ex02_3", "MLP counted", lambda n, c: attention_flops(n, c) + 16 * n * c * c),
    ("ex02_3", "scores of width squared", lambda n, c: 8 * n * c * c + 4 * n * n * c * c),
    ("ex02_3", "pairs without width", lambda n, c: 8 * n * c * c + 4 * n * n),
    ("ex02_3", "pairs once", lambda n, c: 8 * n * c * c + 2 * n * (n - 1) * c),
    ("ex02_3", "a class token more", lambda n, c: attention_flops(n + 1, c)),
    ("ex02_3", "twice three", lambda n, c: 3 * attention_flops(n, c)),
    ("ex02_3", "sum of sizes", lambda n, c: 2 * (n + c)),
    ("ex02_3", "a list of parts", lambda n, c: [8 * n * c * c, 4 * n * n * c]),
    ("ex02_4", "in patches", lambda a, g, p: mean_attention_distance(a, g, 1)),
    ("ex02_4", "squared", distance(lambda x: x.square().sum(dim=-1))),
    ("ex02_4", "Manhattan", distance(lambda x: x.abs().sum(dim=-1))),
    ("ex02_4", "chess king", distance(lambda x: x.abs().amax(dim=-1))),
    ("ex02_4", "rows only", distance(lambda x: x[..., 0].abs())),
    ("ex02_4", "columns only", distance(lambda x: x[..., 1].abs())),
    ("ex02_4", "with sign", distance(lambda x: x.sum(dim=-1))),
    ("ex02_4", "grid swapped", lambda a, g, p: mean_attention_distance(a, g[::-1], p)),
    ("ex02_4", "line of tokens", lambda a, g, p: mean_attention_distance(a, (1, g[0] * g[1]), p)),
    ("ex02_4", "keys for queries", over_keys),
    (
        "ex02_4",
        "not renormalised",
        lambda a, g, p: mean_attention_distance(a, g, p) * a.sum(-1).mean(-1),
    ),
    (
        "ex02_4",
        "heads mixed",
        lambda a, g, p: mean_attention_distance(a.mean(0, True).expand_as(a), g, p),
    ),
    ("ex02_4", "one number", lambda a, g, p: mean_attention_distance(a, g, p).mean()),
    ("ex02_4", "one for each query", distance(euclid, lambda w, d: (w * d).sum(-1))),
    ("ex02_4", "summed over queries", distance(euclid, lambda w, d: (w * d).sum((-2, -1)))),
    ("ex02_4", "mean over all pairs", distance(euclid, lambda w, d: (w * d).mean((-2, -1)))),
    (
        "ex02_4",
        "strongest only",
        distance(euclid, lambda w, d: d.gather(1, w[0].argmax(1)[:, None]).mean().expand(len(w))),
    ),
    ("ex02_4", "farthest", distance(euclid, lambda w, d: ((w > 0) * d).amax(-1).mean(-1))),
    ("ex02_4", "unweighted", distance(euclid, lambda w, d: d.mean().expand(len(w)))),
    ("ex02_4", "in place", in_place_attention),
    ("ex02_5", "always frozen", Article),
    ("ex02_5", "detached", Detached),
    ("ex02_5", "forward calls encode", ForwardEncodes),
    ("ex02_5", "forward evaluates", ForwardEvaluates),
    ("ex02_5", "forward trains", ForwardTrains),
    ("ex02_5", "half frozen", HalfFrozen),
    ("ex02_5", "gradient of the features only", GradientSwitchedOnAfterwards),
    ("ex02_5", "gradient in training only", GradientOnlyInTraining),
    ("ex02_5", "hidden in a list", Hidden),
    ("ex02_5", "a copy trains", Copied),
    ("ex02_5", "encode with gradient", WithGradient),
    ("ex02_5", "graph built and thrown away", DetachedTooLate),
    ("ex02_5", "encode in training mode", TrainingMode),
    ("ex02_5", "stays in eval mode", StaysInEval),
    ("ex02_5", "always back to training", AlwaysBackToTraining),
    ("ex02_5", "one mode for all", OneModeForAll),
    ("ex02_5", "forgets on failure", ForgetsOnFailure),
    ("ex02_5", "gradients off for everyone", GradientsOffForEveryone),
    ("ex02_5", "parameters frozen", FreezesParameters),
    ("ex02_5", "inference mode", InferenceMode),
    ("ex02_5", "the backbone itself", lambda backbone: backbone),
    ("ex02_5", "not a module", lambda backbone: backbone.forward),
]


def test_refuses_a_class_with_unfilled_methods() -> None:
    class Stub(Trainable):
        def encode(self, images): ...

    with pytest.raises(check.CheckFailed, match="returned nothing"):
        check.ex02_5(Stub)


#: name, answer, what its hint must say
HINTS: list[tuple[str, Answer, str]] = [
    ("ex02_1", reordered(0, 2, 1, 3, 4, 5), "as you read"),
    ("ex02_1", reordered(0, 1, 2, 4, 5, 3), "all red numbers come first"),
    ("ex02_2", field(late=True), "a single layer"),
    ("ex02_2", only_the_last_stride, "1x1 layer"),
    ("ex02_3", lambda n, c: attention_flops(n, c) / 2, "two FLOPs"),
    ("ex02_3", lambda n, c: 8 * n * c * c + 2 * n * n * c, "square of the tokens"),
    ("ex02_4", without_renormalising, "class token"),
    ("ex02_4", over_keys, "each patch .a row."),
    ("ex02_5", Article, "cannot learn"),
    ("ex02_5", OneModeForAll, "frozen with .eval"),
    ("ex02_5", TrainingMode, "what eval mode gives"),
]


#: No mistake of this chapter makes torch raise by itself
CRASHES: tuple[Answer, ...] = ()


def test_a_crash_becomes_a_hint() -> None:
    with pytest.raises(check.CheckFailed, match="your code raised TypeError"):
        check.ex02_1(lambda images: images)


def test_an_answer_that_turns_gradients_off_does_so_only_inside_the_check() -> None:
    with pytest.raises(check.CheckFailed, match="gradients should be on again"):
        check.ex02_5(GradientsOffForEveryone)
    assert torch.is_grad_enabled()
    with torch.no_grad():
        check.ex02_5(Trainable)
        assert not torch.is_grad_enabled()


def test_the_source_of_the_checks_holds_no_solution() -> None:
    source = inspect.getsource(ex02) + inspect.getsource(ex02_encode)
    for telling in (
        "permute",
        "unfold",
        "- 1) *",
        "8 *",
        "cdist",
        "no_grad()\n",
        "module.training = ",
    ):
        assert telling not in source
