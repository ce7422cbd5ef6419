"""The glossary: terms in English and Chinese, found in text, and the page that lists them.

``book/glossary.yml`` holds the terms; its head says what each field means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from mmlib.course.book import cell_source, read_notebook

from .chapters import Chapter, load_chapters

REQUIRED = ("term", "zh", "pinyin", "says", "chapter")
OPTIONAL = ("zh_also", "also", "see", "link")
NOT_PROSE = re.compile(
    r"^(`{3,}|~{3,}).*?^\1[ \t]*$|^#+ .*?$|<!--.*?-->|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]*`"
    r"|\]\([^)\s]*\)|<[^>\n]+>",
    re.S | re.M,
)


@dataclass(frozen=True)
class Term:
    """One entry; ``link`` is False, True, or the numbers of the chapters that link to it."""

    term: str
    zh: str
    pinyin: str
    says: str
    chapter: int
    zh_also: str = ""
    also: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    link: bool | tuple[int, ...] = True

    @property
    def anchor(self) -> str:
        """Where the entry stands on the page: ``term-contrastive-loss``."""
        return term_anchor(self.term)

    @property
    def chinese(self) -> str:
        """The Chinese terms as shown: ``嵌入 / 嵌入向量``."""
        return f"{self.zh} / {self.zh_also}" if self.zh_also else self.zh

    @property
    def hint(self) -> str:
        """What a link shows before it is followed: the Chinese term and the first sentence."""
        return f"{self.zh}: {self.says.split('. ')[0].removesuffix('.')}."

    def means(self, chapter: int) -> bool:
        """Whether the word has the entry's sense in a chapter."""
        return isinstance(self.link, bool) or chapter in self.link

    def linked(self, chapter: int) -> bool:
        """Whether a chapter links to the entry."""
        return self.link is not False and self.means(chapter)


