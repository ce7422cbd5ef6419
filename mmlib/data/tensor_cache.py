"""Tensors that were expensive to make, on disk, with a checksum: damaged means made again.

A file is safetensors (no code can hide in it); the header carries what the tensors need to be
understood and the SHA-256 of everything else.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from mmlib.runtime import atomic_write


class Stored(NamedTuple):
    """What a cache file holds: tensors by name, and anything that JSON can say."""

    tensors: dict[str, torch.Tensor]
    info: Any


def load_or_build(path: Path, build: Callable[[], Stored]) -> Stored:
    """Read ``path``; if it is missing or damaged, call ``build`` and store what it returns.

    A damaged file gives one warning and is replaced. If the result cannot be stored (a full disk,
    a folder that is read only), that is one warning too, and the result is returned all the same.
    """
    if path.exists():
        try:
            return read(path)
        except (OSError, ValueError, SafetensorError) as error:
            warnings.warn(f"the cache {path} is damaged and is rebuilt ({error})", stacklevel=2)
    stored = build()
    try:
        write(path, stored)
    except OSError as error:
        warnings.warn(
            f"{path} could not be written ({error}); the data is built again next time. "
            "Free some space, or set MMLIB_CACHE to a folder that can be written",
            stacklevel=2,
        )
    return stored


def write(path: Path, stored: Stored) -> None:
    """Store tensors and JSON with their checksum; the old file stays if this fails.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    info = json.dumps(stored.info, ensure_ascii=False)
    header = {"info": info, "sha256": _checksum(stored.tensors, info)}
    atomic_write(path, save(stored.tensors, header))


def read(path: Path) -> Stored:
    """Read a file that ``write`` made, and check it.

    Raises:
        ValueError: a byte differs from what was written.
        SafetensorError: the file is cut off or is no safetensors file.
    """
    with safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    info = header.get("info", "null")
    if header.get("sha256") != _checksum(tensors, info):
        raise ValueError("its checksum differs")
    return Stored(tensors, json.loads(info))


def _checksum(tensors: dict[str, torch.Tensor], info: str) -> str:
    digest = hashlib.sha256(info.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
