"""Zero-shot classification: name a picture by the caption nearest to it (Radford et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmlib.controls import binomial_interval
from mmlib.ranking import (
    Ranks,
    check_embeddings,
    check_indices,
    check_ks,
    normalize64,
    similarity_chunks,
)


@dataclass(frozen=True)
class ZeroShotReport:
    """Accuracy over the whole set, fractions in [0, 1].

    top: accuracy by k. chance: what a blind guess would score, by k. interval: 95% Wilson interval
    of top-1. per_class: top-1 (C,), NaN where a class has no picture; per_class_count (C,).
    predictions: nearest class (N,) int64 (the first of tied ones). hits: top-1 credit (N,) float64,
    fractional for ties.
    """

    top: dict[int, float]
    chance: dict[int, float]
    interval: tuple[float, float]
    per_class: Tensor
    per_class_count: Tensor
    predictions: Tensor
    hits: Tensor

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy over all pictures."""
        return float(self.hits.mean())

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of the per-class accuracies, classes without a picture left out."""
        return float(self.per_class[self.per_class_count > 0].mean())

    def rows(self) -> list[dict[str, object]]:
        """One row per k, for `mmlib.tables.Table`; values in percent."""
        return [
            {"metric": f"top-{k}", "accuracy": 100 * self.top[k], "chance": 100 * self.chance[k]}
            for k in self.top
        ]


def zero_shot_weights(text_embeddings: Sequence[Tensor] | Tensor) -> Tensor:
    """Prompt ensembling: normalise each prompt, take the mean, normalise again.

    Args:
        text_embeddings: one (P_c, D) float tensor per class (P_c may differ), or one (C, P, D).

    Returns:
        (C, D) float32, one unit vector per class.

    Raises:
        ValueError: no class, a class without a prompt, NaN, prompts that cancel out.
    """
    if len(text_embeddings) == 0:
        raise ValueError("text_embeddings is empty: give at least one class")
    means = []
    for index, prompts in enumerate(text_embeddings):
        prompts = check_embeddings(f"text_embeddings[{index}]", prompts)
        mean = normalize64(prompts).mean(dim=0)  # (D,)
        if float(mean.norm()) < 1e-9:
            raise ValueError(f"the prompts of class {index} cancel out: no direction is left")
        means.append(mean)
    widths = {mean.numel() for mean in means}
    if len(widths) > 1:
        raise ValueError(f"classes have embeddings of different widths: {sorted(widths)}")
    return normalize64(torch.stack(means)).float()


def zero_shot_accuracy(
    image_emb: Tensor,
    class_emb: Tensor,
    labels: Tensor,
    top: tuple[int, ...] = (1, 5),
    candidates: Tensor | None = None,
    chunk_size: int = 2048,
) -> ZeroShotReport:
    """Top-k accuracy of images (N, D) among classes (C, D) with labels (N,) in 0..C-1.

    `candidates` (K,) restricts the choice to these classes (for example the unseen ones); every
    label must be among them. Ties count by their expected value, so a collapsed model scores
    exactly chance.

    Raises:
        ValueError: NaN, empty input, shapes that differ, labels out of range or no candidate.
    """
    image_emb = check_embeddings("image_emb", image_emb)
    class_emb = check_embeddings("class_emb", class_emb)
    if image_emb.shape[1] != class_emb.shape[1]:
        raise ValueError(
            f"image_emb has width {image_emb.shape[1]} and class_emb {class_emb.shape[1]}"
        )
    labels = check_indices("labels", labels, len(image_emb), len(class_emb)).cpu()
    choice = _candidate_classes(candidates, labels, len(class_emb))
    position = torch.full((len(class_emb),), -1).scatter(0, choice, torch.arange(len(choice)))
    targets = position[labels]  # (N,) place of each label among the candidates
    ranks, predictions = _rank_classes(
        image_emb, class_emb[choice.to(class_emb.device)], targets, chunk_size
    )
    hits = {k: ranks.hits(k) for k in check_ks(top)}
    first = ranks.hits(1)
    blind = Ranks.of_chance(torch.ones(1, dtype=torch.long), len(choice))
    counts = torch.bincount(labels, minlength=len(class_emb))
    per_class = torch.zeros(len(class_emb), dtype=torch.float64).index_add(0, labels, first)
    return ZeroShotReport(
        top={k: float(value.mean()) for k, value in hits.items()},
        chance={k: float(blind.hits(k)) for k in hits},
        interval=binomial_interval(float(first.sum()), len(labels)),
        per_class=per_class / counts,  # 0 / 0 is NaN: no picture, no accuracy
        per_class_count=counts,
        predictions=choice[predictions],
        hits=first,
    )


def _candidate_classes(candidates: Tensor | None, labels: Tensor, classes: int) -> Tensor:
    if candidates is None:
        return torch.arange(classes)
    choice = check_indices("candidates", candidates, None, classes).cpu().unique()
    outside = labels[~torch.isin(labels, choice)]
    if len(outside):
        raise ValueError(
            f"{len(outside)} labels are not among the candidates (the first: {int(outside[0])}); "
            "drop these pictures or add their classes"
        )
    return choice


def _rank_classes(
    image_emb: Tensor, class_emb: Tensor, targets: Tensor, chunk_size: int
) -> tuple[Ranks, Tensor]:
    """Ranks of the right class and the index (N,) of the nearest one, on the CPU."""
    parts, nearest = [], []
    classes = torch.arange(len(class_emb))
    for rows, scores in similarity_chunks(image_emb, class_emb, chunk_size):
        relevant = (targets[rows, None] == classes).to(scores.device)  # (b, K)
        parts.append(Ranks.from_scores(scores, relevant))
        nearest.append((scores == scores.amax(dim=1, keepdim=True)).int().argmax(dim=1))
    return Ranks.concatenate(parts).cpu(), torch.cat(nearest).cpu()
