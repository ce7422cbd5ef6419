"""Chapter 3's exercises: solutions, other right ways, usual mistakes; run by `test_all`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmlib import check
from mmlib.checks import ex03, ex03_pyramid

Answer = Callable[..., Any]


# The solutions, as the chapter prints them.
def pyramid(features, lateral, smooth):
    levels = [layer(x) for layer, x in zip(lateral, features.values(), strict=True)]
    for i in range(len(levels) - 2, -1, -1):  # from the second coarsest down to the finest
        size = levels[i].shape[-2:]
        levels[i] = levels[i] + F.interpolate(levels[i + 1], size=size, mode="nearest")
    return [layer(x) for layer, x in zip(smooth, levels, strict=True)]


def pyramid_level(width, height, canonical=224, top=4, lowest=2, highest=5):
    side = math.sqrt(width * height)  # of the square of the same area
    level = math.floor(top + math.log2(side / canonical))
    return min(max(level, lowest), highest)


def channel_gate(x, w1, w2):
    def score(pooled):  # (B, C) -> (B, C)
        return F.linear(F.relu(F.linear(pooled, w1)), w2)

    scores = score(x.mean(dim=(2, 3))) + score(x.amax(dim=(2, 3)))  # (B, C)
    return scores.sigmoid()[:, :, None, None]  # (B, C, 1, 1)


def fuse_and_pool(levels):
    pooled = [level.mean(dim=(2, 3)) for level in levels]  # each (B, C)
    return torch.stack(pooled).mean(dim=0)  # (B, C)


def class_map(features, weight, bias):
    scores = torch.einsum("bchw,kc->bkhw", features, weight)  # (B, K, h, w)
    return scores + bias[:, None, None]


SOLUTIONS: dict[str, Answer] = {
    "ex03_1": pyramid,
    "ex03_2": pyramid_level,
    "ex03_3": channel_gate,
    "ex03_4": fuse_and_pool,
    "ex03_5": class_map,
}


# Other right ways to write the same, by exercise.
def walk_down(features, lateral, smooth, names):
    """The article's loop: layer i takes the map that stands at place i of `names`."""
    last = lateral[-1](features[names[-1]])
    levels = [smooth[-1](last)]
    for i in range(len(names) - 2, -1, -1):
        own = lateral[i](features[names[i]])
        last = own + F.interpolate(last, size=own.shape[-2:], mode="nearest")
        levels.insert(0, smooth[i](last))
    return levels


def mended_article(features, lateral, smooth):
    return walk_down(features, lateral, smooth, list(features))  # one order for maps and layers


def pyramid_by_recursion(features, lateral, smooth):
    def inner(number):
        own = lateral[number](features[f"layer{number + 1}"])
        if number + 1 == len(features):
            return own
        return own + F.interpolate(inner(number + 1), own.shape[-2:])

    return tuple(smooth[number](inner(number)) for number in range(len(features)))


def level_by_counting(width, height, canonical=224, top=4, lowest=2, highest=5):
    if width * height <= 0:
        raise ValueError("a box needs an area")
    level = lowest
    while level < highest and width * height >= (canonical * 2.0 ** (level + 1 - top)) ** 2:
        level += 1
    return level


def level_as_torchvision(width, height, canonical=224, top=4, lowest=2, highest=5):
    if min(width, height) <= 0:
        raise ValueError("a box needs an area")
    found = top + np.log2(np.sqrt(width * height) / canonical) + 1e-6
    return int(np.clip(np.floor(found), lowest, highest))


def gate_by_convolution(x, w1, w2):
    both = torch.stack([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)])
    hidden = F.conv2d(both.flatten(0, 1), w1[:, :, None, None]).relu()
    return F.conv2d(hidden, w2[:, :, None, None]).unflatten(0, (2, -1)).sum(0).sigmoid()


def pooled_one_by_one(levels):
    total = 0.0
    for level in levels:
        total = total + level.flatten(2).mean(dim=-1) / len(levels)
    return total


