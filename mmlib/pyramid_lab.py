"""Experiments on object size: a head at every place, accuracy by side, and a search in scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.data.pictures import Labelled
from mmlib.data.sized import SizedPictures
from mmlib.encoder_lab import Classifier, accuracy
from mmlib.encoders.multiscale import MultiScaleVisualEncoder, SpatialAttention
from mmlib.encoders.pyramid import enlarge
from mmlib.evaluate import evaluating


class PooledClassifier(Classifier):
    """The article's reading: one fused map, averaged over its places, then one linear layer."""

    encoder: MultiScaleVisualEncoder

    def class_maps(self, images: Tensor) -> list[Tensor]:
        """What each place of the fused map says: [(B, classes, h, w)], averaging to the logits.

        The class activation map of Zhou et al. (2016): the mean over places and the linear layers
        may change places.
        """
        fused = self.encoder.fused_map(images)  # (B, C, h, w)
        features = self.encoder.projection(fused.movedim(1, -1))  # (B, h, w, D)
        return [self.head(features).movedim(-1, 1)]  # (B, classes, h, w)


class PeakClassifier(Classifier):
    """A reading that asks every place of every level: the best answer counts, not the average.

    The projection and a ReLU work at each place; each feature is the largest over all places of
    all levels. A small object counts as much as a large one. The encoder's fusion and attention
    are neither run nor trained.
    """

    encoder: MultiScaleVisualEncoder

    def place_features(self, images: Tensor) -> list[Tensor]:
        """Features of each place of each level: [(B, h, w, D), ...], fine to coarse."""
        levels = self.encoder.feature_maps(images)  # [(B, C, h, w), ...]
        return [F.relu(self.encoder.projection(level.movedim(1, -1))) for level in levels]

    def class_maps(self, images: Tensor) -> list[Tensor]:
        """What the head says of each place alone: [(B, classes, h, w), ...], fine to coarse."""
        return [self.head(features).movedim(-1, 1) for features in self.place_features(images)]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes)."""
        peaks = [features.amax(dim=(1, 2)) for features in self.place_features(images)]  # (B, D)
        return self.head(torch.stack(peaks).amax(dim=0))


def accuracy_by_side(
    models: Mapping[str, Sequence[nn.Module]], data: SizedPictures
) -> dict[str, list[list[float]]]:
    """Percent right of each model at each side of the object: {name: [one list a seed]}.

    The sides go from small to large, as in `data.sides`.
    """
    parts = [data.of_side(side) for side in data.sides]
    return {
        name: [[accuracy(model, part.images, part.labels) for part in parts] for model in runs]
        for name, runs in models.items()
    }


def search_map(model: PooledClassifier | PeakClassifier, scenes: Labelled) -> Tensor:
    """How much each pixel looks like the wanted object: (N, H, W), any scale.

    The class maps of the scene's label, each level enlarged to the picture; the largest counts.
    Raises ValueError when the model was made for another number of classes.
    """
    size = scenes.images.shape[-2:]
    found = []
    with evaluating(model):
        rows = torch.arange(len(scenes), device=scenes.labels.device)
        for part in rows.split(64):
            maps = model.class_maps(scenes.images[part].float() / 255)
            if maps[0].shape[1] != scenes.classes:
                raise ValueError(
                    f"the model knows {maps[0].shape[1]} classes, the scenes have "
                    f"{scenes.classes}: make both with the same icons"
                )
            wanted = [m[rows[: len(part)], scenes.labels[part]][:, None] for m in maps]
            large = torch.cat([enlarge(m, size) for m in wanted], dim=1)  # (n, levels, H, W)
            found.append(large.amax(dim=1))
    return torch.cat(found)


def pointing_game(maps: Tensor, scenes: SizedPictures, margin: int = 0) -> float:
    """Percent of maps (N, H, W) whose highest pixel lies in the object's box (Zhang et al. 2018).

    `margin` widens the box on each side, in pixels. Pixels that tie for the highest share the hit,
    so that a map that says nothing scores what luck does.
    Raises ValueError for a negative margin, and for maps of another shape or with NaN.
    """
    inside = box_masks(scenes, margin)
    if maps.shape != inside.shape or maps.isnan().any():
        raise ValueError(
            f"maps {tuple(maps.shape)} must be numbers, one for each pixel of the scenes "
            f"{tuple(inside.shape)}"
        )
    best = maps == maps.amax(dim=(1, 2), keepdim=True)  # (N, H, W)
    hits = (best & inside).sum(dim=(1, 2)) / best.sum(dim=(1, 2))  # (N,)
    return 100 * hits.double().mean().item()


def pointing_luck(scenes: SizedPictures, margin: int = 0) -> float:
    """What pointing at a random pixel gives, in percent: the share of the picture in the boxes.

    Raises ValueError for a negative margin.
    """
    inside = box_masks(scenes, margin)
    return 100 * inside.sum().item() / inside.numel()


def box_masks(data: SizedPictures, margin: int = 0) -> Tensor:
    """Where the object's box is, widened by `margin` pixels on each side: bool (N, H, W).

    Raises ValueError for a negative margin.
    """
    if margin < 0:
        raise ValueError(f"margin={margin} px must be 0 or more")
    pixel = torch.arange(data.images.shape[-1], device=data.boxes.device)
    start = data.boxes[:, :2, None]  # (N, 2, 1): first row, first column
    stop = start + data.boxes[:, 2, None, None]
    rows, columns = ((pixel >= start - margin) & (pixel < stop + margin)).unbind(dim=1)  # (N, S)
    return rows[:, :, None] & columns[:, None, :]


def spatial_gates(encoder: MultiScaleVisualEncoder, images: Tensor) -> Tensor:
    """The spatial gate of each picture, enlarged to its size: (B, H, W), between 0 and 1.

    Raises ValueError when the encoder has no spatial attention.
    """
    attention = encoder.attention
    if not isinstance(attention.spatial, SpatialAttention):
        raise ValueError(
            "the encoder has no spatial attention: name 'spatial' in its argument `attention`"
        )
    with evaluating(encoder):
        fused = encoder.fusion(encoder.feature_maps(images))  # (B, C, h, w)
        gate = attention.spatial.gate(attention.channel(fused))  # (B, 1, h, w)
    return enlarge(gate, images.shape[-2:])[:, 0]
