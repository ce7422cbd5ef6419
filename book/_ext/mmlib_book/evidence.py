"""Which stored results a claim rests on, and how its effect comes from them.

A result belongs to a claim by its id (``c41.own.seen`` to C4.1), because the claim's ``effect`` in
``book/claims.yml`` names it, or by a pattern in the claim's ``evidence`` (``lab.*``). Where tiers
differ in their sizes, ``effect`` says ``c43.softmax.b{largest}``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from mmlib.bands import NOT_TESTED, Effect, mean_effect, paired_difference

from .claims import Claim

SIZE = re.compile(r"\{(largest|smallest)\}")


def matches(claim: Claim, result: str, effect: tuple[str | float, ...]) -> bool:
    """Whether a result, by its id, belongs to a claim whose effect names the ones in ``effect``."""
    own = claim.id.lower().replace(".", "") + "."
    if result.startswith(own) or result in effect:
        return True
    return any(fnmatchcase(result, pattern) for pattern in claim.evidence)


def effect_names(claim: Claim, ids: Iterable[str]) -> tuple[str | float, ...]:
    """The claim's ``effect`` with ``{largest}`` and ``{smallest}`` replaced by a stored size.

    A name of which no size is stored stays as it is.
    """
    stored = list(ids)
    return tuple(_sized(e, stored) if isinstance(e, str) else e for e in claim.effect)


def _sized(name: str, ids: list[str]) -> str:
    if not (found := SIZE.search(name)):
        return name
    before, after = name[: found.start()], name[found.end() :]
    pattern = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    sizes = [int(match[1]) for match in map(pattern.fullmatch, ids) if match]
    choose = max if found[1] == "largest" else min
    return f"{before}{choose(sizes)}{after}" if sizes else name


def evidence(
    claims: Iterable[Claim], ids: Iterable[str], known: Mapping[str, list[dict[str, Any]]]
) -> dict[str, list[str]]:
    """The ids of the results of each claim, in the order of ``ids``.

    Args:
        claims: of the article.
        ids: of all stored results.
        known: the stored verdicts by claim.

    Raises:
        ValueError: a claim was judged, and no stored result belongs to it.
    """
    stored = list(ids)
    found = {}
    for claim in claims:
        effect = effect_names(claim, stored)
        found[claim.id] = [name for name in stored if matches(claim, name, effect)]
    for name, verdicts in known.items():
        if not found[name] and any(verdict["status"] != NOT_TESTED for verdict in verdicts):
            raise ValueError(
                f"{name} is judged, but no stored result belongs to it: name the results that the "
                "verdict rests on under `evidence` of that claim in book/claims.yml"
            )
    return found


def recompute(claim: Claim, results: Mapping[str, Mapping[str, Any]]) -> Effect | None:
    """The effect that ``claim.effect`` names, from stored values paired by seed.

    Returns:
        None when the claim names none, or a result of this name is not stored.
    """
    names = effect_names(claim, results)
    if not names or any(isinstance(e, str) and e not in results for e in names):
        return None
    first, second = [*names, 0.0][:2]
    values = results[str(first)]["values"]
    if isinstance(second, str):
        other = results[second]["values"]
        return paired_difference(values, other) if len(values) == len(other) else None
    return mean_effect([value - second for value in values])


def explains(claim: Claim, effect: Mapping[str, Any], results: Mapping[str, Any]) -> bool:
    """Whether the stored effect is what ``claim.effect`` names, to nine digits.

    A run of another tier may compare other sizes; then the page does not name the two results.
    """
    again = recompute(claim, results)
    if again is None or again.n != effect["n"] or effect["low"] is None:
        return False
    pairs = ((again.mean, effect["mean"]), (again.low, effect["low"]), (again.high, effect["high"]))
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in pairs)