ALTERNATIVES: list[tuple[str, Answer]] = [
    ("ex03_1", mended_article),
    ("ex03_1", pyramid_by_recursion),
    ("ex03_2", level_by_counting),
    ("ex03_2", level_as_torchvision),
    ("ex03_3", gate_by_convolution),
    ("ex03_4", pooled_one_by_one),
    ("ex03_4", lambda x: sum(F.adaptive_avg_pool2d(y, 1).flatten(1) for y in x) / len(x)),
    ("ex03_5", lambda x, w, b: F.conv2d(x, w[:, :, None, None], b)),
    ("ex03_5", lambda x, w, b: F.linear(x.permute(0, 2, 3, 1), w, b).permute(0, 3, 1, 2)),
    ("ex03_5", lambda x, w, b: (w @ x.flatten(2) + b[:, None]).unflatten(2, x.shape[2:])),
]


# Mistakes.
def variant(
    enlarge: Answer = F.interpolate,
    hand_down: Answer = lambda summed, own, smoothed: summed,
    options: dict[str, Any] | None = None,
    add: Answer = torch.add,
) -> Answer:
    """The pyramid with another way to enlarge, to add, or another map that is handed down."""

    def answer(features, lateral, smooth):
        maps = [layer(x) for layer, x in zip(lateral, features.values(), strict=True)]
        levels = [smooth[-1](maps[-1])]
        last = hand_down(maps[-1], maps[-1], levels[0])
        for own, layer in zip(maps[-2::-1], list(smooth)[-2::-1], strict=True):
            size = {"size": own.shape[-2:]} if options is None else options
            summed = add(own, enlarge(last, **size))
            levels.insert(0, layer(summed))
            last = hand_down(summed, own, levels[0])
        return levels

    return answer


def article(features, lateral, smooth):
    coarse_first = list(features)[::-1]  # the mistake: names coarse to fine, layers fine to coarse
    names = [*coarse_first[:-1], coarse_first[0]]  # only the start of the walk is right
    return walk_down(features, lateral, smooth, names)


def lateral_reversed(features, lateral, smooth):
    return pyramid(features, list(lateral)[::-1], smooth)


def smooth_reversed(features, lateral, smooth):
    return pyramid(features, lateral, list(smooth)[::-1])


def coarse_to_fine(features, lateral, smooth):
    return pyramid(features, lateral, smooth)[::-1]


def as_dict(features, lateral, smooth):
    return dict(zip(features, pyramid(features, lateral, smooth), strict=True))


def bottom_up(features, lateral, smooth):
    levels = [layer(x) for layer, x in zip(lateral, features.values(), strict=True)]
    for i in range(1, len(levels)):
        size = levels[i].shape[-2:]
        levels[i] = levels[i] + F.adaptive_max_pool2d(levels[i - 1], size)
    return [layer(x) for layer, x in zip(smooth, levels, strict=True)]


def no_top_down(features, lateral, smooth):
    maps = zip(lateral, smooth, features.values(), strict=True)
    return [last(first(x)) for first, last, x in maps]


def smooth_before_adding(features, lateral, smooth):
    levels = [b(a(x)) for a, b, x in zip(lateral, smooth, features.values(), strict=True)]
    for i in range(len(levels) - 2, -1, -1):
        levels[i] = levels[i] + F.interpolate(levels[i + 1], size=levels[i].shape[-2:])
    return levels


def top_not_smoothed(features, lateral, smooth):
    return pyramid(features, lateral, [*list(smooth)[:-1], torch.nn.Identity()])


def never_smoothed(features, lateral, smooth):
    return pyramid(features, lateral, [torch.nn.Identity()] * len(features))


def one_smoothing_for_all(features, lateral, smooth):
    return pyramid(features, lateral, [smooth[0]] * len(features))


def averaged(own, above):
    return (own + above) / 2


def writes_into_the_dict(features, lateral, smooth):
    for name, layer in zip(features, lateral, strict=True):
        features[name] = layer(features[name])
    return pyramid(features, [torch.nn.Identity()] * len(features), smooth)


def at_the_finest_size(features, lateral, smooth):
    levels = pyramid(features, lateral, smooth)
    return [F.interpolate(level, size=levels[0].shape[-2:]) for level in levels]


def fused(features, lateral, smooth):
    return torch.stack(at_the_finest_size(features, lateral, smooth)).mean(dim=0)


def finest_alone(features, lateral, smooth):
    return pyramid(features, lateral, smooth)[:1]


