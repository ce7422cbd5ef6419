"""How to cite the course or a chapter: plain text and BibTeX, from ``CITATION.cff``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .chapters import Chapter

FILE = "CITATION.cff"
WANTED = ("title", "authors", "version", "date-released")


@dataclass(frozen=True)
class Citation:
    """What ``CITATION.cff`` says; ``released`` is an ISO date."""

    title: str
    authors: tuple[str, ...]
    version: str
    released: str

    @property
    def year(self) -> str:
        """The year of the release."""
        return self.released[:4]


def _author(entry: dict[str, Any]) -> str:
    parts = ("given-names", "name-particle", "family-names", "name-suffix")
    return entry.get("name") or " ".join(entry[part] for part in parts if entry.get(part))


def load_citation(root: Path) -> Citation:
    """Read the citation file.

    Raises:
        ValueError: it lacks a title, authors with names, a version or a date.
    """
    data = yaml.safe_load((root / FILE).read_text(encoding="utf-8"))
    if missing := [key for key in WANTED if not data.get(key)]:
        raise ValueError(f"{FILE} has no {', '.join(missing)}: add it")
    authors = tuple(_author(entry) for entry in data["authors"])
    if not all(authors):
        raise ValueError(f"{FILE} has an author without a name: {data['authors']}")
    return Citation(data["title"], authors, str(data["version"]), str(data["date-released"]))


def plain_text(citation: Citation, chapter: Chapter, name: str, address: str) -> str:
    """A reference to a chapter as text; ``address`` may be empty."""
    authors = ", ".join(citation.authors)
    source = f"Chapter {chapter.number} of {citation.title}, version {citation.version}."
    return f"{authors} ({citation.year}). {name}. {source} {address}".strip()


def _braces(text: str) -> str:
    """Text for BibTeX: its special characters escaped, its capitals kept."""
    return "{" + "".join(f"\\{sign}" if sign in "&%$#_" else sign for sign in text) + "}"


def bibtex(citation: Citation, chapter: Chapter, name: str, address: str) -> str:
    """A BibTeX entry for a chapter; ``address`` may be empty."""
    fields = {
        "author": " and ".join(_braces(author) for author in citation.authors),
        "title": _braces(name),
        "howpublished": f"Chapter {chapter.number} of {_braces(citation.title)}",
        "year": citation.year,
        "note": f"Version {citation.version}",
        "url": address,
    }
    lines = [f"  {key} = {{{value}}}," for key, value in fields.items() if value]
    return "\n".join([f"@misc{{mmlib-{chapter.stem},", *lines, "}"])


def cite_fold(citation: Citation, chapter: Chapter, name: str, address: str) -> str:
    """The fold "Cite this chapter" as Markdown, for the chapter's end."""
    return "\n".join(
        [
            "::::::{dropdown} Cite this chapter",
            ":class-container: mm-cite",
            "",
            "```text",
            plain_text(citation, chapter, name, address),
            "```",
            "```bibtex",
            bibtex(citation, chapter, name, address),
            "```",
            "::::::",
        ]
    )
