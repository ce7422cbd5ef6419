"""Chapter 1's exercises: solutions, other right ways, usual mistakes; run by `test_all`."""

from __future__ import annotations

import inspect
import lzma
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch.nn import functional as F

from mmlib import check
from mmlib.checks import ex01, ex01_candidates, ex01_spaces
from mmlib.rank_correlation import spearman
from mmlib.signals import entropy
from mmlib.similarity_structure import mutual_nearest_neighbours

Answer = Callable[..., Any]


# The solutions, as the chapter prints them.
def bits_per_byte(data):
    shares = [count / len(data) for count in Counter(data).values()]
    return sum(share * math.log2(1 / share) for share in shares)


def rank_correlation(x, y):
    def ranks(values):  # (n,) -> (n,); equal values share the mean of their places
        below = (values < values[:, None]).sum(dim=1)
        equal = (values == values[:, None]).sum(dim=1)  # itself included
        return below + (equal + 1) / 2

    if (x == x[0]).all() or (y == y[0]).all():
        raise ValueError("a list of equal values has no order")
    return torch.corrcoef(torch.stack([ranks(x), ranks(y)]))[0, 1]


def close_gap(first, second):
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    gap = second.mean(dim=0) - first.mean(dim=0)  # (D,)
    moved = F.normalize(first + gap / 2, dim=1), F.normalize(second - gap / 2, dim=1)
    return gap.norm(), *moved


def mutual_neighbours(x, y, k):
    def neighbours(rows):  # (N, D) -> bool (N, N), k of them true in each row
        rows = F.normalize(rows, dim=1)
        cosines = (rows @ rows.T).fill_diagonal_(-math.inf)  # never its own neighbour
        nearest = cosines.topk(k, dim=1).indices
        return torch.zeros_like(cosines).scatter_(1, nearest, 1).bool()

    shared = neighbours(x) & neighbours(y)
    return shared.sum().item() / (len(x) * k)


def fair_candidates(word, words, on_picture, count, generator):
    false = [other for other in dict.fromkeys(words) if other not in on_picture]
    if len(false) < count - 1:
        raise ValueError(f"{count - 1} false words are needed, there are {len(false)}")
    drawn = torch.randperm(len(false), generator=generator)[: count - 1]
    candidates = [word] + [false[i] for i in drawn.tolist()]
    places = torch.randperm(count, generator=generator)
    return [candidates[i] for i in places.tolist()]


SOLUTIONS: dict[str, Answer] = {
    "ex01_1": bits_per_byte,
    "ex01_2": rank_correlation,
    "ex01_3": close_gap,
    "ex01_4": mutual_neighbours,
    "ex01_5": fair_candidates,
}


# Other right ways to write the same, by exercise.
def bits_by_numpy(data):
    counts = np.bincount(np.frombuffer(data, dtype=np.uint8))
    return scipy.stats.entropy(counts, base=2)


def bits_by_torch(data):
    counts = torch.bincount(torch.tensor(list(data)), minlength=256).double()
    return torch.special.entr(counts / counts.sum()).sum() / math.log(2)


def ranks_by_scipy(x, y):
    if len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1:
        raise ValueError("constant")
    return scipy.stats.spearmanr(x.numpy(), y.numpy()).statistic


def ranks_by_signs(x, y):
    """Ranks up to a shift and a factor: how many values lie below, less how many above."""
    below = [(v[:, None] - v).sign().sum(dim=1).double() for v in (x, y)]
    sizes = below[0].norm() * below[1].norm()
    assert sizes > 0, "no order"
    return below[0] @ below[1] / sizes


def gap_by_middle(first, second):
    first, second = (x / x.norm(dim=1, keepdim=True) for x in (first, second))
    centres = first.mean(0), second.mean(0)
    middle = (centres[0] + centres[1]) / 2
    moved = [x - c + middle for x, c in zip((first, second), centres, strict=True)]
    return [torch.dist(*centres).item(), *(x / x.norm(dim=1, keepdim=True) for x in moved)]