def four_names(features, lateral, smooth):
    names = ["layer1", "layer2", "layer3", "layer4"]
    return pyramid({name: features[name] for name in names}, lateral, smooth)


def detached_way_down(features, lateral, smooth):
    return variant(hand_down=lambda summed, own, smoothed: summed.detach())(
        features, lateral, smooth
    )


def enlarge(mode: str) -> Answer:
    return lambda x, size: F.interpolate(x, size, mode=mode)


hands_down_smoothed = variant(hand_down=lambda summed, own, smoothed: smoothed)
only_the_next = variant(hand_down=lambda summed, own, smoothed: own)
scale_factor = variant(options={"scale_factor": 2, "mode": "nearest"})


def level(
    size: Answer = lambda w, h: math.sqrt(w * h),
    of: Answer = lambda ratio: math.log2(ratio),
    whole: Answer = math.floor,
) -> Answer:
    """A level from another size of the box, another logarithm, another rounding."""

    def answer(width, height, canonical=224, top=4, lowest=2, highest=5):
        found = whole(top + of(size(width, height) / canonical))
        return min(max(found, lowest), highest)

    return answer


def level_of_area(width, height, canonical=224, top=4, lowest=2, highest=5):
    found = math.floor(top + math.log2(width * height / canonical**2))
    return min(max(found, lowest), highest)


def finer_when_larger(width, height, canonical=224, top=4, lowest=2, highest=5):
    found = math.floor(top - math.log2(math.sqrt(width * height) / canonical))
    return min(max(found, lowest), highest)


def not_clamped(width, height, canonical=224, top=4, lowest=2, highest=5):
    return pyramid_level(width, height, canonical, top, -100, 100)


def clamped_below_only(width, height, canonical=224, top=4, lowest=2, highest=5):
    return pyramid_level(width, height, canonical, top, lowest, 100)


def clamp_confused(width, height, canonical=224, top=4, lowest=2, highest=5):
    return max(min(not_clamped(width, height, canonical, top), lowest), highest)


def index_in_the_list(width, height, canonical=224, top=4, lowest=2, highest=5):
    return pyramid_level(width, height, canonical, top, lowest, highest) - lowest


def sum_of_logarithms(width, height, canonical=224, top=4, lowest=2, highest=5):
    side = (math.log(width) + math.log(height)) / 2
    found = math.floor(top + (side - math.log(canonical)) / math.log(2))
    return min(max(found, lowest), highest)


def level_as_tensor(width, height, canonical=224, top=4, lowest=2, highest=5):
    side = torch.tensor(float(width * height)).sqrt()
    return (top + (side / canonical).log2()).floor().clamp(lowest, highest)


def level_without_area(width, height, canonical=224, top=4, lowest=2, highest=5):
    if width * height == 0:
        return lowest
    return pyramid_level(width, height, canonical, top, lowest, highest)


def ignores(*names: str) -> Answer:
    """The level with the default value of these arguments, whatever is passed."""

    def answer(width, height, canonical=224, top=4, lowest=2, highest=5):
        given = {"canonical": canonical, "top": top, "lowest": lowest, "highest": highest}
        kept = {name: value for name, value in given.items() if name not in names}
        return pyramid_level(width, height, **kept)

    return answer


def gate(
    pool: Answer = lambda x: (x.mean((2, 3)), x.amax((2, 3))),
    between: Answer = F.relu,
    join: Answer = lambda scores: sum(scores).sigmoid(),
) -> Answer:
    """The gate with other pooled values, another activation, other ways to join the scores."""

    def answer(x, w1, w2):
        scores = [F.linear(between(F.linear(pooled, w1)), w2) for pooled in pool(x)]
        return join(scores)[:, :, None, None]

    return answer


def article_gate(x, w1, w2):
    return channel_gate(x, w1, w2)[:, :, 0, 0]


def in_place_gate(x, w1, w2):
    w1 /= 1 + 1e-3
    return channel_gate(x, w1, w2)


def gate_over_places(x, w1, w2):
    return torch.sigmoid(x.mean(1, keepdim=True) + x.amax(1, keepdim=True))


def weights_transposed(x, w1, w2):
    return channel_gate(x, w2.T.flip(0), w1.T.flip(1))


def batch_mean(x):
    return x.mean(dim=(0, 2, 3)).expand(x.shape[:2])