def term_anchor(term: str) -> str:
    """The anchor of a term: ``L2 normalisation`` gives ``term-l2-normalisation``."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _term(row: dict[str, Any]) -> Term:
    name = f"book/glossary.yml, entry {row.get('term') or row}"
    if unknown := sorted(set(row) - {*REQUIRED, *OPTIONAL}):
        raise ValueError(f"{name}: unknown field {', '.join(unknown)}")
    if missing := [key for key in REQUIRED if not row.get(key)]:
        raise ValueError(f"{name}: {', '.join(missing)} missing")
    link = row.get("link", True)
    return Term(
        **{
            **row,
            "also": tuple(row.get("also", ())),
            "see": tuple(row.get("see", ())),
            "link": link if isinstance(link, bool) else tuple(link),
        }
    )


def _check(terms: list[Term]) -> None:
    owner: dict[str, str] = {}
    for term in terms:
        for spelling in (term.term, *term.also):
            if (other := owner.setdefault(_folded(spelling), term.term)) != term.term or (
                spelling != term.term and _folded(spelling) == _folded(term.term)
            ):
                raise ValueError(
                    f"book/glossary.yml, entry {term.term}: {spelling!r} already stands for {other}"
                )
    names = [term.term for term in terms]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"book/glossary.yml, entry {twice[0]}: there are two of it")
    for term in terms:
        if unknown := [name for name in term.see if name not in names or name == term.term]:
            raise ValueError(
                f"book/glossary.yml, entry {term.term}: see names {', '.join(unknown)}, "
                "which is no other entry"
            )


def _folded(spelling: str) -> str:
    return " ".join(spelling.replace("\u2019", "'").casefold().split())


def load_glossary(root: Path) -> list[Term]:
    """All entries, by alphabet.

    Raises:
        ValueError: an entry has an empty or unknown field, a spelling that another one has, or
            names a related entry that does not exist.
    """
    rows = yaml.safe_load((root / "book" / "glossary.yml").read_text(encoding="utf-8"))
    terms = sorted(map(_term, rows), key=lambda term: term.term.casefold())
    _check(terms)
    return terms


@dataclass(frozen=True)
class Recogniser:
    """Finds the spellings of terms in a text: whole words, the longest where several fit."""

    terms: tuple[Term, ...]

    @cached_property
    def _owner(self) -> dict[str, Term]:
        return {_folded(name): term for term in self.terms for name in (term.term, *term.also)}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = {name for term in self.terms for name in (term.term, *term.also)}
        pieces = "|".join(map(_piece, sorted(names, key=lambda name: (-len(name), name))))
        return re.compile(rf"(?<![\w-])(?:{pieces or '(?!)'})(?![\w-])")

    def find(self, text: str) -> Iterator[tuple[int, int, Term]]:
        """Start, end and entry of every occurrence, in order."""
        for match in self._pattern.finditer(text):
            yield match.start(), match.end(), self._owner[_folded(match[0])]


def _piece(spelling: str) -> str:
    """A pattern for one spelling: exact when it has a capital letter, else in any case."""
    pattern = r"\s+".join(re.escape(word) for word in spelling.split()).replace("'", "['\u2019]")
    return pattern if spelling != spelling.lower() else f"(?i:{pattern})"


def prose(markdown: str) -> str:
    """Markdown without code, mathematics, headings, comments, tags and addresses."""
    return NOT_PROSE.sub(" ", markdown)


def used_in(terms: list[Term], chapters: list[Chapter]) -> dict[str, list[int]]:
    """For each term, the numbers of the chapters whose prose holds it."""
    recogniser = Recogniser(tuple(terms))
    used: dict[str, list[int]] = {term.term: [] for term in terms}
    for chapter in chapters:
        if chapter.notebook:
            cells = read_notebook(chapter.notebook)["cells"]
            text = [prose(cell_source(c)) for c in cells if c["cell_type"] == "markdown"]
            found = {term for _, _, term in recogniser.find("\n\n".join(text))}
            for term in found:
                if term.means(chapter.number):
                    used[term.term].append(chapter.number)
    return used


def _chapter_link(number: int, chapters: dict[int, Chapter], word: str = "") -> str:
    notebook = chapters[number].notebook if number in chapters else None
    return f"[{word}{number}](/notebooks/{notebook.name})" if notebook else f"{word}{number}"


def _entry(term: Term, used: list[int], chapters: dict[int, Chapter]) -> str:
    facts = [f"Explained in {_chapter_link(term.chapter, chapters, 'chapter ')}."]
    if others := [_chapter_link(n, chapters) for n in used if n != term.chapter]:
        facts.append(f"Also in {'chapter' if len(others) == 1 else 'chapters'} {_list(others)}.")
    if term.see:
        facts.append(f"See {_list([f'[{name}](#{term_anchor(name)})' for name in term.see])}.")
    lines = [
        *[f"```{{index}} {name}\n```\n" for name in (term.zh, term.zh_also) if name],
        f"({term.anchor})=",
        f"### {term.term} [{term.chinese}]{{.mm-zh .language-zh-Hans}}",
        "",
        term.says,
        "",
        f"[{' '.join(facts)}]{{.mm-facts}}",
        "",
    ]
    return "\n".join(lines)


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _initial(word: str) -> str:
    return word[0].upper()


def _pinyin_index(terms: list[Term]) -> list[str]:
    rows = sorted(terms, key=lambda term: term.pinyin.casefold())
    lines = ["## Chinese index [中文索引]{.language-zh-Hans}", ""]
    lines += [":::{div} mm-pinyin language-zh-Hans", ""]
    for letter, group in groupby(rows, key=lambda term: _initial(term.pinyin)):
        links = " ".join(f"[{term.zh}](#{term.anchor})" for term in group)
        lines += [f"[{letter}]{{.mm-letter}} {links}", ""]
    return [*lines, ":::", ""]


def glossary(root: Path) -> str:
    """The glossary as Markdown: entries by the English alphabet, an index by pinyin."""
    terms, chapters = load_glossary(root), load_chapters(root)
    numbered = {chapter.number: chapter for chapter in chapters}
    used = used_in(terms, chapters)
    groups = [(letter, list(g)) for letter, g in groupby(terms, lambda t: _initial(t.term))]
    jumps = [f"[{letter}](#letter-{letter.lower()})" for letter, _ in groups]
    jumps.append("[中文索引](#letter-zh){.language-zh-Hans}")
    text = [":::{div} mm-letters", " ".join(jumps), ":::", ""]
    for letter, group in groups:
        text += [f"(letter-{letter.lower()})=", f"## {letter}", ""]
        text += [_entry(term, used[term.term], numbered) for term in group]
    return "\n".join([*text, "(letter-zh)=", *_pinyin_index(terms)])
