"""Which icons play in scenes: by name or index, in which styles, and which can play at all."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmlib.data.grammar import plural, speakable
from mmlib.data.scene_config import check_words

# One word, easy to tell apart, regular in the plural, drawn by both artists.
DEFAULT_OBJECTS = (
    "dog", "cat", "horse", "elephant", "rabbit", "snail", "turtle", "octopus", "butterfly",
    "crab", "whale", "penguin", "owl", "rooster", "snake", "bear", "frog", "banana", "pear",
    "lemon", "strawberry", "pineapple", "carrot", "mushroom", "pizza", "hamburger", "doughnut",
    "bicycle", "airplane", "rocket", "sailboat", "tractor", "house", "tent", "umbrella",
    "guitar", "trumpet", "violin", "drum", "hammer", "key", "bell", "candle", "anchor", "crown",
    "backpack", "balloon", "cactus", "sunflower", "star", "kite", "camera",
)  # fmt: skip


def resolve_objects(icons: Any, objects: Sequence[str | int]) -> Tensor:
    """(N,) int64: the indices of icons given by name or index; empty gives the default objects.

    Raises:
        ValueError: a name or an index that the icons do not have, or one given twice.
        TypeError: something that is neither a name nor an integer.
    """
    names = [concept.name for concept in icons.concepts]
    index = {name: i for i, name in enumerate(names)}
    given = objects or [name for name in DEFAULT_OBJECTS if name in index]
    found = []
    for thing in given:
        if isinstance(thing, str) and thing not in index:
            near = difflib.get_close_matches(thing, names)
            hint = f"did you mean {', '.join(near)}?" if near else "see icons.names()"
            raise ValueError(f"there is no icon named {thing!r}: {hint}")
        number = index[thing] if isinstance(thing, str) else operator.index(thing)
        if not 0 <= number < len(names):
            raise ValueError(f"object {thing!r} is out of range: there are {len(names)} icons")
        found.append(number)
    if len(set(found)) < len(found):
        twice = next(names[i] for i in found if found.count(i) > 1)
        raise ValueError(f"object {twice!r} is given twice")
    if not found:
        raise ValueError("these icons hold none of the default objects: name some")
    return torch.tensor(found)


def select_drawings(
    icons: Any, indices: Tensor, styles: Sequence[str]
) -> tuple[tuple[str, ...], Tensor]:
    """The chosen styles (all if none is named) and their drawings (S, N, 4, H, H).

    Raises:
        ValueError: an unknown style, or an object that a style does not draw.
    """
    chosen = tuple(styles) or tuple(icons.styles)
    check_words("style", chosen, tuple(icons.styles))
    rows = torch.tensor([icons.styles.index(style) for style in chosen])
    has = icons.has.cpu()[rows][:, indices]  # (S, N)
    if not bool(has.all()):
        style, thing = (~has).nonzero()[0].tolist()
        name = icons.concepts[int(indices[thing])].name
        raise ValueError(
            f"object {name!r} is not drawn in style {chosen[style]!r}: leave one of them out, or "
            "let usable_objects() pick"
        )
    return chosen, icons.rgba.cpu()[rows][:, indices]


def check_sharpness(side: int, largest: float) -> None:
    """Raise ValueError if sprites would have to be enlarged."""
    if largest > side:
        raise ValueError(
            f"icons of {side} px are too small for sprites of up to {largest:.0f} px: "
            "take a smaller image_size, or load_icons(size=...) with larger icons"
        )


def usable_objects(
    icons: Any, candidates: Sequence[int] | Tensor | None = None, styles: Sequence[str] = ()
) -> tuple[int, ...]:
    """Those icons that can be objects of scenes, one of each twin group, in the order given.

    An icon is usable if every style draws it and its name makes captions with one reading
    (`grammar.speakable`, and no other icon before it with the same plural).
    """
    chosen = tuple(styles) or tuple(icons.styles)
    check_words("style", chosen, tuple(icons.styles))
    drawn = icons.has.cpu()[[icons.styles.index(style) for style in chosen]].all(0)
    order = range(len(icons.concepts)) if candidates is None else map(int, candidates)
    kept, taken = [], set[object]()
    for i in order:
        concept = icons.concepts[i]
        marks = {concept.twin_group, concept.name, plural(concept.name) + " (plural)"}
        if bool(drawn[i]) and speakable(concept.name) and not marks & taken:
            kept.append(i)
            taken |= marks
    return tuple(kept)