def in_batch(x, w1, w2):
    pooled = (x - x.mean((0, 2, 3), keepdim=True)).mean((2, 3)), x.amax((2, 3))
    return gate(lambda x: pooled)(x, w1, w2)


def enlarged(mode: str = "nearest") -> Answer:
    def answer(levels):
        size = levels[0].shape[-2:]
        maps = [F.interpolate(level, size=size, mode=mode) for level in levels]
        return torch.stack(maps).mean(dim=0).mean(dim=(2, 3))

    return answer


def enlarged_one_by_one(levels):
    total = torch.zeros_like(levels[0])
    for level in levels:
        rows, columns = (a // b for a, b in zip(total.shape[-2:], level.shape[-2:], strict=True))
        total += level.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
    return total.mean(dim=(2, 3)) / len(levels)


def every_cell_one_vote(levels):
    return torch.cat([level.flatten(2) for level in levels], dim=-1).mean(dim=-1)


def weighted_by_size(levels):
    cells = [level[0, 0].numel() for level in levels]
    means = [level.mean(dim=(2, 3)) * n for level, n in zip(levels, cells, strict=True)]
    return sum(means) / sum(cells)


def halved_on_the_way(levels):
    total = levels[-1].mean(dim=(2, 3))
    for level in levels[-2::-1]:
        total = (total + level.mean(dim=(2, 3))) / 2
    return total


def in_place_pool(levels):
    return fuse_and_pool([level.sub_(0.5) for level in levels]) + 0.5


def eats_the_list(levels):
    number, total = len(levels), 0
    while levels:
        total = total + levels.pop().mean(dim=(2, 3))
    return total / number


def pooled(reduce: Answer, of: Answer = lambda level: level.mean(dim=(2, 3))) -> Answer:
    return lambda levels: reduce([of(level) for level in levels])


def mean0(values):
    return torch.stack(values).mean(dim=0)


def minmax(maps):
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low + 1e-6)


def in_place_map(features, weight, bias):
    features -= features.mean(dim=(2, 3), keepdim=True)
    return class_map(features, weight, bias)


def relu_before_the_bias(x, w, b):
    return class_map(x, w, 0 * b).relu() + b[:, None, None]


def pooled_everywhere(x, w, b):
    maps = class_map(x, w, b)
    return maps.mean(dim=(2, 3), keepdim=True).expand_as(maps)


def without_features_mean(x, w, b):
    return class_map(x - x.mean(dim=(2, 3), keepdim=True), w, b)


def unit_weights(x, w, b):
    return class_map(x, F.normalize(w, dim=1), b)


def best_class_only(x, w, b):
    maps = class_map(x, w, b)
    best = maps.mean(dim=(2, 3)).argmax(dim=1)
    return maps[torch.arange(len(maps)), best][:, None]


