"""The look of an entry on the references page, and the places that cite it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from docutils import nodes
from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx

from mmlib.course.book import find_chapters

from .references import cited_in_chapters, cited_in_code, groups, read_source, section_label
from .site import source_address

PAGE = "book/references"


class AuthorYear(BaseLabelStyle):
    """Labels such as ``Radford et al., 2021``, with a letter where two would be the same."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        """One label for each entry, in order."""
        labels = [read_source(entry.key, entry).label for entry in sorted_entries]
        count, used = Counter(labels), Counter[str]()
        for label in labels:
            letter = chr(ord("a") + used[label]) if count[label] > 1 else ""
            used[label] += 1
            yield label + letter


class Style(PlainStyle):
    """The plain style with labels of author and year."""

    default_label_style = "mmlib"


def _link(app: Sphinx, text: str, page: str, anchor: str = "") -> nodes.Node:
    address = app.builder.get_relative_uri(PAGE, page) + anchor
    return nodes.reference("", text, refuri=address, internal=True)


def _code(module: str) -> nodes.Node:
    address = source_address(module)
    text = nodes.literal("", module)
    return nodes.reference("", "", text, refuri=address) if address else text


def find_places(app: Sphinx) -> dict[str, list[nodes.Node]]:
    """For each source, links to the chapters and pages that cite it, and the code that does."""
    root = Path(app.srcdir)
    stems = {int(path.name[:2]): path.stem for path in find_chapters(root)}
    places: dict[str, list[nodes.Node]] = {}
    for key, numbers in cited_in_chapters(root).items():
        places[key] = [
            _link(app, f"chapter {number}", f"notebooks/{stems[number]}", "#sources")
            for number in numbers
        ]
    pages = app.env.get_domain("cite").citation_refs  # type: ignore[attr-defined]
    pairs = {(target.key, ref.docname) for ref in pages for target in ref.targets}
    for key, page in sorted(pairs):
        places.setdefault(key, []).append(_link(app, app.env.titles[page].astext(), page))
    for key, modules in cited_in_code(root).items():
        places.setdefault(key, []).extend(map(_code, modules))
    return places


def _arrange(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Move each entry into the section of its chapter, and say below it where it is cited."""
    if docname != PAGE:
        return
    places, group = find_places(app), groups(Path(app.srcdir))
    sections = {name: node for node in doctree.findall(nodes.section) for name in node["ids"]}
    for citation in list(doctree.findall(nodes.citation)):
        key = citation["ids"][0].removeprefix("ref-")
        paragraph = nodes.paragraph("", "Cited in ", classes=["mm-cited"])
        for number, place in enumerate(places.get(key, [])):
            paragraph += [nodes.Text(", " if number else ""), place]
        if len(paragraph) > 1:
            citation += paragraph
        if group[key]:
            citation.parent.remove(citation)
            sections[section_label(group[key])] += citation


def setup(app: Sphinx) -> None:
    """Register the style; connect to the finished tree of each page."""
    register_plugin("pybtex.style.labels", "mmlib", AuthorYear, force=True)
    register_plugin("pybtex.style.formatting", "mmlib", Style, force=True)
    app.connect("doctree-resolved", _arrange)
