"""Laws of the alignment measures and of rank correlations, on random clouds and values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmlib.alignment import (
    alignment,
    chance_overlap,
    cosine_statistics,
    linear_cka,
    modality_gap,
    mutual_nearest_neighbours,
    pca_2d,
    shift_gap,
    uniformity,
)
from mmlib.rank_correlation import average_ranks, permutation_p, spearman
from mmlib.runtime import make_generator

many = settings(max_examples=40, deadline=None)
few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32)
rows = st.integers(5, 14)
widths = st.integers(2, 6)
scales = st.floats(1e-3, 1e3)
values = st.lists(st.integers(0, 4), min_size=3, max_size=6)  # ties are common


def pair(n: int, width: int, seed: int) -> tuple[Tensor, Tensor]:
    return tuple(torch.randn(2, n, width, generator=make_generator(seed), dtype=torch.float64))


def rotation(width: int, seed: int) -> Tensor:
    generator = make_generator(seed + 1)
    return torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64))[0]


@many
@given(rows, widths, seeds, scales)
def test_one_rotation_and_one_scale_for_both_change_nothing(n, width, seed, scale) -> None:
    x, y = pair(n, width, seed)
    a, b = (scale * z @ rotation(width, seed) for z in (x, y))
    assert alignment(a, b) == pytest.approx(alignment(x, y), abs=1e-9)
    assert uniformity(a) == pytest.approx(uniformity(x), abs=1e-9)
    before, after = modality_gap(x, y), modality_gap(a, b)
    assert after.length == pytest.approx(before.length, abs=1e-9)
    assert after.accuracy == before.accuracy and after.chance == before.chance
    old, new = cosine_statistics(x, y), cosine_statistics(a, b)
    assert (new.matching.mean, new.auc) == pytest.approx((old.matching.mean, old.auc), abs=1e-6)


@many
@given(rows, widths, widths, seeds, scales, st.booleans())
def test_structure_ignores_rotation_scale_and_order(n, width, other, seed, scale, debiased) -> None:
    """Each space may be turned and scaled on its own; rows may be renumbered in both."""
    x, y = pair(n, width, seed)[0], pair(n, other, seed + 1)[0]
    order = torch.randperm(n, generator=make_generator(seed))
    a, b = (scale * x @ rotation(width, seed))[order], y[order]
    wanted = linear_cka(x, y, debiased=debiased)
    assert linear_cka(a, b, debiased=debiased) == pytest.approx(wanted, abs=1e-8)
    assert linear_cka(a + 3 * scale, b, debiased=debiased) == pytest.approx(wanted, abs=1e-8)
    assert linear_cka(y, x, debiased=debiased) == pytest.approx(wanted, abs=1e-9)
    overlap = mutual_nearest_neighbours(x, y, 2)
    assert mutual_nearest_neighbours(a, b, 2) == pytest.approx(overlap, abs=1e-9)
    assert mutual_nearest_neighbours(y, x, 2) == pytest.approx(overlap, abs=1e-9)


@many
@given(rows, widths, seeds)
def test_bounds(n, width, seed) -> None:
    x, y = pair(n, width, seed)
    found, gap = cosine_statistics(x, y), modality_gap(x, y)
    for spread in (found.matching, found.other, found.first, found.second):
        assert -1 <= spread.mean <= 1 and 0 <= spread.std <= 1
    assert 0 <= found.auc <= 1 and 0 <= alignment(x, y) <= 4 and -8 <= uniformity(x) <= 1e-12
    assert 0 <= gap.length <= 2 and 0 <= gap.accuracy <= 1 and 0 <= gap.chance <= 1
    assert 0 <= linear_cka(x, y) <= 1 and -1 <= linear_cka(x, y, debiased=True) <= 1
    assert linear_cka(x, x) == pytest.approx(1) == linear_cka(x, x, debiased=True)
    for k in (1, n - 2):
        assert 0 <= mutual_nearest_neighbours(x, y, k) <= 1 == mutual_nearest_neighbours(x, x, k)
        assert 0 < chance_overlap(n, k) < 1


@many
@given(rows, widths, seeds)
def test_gap_and_cosines_swap_with_the_clouds(n, width, seed) -> None:
    x, y = pair(n, width, seed)
    one, other = modality_gap(x, y), modality_gap(y, x)
    torch.testing.assert_close(one.vector, -other.vector)
    assert one.length == pytest.approx(other.length) and one.accuracy == other.accuracy
    forth, back = cosine_statistics(x, y), cosine_statistics(y, x)
    assert forth.first == back.second and forth.auc == pytest.approx(back.auc)


@many
@given(rows, widths, seeds, st.floats(-2, 0.9))
def test_shifted_clouds_stay_on_the_sphere_and_amount_0_keeps_the_directions(
    n, width, seed, amount
) -> None:
    x, y = pair(n, width, seed)
    for before, after in zip((x, y), shift_gap(x, y, 0), strict=True):
        torch.testing.assert_close(after, before / before.norm(dim=1, keepdim=True))
    for cloud in shift_gap(x, y, amount):
        torch.testing.assert_close(cloud.norm(dim=1), torch.ones(n, dtype=torch.float64))


@many
@given(rows, st.integers(3, 8), seeds)
def test_a_map_never_spreads_points_and_ignores_where_the_cloud_is(n, width, seed) -> None:
    x, y = pair(n, width, seed)
    placed = pca_2d(x, y)
    rows_before, rows_after = torch.cat([x, y]), torch.cat(list(placed))
    assert (torch.pdist(rows_after) <= torch.pdist(rows_before) + 1e-9).all()
    assert sum(placed.explained) <= 1 and placed.explained[0] >= placed.explained[1] >= 0
    moved = torch.cat(list(pca_2d(x + 7, y + 7)))
    torch.testing.assert_close(moved, rows_after, atol=1e-8, rtol=1e-8)


@settings(max_examples=6, deadline=None)
@given(st.integers(4, 8), seeds, st.integers(1, 2))
def test_ties_count_as_random_order(n, seed, k) -> None:
    """The expected overlap equals the mean over many tiny perturbations that break the ties."""
    generator = make_generator(seed)
    corners = torch.eye(3, dtype=torch.float64)
    x, y = (corners[torch.randint(3, (n,), generator=generator)] for _ in range(2))
    expected = mutual_nearest_neighbours(x, y, k)
    drawn = []
    for _ in range(200):
        noise = 1e-3 * torch.randn(2, n, 40, generator=generator, dtype=torch.float64)
        a, b = (torch.cat([z, e], dim=1) for z, e in zip((x, y), noise, strict=True))
        drawn.append(mutual_nearest_neighbours(a, b, k))
    error = np.std(drawn) / math.sqrt(len(drawn))
    assert abs(np.mean(drawn) - expected) < 6 * error + 0.02


@many
@given(values, st.data())
def test_rank_correlations_know_only_the_order(x, data) -> None:
    y = data.draw(st.lists(st.integers(0, 4), min_size=len(x), max_size=len(x)))
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    value = spearman(x, y)
    assert -1 - 1e-12 <= value <= 1 + 1e-12
    assert spearman(y, x) == pytest.approx(value)
    assert spearman([v**3 for v in x], [math.exp(v) for v in y]) == pytest.approx(value)
    assert spearman([-v for v in x], y) == pytest.approx(-value)
    assert spearman(x, x) == pytest.approx(1)
    assert average_ranks(x).sum() == len(x) * (len(x) + 1) / 2


@few
@given(values, st.data())
def test_p_values_of_all_orders_are_shares_and_complement_each_other(x, data) -> None:
    y = data.draw(st.lists(st.integers(0, 4), min_size=len(x), max_size=len(x)))
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    greater, less, both = (
        permutation_p(x, y, alternative=a) for a in ("greater", "less", "two-sided")
    )
    assert greater + less >= 1 + 1 / math.factorial(len(x)) - 1e-12  # the observed order is in both
    assert both == pytest.approx(min(1, 2 * min(greater, less)))
    assert (greater * math.factorial(len(x))) == pytest.approx(
        round(greater * math.factorial(len(x)))
    )
    assert permutation_p(x, [-v for v in y]) == pytest.approx(less)