WRONG: list[tuple[str, str, Answer]] = [
    ("ex03_1", "article", article),
    ("ex03_1", "lateral reversed", lateral_reversed),
    ("ex03_1", "smooth reversed", smooth_reversed),
    ("ex03_1", "coarse to fine", coarse_to_fine),
    ("ex03_1", "a dict", as_dict),
    ("ex03_1", "bottom up", bottom_up),
    ("ex03_1", "no way down", no_top_down),
    ("ex03_1", "only the next level", only_the_next),
    (
        "ex03_1",
        "hands down the smoothed",
        variant(hand_down=lambda summed, own, smoothed: smoothed),
    ),
    ("ex03_1", "smooth before adding", smooth_before_adding),
    ("ex03_1", "top not smoothed", top_not_smoothed),
    ("ex03_1", "never smoothed", never_smoothed),
    ("ex03_1", "one smoothing for all", one_smoothing_for_all),
    ("ex03_1", "averaged", variant(add=averaged)),
    ("ex03_1", "product", variant(add=torch.mul)),
    ("ex03_1", "scale_factor", scale_factor),
    ("ex03_1", "bilinear", variant(enlarge("bilinear"))),
    ("ex03_1", "rows for columns", variant(lambda x, size: F.interpolate(x.mT, size).flip(-1))),
    (
        "ex03_1",
        "other rounding",
        variant(lambda x, size: F.interpolate(x, size, mode="nearest-exact")),
    ),
    ("ex03_1", "writes into the dict", writes_into_the_dict),
    ("ex03_1", "all at the finest size", at_the_finest_size),
    ("ex03_1", "fused", fused),
    ("ex03_1", "finest alone", finest_alone),
    ("ex03_1", "four names", four_names),
    ("ex03_1", "detached", detached_way_down),
    ("ex03_2", "rounded", level(whole=round)),
    ("ex03_2", "rounded up", level(whole=math.ceil)),
    ("ex03_2", "half a level up", level(whole=lambda x: math.floor(x + 0.5))),
    ("ex03_2", "natural logarithm", level(of=math.log)),
    ("ex03_2", "decimal logarithm", level(of=math.log10)),
    ("ex03_2", "linear", level(of=lambda ratio: ratio - 1)),
    ("ex03_2", "area", level_of_area),
    ("ex03_2", "longer side", level(max)),
    ("ex03_2", "shorter side", level(min)),
    ("ex03_2", "mean side", level(lambda w, h: (w + h) / 2)),
    ("ex03_2", "width", level(lambda w, h: w)),
    ("ex03_2", "diagonal", level(math.hypot)),
    ("ex03_2", "finer when larger", finer_when_larger),
    ("ex03_2", "not clamped", not_clamped),
    ("ex03_2", "clamped below only", clamped_below_only),
    ("ex03_2", "clamp confused", clamp_confused),
    ("ex03_2", "index in the list", index_in_the_list),
    ("ex03_2", "sum of logarithms", sum_of_logarithms),
    ("ex03_2", "tensor", level_as_tensor),
    ("ex03_2", "float", lambda *a, **k: float(pyramid_level(*a, **k))),
    ("ex03_2", "numpy float", level(whole=np.floor)),
    ("ex03_2", "no area is small", level_without_area),
    ("ex03_2", "canonical fixed", ignores("canonical")),
    ("ex03_2", "top fixed", ignores("top")),
    ("ex03_2", "clamp fixed", ignores("lowest", "highest")),
    ("ex03_2", "lowest fixed", ignores("lowest")),
    ("ex03_3", "mean only", gate(lambda x: [x.mean((2, 3))])),
    ("ex03_3", "maximum only", gate(lambda x: [x.amax((2, 3))])),
    ("ex03_3", "mean twice", gate(lambda x: [x.mean((2, 3))] * 2)),
    ("ex03_3", "sum for mean", gate(lambda x: [x.sum((2, 3)), x.amax((2, 3))])),
    ("ex03_3", "minimum too", gate(lambda x: [x.mean((2, 3)), x.amax((2, 3)), x.amin((2, 3))])),
    ("ex03_3", "added before the layers", gate(lambda x: [x.mean((2, 3)) + x.amax((2, 3))])),
    ("ex03_3", "no ReLU", gate(between=lambda x: x)),
    ("ex03_3", "GELU", gate(between=F.gelu)),
    ("ex03_3", "ReLU at the end", gate(join=lambda s: (s[0].relu() + s[1].relu()).sigmoid())),
    ("ex03_3", "sigmoid of each, summed", gate(join=lambda s: s[0].sigmoid() + s[1].sigmoid())),
    (
        "ex03_3",
        "sigmoid of each, averaged",
        gate(join=lambda s: mean0([a.sigmoid() for a in s])),
    ),
    ("ex03_3", "sigmoid of each, multiplied", gate(join=lambda s: s[0].sigmoid() * s[1].sigmoid())),
    ("ex03_3", "mean of the scores", gate(join=lambda s: (sum(s) / 2).sigmoid())),
    ("ex03_3", "larger score", gate(join=lambda s: s[0].maximum(s[1]).sigmoid())),
    ("ex03_3", "softmax", gate(join=lambda s: sum(s).softmax(dim=1))),
    ("ex03_3", "no sigmoid", gate(join=sum)),
    ("ex03_3", "one plus tanh", gate(join=lambda s: 1 + sum(s).tanh())),
    ("ex03_3", "concatenated", gate(join=lambda s: torch.cat(s, dim=1).sigmoid())),
    ("ex03_3", "gated tensor", lambda x, a, b: x * channel_gate(x, a, b)),
    ("ex03_3", "two dimensions", article_gate),
    ("ex03_3", "over the places", gate_over_places),
    (
        "ex03_3",
        "over the batch",
        gate(lambda x: [x.mean((0, 2, 3)).expand(x.shape[:2]), x.amax((2, 3))]),
    ),
    ("ex03_3", "centred over the batch", in_batch),
    ("ex03_3", "weights mixed up", weights_transposed),
    ("ex03_3", "in place", in_place_gate),
    ("ex03_3", "detached", lambda x, a, b: channel_gate(x.detach(), a, b)),
    ("ex03_4", "enlarged", enlarged()),
    ("ex03_4", "enlarged, bilinear", enlarged("bilinear")),
    ("ex03_4", "enlarged by repeating", enlarged_one_by_one),
    ("ex03_4", "every cell one vote", every_cell_one_vote),
    ("ex03_4", "weighted by size", weighted_by_size),
    ("ex03_4", "halved on the way", halved_on_the_way),
    ("ex03_4", "finest only", pooled(lambda means: means[0])),
    ("ex03_4", "coarsest only", pooled(lambda means: means[-1])),
    ("ex03_4", "finest two", pooled(lambda means: mean0(means[:2]))),
    ("ex03_4", "summed", pooled(sum)),
    ("ex03_4", "divided by four", pooled(lambda means: sum(means) / 4)),
    ("ex03_4", "cells summed", pooled(mean0, lambda level: level.sum(dim=(2, 3)))),
    ("ex03_4", "largest cell", pooled(mean0, lambda level: level.amax(dim=(2, 3)))),
    ("ex03_4", "largest level", pooled(lambda means: torch.stack(means).amax(dim=0))),
    ("ex03_4", "median level", pooled(lambda means: torch.stack(means).median(dim=0).values)),
    ("ex03_4", "a list", pooled(list)),
    ("ex03_4", "stacked", pooled(torch.stack)),
    ("ex03_4", "concatenated", pooled(lambda means: torch.cat(means, dim=1))),
    ("ex03_4", "map kept", pooled(mean0, lambda level: level.mean(dim=(2, 3), keepdim=True))),
    ("ex03_4", "channels averaged", pooled(mean0, lambda level: level.mean(dim=(1, 2, 3)))),
    ("ex03_4", "pictures mixed", pooled(mean0, batch_mean)),
    ("ex03_4", "first row", pooled(mean0, lambda level: level[:, :, 0].mean(dim=-1))),
    ("ex03_4", "detached", pooled(mean0, lambda level: level.detach().mean(dim=(2, 3)))),
    ("ex03_4", "in place", in_place_pool),
    ("ex03_4", "list eaten", eats_the_list),
    ("ex03_5", "no bias", lambda x, w, b: class_map(x, w, 0 * b)),
    ("ex03_5", "bias shared out", lambda x, w, b: class_map(x, w, b / x[0, 0].numel())),
    ("ex03_5", "bias of the last axis", lambda x, w, b: class_map(x, w, 0 * b) + b),
    ("ex03_5", "scaled by cells", lambda x, w, b: class_map(x / x[0, 0].numel(), w, b)),
    ("ex03_5", "divided by cells", lambda x, w, b: class_map(x, w, b) / x[0, 0].numel()),
    ("ex03_5", "softmax", lambda x, w, b: class_map(x, w, b).softmax(dim=1)),
    ("ex03_5", "sigmoid", lambda x, w, b: class_map(x, w, b).sigmoid()),
    ("ex03_5", "ReLU", lambda x, w, b: class_map(x, w, b).relu()),
    (
        "ex03_5",
        "ReLU before the bias",
        lambda x, w, b: class_map(x, w, 0 * b).relu() + b[:, None, None],
    ),
    ("ex03_5", "stretched to [0, 1]", lambda x, w, b: minmax(class_map(x, w, b))),
    ("ex03_5", "transposed", lambda x, w, b: class_map(x, w, b).mT),
    ("ex03_5", "turned round", lambda x, w, b: class_map(x, w, b).flip(2, 3)),
    ("ex03_5", "places last", lambda x, w, b: F.linear(x.permute(0, 2, 3, 1), w, b)),
    ("ex03_5", "flat", lambda x, w, b: class_map(x, w, b).flatten(2)),
    ("ex03_5", "pooled everywhere", pooled_everywhere),
    ("ex03_5", "logits", lambda x, w, b: F.linear(x.mean((2, 3)), w, b)),
    ("ex03_5", "centred", without_features_mean),
    ("ex03_5", "weights of length 1", unit_weights),
    ("ex03_5", "channels averaged", lambda x, w, b: class_map(x, w, b) / x.shape[1]),
    ("ex03_5", "size of the weights", lambda x, w, b: class_map(x, w.abs(), b)),
    ("ex03_5", "best class only", best_class_only),
    ("ex03_5", "pictures mixed", lambda x, w, b: class_map(x.flip(0), w, b)),
    ("ex03_5", "classes mixed", lambda x, w, b: class_map(x, w, b).flip(1)),
    ("ex03_5", "detached", lambda x, w, b: class_map(x, w.detach(), b)),
    ("ex03_5", "in place", in_place_map),
]


