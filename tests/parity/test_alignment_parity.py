"""Alignment measures and rank correlations against scikit-learn, SciPy and the papers' formulas.

The references are written in another form than the package uses: loops for what it does with
matrices, features for Gram matrices, Gram matrices for features.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestCentroid, NearestNeighbors
from torch import Tensor

from mmlib.alignment import (
    alignment,
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


def clouds(seed: int, rows: int = 60, first: int = 7, second: int = 7) -> tuple[Tensor, Tensor]:
    """Two related clouds with offsets: (rows, first) and (rows, second)."""
    generator = make_generator(seed)
    shared = torch.randn(rows, max(first, second), generator=generator)
    x = shared + 0.8 * torch.randn(shared.shape, generator=generator) + 0.5
    y = shared + 0.8 * torch.randn(shared.shape, generator=generator) - 0.3
    return x[:, :first], y[:, :second]


def unit(x: Tensor) -> np.ndarray:
    rows = x.double().numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_cosines_alignment_and_uniformity_by_loops(seed: int) -> None:
    x, y = clouds(seed)
    a, b = unit(x), unit(y)
    n = len(a)
    matching = [a[i] @ b[i] for i in range(n)]
    other = [a[i] @ b[j] for i in range(n) for j in range(n) if i != j]
    within = [[c[i] @ c[j] for i in range(n) for j in range(i)] for c in (a, b)]
    found = cosine_statistics(x, y)
    for spread, values in (
        (found.matching, matching),
        (found.other, other),
        (found.first, within[0]),
        (found.second, within[1]),
    ):
        assert spread.mean == pytest.approx(np.mean(values), abs=1e-8)
        assert spread.std == pytest.approx(np.std(values), abs=1e-8)
    labels = [1] * n + [0] * len(other)
    assert found.auc == pytest.approx(roc_auc_score(labels, matching + other), abs=1e-6)
    for alpha in (1, 2, 3.5):
        distances = [np.sum((a[i] - b[i]) ** 2) ** (alpha / 2) for i in range(n)]
        assert alignment(x, y, alpha) == pytest.approx(np.mean(distances))
    for t in (0.5, 2, 5):
        potentials = [np.exp(-t * (2 - 2 * cosine)) for cosine in within[0]]
        assert uniformity(x, t) == pytest.approx(np.log(np.mean(potentials)))


@pytest.mark.parametrize("seed", range(3))
def test_the_gap_is_that_of_nearest_centroids(seed: int) -> None:
    x, y = clouds(seed)
    a, b = unit(x), unit(y)
    found = modality_gap(x, y)
    np.testing.assert_allclose(found.vector.numpy(), a.mean(0) - b.mean(0), atol=1e-12)
    assert found.length == pytest.approx(np.linalg.norm(a.mean(0) - b.mean(0)))
    rows, labels = np.concatenate([a, b]), np.repeat([0, 1], len(a))
    rule = NearestCentroid().fit(rows, labels)
    assert found.accuracy == pytest.approx(rule.score(rows, labels))
    assert found.chance < found.accuracy
    for amount in (-1, 0.4, 1):
        moved = shift_gap(x.double(), y.double(), amount)
        for cloud, side, sign in zip(moved, (a, b), (-1, 1), strict=True):
            wanted = side + sign * 0.5 * amount * (a.mean(0) - b.mean(0))
            wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
            np.testing.assert_allclose(cloud.numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize(("rows", "first", "second"), [(60, 7, 4), (12, 30, 50)])
def test_cka_from_features_as_in_kornblith(rows: int, first: int, second: int) -> None:
    """The package uses Gram matrices; here norms of the cross-products of centred features."""
    x, y = clouds(rows, rows, first, second)
    a, b = (z.double().numpy() - z.double().numpy().mean(0) for z in (x, y))
    wanted = np.linalg.norm(a.T @ b) ** 2
    wanted /= np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    assert linear_cka(x, y) == pytest.approx(wanted)


def song_hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Unbiased HSIC, equation 5 of Song et al. (2012)."""
    n = len(k)
    k, m, one = k - np.diag(np.diag(k)), m - np.diag(np.diag(m)), np.ones(len(k))
    whole = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return (whole - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3))


@pytest.mark.parametrize(("rows", "first", "second"), [(60, 7, 4), (12, 30, 50), (4, 3, 3)])
def test_debiased_cka_as_in_song(rows: int, first: int, second: int) -> None:
    x, y = clouds(rows, rows, first, second)
    k, m = (z.double().numpy() @ z.double().numpy().T for z in (x, y))
    wanted = song_hsic(k, m) / np.sqrt(song_hsic(k, k) * song_hsic(m, m))
    assert linear_cka(x, y, debiased=True) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_mutual_neighbours_of_scikit_learn(k: int) -> None:
    x, y = clouds(k, 700, 7, 5)  # more rows than a chunk has
    sets = []
    for cloud in (unit(x), unit(y)):
        search = NearestNeighbors(n_neighbors=k, metric="cosine").fit(cloud)
        sets.append(search.kneighbors(return_distance=False))  # without the row itself
    shared = [len(set(a) & set(b)) / k for a, b in zip(*sets, strict=True)]
    assert 0 < np.mean(shared) < 1
    assert mutual_nearest_neighbours(x, y, k) == pytest.approx(np.mean(shared), abs=1e-9)


def test_the_map_of_scikit_learn() -> None:
    x, y = clouds(5)
    rows = torch.cat([x, y]).double().numpy()
    theirs = PCA(2, svd_solver="full").fit(rows)
    ours = pca_2d(x, y)
    assert ours.explained == pytest.approx(tuple(theirs.explained_variance_ratio_))
    placed, wanted = torch.cat(list(ours)).numpy(), theirs.transform(rows)
    signs = np.sign((placed * wanted).sum(axis=0))  # an axis has no direction of its own
    np.testing.assert_allclose(placed, wanted * signs, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_rank_correlations_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, size=(2, 25))  # many ties
    np.testing.assert_array_equal(average_ranks(x), scipy.stats.rankdata(x))
    assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_exact_p_of_scipy(alternative: str) -> None:
    x, y = [13, 11, 13, 11, 10], [5.0, 3.5, 4.0, 4.0, 3.6]
    theirs = scipy.stats.permutation_test(
        (y,),
        lambda drawn: scipy.stats.spearmanr(x, drawn).statistic,
        permutation_type="pairings",
        alternative=alternative,
        n_resamples=np.inf,
    )
    assert permutation_p(x, y, alternative=alternative) == pytest.approx(theirs.pvalue)
