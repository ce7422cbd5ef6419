"""A convolutional network and a vision transformer side by side, their features fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.encoders.base import ImageEncoder, named_or_ready
from mmlib.encoders.cnn import CNNVisualEncoder
from mmlib.encoders.vit import VisionTransformerEncoder
from mmlib.layers import check_choice, check_positive

BRANCHES = {"cnn": "cnn_encoder", "vit": "vit_encoder"}


@dataclass(frozen=True)
class HybridConfig:
    """All that rebuilds a hybrid without its weights: `HybridVisualEncoder(**asdict(config))`.

    `cnn_options` and `vit_options` are the complete configs of the branches.
    """

    hidden_dim: int = 1024
    feature_dim: int = 512
    dropout: float = 0.1
    cnn_options: Mapping[str, Any] = field(default_factory=dict)
    vit_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_positive(hidden_dim=self.hidden_dim, feature_dim=self.feature_dim)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout!r} must be 0 or more and below 1")


class HybridVisualEncoder(ImageEncoder):
    """Both branches see the picture, a small MLP fuses: (B, 3, H, W) -> (B, feature_dim).

    A gradient reaches both branches, unless `freeze` says otherwise. Each branch takes pictures
    in [0, 1] and normalises with its own constants, so the hybrid's own are 0 and 1.

    Args:
        cnn_model: name for `CNNVisualEncoder`, or a ready encoder (any that keeps the contract).
        vit_model: name for `VisionTransformerEncoder`, or a ready encoder.
        pretrained: load trained weights into both branches. For one of them only, put
            `{"pretrained": True}` into its options.
        hidden_dim: width of the fusion's hidden layer.
        feature_dim: length of the fused feature.
        dropout: share of hidden values dropped while training, in [0, 1). Above 0 it draws from
            torch's global state, as `nn.Dropout` does: use 0 where a run must repeat bit by bit.
        cnn_options: further arguments of `CNNVisualEncoder`, such as `{"norm": "group"}`.
        vit_options: further arguments of `VisionTransformerEncoder`.
        generator: draws the weights of the branches and of the fusion, one after the other.

    Raises:
        ValueError: a size or share out of range, options or `pretrained` for a ready encoder, one
            encoder for both branches, or what the branches raise.
        TypeError: a branch that is neither a name nor an encoder.
    """

    def __init__(
        self,
        cnn_model: str | ImageEncoder = "tiny",
        vit_model: str | ImageEncoder = "tiny",
        pretrained: bool = False,
        *,
        hidden_dim: int = 1024,
        feature_dim: int = 512,
        dropout: float = 0.1,
        cnn_options: Mapping[str, Any] | None = None,
        vit_options: Mapping[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self._sizes = HybridConfig(hidden_dim, feature_dim, dropout)  # checks them
        self.frozen: set[str] = set()
        self.feature_dim = feature_dim
        self.cnn_encoder = named_or_ready(
            CNNVisualEncoder, cnn_model, pretrained, cnn_options or {}, generator
        )
        self.vit_encoder = named_or_ready(
            VisionTransformerEncoder, vit_model, pretrained, vit_options or {}, generator
        )
        if self.cnn_encoder is self.vit_encoder:
            raise ValueError("cnn_model and vit_model are one and the same encoder: give two")
        self.fusion_layer = nn.Sequential(
            nn.Linear(self.cnn_encoder.feature_dim + self.vit_encoder.feature_dim, hidden_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, feature_dim),
        )
        for layer in self.fusion_layer:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(layer.bias)

    @property
    def config(self) -> HybridConfig:
        """What rebuilds this encoder. Raises ValueError when a branch is not of mmlib's classes."""
        for branch, kind in (
            (self.cnn_encoder, CNNVisualEncoder),
            (self.vit_encoder, VisionTransformerEncoder),
        ):
            if not isinstance(branch, kind):
                raise ValueError(
                    f"a hybrid with a {type(branch).__name__} where a {kind.__name__} belongs "
                    "cannot be rebuilt from a config: save its state_dict() yourself"
                )
        return HybridConfig(
            self._sizes.hidden_dim,
            self._sizes.feature_dim,
            self._sizes.dropout,
            asdict(self.cnn_encoder.config),
            asdict(self.vit_encoder.config),
        )

    def freeze(self, branch: str) -> HybridVisualEncoder:
        """Keep a branch ("cnn" or "vit") as it is: no gradient, and eval mode for good.

        In eval mode BatchNorm's statistics stay still too, also after `train()`. Returns self.
        Raises ValueError for another name.
        """
        encoder = self._encoder(branch)
        self.frozen.add(branch)
        encoder.requires_grad_(False).eval()
        for weight in encoder.parameters():
            weight.grad = None  # an optimiser would still apply one that was left over
        return self

    def unfreeze(self, branch: str) -> HybridVisualEncoder:
        """Let a branch ("cnn" or "vit") train again, all of it. Returns self.

        Raises ValueError for another name.
        """
        encoder = self._encoder(branch)
        self.frozen.discard(branch)
        encoder.requires_grad_(True).train(self.training)
        return self

    def _encoder(self, branch: str) -> nn.Module:
        check_choice("branch", branch, BRANCHES)
        return getattr(self, BRANCHES[branch])

    def train(self, mode: bool = True) -> HybridVisualEncoder:
        """Switch to training mode (or eval mode); frozen branches stay in eval mode."""
        super().train(mode)
        for branch in self.frozen:
            self._encoder(branch).eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> features (B, feature_dim)."""
        local_features = self.cnn_encoder(images)  # (B, C)
        global_features = self.vit_encoder(images)  # (B, D)
        return self.fusion_layer(torch.cat([local_features, global_features], dim=1))

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """The maps of both branches, fine to coarse: [(B, C, h, w), ...].

        Maps of equal size become one, with the CNN's channels first.
        """
        by_size: dict[tuple[int, ...], list[Tensor]] = {}
        for encoder in (self.cnn_encoder, self.vit_encoder):
            for feature_map in encoder.feature_maps(images):
                by_size.setdefault(tuple(feature_map.shape[-2:]), []).append(feature_map)
        sizes = sorted(by_size, key=lambda size: size[0] * size[1], reverse=True)
        return [torch.cat(by_size[size], dim=1) for size in sizes]
