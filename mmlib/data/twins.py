"""Which concepts must stay on one side of the seen/unseen split, and the split itself.

A concept counts as unseen only if nothing like it was trained on. Two kinds of twins would leak:
the same idea with another gender or family ('man cook', 'woman cook', 'cook'), and drawings that
are the same or nearly the same in some style ('green book' and 'blue book' as outlines). Twins
form groups, and a group goes to one side as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import torch

UNSEEN_SHARE = 0.15
NEAR_IDENTICAL = 2e-3
"""Mean squared difference of two drawings (premultiplied RGBA in [0, 1]) that counts as none."""

# Person, child and older person, each in the neutral, female and male form.
_PEOPLE = {
    **dict.fromkeys(("1F9D1", "1F469", "1F468"), "person"),
    **dict.fromkeys(("1F9D2", "1F467", "1F466"), "child"),
    **dict.fromkeys(("1F9D3", "1F475", "1F474"), "elder"),
}
# The same role in characters of their own.
_ROLES = {
    **dict.fromkeys(("1FAC5", "1F478", "1F934"), "royal"),
    **dict.fromkeys(("1F385", "1F936", "person-1F384"), "santa"),
    **dict.fromkeys(("1F483", "1F57A"), "dancer"),
    **dict.fromkeys(("1F930", "1FAC3", "1FAC4"), "pregnant"),
    **dict.fromkeys(("1F46B", "1F46C", "1F46D", "person-1F91D-person"), "holding hands"),
    **dict.fromkeys(("1F491", "person-2764-person"), "couple"),
    **dict.fromkeys(("1F48F", "person-2764-1F48B-person"), "kiss"),
    "1F46A": "family",
}
_DROPPED = frozenset({"200D", "2640", "2642", "27A1"})  # joiner, female, male, 'facing right'


def role(codepoints: str) -> str:
    """What a character shows apart from gender, family members and the direction it faces.

    ``role("1F468-200D-1F373") == role("1F9D1-200D-1F373")``: a man who cooks, a person who cooks.
    """
    parts = [_PEOPLE.get(part, part) for part in codepoints.split("-") if part not in _DROPPED]
    if len(parts) > 1 and set(parts) <= {"person", "child"}:
        return "family"
    plain = "-".join(parts)
    return _ROLES.get(plain, plain)


def near_identical(rgba: torch.Tensor, has: torch.Tensor) -> list[tuple[int, int]]:
    """Pairs of rows whose drawings differ by less than ``NEAR_IDENTICAL``.

    Args:
        rgba: premultiplied uint8, (N, 4, H, W).
        has: bool (N,), which rows have a drawing.
    """
    rows = has.nonzero().flatten()
    pixels = rgba[rows].flatten(1).double() / 255  # (n, 4HW); float64: differences of like sizes
    norms = (pixels**2).sum(dim=1)
    distance = norms[:, None] + norms - 2 * pixels @ pixels.T  # (n, n)
    near = (distance < NEAR_IDENTICAL * pixels.shape[1]).triu(diagonal=1)
    return [(int(rows[a]), int(rows[b])) for a, b in near.nonzero().tolist()]


def group_twins(codepoints: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Give every concept the number of its twin group: the lowest row in the group.

    Args:
        codepoints: one spelling a row; rows with the same ``role`` are twins.
        pairs: further twins by row, as ``near_identical`` finds them.
    """
    parent = list(range(len(codepoints)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[str, int] = {}
    same_role = [(first.setdefault(role(name), row), row) for row, name in enumerate(codepoints)]
    for a, b in (*same_role, *pairs):
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(row) for row in range(len(codepoints))]


def split_of(key: str) -> str:
    """``"unseen"`` for about 15% of all keys, by a hash that is the same on every machine."""
    digest = hashlib.sha256(f"mmlib:{key}".encode()).digest()
    return "unseen" if int.from_bytes(digest[:8], "big") < UNSEEN_SHARE * 2**64 else "seen"
