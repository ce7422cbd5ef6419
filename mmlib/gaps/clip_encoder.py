"""A clip as a picture encoder sees it, with the order of its frames or without."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmlib.encoders import CNNVisualEncoder
from mmlib.layers import check_choice, check_positive

ORDERS = ("ordered", "bag")


class ClipEncoder(nn.Module):
    """Clips (B, t, 3, H, W) in [0, 1] -> features (B, feature_dim), t is T or 1.

    A small CNN sees each frame by itself; ``ordered`` concatenates the T frame features, ``bag``
    puts their mean in all T places, so that both have equally many parameters and only the first
    knows the order. A clip of one frame counts as T equal frames.
    Raises ValueError for an unknown order, and for another number of frames.
    """

    def __init__(
        self, frames: int, order: str = "ordered", *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        check_choice("order", order, ORDERS)
        check_positive(frames=frames)
        self.frames, self.order, self.feature_dim = frames, order, 128
        self.image = CNNVisualEncoder(
            "tiny", stem=16, widths=(32, 64), depths=(1, 1), pooling="grid", generator=generator
        )
        self.time = nn.Linear(frames * self.image.feature_dim, self.feature_dim)
        nn.init.kaiming_normal_(self.time.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(self.time.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """Clips (B, t, 3, H, W) -> features (B, feature_dim)."""
        if clips.ndim != 5 or clips.shape[1] not in (1, self.frames):
            raise ValueError(
                f"clips must be (B, {self.frames}, 3, H, W) or have 1 frame, got "
                f"{tuple(clips.shape)}"
            )
        x = self.image(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])  # (B, t, C)
        if self.order == "bag":
            x = x.mean(dim=1, keepdim=True)  # (B, 1, C)
        return self.time(x.expand(-1, self.frames, -1).flatten(1)).relu()
