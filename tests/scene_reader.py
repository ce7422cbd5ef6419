"""Reads scene captions back and checks them against a picture, without mmlib's own grammar.

Nothing here is imported from `mmlib.data.grammar`: the words, the plurals and the meaning of a
relation are written down a second time, and relations are decided from the boxes alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NUMBER = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
PLURALS = {"butterfly": "butterflies", "strawberry": "strawberries", "fish": "fish"}
RELATION = re.compile(r"an? ([\w ]+?) (left of|right of|above|below) an? ([\w ]+)")
COUNT = re.compile(r"(one|two|three|four|five) ([\w ]+)")


@dataclass(frozen=True)
class Claim:
    """What a caption says: its kind, the things as (name, colour), and a number or relation."""

    kind: str
    things: tuple[tuple[str, str | None], ...]
    count: int = 1
    relation: str | None = None


def read(caption: str, names: Sequence[str], colours: Sequence[str]) -> Claim:
    """The claim of a caption; fails if there is not exactly one reading."""
    colour = "|".join(colours)
    pair = re.compile(rf"an? ({colour}) ([\w ]+?) and an? ({colour}) ([\w ]+)")
    claims = []
    if match := RELATION.fullmatch(caption):
        first, relation, second = match.groups()
        claims.append(Claim("relation", ((first, None), (second, None)), 2, relation))
    if match := pair.fullmatch(caption):
        one, first, two, second = match.groups()
        claims.append(Claim("colour", ((first, one), (second, two)), 2))
    if match := COUNT.fullmatch(caption):
        count = NUMBER[match[1]]
        forms = {n if count == 1 else PLURALS.get(n, many(n)): n for n in names}
        claims.append(Claim("count", ((forms[match[2]], None),), count))
    if match := re.fullmatch(r"an? ([\w ]+)", caption):
        claims.append(Claim("single", ((match[1], None),)))
    claims = [c for c in claims if all(name in names for name, _ in c.things)]
    assert len(claims) == 1, f"{caption!r} reads as {claims}"
    for noun in re.findall(r"\ban? (\w+)", caption):
        vowel = noun[0] in "aeiou" and noun != "unicorn"
        assert f"{'an' if vowel else 'a'} {noun}" in caption
    return claims[0]


def many(noun: str) -> str:
    return noun + ("es" if re.search("(s|x|ch|sh)$", noun) else "s")


def true_relation(first: Sequence[float], second: Sequence[float]) -> str:
    """The one relation of two boxes (left, top, right, bottom); fails if there are none or two."""
    found = []
    across = min(first[3], second[3]) - max(first[1], second[1])
    down = min(first[2], second[2]) - max(first[0], second[0])
    if across > 0 and first[2] <= second[0]:
        found.append("left of")
    if across > 0 and first[0] >= second[2]:
        found.append("right of")
    if down > 0 and first[3] <= second[1]:
        found.append("above")
    if down > 0 and first[1] >= second[3]:
        found.append("below")
    assert len(found) == 1, f"{first} and {second}: {found}"
    return found[0]


def sprites(truth, row: int, names: Sequence[str], colours: Sequence[str]) -> list[tuple]:
    """What is drawn: (name, colour or None, box) of each sprite."""
    drawn = []
    for thing, colour, box in zip(
        truth.objects[row].tolist(), truth.colours[row].tolist(), truth.boxes[row].tolist(),
        strict=True,
    ):  # fmt: skip
        if thing >= 0:
            drawn.append((names[thing], colours[colour] if colour >= 0 else None, box))
    return drawn


def holds(claim: Claim, drawn: list[tuple]) -> bool:
    """Whether a claim is true of the drawn sprites."""
    seen = [(name, colour) for name, colour, _ in drawn]
    if claim.kind == "relation":
        if sorted(claim.things) != sorted(seen):
            return False
        boxes = {name: box for name, _, box in drawn}
        return true_relation(boxes[claim.things[0][0]], boxes[claim.things[1][0]]) == claim.relation
    if claim.kind == "colour":
        return sorted(claim.things) == sorted(seen)
    return seen == list(claim.things) * claim.count