#: name, answer, what its hint must say
HINTS: list[tuple[str, Answer, str]] = [
    ("ex03_1", article, "keep the size of layer"),
    ("ex03_1", lateral_reversed, "last lateral layer make it alone"),
    ("ex03_1", no_top_down, "its own map and the one above"),
    ("ex03_1", only_the_next, "summed so far"),
    ("ex03_1", hands_down_smoothed, "sum before smoothing"),
    ("ex03_1", smooth_before_adding, "sum before smoothing"),
    ("ex03_1", top_not_smoothed, "at the end"),
    ("ex03_1", scale_factor, "a side need not double"),
    ("ex03_1", four_names, "any number of maps"),
    ("ex03_1", variant(enlarge("bilinear")), "8 by 8 equal"),
    ("ex03_1", detached_way_down, "pass its gradient"),
    ("ex03_2", level(whole=round), "between two doublings"),
    ("ex03_2", level(max), "the same area"),
    ("ex03_2", sum_of_logarithms, "rounding error"),
    ("ex03_2", not_clamped, "leave the pyramid"),
    ("ex03_2", level_as_tensor, "not Tensor"),
    ("ex03_3", gate(between=lambda x: x), "ReLU"),
    ("ex03_3", gate(lambda x: [x.mean((2, 3))]), "0.8 ln 3"),
    ("ex03_3", gate(lambda x: [x.mean((2, 3)) + x.amax((2, 3))]), "alone"),
    ("ex03_3", lambda x, a, b: x * channel_gate(x, a, b), "the gate itself"),
    ("ex03_4", enlarged(), "as large as the finest level"),
    ("ex03_4", every_cell_one_vote, "the same vote"),
    ("ex03_5", lambda x, w, b: class_map(x, w, 0 * b), "its bias"),
    ("ex03_5", pooled_everywhere, "at that place alone"),
    ("ex03_5", lambda x, w, b: class_map(x, w, b).relu(), "its bias"),
]