def neighbours_by_sets(x, y, k):
    def nearest(rows, i):
        cosines = F.cosine_similarity(rows[i : i + 1], rows)
        others = [j for j in range(len(rows)) if j != i]
        return set(sorted(others, key=lambda j: -float(cosines[j]))[:k])

    return np.mean([len(nearest(x, i) & nearest(y, i)) / k for i in range(len(x))])


def candidates_by_insertion(word, words, on_picture, count, generator):
    false = sorted(set(words) - set(on_picture))
    out = []
    while len(out) < count - 1:
        place = int(torch.randint(len(false), (), generator=generator))  # raises when none is left
        out.append(false.pop(place))
    out.insert(int(torch.randint(count, (), generator=generator)), word)
    return tuple(out)


def candidates_by_rejection(word, words, on_picture, count, generator):
    if len(set(words) - on_picture) < count - 1:
        raise ValueError("too few")
    known, out = list(dict.fromkeys(words)), [word]
    while len(out) < count:
        other = known[int(torch.randint(len(known), (), generator=generator))]
        if other not in on_picture and other not in out:
            out.append(other)
    return [out[i] for i in torch.randperm(count, generator=generator)]


ALTERNATIVES: list[tuple[str, Answer]] = [
    ("ex01_1", bits_by_numpy),
    ("ex01_1", bits_by_torch),
    ("ex01_1", entropy),
    ("ex01_2", ranks_by_scipy),
    ("ex01_2", ranks_by_signs),
    ("ex01_2", spearman),
    ("ex01_3", gap_by_middle),
    ("ex01_4", neighbours_by_sets),
    ("ex01_4", mutual_nearest_neighbours),
    ("ex01_5", candidates_by_insertion),
    ("ex01_5", candidates_by_rejection),
]


# Mistakes.
def bits(of: Answer) -> Answer:
    """A number from the shares of the bytes."""

    def answer(data):
        return of([count / len(data) for count in Counter(data).values()])

    return answer


def smoothed_bits(data):
    shares = [(data.count(byte) + 1) / (len(data) + 256) for byte in range(256)]
    return -sum(share * math.log2(share) for share in shares)


def compressed_bits(data):
    return 8 * len(lzma.compress(data)) / len(data)


def bits_of_pairs(data):
    return bits_per_byte(list(zip(data, data[1:], strict=False))) / 2


def bits_after_the_last(data):
    pairs = list(zip(data, data[1:], strict=False))
    return bits_per_byte(pairs) - bits_per_byte(data[:-1]) if pairs else 0.0


def bits_of_characters(data):
    return bits_per_byte(data.decode("utf-8", errors="replace"))


def bits_of_zeros_and_ones(data):
    return bits_per_byte("".join(f"{byte:08b}" for byte in data))


def bits_of_each_place(data):
    return sum(bits_per_byte([byte >> place & 1 for byte in data]) for place in range(8))


def bits_of_upper_halves(data):
    return bits_per_byte([byte >> 4 for byte in data])


def correlate(rank: Answer = lambda v: scipy.stats.rankdata(v), join: Answer = np.corrcoef):
    """A correlation from other ranks, or joined in another way."""

    def answer(x, y):
        if len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1:
            raise ValueError("constant")
        found = join(rank(x.tolist()), rank(y.tolist()))
        return float(found[0, 1] if np.ndim(found) else found)

    return answer


def ranked(method: str) -> Answer:
    return correlate(lambda v: scipy.stats.rankdata(v, method=method))


def short_formula(a, b):
    n = len(a)
    return 1 - 6 * float(((np.array(a) - np.array(b)) ** 2).sum()) / (n * (n * n - 1))


def cosine(a, b):
    return np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))


def kendall(x, y):
    if len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1:
        raise ValueError("constant")
    return scipy.stats.kendalltau(x, y).statistic


def only_x_ranked(x, y):
    return correlate(lambda v: v)(torch.tensor(scipy.stats.rankdata(x)), y)


def zero_for_a_constant(x, y):
    constant = len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1
    return 0.0 if constant else rank_correlation(x, y)


def nan_for_a_constant(x, y):
    constant = len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1
    return math.nan if constant else rank_correlation(x, y)


def sorts_in_place(x, y):
    result = rank_correlation(x, y)
    x[:] = x.sort().values
    return result


