"""Experiments on object size: a head at every place, accuracy by side, and a search in scenes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.data.sized import SizedPictures
from mmlib.encoder_lab import Classifier, accuracy
from mmlib.encoders import ImageEncoder
from mmlib.encoders.multiscale import MultiScaleVisualEncoder, SpatialAttention
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


class PlaceClassifier(Classifier):
    """A detector's reading: one small head at every place of every level, the surest places count.

    The head (ReLU, one linear layer) is shared by all levels. A soft maximum, the log of the mean
    of exponentials, goes over the places of each level and then over the levels (Pinheiro &
    Collobert 2015).
    """

    encoder: MultiScaleVisualEncoder

    def __init__(
        self, encoder: ImageEncoder, classes: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(encoder, classes, generator)
        self.head = nn.Linear(self.encoder.projection.in_features, classes)
        nn.init.normal_(self.head.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.head.bias)

    def class_maps(self, images: Tensor) -> list[Tensor]:
        """What each place of each level says: [(B, classes, h, w), ...], fine to coarse."""
        levels = self.encoder.feature_maps(images)  # [(B, C, h, w), ...]
        return [self.head(F.relu(level).movedim(1, -1)).movedim(-1, 1) for level in levels]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes)."""
        by_level = [soft_maximum(m.flatten(2)) for m in self.class_maps(images)]
        return soft_maximum(torch.stack(by_level, dim=-1))


def soft_maximum(values: Tensor) -> Tensor:
    """Log of the mean of exponentials over the last dimension: (..., N) -> (...)."""
    return values.logsumexp(dim=-1) - math.log(values.shape[-1])


def accuracy_by_side(
    models: Mapping[str, Sequence[nn.Module]], data: SizedPictures
) -> dict[str, list[list[float]]]:
    """Percent right for each model and each side of the object: {name: (seeds, sides)}."""
    parts = [data.of_side(side) for side in data.sides]
    return {
        name: [[accuracy(model, part.images, part.labels) for part in parts] for model in runs]
        for name, runs in models.items()
    }


def search_map(model: PooledClassifier | PlaceClassifier, scenes: SizedPictures) -> Tensor:
    """How much each pixel looks like the wanted object: (N, H, W), any scale.

    The class maps of the scene's label, each level enlarged to the picture; the largest counts.
    """
    size = scenes.images.shape[-2:]
    found = []
    with evaluating(model):
        rows = torch.arange(len(scenes), device=scenes.labels.device)
        for part in rows.split(64):
            maps = model.class_maps(scenes.images[part].float() / 255)
            wanted = [m[range(len(part)), scenes.labels[part]][:, None] for m in maps]
            large = [F.interpolate(m, size, mode="bilinear") for m in wanted]  # (n, 1, H, W)
            found.append(torch.cat(large, dim=1).amax(dim=1))
    return torch.cat(found)


def pointing_game(maps: Tensor, scenes: SizedPictures, margin: int = 0) -> float:
    """Percent of maps (N, H, W) whose highest pixel lies in the object's box (Zhang et al. 2018).

    `margin` widens the box, in pixels. Raises ValueError when it is negative.
    """
    if margin < 0:
        raise ValueError(f"margin must be 0 px or more, got {margin}")
    best = maps.flatten(1).argmax(dim=1)  # (N,)
    row, column = best // maps.shape[-1], best % maps.shape[-1]
    top, left, side = scenes.boxes.T
    inside = (row >= top - margin) & (row < top + side + margin)
    inside &= (column >= left - margin) & (column < left + side + margin)
    return 100 * float(inside.float().mean())


def pointing_luck(scenes: SizedPictures, margin: int = 0) -> float:
    """What pointing at a random pixel gives, in percent: the share of the picture in the boxes."""
    height, width = scenes.images.shape[-2:]
    top, left, side = scenes.boxes.T
    high = (top + side + margin).clamp(max=height) - (top - margin).clamp(min=0)
    wide = (left + side + margin).clamp(max=width) - (left - margin).clamp(min=0)
    return 100 * float((high * wide).float().mean()) / (height * width)


def box_masks(data: SizedPictures) -> Tensor:
    """Where the object's box is: bool (N, H, W)."""
    height, width = data.images.shape[-2:]
    top, left, side = (values[:, None, None] for values in data.boxes.T)
    rows = torch.arange(height, device=data.boxes.device)[:, None]
    columns = torch.arange(width, device=data.boxes.device)
    return (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)


def spatial_gates(encoder: MultiScaleVisualEncoder, images: Tensor) -> Tensor:
    """The spatial gate of each picture, enlarged to its size: (B, H, W), between 0 and 1.

    Raises ValueError when the encoder has no spatial attention.
    """
    attention = encoder.attention
    if not isinstance(attention.spatial, SpatialAttention):
        raise ValueError("the encoder has no spatial attention: build it with 'spatial' in use")
    with evaluating(encoder):
        fused = encoder.fusion(encoder.feature_maps(images))  # (B, C, h, w)
        gate = attention.spatial.gate(attention.channel(fused))  # (B, 1, h, w)
    return F.interpolate(gate, images.shape[-2:], mode="bilinear")[:, 0]