#: Answers that raise by themselves on maps that do not double, or that are not four
CRASHES: tuple[Answer, ...] = (scale_factor, four_names)


def test_a_crash_becomes_a_hint() -> None:
    with pytest.raises(check.CheckFailed, match="your code raised TypeError"):
        check.ex03_1(lambda features: list(features.values()))


def test_a_numpy_whole_number_is_a_level() -> None:
    check.ex03_2(lambda *box, **options: np.int64(pyramid_level(*box, **options)))


def test_the_article_is_caught_although_equal_channels_hide_its_crash() -> None:
    features = {f"layer{k}": torch.ones(1, 1, 2**k, 2**k) for k in (1, 2, 3, 4)}
    features = dict(reversed(features.items()))  # fine to coarse
    layers = [torch.nn.Identity()] * 4
    assert len(article(features, layers, layers)) == 4
    with pytest.raises(check.CheckFailed, match="keep the size"):
        check.ex03_1(article)


def test_the_source_of_the_checks_holds_no_solution() -> None:
    source = inspect.getsource(ex03) + inspect.getsource(ex03_pyramid)
    for telling in (
        "range(len(",
        "levels[i",
        "log2",
        "floor",
        "relu(",
        "amax",
        "sigmoid()",
        "[level.mean(",
        "einsum",
        "conv2d",
        "matmul",
    ):
        assert telling not in source