def gap(
    before: Answer = lambda x: F.normalize(x, dim=1),
    centre: Answer = lambda x: x.mean(dim=0),
    steps: tuple[float, float] = (0.5, 0.5),
    after: Answer = lambda x: F.normalize(x, dim=1),
    size: Answer = torch.norm,
) -> Answer:
    """The gap with another centre, other steps or another length."""

    def answer(first, second):
        first, second = before(first), before(second)
        gap = centre(second) - centre(first)
        return size(gap), after(first + steps[0] * gap), after(second - steps[1] * gap)

    return answer


def same(x):
    return x


def gap_of_pairs(first, second):
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    count = min(len(first), len(second))
    length = (first[:count] - second[:count]).norm(dim=1).mean()
    return length, *close_gap(first, second)[1:]


def gap_centred(first, second):
    first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
    length = (first.mean(0) - second.mean(0)).norm()
    moved = [F.normalize(x - x.mean(0) + 1e-6, dim=1) for x in (first, second)]
    return length, *moved


def gap_last(first, second):
    length, *moved = close_gap(first, second)
    return *moved, length


def gap_swapped(first, second):
    length, *moved = close_gap(first, second)
    return length, *moved[::-1]


def gap_one_minus_cosine(first, second):
    length, *moved = close_gap(first, second)
    centres = [F.normalize(x, dim=1).mean(0) for x in (first, second)]
    return 1 - F.cosine_similarity(*centres, dim=0), *moved


def gap_after_the_move(first, second):
    moved = close_gap(first, second)[1:]
    return close_gap(*moved)[0], *moved


def gap_in_place(first, second):
    first /= first.norm(dim=1, keepdim=True)
    return close_gap(first, second)


def gap_as_vector(first, second):
    return gap(size=same)(first, second)


def neighbours(
    prepare: Answer = lambda rows: F.normalize(rows, dim=1),
    affinity: Answer = lambda rows: rows @ rows.T,
    mask: float | None = -math.inf,
    largest: bool = True,
    overlap: Answer = lambda a, b, k: (a & b).sum() / (len(a) * k),
) -> Answer:
    """The overlap from another similarity, another mask or another way to count."""

    def answer(x, y, k):
        chosen = []
        for rows in (x, y):
            table = affinity(prepare(rows))
            if mask is not None:
                table.fill_diagonal_(mask)
            nearest = table.topk(k, dim=1, largest=largest).indices
            chosen.append(torch.zeros_like(table).scatter_(1, nearest, 1).bool())
        return float(overlap(*chosen, k))

    return answer


def drop_the_first(x, y, k):
    tables = [F.normalize(rows, dim=1) @ F.normalize(rows, dim=1).T for rows in (x, y)]
    order = [t.sort(dim=1, descending=True, stable=True).indices[:, 1 : k + 1] for t in tables]
    found = [len(set(a) & set(b)) / k for a, b in zip(*(o.tolist() for o in order), strict=True)]
    return sum(found) / len(found)


def same_place_in_the_list(x, y, k):
    tables = [F.normalize(rows, dim=1) @ F.normalize(rows, dim=1).T for rows in (x, y)]
    order = [table.fill_diagonal_(-math.inf).topk(k, dim=1).indices for table in tables]
    return float((order[0] == order[1]).float().mean())


def overlap_in_place(x, y, k):
    x /= x.norm(dim=1, keepdim=True)
    return mutual_neighbours(x, y, k)


def one_sided(x, y, k):
    """How many of the k nearest in x are among the 2 k nearest in y."""
    tables = [F.normalize(rows, dim=1) @ F.normalize(rows, dim=1).T for rows in (x, y)]
    near = [table.fill_diagonal_(-math.inf) for table in tables]
    few = near[0].topk(k, dim=1).indices
    many = near[1].topk(min(2 * k, len(x) - 1), dim=1).indices
    return float((few[:, :, None] == many[:, None]).any(dim=2).float().mean())


