"""What a scene says: facts as integers, captions as words, and the one number for a meaning.

Everything that a caption can state about a scene stands in a table of small integers (`Facts`).
A caption is a sentence made from that table, so that a caption and its picture cannot disagree,
and two captions that say the same ("a dog left of a cat", "a cat right of a dog") share one
meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

KINDS = ("single", "colour", "count", "relation")
RELATIONS = ("left of", "right of", "above", "below")
NUMBERS = ("one", "two", "three", "four", "five")
SLOTS = len(NUMBERS)
# Consecutive colours form the pairs that are held out together (see compositions.py), so they
# stand far apart. In every shade that `tint` makes, the nearest basic colour of the XKCD survey has
# the same name (tested).
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.88, 0.10, 0.10),
    "blue": (0.10, 0.30, 0.90),
    "yellow": (1.00, 0.92, 0.12),
    "purple": (0.50, 0.13, 0.62),
    "green": (0.12, 0.65, 0.15),
    "orange": (0.98, 0.50, 0.05),
    "pink": (1.00, 0.52, 0.75),
    "brown": (0.42, 0.24, 0.05),
}
_IRREGULAR = {
    "mouse": "mice", "goose": "geese", "ox": "oxen", "sheep": "sheep", "fish": "fish",
    "deer": "deer", "shrimp": "shrimp", "squid": "squid", "leaf": "leaves", "knife": "knives",
    "wolf": "wolves", "tooth": "teeth", "foot": "feet", "potato": "potatoes",
    "tomato": "tomatoes", "person": "people", "man": "men", "woman": "women",
    "child": "children", "bread": "breads",
}  # fmt: skip
_RESERVED = frozenset(
    {"a", "an", "and", "of", *COLOURS, *NUMBERS, *(w for r in RELATIONS for w in r.split())}
)


@dataclass(frozen=True)
class Facts:
    """What captions state about ``n`` scenes, as int64 tensors; ``-1`` fills what is not there.

    Attributes:
        kind: (n,) index into ``KINDS``.
        objects: (n, SLOTS) index into the names of the vocabulary, one slot for each sprite.
        colours: (n, SLOTS) index into the colours, ``-1`` for a sprite in its own colours.
        counts: (n,) how many sprites there are, 1 to ``SLOTS``.
        relation: (n,) how slot 0 lies to slot 1, an index into ``RELATIONS``; ``-1`` without two
            different objects. Only scenes of kind ``relation`` state it.
    """

    kind: Tensor
    objects: Tensor
    colours: Tensor
    counts: Tensor
    relation: Tensor

    def __len__(self) -> int:
        return len(self.kind)

    def facts(self) -> Facts:
        """The facts alone, without what a subclass adds."""
        return Facts(*(getattr(self, field.name) for field in fields(Facts)))

    def rows(self, index: Tensor) -> Facts:
        """The facts of the scenes that ``index`` (long or bool) picks, in that order."""
        return Facts(*(getattr(self, field.name)[index] for field in fields(Facts)))

    def changed(self, **columns: Tensor) -> Facts:
        """A copy with some columns replaced."""
        return replace(self, **columns)

    def of_kind(self, name: str) -> Tensor:
        """(n,) bool: which scenes are of this kind."""
        return self.kind == KINDS.index(name)


def article(noun: str) -> str:
    """The noun with ``a`` or ``an``, by its first letters: ``an apple``, ``a unicorn``.

    >>> article("owl"), article("unicorn"), article("hourglass")
    ('an owl', 'a unicorn', 'an hourglass')
    """
    vowel = re.match(r"(?!uni|use|uk|eu|one|once)[aeiou]|hour|honest", noun.lower())
    return f"{'an' if vowel else 'a'} {noun}"


def plural(noun: str) -> str:
    """The plural of a name: its last word is inflected.

    >>> plural("hot dog"), plural("fox"), plural("ladybug"), plural("cherry"), plural("knife")
    ('hot dogs', 'foxes', 'ladybugs', 'cherries', 'knives')
    """
    head, space, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        many = _IRREGULAR[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        many = last if re.search(r"[^su]s$", last) else last + "es"
    elif re.search(r"[^aeiou]y$", last):
        many = last[:-1] + "ies"
    else:
        many = last + "s"
    return head + space + many


def speakable(name: str) -> bool:
    """Whether a name can stand in a caption: plain words, none of them a word of the grammar.

    ``"orange"`` (the fruit), ``"red apple"`` or ``"bow and arrow"`` would make captions that can
    be read in two ways.
    """
    words = name.lower().split()
    plain = bool(words) and re.fullmatch(r"[\w'’.-]+( [\w'’.-]+)*", name) is not None
    return plain and not _RESERVED.intersection(re.split(r"[\s-]", name.lower()))


def check_names(names: Sequence[str]) -> None:
    """Make sure that captions over these names can be read in one way only.

    Raises:
        ValueError: a name holds a word of the grammar, or two names share a singular or plural.
    """
    for name in names:
        if not speakable(name):
            raise ValueError(
                f"object {name!r} cannot stand in a caption: its words must be none of the "
                f"grammar's ({', '.join(sorted(_RESERVED))}); choose another object, or let "
                "mmlib.data.scenes.usable_objects() pick"
            )
    for form, words in (("name", list(names)), ("plural", [plural(name) for name in names])):
        twice = [word for word, times in Counter(words).items() if times > 1]
        if twice:
            raise ValueError(f"two objects share the {form} {twice[0]!r}: keep one of them")


class Vocabulary:
    """The words of a scene: turns facts into captions, and captions with one meaning into one id.

    Args:
        names: one English name for each object, in the order of the object indices.
        colours: names out of ``COLOURS``, in the order of the colour indices.
    """

    def __init__(self, names: Sequence[str], colours: Sequence[str] = tuple(COLOURS)) -> None:
        check_names(names)
        self.names = tuple(names)
        self.colours = tuple(colours)
        self._one = [article(name) for name in names]
        self._many = [plural(name) for name in names]

    def captions(self, facts: Facts) -> list[str]:
        """One sentence for each scene."""
        columns = zip(
            facts.kind.tolist(),
            facts.objects[:, :2].tolist(),
            facts.colours[:, :2].tolist(),
            facts.counts.tolist(),
            facts.relation.tolist(),
            strict=True,
        )
        return [self._sentence(*row) for row in columns]

    def _sentence(
        self, kind: int, objects: list[int], colours: list[int], count: int, relation: int
    ) -> str:
        first, second = objects
        match KINDS[kind]:
            case "single":
                return self._one[first]
            case "colour":
                one, two = (self._coloured(*p) for p in zip(objects, colours, strict=True))
                return f"{one} and {two}"
            case "count":
                noun = self.names[first] if count == 1 else self._many[first]
                return f"{NUMBERS[count - 1]} {noun}"
            case _:
                return f"{self._one[first]} {RELATIONS[relation]} {self._one[second]}"

    def _coloured(self, thing: int, colour: int) -> str:
        return article(f"{self.colours[colour]} {self.names[thing]}")

    def meanings(self, facts: Facts) -> Tensor:
        """(n,) int64: equal where the captions mean the same, stable from batch to batch.

        "a dog" and "one dog" mean the same; so do "a dog left of a cat" and "a cat right of a
        dog", and the two orders of "a red dog and a blue cat".
        """
        radix = len(self.names) * max(len(self.colours), SLOTS + 1)
        objects = facts.objects[:, :2]
        counted = objects[:, 0] * (SLOTS + 1) + facts.counts
        counted = torch.stack([counted, torch.zeros_like(counted)], 1)  # (n, 2), family 0
        coloured = (objects * len(self.colours) + facts.colours[:, :2]).sort(1).values  # family 1
        flip = facts.relation % 2 == 1  # "right of" and "below" are read from the other side
        related = objects.where(~flip[:, None], objects.flip(1))  # families 2 and 3
        is_coloured, is_related = facts.of_kind("colour"), facts.of_kind("relation")
        parts = torch.where(is_related[:, None], related, counted)
        parts = torch.where(is_coloured[:, None], coloured, parts)  # (n, 2)
        family = is_coloured.long() + is_related * (2 + facts.relation // 2)
        return (family * radix + parts[:, 0]) * radix + parts[:, 1]
