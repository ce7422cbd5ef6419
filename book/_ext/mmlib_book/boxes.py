"""Boxes from Markdown that also reads well without them.

Notebooks use only what Colab, JupyterLab and the site all show: a blockquote that starts with a
fixed bold word, and ``<details>``. Here they become MyST boxes, for the site alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

KINDS = {
    "Key idea": "tip mm-key",
    "Warning": "warning",
    "Note": "note",
    "Try it": "tip mm-try",
    "Exercise": "important mm-exercise",
    "Result": "seealso mm-result",
    "Claim": "note mm-claim",
}
OPENING = re.compile(rf"^\*\*((?:{'|'.join(KINDS)})(?: [^*]{{1,60}})?)[.:]\*\*\s*")
DETAILS = re.compile(
    r"^<details(?: open)?>\s*<summary>(.*?)</summary>\s*\n(.*?)^</details>[ \t]*$", re.S | re.M
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"  # C4.1a is a part of claim C4.1
FENCE = re.compile(r"^(`{3,}|~{3,})")


def claim_label(claim: str) -> str:
    """The label of a claim's box in its chapter: ``C4.2`` gives ``box-c4-2``."""
    return "box-" + claim.lower().replace(".", "-")


def ledger_label(claim: str) -> str:
    """The label of a claim in the ledger: ``C4.2`` gives ``claim-c4-2``."""
    return "claim-" + claim.lower().replace(".", "-")


def claims_in(markdown: str) -> list[str]:
    """The claims that have a box in a text, in their order."""
    return re.findall(r"^> \*\*Claim (C\d+\.\d+[a-z]?)[.:]\*\*", markdown, re.M)


def _box(title: str, body: str) -> str:
    kind = next(name for name in KINDS if title.startswith(name))
    label = ""
    if claim := re.fullmatch(r"Claim (C\d+\.\d+[a-z]?)", title):
        label = f"({claim_label(claim[1])})=\n"
        body += f"\n\n{{ref}}`In the ledger <{ledger_label(claim[1].rstrip(LETTERS))}>`"
    return f"{label}:::::{{admonition}} {title}\n:class: {KINDS[kind]}\n\n{body}\n:::::"


def _quote(lines: list[str]) -> list[str]:
    """One blockquote, as a box if it starts with a known bold word."""
    text = [re.sub(r"^> ?", "", line) for line in lines]
    opening = OPENING.match(text[0])
    if not opening:
        return lines
    body = "\n".join([text[0][opening.end() :], *text[1:]]).strip()
    return ["", *_box(opening[1], body).split("\n"), ""]


def _outside_fences(markdown: str, change: Callable[[list[str]], list[str]]) -> str:
    """Apply ``change`` to every run of quote lines that is not inside a code fence."""
    done: list[str] = []
    quote: list[str] = []
    fence = ""
    for line in [*markdown.split("\n"), None]:
        if line is not None and not fence and line.startswith(">"):
            quote.append(line)
            continue
        if quote:
            done += change(quote)
            quote = []
        if line is None:
            break
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip() == fence:
            fence = ""
        done.append(line)
    return "\n".join(done)


def _fold(match: re.Match[str]) -> str:
    return f"::::::{{dropdown}} {match[1].strip()}\n{match[2].strip()}\n::::::"


def to_boxes(markdown: str) -> str:
    """Turn the two plain constructs into boxes and folds; everything else stays."""
    return DETAILS.sub(_fold, _outside_fences(markdown, _quote))