def candidates(
    allowed: Answer = lambda word, words, on: [w for w in dict.fromkeys(words) if w not in on],
    draw: Answer = lambda false, n, g: [
        false[i] for i in torch.randperm(len(false), generator=g)[:n]
    ],
    arrange: Answer = lambda word, wrong, g: [
        [word, *wrong][i] for i in torch.randperm(len(wrong) + 1, generator=g)
    ],
    enough: Answer = lambda false, n: len(false) >= n,
) -> Answer:
    """Candidates with other distractors, drawn or arranged in another way."""

    def answer(word, words, on_picture, count, generator):
        false = allowed(word, words, on_picture)
        if not enough(false, count - 1):
            raise ValueError("too few words")
        return arrange(word, draw(false, count - 1, generator), generator)

    return answer


def with_replacement(false, n, g):
    return [false[int(torch.randint(len(false), (), generator=g))] for _ in range(n)]


def neighbours_in_the_list(false, n, g):
    start = int(torch.randint(len(false), (), generator=g))
    return (false + false)[start : start + n]


def every_second_one(false, n, g):
    """A random start, then every second word: single words come equally often, pairs do not."""
    start = int(torch.randint(len(false), (), generator=g))
    return [(false[start:] + false[:start])[2 * i % len(false)] for i in range(n)]


def insert_never_last(word, wrong, g):
    place = int(torch.randint(max(len(wrong), 1), (), generator=g))
    return [*wrong[:place], word, *wrong[place:]]


def own_generator(word, words, on_picture, count, generator):
    return fair_candidates(word, words, on_picture, count, torch.Generator().manual_seed(0))


def sets_the_generator_back(word, words, on_picture, count, generator):
    return fair_candidates(word, words, on_picture, count, generator.manual_seed(0))


fixed_state = torch.Generator().manual_seed(5)


def ignores_the_generator(word, words, on_picture, count, generator):
    return fair_candidates(word, words, on_picture, count, fixed_state)


python_random = random.Random(0)


def python_sample(false, n, g):
    return python_random.sample(false, n)


def shuffles_words(word, words, on_picture, count, generator):
    words[:] = [words[i] for i in torch.randperm(len(words), generator=generator)]
    false = [other for other in words if other not in on_picture]
    return candidates(allowed=lambda *_: false)(word, words, on_picture, count, generator)


def eats_the_set(word, words, on_picture, count, generator):
    on_picture.discard(word)
    false = [w for w in words if w not in on_picture and w != word]
    return candidates(allowed=lambda *_: false)(word, words, on_picture, count, generator)


def numbers_for_words(word, words, on_picture, count, generator):
    return [words.index(w) for w in fair_candidates(word, words, on_picture, count, generator)]


def without_the_right_one(word, words, on_picture, count, generator):
    return fair_candidates(word, words, on_picture, count + 1, generator)[:count]


def one_too_many(word, words, on_picture, count, generator):
    false = [w for w in words if w not in on_picture]
    wrong = [false[i] for i in torch.randperm(len(false), generator=generator)[:count]]
    return insert_never_last(word, wrong, generator)


def fewer_when_short(false, n):
    return True


def from_a_set(word, words, on_picture):
    return list(set(words) - set(on_picture))


