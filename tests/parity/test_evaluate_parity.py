"""Against independent implementations: brute force over all orders, open_clip, scikit-learn."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import open_clip
import pytest
import torch
from open_clip_train.train import get_clip_metrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import top_k_accuracy_score
from sklearn.preprocessing import StandardScaler

from mmlib.evaluate import linear_probe, retrieval, winoground, zero_shot_accuracy
from mmlib.zeroshot import zero_shot_weights


def unit(n: int, dim: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, dim, generator=generator), dim=-1)


def brute_force(scores: np.ndarray, relevant: np.ndarray, k: int) -> tuple[float, float, float]:
    """Recall@k, mean rank and MRR averaged over every order of the candidates, ties included."""
    recall, rank, reciprocal = [], [], []
    for row, right in zip(scores, relevant, strict=True):
        for order in permutations(range(len(row))):
            ranked = sorted(range(len(row)), key=lambda i: (-row[i], order[i]))
            first = next(place for place, i in enumerate(ranked, start=1) if right[i])
            recall.append(first <= k)
            rank.append(first)
            reciprocal.append(1 / first)
    return float(np.mean(recall)), float(np.mean(rank)), float(np.mean(reciprocal))


@pytest.mark.parametrize("seed", range(6))
def test_ties_against_every_order_of_the_candidates(seed: int) -> None:
    random = np.random.default_rng(seed)
    image_emb = random.choice([1.0, -1.0], (3, 3))  # vectors of equal length: cosines tie often
    text_emb = random.choice([1.0, -1.0], (6, 3))
    owners = np.concatenate([np.arange(3), random.integers(0, 3, 3)])
    scores = image_emb @ text_emb.T
    relevant = owners[None] == np.arange(3)[:, None]
    for k in (1, 2, 4):
        report = retrieval(
            torch.tensor(image_emb), torch.tensor(text_emb), torch.tensor(owners), ks=(k,)
        )
        for side, table, mask in [
            (report.image_to_text, scores, relevant),
            (report.text_to_image, scores.T, relevant.T),
        ]:
            recall, rank, reciprocal = brute_force(table, mask, k)
            assert side.recall[k] == pytest.approx(recall, abs=1e-12)
            assert side.mean_rank == pytest.approx(rank, abs=1e-12)
            assert side.mrr == pytest.approx(reciprocal, abs=1e-12)
            chance, _, _ = brute_force(np.zeros_like(table), mask, k)
            assert side.chance[k] == pytest.approx(chance, abs=1e-12)


def test_retrieval_against_open_clip() -> None:
    image_emb = unit(150, 12, 0)
    text_emb = image_emb + 1.2 * unit(150, 12, 1)
    ours = retrieval(image_emb, text_emb, chunk_size=64)
    theirs = get_clip_metrics(
        image_emb, torch.nn.functional.normalize(text_emb, dim=-1), torch.tensor(100.0)
    )
    for side, name in [
        (ours.image_to_text, "image_to_text"),
        (ours.text_to_image, "text_to_image"),
    ]:
        for k in (1, 5, 10):
            assert side.recall[k] == pytest.approx(float(theirs[f"{name}_R@{k}"]), abs=1e-12)
        assert side.mean_rank == pytest.approx(float(theirs[f"{name}_mean_rank"]))
        # open_clip rounds a median that falls between two ranks down.
        assert np.floor(side.median_rank) == theirs[f"{name}_median_rank"]
    assert 0.2 < ours.image_to_text.recall[1] < 0.95  # a case in which the metrics can differ


def test_zero_shot_against_scikit_learn() -> None:
    class_emb, labels = unit(40, 10, 2), torch.arange(200) % 40
    image_emb = class_emb[labels] + 0.9 * unit(200, 10, 3)
    report = zero_shot_accuracy(image_emb, class_emb, labels, top=(1, 5))
    logits = image_emb @ class_emb.T
    for k in (1, 5):
        expected = top_k_accuracy_score(labels.numpy(), logits.numpy(), k=k)
        assert report.top[k] == pytest.approx(expected)
    assert torch.equal(report.predictions, logits.argmax(dim=1))


class TableModel(torch.nn.Module):
    """Stands in for a model in open_clip's classifier builder: tokens are rows of a table."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = table

    def encode_text(self, tokens: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        rows = self.table[tokens]
        return torch.nn.functional.normalize(rows, dim=-1) if normalize else rows


def test_prompt_ensembling_against_open_clip() -> None:
    classes, prompts, dim = 7, 3, 9
    lengths = torch.rand(classes * prompts, 1, generator=torch.Generator().manual_seed(5)) + 0.1
    table = unit(classes * prompts, dim, 4) * lengths
    templates = [lambda name, i=i: f"{name},{i}" for i in range(prompts)]

    def tokenizer(texts: list[str]) -> torch.Tensor:
        pairs = [text.split(",") for text in texts]
        return torch.tensor([int(name) * prompts + int(i) for name, i in pairs])

    theirs = open_clip.build_zero_shot_classifier(
        TableModel(table), tokenizer, [str(c) for c in range(classes)], templates
    )  # (D, C)
    ours = zero_shot_weights(table.view(classes, prompts, dim))
    assert torch.allclose(ours, theirs.T, atol=1e-6)


def test_winoground_against_the_published_definition() -> None:
    texts = unit(300, 5, 6).view(150, 2, 5)
    images = torch.nn.functional.normalize(texts + 0.8 * unit(300, 5, 7).view(150, 2, 5), dim=-1)
    c, i = texts.double().numpy(), images.double().numpy()
    s = np.einsum("ncd,nid->nci", c, i)  # caption, image
    text = (s[:, 0, 0] > s[:, 1, 0]) & (s[:, 1, 1] > s[:, 0, 1])
    image = (s[:, 0, 0] > s[:, 0, 1]) & (s[:, 1, 1] > s[:, 1, 0])
    score = winoground(images, texts)
    expected = (text.mean(), image.mean(), (text & image).mean())
    assert (score.text, score.image, score.group) == pytest.approx(expected)
    assert score.text != score.image or score.group < score.text


@pytest.mark.parametrize("standardize", [False, True])
def test_linear_probe_against_scikit_learn(standardize: bool) -> None:
    labels = torch.arange(240) % 5
    x = (unit(5, 8, 8)[labels] + 0.7 * unit(240, 8, 9)).double() * torch.logspace(-0.5, 0.5, 8)
    l2 = 1e-2
    ours = linear_probe(
        x[:180],
        labels[:180],
        x[180:],
        labels[180:],
        l2,
        standardize=standardize,
        max_iter=2000,
        tolerance=1e-8,
    )
    scaler = StandardScaler(with_mean=standardize, with_std=standardize).fit(x[:180].numpy())
    train, test = scaler.transform(x[:180].numpy()), scaler.transform(x[180:].numpy())
    theirs = LogisticRegression(C=1 / (l2 * 180), tol=1e-10, max_iter=5000)
    theirs.fit(train, labels[:180].numpy())
    assert ours.converged
    ours_scores = ours.logits(x[180:]).numpy()
    theirs_scores = theirs.decision_function(test)
    centred = ours_scores - ours_scores.mean(axis=1, keepdims=True)
    assert np.allclose(
        centred, theirs_scores - theirs_scores.mean(axis=1, keepdims=True), atol=1e-5
    )
    assert ours.test_accuracy == pytest.approx(theirs.score(test, labels[180:].numpy()))
