"""What every image encoder shares: its normalisation constants, its checks, `encode`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from mmlib.layers import check_choice, check_positive

Config = TypeVar("Config")
Constants = tuple[float, float, float]
POOLINGS = ("mean", "grid")
RANGE_TOLERANCE = 1e-3  # resizing and colour arithmetic may leave [0, 1] by a rounding error


class EncoderConfig(Protocol):
    """What every encoder's config says: its normalisation constants and its feature's length.

    The config checks them itself, the constants with `check_constants`.
    """

    @property
    def mean(self) -> Constants: ...  # noqa: D102

    @property
    def std(self) -> Constants: ...  # noqa: D102

    @property
    def feature_dim(self) -> int: ...  # noqa: D102


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


def check_constants(mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise ValueError unless `mean` and `std` are one number a channel, and std above 0."""
    if len(mean) != 3 or len(std) != 3 or not all(value > 0 for value in std):
        raise ValueError(
            f"mean={tuple(mean)} and std={tuple(std)} need three numbers each (red, green, blue) "
            "on the scale of [0, 1], std above 0"
        )


def resolve_config(
    presets: Mapping[str, Config],
    name: str,
    pretrained: bool,
    options: Mapping[str, Any],
    trained: Sequence[str] = (),
) -> Config:
    """The preset `name` with the fields in `options` replaced.

    Raises ValueError for an unknown preset, an unknown option, or `pretrained=True`: weights exist
    only for the models named in `trained`.
    """
    check_choice("model_name", name, [*presets, *trained])
    if pretrained:
        others = f", or one of {list(trained)}, which have weights" if trained else ""
        raise ValueError(
            f"pretrained=True: there are no trained weights for the preset {name!r}. The presets "
            f"{list(presets)} are trained from scratch: use pretrained=False{others}"
        )
    return replace_options(presets[name], options)


def replace_options(config: Config, options: Mapping[str, Any]) -> Config:
    """`config` with the fields in `options` replaced. Raises ValueError for an unknown one."""
    for option in options:
        check_choice("option", option, [field.name for field in dataclasses.fields(config)])  # type: ignore[arg-type]
    return dataclasses.replace(config, **options)  # type: ignore[type-var]


@dataclass(frozen=True, kw_only=True)
class PooledConfig:
    """How a convolutional encoder makes one feature of its last map, and its constants.

    `pooling="mean"` averages that map; `"grid"` resizes it to `grid` x `grid` and keeps every
    cell, so that the feature still knows where things are.
    """

    pooling: str = "mean"
    grid: int = 2
    mean: Constants = (0.5, 0.5, 0.5)
    std: Constants = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ("mean", "std"):  # a config read back from JSON gives lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_choice("pooling", self.pooling, POOLINGS)
        check_positive(grid=self.grid)
        check_constants(self.mean, self.std)

    @property
    def width(self) -> int:
        """Channels of the last map."""
        raise NotImplementedError

    @property
    def cells(self) -> int:
        """Cells along one side of the pooled map."""
        return self.grid if self.pooling == "grid" else 1

    @property
    def feature_dim(self) -> int:
        """Length of the pooled feature."""
        return self.width * self.cells**2


class ConvParts(NamedTuple):
    """A convolutional network: a stem, stages that halve the map each, what follows the pooling."""

    stem: nn.Module
    stages: nn.ModuleList
    classifier: nn.Linear | None = None


class ImageEncoder(nn.Module):
    """Base of the image encoders: images (B, 3, H, W) in [0, 1] -> features (B, feature_dim).

    The encoder owns the normalisation constants `mean` and `std` of its weights. Shape and dtype
    are checked at each call; the range at each `encode`, at each `forward` on a CPU, and at the
    first `forward` elsewhere, because there a check makes the program wait for the device.
    """

    config: Any
    feature_dim: int
    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig | None = None) -> None:
        """Take the constants and `feature_dim` from `config`.

        None is for an encoder made of encoders: its parts normalise, so its own constants are 0
        and 1, and it sets `feature_dim` itself.
        """
        super().__init__()
        if config is not None:
            self.config = config
            self.feature_dim = config.feature_dim
        mean, std = (config.mean, config.std) if config else ((0.0,) * 3, (1.0,) * 3)
        for name, values in (("mean", mean), ("std", std)):
            constants = torch.tensor(values, dtype=torch.float32).view(3, 1, 1)
            self.register_buffer(name, constants, persistent=False)
        self._range_checked = False

    def normalise(self, images: Tensor) -> Tensor:
        """Check images (B, 3, H, W) and return (images - mean) / std in the dtype of the model."""
        check_images(images)
        cheap = images.device.type == "cpu" or not self._range_checked
        if cheap and not images.is_meta and not torch.compiler.is_compiling():
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


def named_or_ready(
    kind: Callable[..., ImageEncoder],
    model: str | ImageEncoder,
    pretrained: bool,
    options: Mapping[str, Any],
    generator: torch.Generator | None,
) -> ImageEncoder:
    """A ready encoder as it is, or a new one of `kind` by name.

    Raises TypeError for neither, ValueError for options or `pretrained` with a ready encoder.
    """
    if isinstance(model, str):
        arguments = {"model_name": model, "pretrained": pretrained, **options}
        return kind(generator=generator, **arguments)
    if not isinstance(model, ImageEncoder):
        raise TypeError(f"give a model name or an ImageEncoder, got {type(model).__name__}")
    if options or pretrained:
        raise ValueError(
            f"a ready {type(model).__name__} takes neither options nor pretrained=True: give "
            "them to its own constructor"
        )
    return model