WRONG: list[tuple[str, str, Answer]] = [
    ("ex01_1", "nats", bits(lambda p: -sum(s * math.log(s) for s in p))),
    ("ex01_1", "decimal digits", bits(lambda p: -sum(s * math.log10(s) for s in p))),
    ("ex01_1", "of one", bits(lambda p: -sum(s * math.log2(s) for s in p) / 8)),
    ("ex01_1", "sign", bits(lambda p: sum(s * math.log2(s) for s in p))),
    ("ex01_1", "altogether", lambda data: len(data) * bits_per_byte(data)),
    ("ex01_1", "in bytes altogether", lambda data: len(data) * bits_per_byte(data) / 8),
    ("ex01_1", "different bytes", lambda data: math.log2(len(set(data)))),
    ("ex01_1", "commonest byte", bits(lambda p: -math.log2(max(p)))),
    ("ex01_1", "collisions", bits(lambda p: -math.log2(sum(s * s for s in p)))),
    ("ex01_1", "Gini", bits(lambda p: 1 - sum(s * s for s in p))),
    ("ex01_1", "unweighted", bits(lambda p: -sum(math.log2(s) for s in p) / len(p))),
    ("ex01_1", "efficiency", lambda d: bits_per_byte(d) / math.log2(max(len(set(d)), 2))),
    ("ex01_1", "whole bits", bits(lambda p: sum(s * math.ceil(-math.log2(s)) for s in p))),
    ("ex01_1", "shares of 256", lambda data: bits_per_byte(data) * len(data) / 256),
    ("ex01_1", "smoothed", smoothed_bits),
    ("ex01_1", "compressed", compressed_bits),
    ("ex01_1", "pairs", bits_of_pairs),
    ("ex01_1", "after the last byte", bits_after_the_last),
    ("ex01_1", "characters", bits_of_characters),
    ("ex01_1", "zeros and ones", bits_of_zeros_and_ones),
    ("ex01_1", "each place", bits_of_each_place),
    ("ex01_1", "upper halves", bits_of_upper_halves),
    ("ex01_1", "eight", lambda data: 8.0),
    ("ex01_2", "Pearson", correlate(lambda v: v)),
    ("ex01_2", "Kendall", kendall),
    ("ex01_2", "argsort once", correlate(np.argsort)),
    ("ex01_2", "ties by place", ranked("ordinal")),
    ("ex01_2", "smallest rank of a tie", ranked("min")),
    ("ex01_2", "largest rank of a tie", ranked("max")),
    ("ex01_2", "no gap after a tie", ranked("dense")),
    ("ex01_2", "short formula", correlate(join=short_formula)),
    ("ex01_2", "not centred", correlate(join=cosine)),
    ("ex01_2", "covariance", correlate(join=lambda a, b: np.cov(a, b)[0, 1])),
    ("ex01_2", "absolute", lambda x, y: abs(rank_correlation(x, y))),
    ("ex01_2", "squared", lambda x, y: rank_correlation(x, y) ** 2),
    ("ex01_2", "from 0 to 1", lambda x, y: (rank_correlation(x, y) + 1) / 2),
    ("ex01_2", "one list ranked", only_x_ranked),
    ("ex01_2", "one order reversed", lambda x, y: -rank_correlation(x, y)),
    ("ex01_2", "constant is zero", zero_for_a_constant),
    ("ex01_2", "constant is nan", nan_for_a_constant),
    ("ex01_2", "in place", sorts_in_place),
    ("ex01_2", "matrix", lambda x, y: torch.corrcoef(torch.stack([x, y]))),
    ("ex01_2", "scipy's pair", lambda x, y: tuple(scipy.stats.spearmanr(x, y))),
    ("ex01_3", "lengths kept", gap(before=same)),
    ("ex01_3", "not on the sphere", gap(after=same)),
    ("ex01_3", "first moved all the way", gap(steps=(1, 0))),
    ("ex01_3", "second moved all the way", gap(steps=(0, 1))),
    ("ex01_3", "both all the way", gap(steps=(1, 1))),
    ("ex01_3", "widened", gap(steps=(-0.5, -0.5))),
    ("ex01_3", "same direction", gap(steps=(0.5, -0.5))),
    ("ex01_3", "nothing moved", gap(steps=(0, 0))),
    ("ex01_3", "summed", gap(centre=lambda x: x.sum(dim=0))),
    ("ex01_3", "median", gap(centre=lambda x: x.median(dim=0).values)),
    ("ex01_3", "centre on the sphere", gap(centre=lambda x: F.normalize(x.mean(0), dim=0))),
    ("ex01_3", "first row", gap(centre=lambda x: x[0])),
    ("ex01_3", "squared length", gap(size=lambda v: v.square().sum())),
    ("ex01_3", "sum of sides", gap(size=lambda v: v.abs().sum())),
    ("ex01_3", "half the length", gap(size=lambda v: v.norm() / 2)),
    ("ex01_3", "mean square", gap(size=lambda v: v.square().mean().sqrt())),
    ("ex01_3", "a vector", gap_as_vector),
    ("ex01_3", "distance of pairs", gap_of_pairs),
    ("ex01_3", "both to the origin", gap_centred),
    ("ex01_3", "cosine", gap_one_minus_cosine),
    ("ex01_3", "what is left", gap_after_the_move),
    ("ex01_3", "length last", gap_last),
    ("ex01_3", "clouds exchanged", gap_swapped),
    ("ex01_3", "clouds only", lambda a, b: close_gap(a, b)[1:]),
    ("ex01_3", "length only", lambda a, b: close_gap(a, b)[0]),
    ("ex01_3", "columns normalised", gap(before=lambda x: F.normalize(x, dim=0))),
    ("ex01_3", "in place", gap_in_place),
    ("ex01_4", "itself counted", neighbours(mask=None)),
    ("ex01_4", "itself set to 0", neighbours(mask=0.0)),
    ("ex01_4", "first one dropped", drop_the_first),
    ("ex01_4", "farthest", neighbours(mask=math.inf, largest=False)),
    ("ex01_4", "lengths kept", neighbours(prepare=same)),
    ("ex01_4", "Euclid, lengths kept", neighbours(same, lambda x: -torch.cdist(x, x))),
    ("ex01_4", "signs ignored", neighbours(affinity=lambda x: (x @ x.T).abs())),
    ("ex01_4", "centred", neighbours(prepare=lambda x: F.normalize(x - x.mean(0), dim=1))),
    ("ex01_4", "columns", neighbours(prepare=lambda x: F.normalize(x, dim=0))),
    ("ex01_4", "same place in the list", same_place_in_the_list),
    ("ex01_4", "union", neighbours(overlap=lambda a, b, k: (a & b).sum() / (a | b).sum())),
    ("ex01_4", "not divided by k", neighbours(overlap=lambda a, b, k: (a & b).sum() / len(a))),
    ("ex01_4", "not averaged", neighbours(overlap=lambda a, b, k: (a & b).sum() / k)),
    ("ex01_4", "any in common", neighbours(overlap=lambda a, b, k: (a & b).any(1).float().mean())),
    ("ex01_4", "all in common", neighbours(overlap=lambda a, b, k: (a == b).all(1).float().mean())),
    ("ex01_4", "agreement", neighbours(overlap=lambda a, b, k: (a == b).float().mean())),
    ("ex01_4", "mutual in x", neighbours(overlap=lambda a, b, k: (a & b.T).sum() / (len(a) * k))),
    ("ex01_4", "one more", lambda x, y, k: mutual_neighbours(x, y, min(k + 1, len(x) - 1))),
    ("ex01_4", "one less", lambda x, y, k: mutual_neighbours(x, y, max(k - 1, 1))),
    ("ex01_4", "only the nearest", lambda x, y, k: mutual_neighbours(x, y, 1)),
    ("ex01_4", "twice k in y", one_sided),
    ("ex01_4", "above chance", lambda x, y, k: mutual_neighbours(x, y, k) - k / (len(x) - 1)),
    ("ex01_4", "in place", overlap_in_place),
    ("ex01_5", "all other words", candidates(lambda w, ws, on: [v for v in ws if v != w])),
    ("ex01_5", "true words only", candidates(lambda w, ws, on: [v for v in ws if v in on])),
    ("ex01_5", "repeats count", candidates(lambda w, ws, on: [v for v in ws if v not in on])),
    ("ex01_5", "with replacement", candidates(draw=with_replacement)),
    ("ex01_5", "first ones", candidates(draw=lambda false, n, g: false[:n])),
    ("ex01_5", "side by side", candidates(draw=neighbours_in_the_list)),
    ("ex01_5", "every second one", candidates(draw=every_second_one)),
    ("ex01_5", "right one first", candidates(arrange=lambda w, wrong, g: [w, *wrong])),
    ("ex01_5", "right one last", candidates(arrange=lambda w, wrong, g: [*wrong, w])),
    ("ex01_5", "sorted", candidates(arrange=lambda w, wrong, g: sorted([w, *wrong]))),
    ("ex01_5", "never last", candidates(arrange=insert_never_last)),
    ("ex01_5", "from a set", candidates(from_a_set)),
    ("ex01_5", "a set", lambda *a: set(fair_candidates(*a))),
    ("ex01_5", "numbers", numbers_for_words),
    ("ex01_5", "own generator", own_generator),
    ("ex01_5", "set back", sets_the_generator_back),
    ("ex01_5", "another generator", ignores_the_generator),
    ("ex01_5", "Python's random", candidates(draw=python_sample)),
    ("ex01_5", "shuffles words", shuffles_words),
    ("ex01_5", "eats the set", eats_the_set),
    ("ex01_5", "right one may be missing", without_the_right_one),
    ("ex01_5", "one too many", one_too_many),
    ("ex01_5", "fewer when short", candidates(enough=fewer_when_short)),
]


