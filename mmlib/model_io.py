"""Models in folders: config.json and model.safetensors, ours or transformers'. No pickles."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from mmlib import hf
from mmlib.clip import CLIPModel
from mmlib.encoders import CNNVisualEncoder, VisionTransformerEncoder
from mmlib.files import atomic_write
from mmlib.layers import check_choice
from mmlib.text import FeatureTable, TextConfig, TextEncoder

MODEL_TYPE = "mmlib.clip"
FORMATS = ("auto", "mmlib", "transformers")
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


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
    folder = Path(name_or_folder)
    is_name = isinstance(name_or_folder, str) and HUB_NAME.fullmatch(name_or_folder)
    if is_name and not folder.exists():
        return _from_hub(str(name_or_folder))
    config = _read_json(folder / "config.json")
    state = _read_tensors(folder)
    kind = config.get("model_type")
    if kind == MODEL_TYPE:
        return _with_weights(rebuild(config), state, folder)
    if kind != "clip":
        raise ValueError(f"{folder} holds model_type={kind!r}: only {MODEL_TYPE!r} and 'clip' load")
    preprocessor = folder / "preprocessor_config.json"
    return _from_transformers(
        config, _read_json(preprocessor) if preprocessor.exists() else {}, state, folder
    )


def describe(model: CLIPModel) -> dict[str, Any]:
    """What our config.json says of `model`. Raises ValueError for encoders that are not ours."""
    encoders = {
        name: _describe_encoder(getattr(model, name)) for name in ("image_encoder", "text_encoder")
    }
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
        image, text = config["image_encoder"], config["text_encoder"]
        encoders = {
            "CNNVisualEncoder": CNNVisualEncoder,
            "VisionTransformerEncoder": VisionTransformerEncoder,
        }
        check_choice("image_encoder", image["type"], encoders)
        check_choice("text_encoder", text["type"], ("TextEncoder", "FeatureTable"))
        image_encoder = encoders[image["type"]](**image["config"])
        text_encoder: nn.Module
        if text["type"] == "TextEncoder":
            text_encoder = TextEncoder(TextConfig(**text["config"]))
        else:
            text_encoder = FeatureTable(torch.zeros(text["config"]["shape"]))
        bias = 0.0 if config["logit_bias"] else None
        return CLIPModel(image_encoder, text_encoder, config["embed_dim"], logit_bias=bias)
    except (KeyError, TypeError) as error:
        raise ValueError(f"config.json is damaged or of another version: {error!r}") from error


def _describe_encoder(encoder: nn.Module) -> dict[str, Any]:
    if isinstance(encoder, FeatureTable):
        config: dict[str, Any] = {"shape": list(encoder.features.shape)}
    elif isinstance(encoder, CNNVisualEncoder | VisionTransformerEncoder | TextEncoder):
        config = dataclasses.asdict(encoder.config)
    else:
        raise ValueError(
            f"a {type(encoder).__name__} cannot be saved here: only encoders of mmlib can. Save "
            "its state_dict() with safetensors yourself"
        )
    return {"type": type(encoder).__name__, "config": config}


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give a folder written by save_pretrained")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it holds a {type(content).__name__}, not an object")
    return content


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of model.safetensors, or of its shards (model-00001-of-00002.safetensors)."""
    whole = folder / "model.safetensors"
    files = [whole] if whole.exists() else sorted(folder.glob("model-*-of-*.safetensors"))
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no model.safetensors. Pickled weights (.bin, .pt) are not loaded, "
            "because a pickle can run any code: convert them to safetensors"
        )
    state: dict[str, Tensor] = {}
    for file in files:
        try:
            state |= load_file(file)
        except SafetensorError as error:
            raise ValueError(f"{file} is damaged: {error}") from error
    return state


def _with_weights(model: CLIPModel, state: Mapping[str, Tensor], source: object) -> CLIPModel:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the weights in {source} belong to another configuration than its config.json: {error}"
        ) from error
    return model.eval()


def _from_transformers(
    config: Mapping[str, Any],
    preprocessor: Mapping[str, Any],
    state: Mapping[str, Tensor],
    source: object,
) -> CLIPModel:
    try:
        model = hf.build_model(config, preprocessor)
        imported = hf.import_state(state, model)
    except ValueError as error:
        raise ValueError(f"{source} is not a CLIP that can be loaded: {error}") from error
    return _with_weights(model, imported, source)


def _from_hub(name: str) -> CLIPModel:
    """Fetch `name` with transformers, which also finds shards and conversions to safetensors."""
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"{name!r} is no folder here, and loading from the hub needs transformers: "
            'pip install "mmlib[pretrained]"'
        ) from error
    try:
        theirs = transformers.CLIPModel.from_pretrained(name, use_safetensors=True)
        processor = transformers.CLIPImageProcessor.from_pretrained(name)
    except OSError as error:
        raise OSError(
            f"{name!r} is no folder here and could not be had from the hub: {error}\nWithout a "
            "network, give the path of a folder that holds config.json and model.safetensors"
        ) from error
    preprocessor = {"image_mean": processor.image_mean, "image_std": processor.image_std}
    return _from_transformers(theirs.config.to_dict(), preprocessor, theirs.state_dict(), name)
