"""The article's claims (``book/claims.yml``) and the verdicts that the chapters stored on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmlib.bands import MIXED
from mmlib.course.book import cell_source, find_chapters, read_notebook
from mmlib.published import load_all

from .boxes import LETTERS, claim_label, claims_in

UNTESTED = "not yet tested"
Published = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Claim:
    """One claim in our words.

    ``effect`` names the result whose mean is the verdict's effect, or two results (the second may
    be a number) whose difference it is; ``evidence`` are patterns of the ids of further results.
    """

    id: str
    says: str
    test: str
    effect: tuple[str | float, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def chapter(self) -> int:
        """The number of the chapter that tests it: 4 for ``C4.1``."""
        return int(self.id[1:].split(".")[0])


def load_claims(root: Path) -> list[Claim]:
    """All claims in order."""
    rows = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    lists = ("effect", "evidence")
    return [Claim(**{**row, **{key: tuple(row.get(key, ())) for key in lists}}) for row in rows]


def load_results(root: Path) -> dict[str, dict[str, Any]]:
    """What each chapter published, by the name of its notebook (``04_clip``)."""
    return load_all(root / "book" / "results")


def all_results(published: Published) -> dict[str, Any]:
    """Every stored result of all chapters by its id."""
    return {
        name: result
        for content in published.values()
        for name, result in content["results"].items()
    }


def verdicts(results: Published) -> dict[str, list[dict[str, Any]]]:
    """Every stored verdict by claim (``C4.1a`` and ``C4.1b`` under ``C4.1``), with its device."""
    found: dict[str, list[dict[str, Any]]] = {}
    for content in results.values():
        for part, verdict in sorted(content.get("verdicts", {}).items()):
            entry = {**verdict, "claim": part, "device": content["device"]}
            found.setdefault(part.rstrip(LETTERS), []).append(entry)
    return found


def known_verdicts(claims: list[Claim], results: Published) -> dict[str, list[dict[str, Any]]]:
    """``verdicts`` after a check that each judges a claim of the list.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list.
    """
    known = verdicts(results)
    if unknown := sorted(set(known) - {claim.id for claim in claims}):
        raise ValueError(f"book/claims.yml does not list the judged claims {', '.join(unknown)}")
    return known


def overall(parts: list[dict[str, Any]]) -> str:
    """One status for a claim: that of its parts when they agree, else ``mixed``."""
    statuses = {part["status"] for part in parts}
    return statuses.pop() if len(statuses) == 1 else MIXED if statuses else UNTESTED


def boxed_claims(root: Path) -> dict[str, str]:
    """For each claim, the label of the first box in a chapter that shows it or a part of it."""
    boxes: dict[str, str] = {}
    for path in find_chapters(root):
        for cell in read_notebook(path)["cells"]:
            if cell["cell_type"] == "markdown":
                for claim in claims_in(cell_source(cell)):
                    boxes.setdefault(claim.rstrip(LETTERS), claim_label(claim))
    return boxes
