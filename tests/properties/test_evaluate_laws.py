"""Laws that hold for every set of embeddings."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.evaluate import (
    Ranks,
    binomial_interval,
    derangement,
    hard_negatives,
    report_by,
    retrieval,
    winoground,
    zero_shot_accuracy,
)

seeds = st.integers(0, 2**31 - 1)
laws = settings(max_examples=30, deadline=None)


def coarse(n: int, dim: int, seed: int) -> torch.Tensor:
    """Small integer vectors: many ties, some zero vectors, both kept on purpose."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 2, (n, dim), generator=generator).float()


def captions_for(images: int, extra: int, seed: int) -> torch.Tensor:
    """Every image has a caption, `extra` more go anywhere, in random order."""
    generator = torch.Generator().manual_seed(seed)
    more = torch.randint(images, (extra,), generator=generator)
    owners = torch.cat([torch.arange(images), more])
    return owners[torch.randperm(len(owners), generator=generator)]


@laws
@given(seed=seeds, images=st.integers(1, 12), extra=st.integers(0, 8))
def test_recall_grows_with_k_up_to_one(seed: int, images: int, extra: int) -> None:
    owners = captions_for(images, extra, seed)
    ks = tuple(range(1, images + extra + 2))
    report = retrieval(coarse(images, 3, seed), coarse(len(owners), 3, seed + 1), owners, ks=ks)
    for side in (report.image_to_text, report.text_to_image):
        for values in (side.recall, side.chance):
            curve = [values[k] for k in ks]
            assert all(a <= b + 1e-12 for a, b in zip(curve, curve[1:], strict=False))
            assert values[side.candidates] == pytest.approx(1.0, abs=1e-12)
            assert min(curve) >= 0
        # Each cut-off's misses add up to the mean rank (both are the same distribution).
        misses = sum(1 - side.recall[k] for k in range(1, side.candidates))
        assert side.mean_rank == pytest.approx(1 + misses, abs=1e-9)
        assert 1 / side.mean_rank - 1e-12 <= side.mrr <= 1 + 1e-12  # Jensen


@laws
@given(seed=seeds, images=st.integers(2, 10), extra=st.integers(0, 8))
def test_the_order_of_images_and_captions_does_not_matter(
    seed: int, images: int, extra: int
) -> None:
    owners = captions_for(images, extra, seed)
    image_emb, text_emb = coarse(images, 4, seed), coarse(len(owners), 4, seed + 1)
    generator = torch.Generator().manual_seed(seed)
    image_order = torch.randperm(images, generator=generator)
    text_order = torch.randperm(len(owners), generator=generator)
    place = image_order.argsort()  # new place of each old image
    before = retrieval(image_emb, text_emb, owners)
    after = retrieval(image_emb[image_order], text_emb[text_order], place[owners[text_order]])
    for a, b in [
        (before.image_to_text, after.image_to_text),
        (before.text_to_image, after.text_to_image),
    ]:
        assert a.recall == pytest.approx(b.recall, abs=1e-12)
        assert (a.median_rank, a.mrr) == pytest.approx((b.median_rank, b.mrr), abs=1e-12)
    assert torch.equal(before.image_to_text.ranks[image_order], after.image_to_text.ranks)


