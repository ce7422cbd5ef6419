"""Training checkpoints: one safetensors file that holds everything a run needs to go on.

Tensors (weights, optimiser moments, random states) are stored as tensors, the rest (step, rates,
configuration) as JSON in the file's header. Nothing is unpickled when a checkpoint is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mmlib.runtime import atomic_write

FORMAT = "mmlib-checkpoint-1"


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Optimiser moments by parameter index: 'optimizer.3.exp_avg'."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for index, values in state.items()
        for name, value in values.items()
    }


def shapes_of(model: nn.Module) -> dict[str, list[int]]:
    """Name and shape of every weight and buffer: a model's configuration as seen from outside."""
    return {name: list(value.shape) for name, value in model.state_dict().items()}


def save_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    generators: Mapping[str, torch.Generator] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write a checkpoint in one step: an interrupt or a full disk leaves the old file.

    Args:
        path: file to write, usually ending in '.safetensors'.
        model, optimizer: what is trained.
        step: number of steps done.
        generators: random generators to continue from, by name.
        extra: anything that JSON can hold.

    Returns:
        The path.
    """
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= _optimizer_tensors(optimizer)
    tensors |= {f"generator.{k}": g.get_state() for k, g in (generators or {}).items()}
    # Tied or overlapping memory is not allowed in the format: every tensor is stored by itself.
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    header = {
        "format": FORMAT,
        "step": step,
        "param_groups": optimizer.state_dict()["param_groups"],
        "extra": dict(extra or {}),
    }
    return atomic_write(path, save(tensors, metadata={"mmlib": json.dumps(header)}))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {str(path)!r}")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("mmlib", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{str(path)!r} is damaged or not a safetensors file ({error}); "
            "delete it and train again, or restore an earlier copy"
        ) from error
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{str(path)!r} is not a training checkpoint of this package "
            f"(format {header.get('format')!r}, expected {FORMAT!r})"
        )
    return tensors, header


def _check_same_model(stored: dict[str, Tensor], model: nn.Module, path: Path) -> None:
    wanted = shapes_of(model)
    found = {name: list(value.shape) for name, value in stored.items()}
    if wanted == found:
        return
    names = sorted(set(wanted) ^ set(found)) or [n for n in wanted if wanted[n] != found[n]]
    first = names[0]
    raise ValueError(
        f"checkpoint {str(path)!r} belongs to another configuration: {len(names)} weights differ, "
        f"first {first!r} (checkpoint {found.get(first)}, model {wanted.get(first)}); "
        "build the model with the configuration it was trained with"
    )


def load_checkpoint(
    path: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    generators: Mapping[str, torch.Generator] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Restore a run. Everything is checked before anything is changed.

    Args:
        path: a file written by `save_checkpoint`.
        model: built with the same configuration.
        optimizer: restored too when given.
        generators: set to their stored states, by name.

    Returns:
        The number of steps done, and the stored extra values.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: damaged, not a checkpoint, or of another configuration.
    """
    path = Path(path)
    tensors, header = _read(path)
    weights = {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}
    _check_same_model(weights, model, path)
    states: dict[str, Tensor] = {}
    for name in generators or {}:
        key = f"generator.{name}"
        if key not in tensors:
            raise ValueError(f"checkpoint {str(path)!r} holds no random state named {name!r}")
        states[name] = tensors[key]
    if optimizer is not None:
        _restore_optimizer(optimizer, tensors, header["param_groups"], path)
    model.load_state_dict(weights)
    for name, state in states.items():
        assert generators is not None
        generators[name].set_state(state)
    return int(header["step"]), dict(header["extra"])


def _restore_optimizer(
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
    groups: list[dict[str, Any]],
    path: Path,
) -> None:
    sizes = [len(g["params"]) for g in groups]
    mine = [len(g["params"]) for g in optimizer.param_groups]
    if sizes != mine:
        raise ValueError(
            f"checkpoint {str(path)!r} was written with parameter groups of {sizes} tensors, "
            f"this optimizer has {mine}: freeze and group the same parameters"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            like = parameters[int(index)]
            if value.shape == like.shape:
                # The fused kernel walks memory: moments need the layout of their weights
                # (channels-last convolutions), which a file does not keep.
                value = torch.empty_like(like, dtype=value.dtype).copy_(value)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})
