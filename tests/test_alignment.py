"""Cosines, alignment, uniformity, gap, map, CKA and neighbours where the answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
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
from mmlib.runtime import make_generator

AXES = torch.eye(4)
PICTURES = torch.tensor([[1.0, 0.2], [1.0, 0.0], [1.0, -0.2]])
WORDS = torch.tensor([[0.2, 1.0], [0.0, 1.0], [-0.2, 1.0]])


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=make_generator(seed))


def rotation(size: int, seed: int = 0) -> Tensor:
    return torch.linalg.qr(noise(size, size, seed=seed).double())[0]


def test_identical_orthogonal_and_antipodal_pairs() -> None:
    same = cosine_statistics(AXES, 3 * AXES)
    assert (same.matching.mean, same.matching.std, same.other.mean, same.auc) == (1, 0, 0, 1)
    assert same.first == same.second == same.other
    against = cosine_statistics(AXES, -AXES)
    assert (against.matching.mean, against.other.mean, against.auc) == (-1, 0, 0)
    turned = cosine_statistics(AXES, AXES.roll(1, dims=0))
    assert (turned.matching.mean, turned.other.mean) == (0, pytest.approx(1 / 3))
    assert turned.auc == pytest.approx((8 / 12) / 2)  # ties with 8 of 12, below the other 4


def test_cosines_by_hand() -> None:
    """Rows at 0 and 90 degrees against rows at 60 and 90: cosines 0.5, 0 and sqrt(3) / 2, 1."""
    first = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    second = torch.tensor([[0.5, math.sqrt(0.75)], [0.0, 1.0]])
    found = cosine_statistics(first, second)
    assert found.matching.mean == pytest.approx(0.75) and found.matching.std == pytest.approx(0.25)
    other = math.sqrt(0.75) / 2
    assert found.other.mean == pytest.approx(other) and found.other.std == pytest.approx(other)
    assert found.first.mean == 0 and found.second.mean == pytest.approx(math.sqrt(0.75))
    assert found.auc == 3 / 4


def test_a_collapsed_model_is_blind() -> None:
    one = torch.ones(5, 3)
    found = cosine_statistics(one, one)
    assert found.auc == 0.5 and found.matching.mean == pytest.approx(1)
    assert mutual_nearest_neighbours(one, one, 2) == pytest.approx(chance_overlap(5, 2)) == 0.5
    assert modality_gap(one, one).accuracy == modality_gap(one, one).chance == 0.5


def test_alignment_of_known_angles() -> None:
    assert alignment(AXES, 7 * AXES) == 0
    assert alignment(AXES, AXES.roll(1, dims=0)) == pytest.approx(2)
    assert alignment(AXES, -AXES) == pytest.approx(4)
    assert alignment(AXES, -AXES, alpha=1) == pytest.approx(2)
    x, y = noise(50, 8), noise(50, 8, seed=1)
    cosine = cosine_statistics(x, y).matching.mean
    assert alignment(x, y) == pytest.approx(2 - 2 * cosine, abs=1e-7)


def test_uniformity_of_known_points() -> None:
    assert uniformity(torch.ones(6, 3)) == pytest.approx(0, abs=1e-12)
    opposite = torch.tensor([[3.0, 0.0], [-1.0, 0.0]])
    assert uniformity(opposite) == pytest.approx(-8)
    assert uniformity(opposite, t=0.5) == pytest.approx(-2)
    assert uniformity(AXES) == pytest.approx(-4)  # all distances are sqrt(2)
    assert uniformity(opposite, t=1e6) == pytest.approx(-4e6)  # no underflow to -inf


def test_many_random_directions_are_more_uniform_than_a_cone() -> None:
    ball = noise(500, 32)
    assert uniformity(ball) == pytest.approx(-4 + 8 / 32, abs=0.05)  # -4 + 8 var(cos)
    assert uniformity(ball + 5) > uniformity(ball + 1) > uniformity(ball) + 0.3


def test_the_gap_by_hand() -> None:
    """Centroids (a, 0) and (0, a): the gap points from the words to the pictures."""
    gap = modality_gap(PICTURES, WORDS)
    a = (1 + 2 / math.hypot(1, 0.2)) / 3
    torch.testing.assert_close(gap.vector, torch.tensor([a, -a], dtype=torch.float64))
    assert gap.length == pytest.approx(a * math.sqrt(2)) and gap.accuracy == 1
    assert modality_gap(PICTURES, PICTURES).length == 0


def test_shifting_closes_and_widens_the_gap() -> None:
    """Here the moved centroids are (a, a) / 2 before the rows go back to the sphere."""
    x, y = noise(300, 16) + 1, noise(300, 16, seed=1) - 1
    lengths = [modality_gap(*shift_gap(x, y, s)).length for s in (-0.5, 0, 0.5, 1)]
    assert lengths[0] > lengths[1] > lengths[2] > lengths[3]
    assert lengths[1] == pytest.approx(modality_gap(x, y).length, rel=1e-6) and lengths[3] < 0.05
    pictures, words = shift_gap(PICTURES, WORDS, 1)
    a = (1 + 2 / math.hypot(1, 0.2)) / 3
    moved = PICTURES[1] + torch.tensor([-a / 2, a / 2])
    torch.testing.assert_close(pictures[1], moved / moved.norm())
    torch.testing.assert_close(words, pictures.flip(1))


def test_shifting_keeps_dtype_and_takes_a_vector() -> None:
    x, y = noise(20, 4) + 1, noise(20, 4, seed=1)
    for dtype in (torch.float32, torch.float64):
        for cloud in shift_gap(x.to(dtype), y.to(dtype), 0.3):
            assert cloud.dtype == dtype
            torch.testing.assert_close(cloud.norm(dim=1), torch.ones(20, dtype=dtype))
    own = shift_gap(x, y, 0.7)
    given = shift_gap(x, y, 1.4, vector=modality_gap(x, y).vector / 2)
    for one, other in zip(own, given, strict=True):
        torch.testing.assert_close(one, other)
    still = shift_gap(x, y, 1, vector=torch.zeros(4))
    torch.testing.assert_close(still[0], x / x.norm(dim=1, keepdim=True))


def test_accuracy_along_the_gap_has_a_chance_level_of_its_own() -> None:
    """In many dimensions the centroids of few unrelated rows separate them: chance says so."""
    x, y = noise(100, 64), noise(100, 64, seed=1)
    gap = modality_gap(x, y)
    assert 0.6 < gap.chance < 0.8 and abs(gap.accuracy - gap.chance) < 0.08
    many = modality_gap(noise(4000, 4), noise(4000, 4, seed=1))
    assert many.chance == pytest.approx(0.5, abs=0.02)
    apart = modality_gap(noise(500, 16) + 2, noise(500, 16, seed=1) - 2)
    assert apart.accuracy == 1 and apart.chance < 0.65
    assert modality_gap(x, y).chance == gap.chance != modality_gap(x, y, seed=1).chance


def test_a_map_of_points_in_a_plane_keeps_their_distances() -> None:
    flat = noise(30, 2).double() * torch.tensor([3.0, 1.0])
    lifted = flat @ rotation(6)[:2] + 5
    found = pca_2d(lifted[:10], lifted[10:])
    first, second = found
    assert (first.shape, second.shape) == ((10, 2), (20, 2))
    assert sum(found.explained) == pytest.approx(1) and found.explained[0] > 0.7
    torch.testing.assert_close(torch.pdist(torch.cat([first, second])), torch.pdist(flat))
    assert torch.cat([first, second]).mean(dim=0).abs().max() < 1e-12


def test_a_map_has_fixed_signs() -> None:
    """The largest loading of each axis is positive: mirroring one column mirrors no other."""
    points = torch.tensor([[4.0, 0, 0], [-4, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]])
    (placed,) = pca_2d(points)
    torch.testing.assert_close(placed, points[:, :2].double())
    assert pca_2d(points).explained == pytest.approx((32 / 42, 8 / 42))
    assert repr(pca_2d(points)).startswith("PlanarMap(explained=(")


def test_cka_sees_turns_and_scale_as_nothing_and_stretching_as_something() -> None:
    x = noise(40, 5).double()
    for debiased in (False, True):
        same = linear_cka(x, 0.01 * x @ rotation(5) + 3, debiased=debiased)
        assert same == pytest.approx(1, abs=1e-9)
        stretched = linear_cka(x, x * torch.tensor([20.0, 1, 1, 1, 1]), debiased=debiased)
        assert 0.2 < stretched < 0.8
        wider = torch.cat([x, torch.zeros(40, 3)], dim=1)
        assert linear_cka(x, wider, debiased=debiased) == pytest.approx(1)


def test_cka_by_hand() -> None:
    """Centred columns: x (-1, 0, 1), y (1, -2, 1), orthogonal; z = both: 2 * 2 / (2 * sqrt(40))."""
    x, y = torch.tensor([[0.0], [1], [2]]), torch.tensor([[1.0], [-2], [1]])
    assert linear_cka(x, y) == pytest.approx(0, abs=1e-12)
    assert linear_cka(x, torch.cat([x, y], dim=1)) == pytest.approx(2 / math.sqrt(40))


def test_plain_cka_calls_unrelated_features_alike_and_the_debiased_form_does_not() -> None:
    plain, debiased = [], []
    for seed in range(20):
        x, y = noise(50, 200, seed=2 * seed), noise(50, 200, seed=2 * seed + 1)
        plain.append(linear_cka(x, y))
        debiased.append(linear_cka(x, y, debiased=True))
    assert min(plain) > 0.7  # 0.8 with N = 50 and D = 200
    mean = sum(debiased) / 20
    assert abs(mean) < 0.02 and min(debiased) < 0 < max(debiased) < 0.1
    x, y = noise(2000, 3), noise(2000, 3, seed=1)
    assert linear_cka(x, y) < 0.01  # with N much larger than D the bias is gone


def test_cka_survives_very_small_and_very_large_numbers() -> None:
    x, y = noise(20, 4).double(), noise(20, 3, seed=1).double()
    for scale in (1e-200, 1e200):
        assert linear_cka(scale * x, y) == pytest.approx(linear_cka(x, y))


def test_neighbours_by_hand() -> None:
    """Directions on a half circle; in the second space two of the outer ones change places."""
    degrees = torch.tensor([0.0, 10, 21, 33, 46])
    swapped = torch.tensor([0.0, 10, 21, 46, 33])
    first, second = (
        torch.stack([torch.cos(d), torch.sin(d)], dim=1)
        for d in (degrees.deg2rad(), swapped.deg2rad())
    )
    assert mutual_nearest_neighbours(first, first, 1) == 1
    # nearest: 0-1, 1-0, 2-1, 3-2, 4-3 against 0-1, 1-0, 2-1, 3-4, 4-2
    assert mutual_nearest_neighbours(first, second, 1) == pytest.approx(3 / 5)


def test_tied_neighbours_share_the_places() -> None:
    """On the axes all others tie: each is one of k = 2 of 3 with chance 2/3, twice, over 2."""
    assert mutual_nearest_neighbours(AXES, AXES, 2) == pytest.approx(3 * (2 / 3) ** 2 / 2)
    assert chance_overlap(4, 2) == pytest.approx(2 / 3)
    twins = AXES.repeat_interleave(2, dim=0)
    assert mutual_nearest_neighbours(twins, twins, 1) == 1


def test_unrelated_spaces_are_at_chance() -> None:
    found = [
        mutual_nearest_neighbours(noise(600, 20, seed=s), noise(600, 30, seed=s + 9))
        for s in (0, 1)
    ]
    assert sum(found) / 2 == pytest.approx(chance_overlap(600, 10), abs=0.006)


PAIRED: list[Callable[..., Any]] = [
    cosine_statistics,
    alignment,
    modality_gap,
    lambda x, y: shift_gap(x, y, 1),
    linear_cka,
    lambda x, y: linear_cka(x, y, debiased=True),
    lambda x, y: mutual_nearest_neighbours(x, y, 1),
]


@pytest.mark.parametrize("measure", PAIRED)
def test_unusable_clouds_are_named(measure: Callable[..., Any]) -> None:
    good = noise(6, 3)
    bad = good.clone()
    bad[2, 1] = torch.nan
    for first, second, message in (
        (good.int(), good, "must be a float tensor, got torch.int32"),
        (good, good[0], "must have 2 dimensions"),
        (good, bad, "NaN or infinite"),
        (good[:1], good[:1], "has 1 rows; this measure needs"),
        (good, good[:5], r"6.*5"),
        (good, torch.zeros(4097, 3), "has 4097 rows; .* to 4096"),
    ):
        with pytest.raises(ValueError, match=message):
            measure(first, second)


@pytest.mark.parametrize("measure", [*PAIRED[:4], PAIRED[6], lambda x, y: uniformity(y)])
def test_a_zero_row_has_no_direction(measure: Callable[..., Any]) -> None:
    zero = noise(6, 3)
    zero[4] = 0
    with pytest.raises(ValueError, match="row 4 of .* is all zeros"):
        measure(noise(6, 3), zero)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alignment(AXES, AXES, 0), "alpha=0 must be"),
        (lambda: uniformity(AXES, math.inf), "t=inf must be"),
        (lambda: uniformity(AXES, math.nan), "t=nan must be"),
        (lambda: alignment(AXES, PICTURES), r"first \(4, 4\) and second \(3, 2\)"),
        (lambda: modality_gap(AXES, AXES, swaps=0), "swaps=0"),
        (lambda: shift_gap(AXES, AXES, math.nan), "amount=nan"),
        (lambda: shift_gap(AXES, AXES, 1, vector=torch.ones(3)), r"vector has shape \(3,\)"),
        (lambda: shift_gap(torch.ones(3, 2), -torch.ones(3, 2), 1), "row of first to the origin"),
        (lambda: pca_2d(torch.ones(3, 2)), "all rows of clouds are equal"),
        (lambda: pca_2d(AXES, AXES[:, :2]), r"\[\(4, 4\), \(4, 2\)\] do not make a map"),
        (lambda: pca_2d(noise(5, 1)), "do not make a map"),
        (lambda: pca_2d(noise(1, 4), noise(1, 4)), "do not make a map"),
        (lambda: linear_cka(torch.full((5, 2), 0.1), noise(5, 2)), "all rows of x are equal"),
        (lambda: linear_cka(noise(5, 2), torch.zeros(5, 2)), "all rows of y are equal"),
        (lambda: linear_cka(AXES, noise(4, 2), debiased=True), "equally far"),
        (lambda: linear_cka(noise(3, 2), noise(3, 2), debiased=True), "3 rows; .* needs 4 to"),
        (lambda: mutual_nearest_neighbours(AXES, AXES), "k=10 must be an integer from 1 to 2"),
        (lambda: mutual_nearest_neighbours(AXES, AXES, 3), "k=3"),
        (lambda: mutual_nearest_neighbours(AXES, AXES, True), "k=True"),
        (lambda: chance_overlap(5, 5), "k=5 must be"),
        (lambda: chance_overlap(5, 0), "k=0 must be"),
    ],
)
def test_bad_values_are_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_inputs_stay_as_they_were() -> None:
    x, y = noise(30, 6), noise(30, 6, seed=1)
    before = x.clone(), y.clone()
    for measure in PAIRED:
        measure(x, y)
    uniformity(x)
    pca_2d(x, y)
    assert torch.equal(x, before[0]) and torch.equal(y, before[1])
