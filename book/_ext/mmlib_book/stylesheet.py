"""One small style sheet from the theme's many: what no page can use is left out.

The theme brings the rules of Bootstrap, of Font Awesome's 2,000 icons and of parts that this site
has not. A rule goes when each of its selectors needs a class that stands neither in a page nor in
a script. Scripts count with every word in them, and with the beginnings of names that they
complete (``"bs-" + placement``).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tinycss2

CLASSES = re.compile(r"""\bclass=(?:"([^"]*)"|'([^']*)')""")
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
WORD = re.compile(r"[A-Za-z_][\w-]*")
ADDRESS = re.compile(r"""url\(\s*(["']?)([^"')#?][^"')]*)\1\s*\)""")
NESTED = ("media", "supports", "layer", "container")


@dataclass
class Names:
    """Names that pages and scripts use as classes, or could."""

    words: set[str] = field(default_factory=set)
    beginnings: tuple[str, ...] = ()

    def add_page(self, html: str) -> None:
        """Take in the classes of a page and the words of the scripts in it."""
        for double, single in CLASSES.findall(html):
            self.words.update((double or single).split())
        for script in INLINE_SCRIPT.findall(html):
            self.add_script(script)

    def add_script(self, code: str) -> None:
        """Take in all words of a script."""
        words = set(WORD.findall(code))
        self.words |= words
        begun = {w for w in words if w.endswith("-") and not w.endswith("--") and len(w) > 2}
        self.beginnings = tuple(sorted({*self.beginnings, *begun}))

    def __contains__(self, name: str) -> bool:
        """Whether some page or script may use this class."""
        return name in self.words or name.startswith(self.beginnings)


def read_sheet(path: Path, home: Path) -> str:
    """A style sheet with its local imports in it and its addresses seen from ``home``.

    Raises:
        ValueError: an import comes from elsewhere, or its file is missing.
    """
    text = path.read_text(encoding="utf-8")
    text = re.sub(r'^\ufeff?@charset "[^"]*";', "", text)

    def relative(match: re.Match[str]) -> str:
        file = path.parent / match[2].split("?")[0]
        if ":" in match[2] or not file.is_file():
            return match[0]
        return f'url("{posixpath.relpath(file.resolve().as_posix(), home.resolve().as_posix())}")'

    def inline(match: re.Match[str]) -> str:
        file = path.parent / match[1]
        if not file.is_file():
            raise ValueError(f"{path.name} imports {match[1]!r}, which is not in the site")
        return read_sheet(file, home)

    text = ADDRESS.sub(relative, text)
    return re.sub(r"""@import\s+(?:url\()?["']?([^"');]+)["']?\)?\s*;""", inline, text)


def purge(css: str, names: Names) -> str:
    """The style sheet without the rules that need a class which is not among ``names``."""
    nodes = tinycss2.parse_stylesheet(css, skip_whitespace=True)
    return "\n".join(_kept(nodes, names)) + "\n"


def _kept(nodes: Iterable[Any], names: Names) -> Iterable[str]:
    for node in nodes:
        if node.type == "comment":
            if node.value.startswith("!"):  # a licence
                yield f"/*{node.value}*/"
        elif node.type == "qualified-rule":
            if selectors := [s for s in _selectors(node.prelude) if _may_match(s, names)]:
                prelude = ",".join(tinycss2.serialize(s).strip() for s in selectors)
                yield f"{prelude}{{{tinycss2.serialize(_plain(node.content)).strip()}}}"
        elif node.type == "at-rule" and node.lower_at_keyword in NESTED and node.content:
            inner = tinycss2.parse_rule_list(node.content, skip_whitespace=True)
            if kept := "\n".join(_kept(inner, names)):
                yield f"@{node.at_keyword}{tinycss2.serialize(node.prelude)}{{{kept}}}"
        elif node.type != "whitespace":
            yield node.serialize()


def _plain(tokens: list[Any]) -> list[Any]:
    return [token for token in tokens if token.type != "comment"]


def _selectors(prelude: list[Any]) -> list[list[Any]]:
    selectors: list[list[Any]] = [[]]
    for token in _plain(prelude):
        if token == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def _may_match(selector: list[Any], names: Names) -> bool:
    """False when a class that the selector needs is used nowhere (``:not(...)`` needs none)."""
    pairs = zip(selector, selector[1:], strict=False)
    return all(name.value in names for dot, name in pairs if dot == "." and name.type == "ident")