@laws
@given(seed=seeds, n=st.integers(2, 12), power=st.integers(-60, 60))
def test_only_the_direction_of_an_embedding_counts(seed: int, n: int, power: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image_emb, text_emb = coarse(n, 4, seed), coarse(n, 4, seed + 1)
    lengths = torch.rand(n, 1, generator=generator) + 0.5
    scaled = (image_emb.double() * lengths * 2.0**power).float()
    before, after = retrieval(image_emb, text_emb), retrieval(scaled, text_emb)
    assert before.image_to_text.recall == pytest.approx(after.image_to_text.recall, abs=1e-12)
    assert before.text_to_image.recall == pytest.approx(after.text_to_image.recall, abs=1e-12)
    wrong = text_emb.roll(1, dims=0)
    assert torch.equal(
        hard_negatives(image_emb, text_emb, wrong).hits,
        hard_negatives(scaled, text_emb, wrong).hits,
    )


@laws
@given(seed=seeds, images=st.integers(1, 10), extra=st.integers(0, 8), chunk=st.integers(1, 7))
def test_chunks_equal_the_full_matrix(seed: int, images: int, extra: int, chunk: int) -> None:
    owners = captions_for(images, extra, seed)
    image_emb, text_emb = coarse(images, 4, seed), coarse(len(owners), 4, seed + 1)
    full = retrieval(image_emb, text_emb, owners)
    chunked = retrieval(image_emb, text_emb, owners, chunk_size=chunk)
    for a, b in [
        (full.image_to_text, chunked.image_to_text),
        (full.text_to_image, chunked.text_to_image),
    ]:
        assert torch.equal(a.ranks, b.ranks)
        assert (a.recall, a.chance, a.mrr) == (b.recall, b.chance, b.mrr)
    labels = owners[: len(owners)]
    named = zero_shot_accuracy(text_emb, image_emb, labels)
    parts = zero_shot_accuracy(text_emb, image_emb, labels, chunk_size=chunk)
    assert torch.equal(named.hits, parts.hits) and torch.equal(named.predictions, parts.predictions)


@laws
@given(seed=seeds, n=st.integers(1, 20), dim=st.integers(1, 40))
def test_equal_features_score_chance(seed: int, n: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image_emb = torch.randn(1, dim, generator=generator).expand(n, dim)
    text_emb = torch.randn(1, dim, generator=generator).expand(n, dim)
    report = retrieval(image_emb, text_emb)
    assert report.image_to_text.recall == pytest.approx(report.image_to_text.chance, abs=1e-12)
    assert report.image_to_text.chance == pytest.approx(
        {k: min(1.0, k / n) for k in (1, 5, 10)}, abs=1e-12
    )
    named = zero_shot_accuracy(image_emb, text_emb, torch.arange(n))
    assert named.top == pytest.approx(named.chance, abs=1e-12)


@laws
@given(seed=seeds, n=st.integers(2, 24), extra=st.integers(0, 10))
def test_a_perfect_diagonal_scores_everything(seed: int, n: int, extra: int) -> None:
    owners = captions_for(n, extra, seed)
    image_emb = torch.eye(n)
    report = retrieval(image_emb, image_emb[owners], owners)
    for side in (report.image_to_text, report.text_to_image):
        assert side.recall == {1: 1.0, 5: 1.0, 10: 1.0}
        assert (side.median_rank, side.mrr) == (1.0, 1.0)
    pairs = torch.eye(2).expand(n, 2, 2)
    assert winoground(pairs, pairs).group == pytest.approx(1.0)
    negatives = image_emb[derangement(n, torch.Generator().manual_seed(seed))]
    assert hard_negatives(image_emb, image_emb, negatives).accuracy == 1.0


@laws
@given(seed=seeds, n=st.integers(1, 30), classes=st.integers(1, 8))
def test_reports_add_up(seed: int, n: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    report = zero_shot_accuracy(coarse(n, 3, seed), coarse(classes, 3, seed + 1), labels)
    shares = report.per_class_count.double() / n
    assert float((report.per_class.nan_to_num() * shares).sum()) == pytest.approx(report.accuracy)
    rows = report_by(report.hits, labels)
    assert sum(row.n for row in rows) == n
    for row in rows:
        assert row.accuracy == pytest.approx(float(report.per_class[int(row.group)]))
        assert 0 <= row.low <= row.accuracy <= row.high <= 1


@laws
@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_the_interval_holds_its_share_and_mirrors(n: int, share: float) -> None:
    low, high = binomial_interval(share * n, n)
    assert 0 <= low <= share * (1 + 1e-12) and share <= high + 1e-12 and high <= 1
    assert binomial_interval(n - share * n, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    wide = binomial_interval(share * n, n, z=3.0)
    assert wide[0] <= low + 1e-12 and high <= wide[1] + 1e-12


@laws
@given(better=st.integers(0, 6), wrong=st.integers(0, 6), right=st.integers(1, 4))
def test_the_distribution_of_a_rank_is_one_distribution(
    better: int, wrong: int, right: int
) -> None:
    ranks = Ranks(*(torch.tensor([value]) for value in (better, wrong, right)))
    last = better + wrong + 1
    cumulative = [float(ranks.hits(k)) for k in range(1, last + 1)]
    mass = [b - a for a, b in zip([0.0, *cumulative], cumulative, strict=False)]
    assert cumulative[-1] == pytest.approx(1.0)
    mean = sum(rank * p for rank, p in enumerate(mass, start=1))
    reciprocal = sum(p / rank for rank, p in enumerate(mass, start=1))
    assert float(ranks.mean_rank()) == pytest.approx(mean)
    assert float(ranks.reciprocal_rank()) == pytest.approx(reciprocal)
