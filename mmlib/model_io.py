"""Models in folders: config.json and model.safetensors, ours or transformers'. No pickles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from mmlib import hf, weights
from mmlib.clip import CLIPModel
from mmlib.encoders import (
    CNNVisualEncoder,
    HybridVisualEncoder,
    MultiScaleVisualEncoder,
    VisionTransformerEncoder,
)
from mmlib.files import atomic_write
from mmlib.layers import check_choice
from mmlib.text import FeatureTable, TextConfig, TextEncoder

MODEL_TYPE = "mmlib.clip"
FORMATS = ("auto", "mmlib", "transformers")


@dataclass(frozen=True)
class Recipe:
    """How config.json describes an encoder, and how that description makes it again."""

    describe: Callable[[Any], dict[str, Any]]
    rebuild: Callable[[dict[str, Any]], nn.Module]


def _by_fields(make: Callable[..., nn.Module]) -> Recipe:
    """The recipe of an encoder whose `config` is a dataclass with the arguments of `make`."""
    return Recipe(lambda encoder: dataclasses.asdict(encoder.config), lambda c: make(**c))


ENCODERS: dict[str, dict[type[nn.Module], Recipe]] = {
    "image_encoder": {
        CNNVisualEncoder: _by_fields(CNNVisualEncoder),
        HybridVisualEncoder: _by_fields(HybridVisualEncoder),
        MultiScaleVisualEncoder: _by_fields(MultiScaleVisualEncoder),
        VisionTransformerEncoder: _by_fields(VisionTransformerEncoder),
    },
    "text_encoder": {
        TextEncoder: _by_fields(lambda **config: TextEncoder(TextConfig(**config))),
        FeatureTable: Recipe(
            lambda table: {"shape": list(table.features.shape)},
            lambda config: FeatureTable(torch.zeros(config["shape"])),
        ),
    },
}


def save_model(model: CLIPModel, folder: str | Path, format: str = "auto") -> Path:
    """Write config.json and model.safetensors into `folder`; each file is replaced whole or not.

    A model of CLIP's own architecture becomes a folder that transformers' `CLIPModel` loads;
    any other gets our format. `format` "mmlib" or "transformers" asks for one of them.
    Raises ValueError, before anything is written, for an encoder that is not ours and for a model
    that transformers' CLIP cannot express.
    """
    check_choice("format", format, FORMATS)
    obstacles = hf.obstacles(model)
    if format == "transformers" and obstacles:
        raise ValueError(f"transformers' CLIP cannot express this model: {'; '.join(obstacles)}")
    files: dict[str, dict[str, Any]]
    if format == "mmlib" or obstacles:
        files, state = {"config.json": describe(model)}, model.state_dict()
    else:
        config, preprocessor = hf.export_config(model)
        files = {"preprocessor_config.json": preprocessor, "config.json": config}
        state = hf.export_state(model)
    folder = Path(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    atomic_write(folder / "model.safetensors", to_bytes(tensors, metadata={"format": "pt"}))
    for name, content in files.items():
        atomic_write(folder / name, json.dumps(content, indent=2) + "\n")
    return folder


def load_model(name_or_folder: str | Path) -> CLIPModel:
    """A `CLIPModel` in eval mode from a folder of either format, or from the Hugging Face hub.

    Raises FileNotFoundError for a missing folder or file, ValueError for a folder of another
    kind or with weights of another configuration, OSError when the hub cannot be reached,
    ImportError when transformers is missing and a hub name is given.
    """
    if weights.is_hub_name(name_or_folder):
        name = str(name_or_folder)
        return _from_transformers(weights.fetch(name, "CLIPModel", "CLIPImageProcessor"))
    checkpoint = weights.read_checkpoint(name_or_folder)
    kind = checkpoint.config.get("model_type")
    if kind == MODEL_TYPE:
        model = rebuild(checkpoint.config)
        weights.load_weights(model, checkpoint.state, checkpoint.source)
        return model.eval()
    if kind != "clip":
        raise ValueError(
            f"{checkpoint.source} holds model_type={kind!r}: only {MODEL_TYPE!r} and 'clip' load"
        )
    return _from_transformers(checkpoint)


def describe(model: CLIPModel) -> dict[str, Any]:
    """What our config.json says of `model`. Raises ValueError for encoders that are not ours."""
    encoders = {part: _describe_encoder(part, getattr(model, part)) for part in ENCODERS}
    return {
        "model_type": MODEL_TYPE,
        "version": 1,
        "embed_dim": model.embed_dim,
        "logit_bias": model.logit_bias is not None,
        **encoders,
    }


def rebuild(config: Mapping[str, Any]) -> CLIPModel:
    """The untrained model that our config.json describes. Raises ValueError for a bad one."""
    try:
        image, text = (_rebuild_encoder(part, config[part]) for part in ENCODERS)
        bias = 0.0 if config["logit_bias"] else None
        return CLIPModel(image, text, config["embed_dim"], logit_bias=bias)
    except (KeyError, TypeError) as error:
        raise ValueError(f"config.json is damaged or of another version: {error!r}") from error


def _describe_encoder(part: str, encoder: nn.Module) -> dict[str, Any]:
    recipe = ENCODERS[part].get(type(encoder))
    if recipe is None:
        raise ValueError(
            f"a {type(encoder).__name__} cannot be saved here: only encoders of mmlib can. Save "
            "its state_dict() with safetensors yourself"
        )
    return {"type": type(encoder).__name__, "config": recipe.describe(encoder)}


def _rebuild_encoder(part: str, description: Mapping[str, Any]) -> nn.Module:
    recipes = {kind.__name__: recipe for kind, recipe in ENCODERS[part].items()}
    check_choice(part, description["type"], recipes)
    return recipes[description["type"]].rebuild(description["config"])


def _from_transformers(checkpoint: weights.Checkpoint) -> CLIPModel:
    try:
        model = hf.build_model(checkpoint.config, checkpoint.preprocessor)
        state = hf.import_state(checkpoint.state, model)
    except ValueError as error:
        raise ValueError(
            f"{checkpoint.source} is not a CLIP that can be loaded: {error}"
        ) from error
    weights.load_weights(model, state, checkpoint.source)
    return model.eval()
