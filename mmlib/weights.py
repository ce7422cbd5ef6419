"""Checkpoints as the Hugging Face hub keeps them: a folder, or a name to fetch. No pickles."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


@dataclass(frozen=True)
class Checkpoint:
    """What a folder or a hub name holds. `source` is that folder or name, for messages."""

    config: dict[str, Any]
    preprocessor: dict[str, Any]  # empty when there is no preprocessor_config.json
    state: dict[str, Tensor]
    source: str


def is_hub_name(name: str | Path) -> bool:
    """Whether `name` can only mean a model on the hub: `owner/name` or `name`, no folder here."""
    return isinstance(name, str) and bool(HUB_NAME.fullmatch(name)) and not Path(name).exists()


def read_checkpoint(folder: str | Path, tensors: bool = True) -> Checkpoint:
    """Read config.json, model.safetensors and, if it is there, preprocessor_config.json.

    `tensors=False` leaves the weights alone; `state` is empty then.
    Raises FileNotFoundError for a missing file, ValueError for a damaged one.
    """
    folder = Path(folder)
    config = read_json(folder / "config.json")
    preprocessor = folder / "preprocessor_config.json"
    return Checkpoint(
        config,
        read_json(preprocessor) if preprocessor.exists() else {},
        read_tensors(folder) if tensors else {},
        str(folder),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises FileNotFoundError, or ValueError for a damaged file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give a folder written by save_pretrained")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it holds a {type(content).__name__}, not an object")
    return content


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of model.safetensors, or of its shards (model-00001-of-00002.safetensors).

    Raises FileNotFoundError when there are none, ValueError for a damaged file.
    """
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


def fetch(name: str, model: str, processor: str, offline: str = "", **options: Any) -> Checkpoint:
    """Fetch `name` with transformers, which also finds shards and conversions to safetensors.

    `model` and `processor` are the names of its classes, `options` go to the model's
    `from_pretrained`. HF_HUB_OFFLINE=1 asks the hub's cache only.
    Raises ImportError without transformers; OSError, which ends with `offline`, without the hub;
    ValueError when the checkpoint lacks tensors of that class (transformers would draw them).
    """
    try:
        with warnings.catch_warnings():
            # Without ipywidgets tqdm warns on import, and a notebook would keep the warning.
            warnings.filterwarnings("ignore", message="IProgress not found")
            import transformers
    except ImportError as error:
        raise ImportError(
            f"{name!r} is no folder here, and loading from the hub needs transformers: "
            'pip install "mmlib[pretrained]"'
        ) from error
    try:
        with _quiet(transformers):
            theirs, report = getattr(transformers, model).from_pretrained(
                name, use_safetensors=True, output_loading_info=True, **options
            )
        preprocessor = getattr(transformers, processor).from_pretrained(name).to_dict()
    except OSError as error:
        raise OSError(
            f"{name!r} is no folder here and could not be had from the hub: {error}\nWithout a "
            "network, copy its config.json, model.safetensors and preprocessor_config.json from "
            f"where there is one and give the path of a folder that holds them{offline}"
        ) from error
    if missing := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise ValueError(f"{name!r} is not a {model}: it has no fitting tensors for {missing[:3]}")
    return Checkpoint(theirs.config.to_dict(), preprocessor, theirs.state_dict(), name)


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without the table of tensors that are left over: heads that we do not use, by intention."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)


def rename(state: Mapping[str, Tensor], table: Mapping[str, tuple[str, ...]]) -> dict[str, Tensor]:
    """Tensors under new names: `table` has, for each, its old name or the names of its parts.

    Parts are joined along the first axis. Raises ValueError when a tensor is missing or left over.
    """
    known = {name for parts in table.values() for name in parts}
    if known != set(state):
        raise ValueError(
            f"missing tensors {sorted(known - set(state))[:3]}, unknown tensors "
            f"{sorted(set(state) - known)[:3]}"
        )
    return {
        name: torch.cat([state[part] for part in parts]) if len(parts) > 1 else state[parts[0]]
        for name, parts in table.items()
    }


def normalisation(
    preprocessor: Mapping[str, Any], mean: tuple[float, ...], std: tuple[float, ...]
) -> dict[str, Any]:
    """`mean` and `std` that a preprocessor_config.json asks for; those given where it is silent.

    Raises ValueError for a rescaling of the pixels to another range than [0, 1].
    """
    factor = preprocessor.get("rescale_factor", 1 / 255)
    if not preprocessor.get("do_rescale", True) or abs(factor * 255 - 1) > 1e-3:
        raise ValueError(
            "preprocessor_config.json: only pixels rescaled to [0, 1] can be expressed, got "
            f"do_rescale={preprocessor.get('do_rescale', True)}, rescale_factor={factor}"
        )
    if not preprocessor.get("do_normalize", True):
        return {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    return {
        "mean": tuple(preprocessor.get("image_mean", mean)),
        "std": tuple(preprocessor.get("image_std", std)),
    }


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy `state` into `model`. Raises ValueError when names or shapes differ."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the weights in {source} belong to another configuration than its config.json: {error}"
        ) from error
