"""The references page: which paper is cited where, found in the chapters and in the code.

``book/references.bib`` holds the papers. A chapter cites one by a link with the same DOI, arXiv
number or address under *Sources*; a docstring cites it by author and year; a page with ``{cite}``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pybtex.database import Entry, Person, parse_file

from mmlib.course.book import cell_source, find_chapters, read_notebook

from .chapters import load_chapters

LINK = re.compile(r"\[(?P<title>[^\]]+)\]\((?P<url>https?://(?:[^\s()]|\([^\s()]*\))+)\)")
YEAR = re.compile(r",? (\d{4})\b")
SOURCES = re.compile(r"^## Sources\n(.*?)(?=^## |\Z)", re.S | re.M)
OUTSIDE = "Behind the code"


@dataclass(frozen=True)
class Source:
    """One entry of the bibliography; ``module`` is set where author and year fit two entries."""

    key: str
    authors: tuple[str, ...]
    year: str
    title: str
    addresses: tuple[str, ...]
    module: str

    @property
    def label(self) -> str:
        """How a text names it: ``Radford et al., 2021``."""
        names = self.authors
        first = names[0] if len(names) != 2 else f"{names[0]} and {names[1]}"
        return f"{first}{' et al.' if len(names) > 2 else ''}, {self.year}"


@dataclass(frozen=True)
class Citation:
    """A link under a chapter's *Sources*: its words, address, year, and the item's text before."""

    chapter: int
    item: str
    title: str
    url: str
    year: str


def surname(person: Person) -> str:
    """The family name with its particles, without braces."""
    return re.sub(r"[{}]", "", " ".join([*person.prelast_names, *person.last_names]))


def _addresses(fields: Any) -> tuple[str, ...]:
    found = [("doi", "https://doi.org/"), ("eprint", "https://arxiv.org/abs/"), ("url", "")]
    return tuple(prefix + fields[name] for name, prefix in found if name in fields)


def read_source(key: str, entry: Entry) -> Source:
    """One entry of a bibliography, by its key."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    title = re.sub(r"[{}]", "", entry.fields.get("title", ""))
    names = tuple(map(surname, people))
    year, module = entry.fields.get("year", ""), entry.fields.get("code", "")
    return Source(key, names, year, title, _addresses(entry.fields), module)


def load_sources(root: Path) -> dict[str, Source]:
    """The entries of ``book/references.bib`` by key."""
    entries = parse_file(str(root / "book" / "references.bib")).entries
    return {key: read_source(key, entry) for key, entry in entries.items()}


def sources_section(path: Path) -> str:
    """The text under a notebook's heading *Sources*; empty without one."""
    text = "\n\n".join(
        cell_source(cell)
        for cell in read_notebook(path)["cells"]
        if cell["cell_type"] == "markdown"
    )
    found = SOURCES.search(text)
    return found[1] if found else ""


def citations(path: Path) -> Iterator[Citation]:
    """The links to papers in a chapter's *Sources*: all but those of the item on drawings."""
    for item in sources_section(path).split("\n- "):
        if not item.removeprefix("- ").startswith("Drawings:"):
            for link in LINK.finditer(item):
                year = YEAR.match(item, link.end())
                before = item[: link.start()]
                yield Citation(
                    int(path.name[:2]), before, link["title"], link["url"], year[1] if year else ""
                )


def cited_in_chapters(root: Path) -> dict[str, list[int]]:
    """The numbers of the chapters that link to each source.

    Raises:
        ValueError: a chapter links to a paper that the bibliography does not hold.
    """
    keys = {
        address.lower(): source.key
        for source in load_sources(root).values()
        for address in source.addresses
    }
    found: dict[str, list[int]] = {}
    for path in find_chapters(root):
        for citation in citations(path):
            key = keys.get(citation.url.lower())
            if key is None:
                raise ValueError(
                    f"{path.name} cites {citation.url}, which no entry of book/references.bib has: "
                    "add the paper with this doi, eprint or url"
                )
            numbers = found.setdefault(key, [])
            if citation.chapter not in numbers:
                numbers.append(citation.chapter)
    return found


def plain(text: str) -> str:
    """A text without accents and with single blanks."""
    parts = unicodedata.normalize("NFD", text)
    return " ".join("".join(c for c in parts if not unicodedata.combining(c)).split())


def mention(source: Source) -> re.Pattern[str]:
    """How a docstring names a source: ``Lin et al. 2017``, ``Wang & Isola (2020)``."""
    first, *others = (re.escape(plain(name)) for name in source.authors)
    if len(others) == 1:
        more = rf"(?: (?:and|&) {others[0]})?"
    elif others:
        more = rf"(?: et al\.?|(?:, [\w-]+)* (?:and|&) {others[-1]})"
    else:
        more = ""
    return re.compile(rf"\b{first}{more},? \(?{source.year}\b")


@cache
def _code(root: Path) -> dict[str, str]:
    paths = sorted((root / "mmlib").rglob("*.py"))
    return {p.relative_to(root).as_posix(): plain(p.read_text(encoding="utf-8")) for p in paths}


def cited_in_code(root: Path) -> dict[str, list[str]]:
    """The modules of ``mmlib`` that name each source."""
    found: dict[str, list[str]] = {}
    for source in load_sources(root).values():
        pattern = mention(source)
        names = [name for name, text in _code(root).items() if pattern.search(text)]
        found[source.key] = [name for name in names if source.module in ("", name)]
    return {key: names for key, names in found.items() if names}


def section_label(chapter: int) -> str:
    """The label of a chapter's section of the page; 0 stands for the last one."""
    return f"sources-{chapter}"


def groups(root: Path) -> dict[str, int]:
    """For each source the first chapter that cites it, or 0."""
    cited = cited_in_chapters(root)
    return {key: cited[key][0] if key in cited else 0 for key in load_sources(root)}


def references(root: Path) -> str:
    """The headings of the page and, in the last section, all sources for ``bibliography``."""
    used = set(groups(root).values())
    text: list[str] = []
    for chapter in load_chapters(root):
        if chapter.number in used:
            text += [f"({section_label(chapter.number)})="]
            text += [f"## Chapter {chapter.number}: {chapter.title}", ""]
    text += [f"({section_label(0)})=", f"## {OUTSIDE}", ""]
    return "\n".join([*text, "```{bibliography}", ":all:", "```"])