#: name, answer, what its hint must say
HINTS: list[tuple[str, Answer, str]] = [
    ("ex01_1", bits(lambda p: -sum(s * math.log(s) for s in p)), "a coin"),
    ("ex01_1", lambda data: math.log2(len(set(data))), "average them over the eight bytes"),
    ("ex01_1", bits_after_the_last, "a coin"),
    ("ex01_1", smoothed_bits, "no news"),
    ("ex01_2", correlate(lambda v: v), "exp"),
    ("ex01_2", ranked("ordinal"), "neither is first"),
    ("ex01_2", ranked("dense"), "share places|should correlate"),
    ("ex01_2", correlate(join=short_formula), "short formulas"),
    ("ex01_2", correlate(np.argsort), "where a value stands"),
    ("ex01_2", kendall, "the squares of each"),
    ("ex01_2", nan_for_a_constant, "no order to compare"),
    ("ex01_3", gap(before=same), "unit square"),
    ("ex01_3", gap(after=same), "north-east|length 1 again"),
    ("ex01_3", gap(steps=(1, 0)), "half way"),
    ("ex01_3", gap(centre=lambda x: x.sum(dim=0)), "a mean"),
    ("ex01_3", gap_last, "comes first"),
    ("ex01_4", neighbours(mask=None), "not its own neighbour"),
    ("ex01_4", neighbours(mask=0.0), "negative"),
    ("ex01_4", drop_the_first, "by number"),
    ("ex01_4", neighbours(prepare=same), "cosine"),
    ("ex01_5", candidates(lambda w, ws, on: [v for v in ws if v != w]), "marked wrong"),
    ("ex01_5", candidates(draw=with_replacement), "comes twice"),
    ("ex01_5", candidates(lambda w, ws, on: [v for v in ws if v not in on]), "many times"),
    ("ex01_5", candidates(arrange=insert_never_last), "place 4 is off"),
    ("ex01_5", candidates(draw=neighbours_in_the_list), "meet equally often"),
    ("ex01_5", candidates(draw=lambda false, n, g: false[:n]), "the same chance"),
    ("ex01_5", candidates(draw=python_sample), "draw from it alone"),
    ("ex01_5", candidates(from_a_set), "order of `words`"),
    ("ex01_5", candidates(enough=fewer_when_short), "for 9 raise an error"),
]


