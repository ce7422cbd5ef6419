"""Image-text retrieval with several captions per image, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmlib.ranking import Ranks, check_embeddings, check_indices, check_ks, similarity_chunks


@dataclass(frozen=True)
class RetrievalDirection:
    """One direction, over all queries. Fractions in [0, 1], ranks from 1.

    recall: by k, the share of queries with a right answer among the first k. chance: the same for
    a model that sees nothing. mrr: mean reciprocal rank of the best right answer. ranks: (Q,)
    float64, expected rank when ties are shuffled.
    """

    recall: dict[int, float]
    chance: dict[int, float]
    median_rank: float
    mean_rank: float
    mrr: float
    candidates: int
    ranks: Tensor

    @property
    def queries(self) -> int:
        """How many queries were asked."""
        return len(self.ranks)


@dataclass(frozen=True)
class RetrievalReport:
    """Both directions of `retrieval`."""

    image_to_text: RetrievalDirection
    text_to_image: RetrievalDirection

    def rows(self) -> list[dict[str, object]]:
        """One row per direction, for `mmlib.tables.Table`; recall in percent."""
        named = [("image to text", self.image_to_text), ("text to image", self.text_to_image)]
        rows: list[dict[str, object]] = []
        for name, side in named:
            row: dict[str, object] = {"direction": name}
            row.update({f"R@{k}": 100 * value for k, value in side.recall.items()})
            smallest = min(side.chance)
            row[f"chance R@{smallest}"] = 100 * side.chance[smallest]
            row.update({"median rank": side.median_rank, "MRR (%)": 100 * side.mrr})
            rows.append(row)
        return rows


def retrieval(
    image_emb: Tensor,
    text_emb: Tensor,
    image_of_text: Tensor | None = None,
    *,
    image_groups: Tensor | None = None,
    ks: tuple[int, ...] = (1, 5, 10),
    chunk_size: int = 1024,
) -> RetrievalReport:
    """Retrieval among images (N, D) and captions (T, D); any length of vector, only angles count.

    Args:
        image_emb: (N, D) float.
        text_emb: (T, D) float.
        image_of_text: (T,) int64, the image that each caption was written for. None: caption i
            belongs to image i (then T must be N).
        image_groups: (N,) int64. Images of one group are equally right for each other's captions
            (two pictures of the same thing). None: every image is its own group.
        ks: the cut-offs of recall.
        chunk_size: queries compared at once; changes memory, never the result.

    Several right answers: the best one counts. Ties count by their expected value.

    Raises:
        ValueError: NaN, empty input, shapes that differ, an index out of range, an image that has
            no caption.
    """
    image_emb = check_embeddings("image_emb", image_emb)
    text_emb = check_embeddings("text_emb", text_emb)
    if image_emb.shape[1] != text_emb.shape[1]:
        raise ValueError(
            f"image_emb has width {image_emb.shape[1]} and text_emb {text_emb.shape[1]}"
        )
    images, texts = len(image_emb), len(text_emb)
    if image_of_text is None:
        if images != texts:
            raise ValueError(f"{images} images but {texts} captions: give image_of_text")
        image_of_text = torch.arange(images)
    image_of_text = check_indices("image_of_text", image_of_text, texts, images).cpu()
    groups = torch.arange(images)
    if image_groups is not None:
        groups = check_indices("image_groups", image_groups, images, torch.iinfo(torch.long).max)
        groups = groups.cpu()
    text_groups = groups[image_of_text]
    alone = (~torch.isin(groups, text_groups)).nonzero()
    if len(alone):
        raise ValueError(f"image {int(alone[0])} has no caption ({len(alone)} such images)")
    return RetrievalReport(
        _direction(image_emb, text_emb, groups, text_groups, check_ks(ks), chunk_size),
        _direction(text_emb, image_emb, text_groups, groups, check_ks(ks), chunk_size),
    )


def _direction(
    queries: Tensor,
    candidates: Tensor,
    query_groups: Tensor,
    candidate_groups: Tensor,
    ks: tuple[int, ...],
    chunk_size: int,
) -> RetrievalDirection:
    parts, right = [], []
    for rows, scores in similarity_chunks(queries, candidates, chunk_size):
        relevant = query_groups[rows, None] == candidate_groups  # (b, C)
        right.append(relevant.sum(dim=1))
        parts.append(Ranks.from_scores(scores, relevant.to(scores.device)))
    ranks = Ranks.concatenate(parts).cpu()
    blind = Ranks.of_chance(torch.cat(right), len(candidates))
    expected = ranks.mean_rank()
    return RetrievalDirection(
        recall={k: float(ranks.hits(k).mean()) for k in ks},
        chance={k: float(blind.hits(k).mean()) for k in ks},
        median_rank=float(expected.quantile(0.5)),
        mean_rank=float(expected.mean()),
        mrr=float(ranks.reciprocal_rank().mean()),
        candidates=len(candidates),
        ranks=expected,
    )
