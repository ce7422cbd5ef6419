"""About 1,600 concepts, each drawn by two artists and named by people in 14 languages.

    icons = load_icons(size=64)
    rows = icons.where(concrete=True, max_words=2, split="seen")
    icons.rgba[icons.style_index("twemoji"), rows]  # (n, 4, 64, 64), premultiplied

Drawings: OpenMoji (CC BY-SA 4.0) and Twemoji (CC BY 4.0). They come with pip; nothing is
downloaded. The first call draws them, later calls read a cache that carries a checksum.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mmlib.data.drawings import ARTISTS, STYLES
from mmlib.data.icon_tables import cache_key, concept_table, style_table
from mmlib.data.render import render
from mmlib.data.tensor_cache import load_or_build
from mmlib.data.vocabulary import CATEGORIES, LANGUAGES, Entry
from mmlib.runtime import cache_dir

__all__ = [
    "ARTISTS",
    "CATEGORIES",
    "LANGUAGES",
    "STYLES",
    "Concept",
    "Icons",
    "load_icons",
    "render",
]

SPLITS = ("seen", "unseen")
SIZES = (16, 512)  # pixels, both included


@dataclass(frozen=True)
class Concept(Entry):
    """One thing that has a name and a picture (see ``Entry`` for what it is called).

    Attributes:
        twin_group: concepts with the same number look alike or differ in gender only.
        split: ``"seen"`` or ``"unseen"``; twins are on the same side.
        concrete: a thing one could point at, drawn by both artists (see ``is_concrete``).
    """

    twin_group: int
    split: str
    concrete: bool


@dataclass(frozen=True, eq=False)
class Icons:
    """Drawings of concepts in several styles, as one tensor.

    Attributes:
        concepts: N of them; row ``i`` of every tensor belongs to ``concepts[i]``.
        styles: the S names along the first dimension.
        rgba: premultiplied uint8, (S, N, 4, H, W); zero where there is no drawing.
        has: bool (S, N), which drawings there are.
    """

    concepts: tuple[Concept, ...]
    styles: tuple[str, ...]
    rgba: torch.Tensor
    has: torch.Tensor
    _rows: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = {concept.name: row for row, concept in enumerate(self.concepts)}
        object.__setattr__(self, "_rows", rows)

    def __len__(self) -> int:
        return len(self.concepts)

    def __repr__(self) -> str:
        styles = ", ".join(self.styles)
        return f"Icons({len(self)} concepts, {self.size} px, on {self.rgba.device}; {styles})"

    @property
    def size(self) -> int:
        """Height and width of a drawing in pixels."""
        return self.rgba.shape[-1]

    def names(self, lang: str = "en") -> list[str]:
        """The name of every concept in a language.

        Raises:
            ValueError: the language is unknown, or a concept has no name in it.
        """
        _require(lang, LANGUAGES, "language")
        missing = [concept.name for concept in self.concepts if lang not in concept.names]
        if missing:
            raise ValueError(
                f"{len(missing)} concepts have no name in {lang!r}, the first is {missing[0]!r}: "
                "leave them out with subset()"
            )
        return [concept.names[lang] for concept in self.concepts]

    def index(self, name: str) -> int:
        """The row of the concept with this English name.

        Raises:
            ValueError: there is none; the message suggests names that are near.
        """
        if name not in self._rows:
            raise ValueError(f"unknown concept {name!r}{_suggestion(name, self._rows)}")
        return self._rows[name]

    def style_index(self, style: str) -> int:
        """The position of a style along the first dimension of ``rgba``.

        Raises:
            ValueError: these icons do not have it.
        """
        _require(style, self.styles, "style")
        return self.styles.index(style)

    def subset(self, indices: torch.Tensor | Sequence[int]) -> Icons:
        """Only these rows, in this order.

        Raises:
            ValueError: an index is no row.
        """
        rows = torch.as_tensor(indices, dtype=torch.long, device=self.rgba.device).flatten()
        chosen = rows.tolist()
        outside = [row for row in chosen if not 0 <= row < len(self)]
        if outside:
            raise ValueError(f"row {outside[0]} does not exist: there are {len(self)} concepts")
        concepts = tuple(self.concepts[row] for row in chosen)
        return replace(self, concepts=concepts, rgba=self.rgba[:, rows], has=self.has[:, rows])

    def to(self, device: torch.device | str) -> Icons:
        """The same icons with their tensors on another device."""
        return replace(self, rgba=self.rgba.to(device), has=self.has.to(device))

    def where(
        self,
        *,
        category: str | None = None,
        split: str | None = None,
        max_words: int | None = None,
        concrete: bool | None = None,
        styles: Sequence[str] = (),
    ) -> torch.Tensor:
        """The rows that meet every condition given.

        Args:
            category: one of ``CATEGORIES``.
            split: ``"seen"`` or ``"unseen"``.
            max_words: at most this many words in the English name.
            concrete: True for things one could point at: animals and nature, food and drink,
                objects, activities, travel and places, drawn by both artists, without the series
                whose members differ by a label only (clock faces, phases of the moon, medals for
                a place, suits of cards). False for all others.
            styles: only concepts that have a drawing in each of these.

        Returns:
            Row numbers, int64 (n,), ascending, on the device of the icons.

        Raises:
            ValueError: an unknown category, split or style, or ``max_words`` below 1.
        """
        if category is not None:
            _require(category, CATEGORIES, "category")
        if split is not None:
            _require(split, SPLITS, "split")
        if max_words is not None and max_words < 1:
            raise ValueError(f"max_words is {max_words}: a name has at least 1 word")
        wanted = [styles] if isinstance(styles, str) else styles
        drawn = self.has[[self.style_index(style) for style in wanted]].all(dim=0).tolist()
        rows = [
            row
            for row, concept in enumerate(self.concepts)
            if drawn[row]
            and (category is None or concept.category == category)
            and (split is None or concept.split == split)
            and (max_words is None or len(concept.name.split()) <= max_words)
            and (concrete is None or concept.concrete == concrete)
        ]
        return torch.tensor(rows, dtype=torch.long, device=self.rgba.device)

    def summary(self) -> str:
        """A small table: concepts by category and split, and drawings by style."""
        counts = Counter((concept.category, concept.split) for concept in self.concepts)
        lines = [f"{len(self)} concepts at {self.size} px", f"{'category':20}  seen  unseen"]
        lines += [
            f"{name:20} {counts[name, 'seen']:5} {counts[name, 'unseen']:7}" for name in CATEGORIES
        ]
        lines.append(f"{'style':20} drawings")
        lines += [
            f"{style:20} {count:8}"
            for style, count in zip(self.styles, self.has.sum(dim=1).tolist(), strict=True)
        ]
        return "\n".join(lines)


def load_icons(
    size: int = 64, styles: Sequence[str] = STYLES, cache: str | Path | None = None
) -> Icons:
    """Load the icons, drawing them if the cache has none of this size.

    Args:
        size: height and width in pixels, 16 to 512.
        styles: which of ``STYLES``, in this order.
        cache: the folder of the cache; None for ``mmlib.runtime.cache_dir()``.

    Raises:
        ValueError: the size is out of range, a style is unknown or named twice.
        ModuleNotFoundError: a data package is missing; the message says how to install it.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size is {size!r}: choose an integer from {SIZES[0]} to {SIZES[1]}")
    styles = (styles,) if isinstance(styles, str) else tuple(styles)
    for style in styles:
        _require(style, STYLES, "style")
    if not styles or len(set(styles)) < len(styles):
        raise ValueError(f"styles is {styles}: name at least one style, each of them once")
    folder = Path(cache) if cache is not None else cache_dir()
    key = cache_key()
    table = load_or_build(folder / f"icons-concepts-{key}.safetensors", concept_table)
    concepts = tuple(_concept(row) for row in table.info)
    codepoints = [concept.codepoints for concept in concepts]
    drawn = [
        load_or_build(
            folder / f"icons-{size}-{style}-{key}.safetensors",
            partial(style_table, style, codepoints, size),
        ).tensors
        for style in styles
    ]
    rgba = torch.stack([tensors["rgba"] for tensors in drawn])  # (S, N, 4, size, size)
    return Icons(concepts, styles, rgba, torch.stack([tensors["has"] for tensors in drawn]))


def _concept(row: dict[str, Any]) -> Concept:
    return Concept(**{**row, "keywords": tuple(row["keywords"])})


def _require(value: str, allowed: Iterable[str], what: str) -> None:
    known = list(allowed)
    if value not in known:
        hint = _suggestion(value, known)
        raise ValueError(f"unknown {what} {value!r}{hint}; known: {', '.join(known)}")


def _suggestion(value: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(value), list(known), n=3, cutoff=0.5)
    return f", did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
