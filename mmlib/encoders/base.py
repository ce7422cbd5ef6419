"""What every image encoder shares: its normalisation constants, its checks, `encode`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mmlib.layers import check_choice

Config = TypeVar("Config")
RANGE_TOLERANCE = 1e-3  # resizing and colour arithmetic may leave [0, 1] by a rounding error


def check_images(images: Tensor) -> None:
    """Raise unless `images` is a float RGB batch (B, 3, H, W).

    Raises TypeError for something else than a tensor, ValueError for a wrong shape or dtype.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a torch.Tensor, got {type(images).__name__}")
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(
            f"images must be a non-empty RGB batch (B, 3, H, W), got {tuple(images.shape)}: "
            "unsqueeze a single image, permute channels first, drop alpha or repeat grey"
        )
    if not images.is_floating_point():
        raise ValueError(
            f"images must be float in [0, 1], got {images.dtype}: use images.float() / 255"
        )


def check_range(images: Tensor) -> None:
    """Raise ValueError unless all values lie in [0, 1]. Makes a GPU wait."""
    low, high = (value.item() for value in torch.aminmax(images.detach()))
    if not (low >= -RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):  # also false for NaN
        raise ValueError(
            f"images must lie in [0, 1], got {low:.4g} to {high:.4g}: divide bytes by 255, and "
            "do not normalise by mean and std (the encoder does that with its own constants)"
        )


def resolve_config(
    presets: Mapping[str, Config], name: str, pretrained: bool, options: Mapping[str, Any]
) -> Config:
    """The preset `name` with the fields in `options` replaced.

    Raises ValueError for an unknown preset, an unknown option, or `pretrained=True`.
    """
    check_choice("model_name", name, presets)
    if pretrained:
        raise ValueError(
            f"pretrained=True: there are no trained weights for the preset {name!r}. The presets "
            f"{list(presets)} are trained from scratch: use pretrained=False"
        )
    config: Any = presets[name]
    for option in options:
        check_choice("option", option, [field.name for field in dataclasses.fields(config)])
    return dataclasses.replace(config, **options)


class ImageEncoder(nn.Module):
    """Base of the image encoders: images (B, 3, H, W) in [0, 1] -> features (B, feature_dim).

    The encoder owns the normalisation constants `mean` and `std` of its weights. Shape and dtype
    are checked at each call; the range at each `encode`, at each `forward` on a CPU, and at the
    first `forward` elsewhere, because there a check makes the program wait for the device.
    """

    feature_dim: int
    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: Sequence[float] = (0.5, 0.5, 0.5), std: Sequence[float] = (0.5, 0.5, 0.5)
    ) -> None:
        super().__init__()
        self.register_buffer(
            "mean", torch.tensor(mean, dtype=torch.float32).view(3, 1, 1), persistent=False
        )
        self.register_buffer(
            "std", torch.tensor(std, dtype=torch.float32).view(3, 1, 1), persistent=False
        )
        self._range_checked = False

    def normalise(self, images: Tensor) -> Tensor:
        """Check images (B, 3, H, W) and return (images - mean) / std in the dtype of the model."""
        check_images(images)
        cheap = images.device.type == "cpu" or not self._range_checked
        if cheap and not torch.compiler.is_compiling():
            check_range(images)
            self._range_checked = True
        return (images.to(self.mean.dtype) - self.mean) / self.std  # (B, 3, H, W)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps (B, C, h, w), fine to coarse."""
        raise NotImplementedError

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Features (B, feature_dim) in eval mode and without gradient; restores the mode."""
        check_images(images)
        check_range(images)
        modes = {module: module.training for module in self.modules()}
        self.eval()
        try:
            features: Tensor = self(images)
            return features
        finally:
            for module, mode in modes.items():
                module.training = mode