#: Answers that raise by themselves on the check's inputs
CRASHES: tuple[Answer, ...] = ()


def test_a_crash_becomes_a_hint() -> None:
    with pytest.raises(check.CheckFailed, match="your code raised TypeError"):
        check.ex01_4(lambda x, y: 1.0)


def test_the_chance_bounds_leave_room_for_every_fair_draw() -> None:
    """Other seeds move the draws of a fair answer; the check's bounds must not notice."""
    for seed in range(5):

        def reseeded(word, words, on_picture, count, generator, seed=seed):
            for _ in range(seed):
                torch.rand(1, generator=generator)
            return fair_candidates(word, words, on_picture, count, generator)

        check.ex01_5(reseeded)


def test_words_of_another_hash_are_the_same_words() -> None:
    plain, salted = (ex01_candidates._salted(["dog"], salt)[0] for salt in (0, 1))
    assert plain == salted == "dog" and hash(plain) != hash(salted)


def test_the_source_of_the_checks_holds_no_solution() -> None:
    source = "".join(inspect.getsource(module) for module in (ex01, ex01_spaces, ex01_candidates))
    for telling in (
        "Counter(data",
        "log2(1 /",
        "share * math",
        "argsort",
        "rankdata",
        "[:, None] >",
        "normalize(",
        "gap / 2",
        "topk",
        "fill_diagonal",
        "-math.inf",
        "fromkeys",
        "not in on_picture",
    ):
        assert telling not in source
