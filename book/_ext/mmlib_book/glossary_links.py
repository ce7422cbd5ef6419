"""Links from the chapters to the glossary: the first time that a chapter's prose uses a term.

A paragraph gets four links at most; a term that is left out there is linked at its next use.
The links are made in the page that Sphinx has read, so the notebook stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from .figures import CHAPTER
from .glossary import Recogniser, Term, load_glossary

PAGE = "book/glossary"
MOST = 4  # links in one paragraph: more of them are in the reader's way
SKIPPED = (
    addnodes.pending_xref,
    nodes.caption,
    nodes.FixedTextElement,
    nodes.literal,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.reference,
    nodes.rubric,
    nodes.thead,
    nodes.title,
)
OUTPUTS = {"cell_input", "cell_output"}


def prose_nodes(node: nodes.Element) -> Iterator[nodes.Text]:
    """The text of a document that may hold links, in order."""
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield child
        elif isinstance(child, nodes.Element) and not _skipped(child):
            yield from prose_nodes(child)


def _skipped(node: nodes.Element) -> bool:
    return isinstance(node, SKIPPED) or bool(OUTPUTS & set(node.get("classes", ())))


def link_terms(
    document: nodes.Element, recogniser: Recogniser, chapter: int, address: Callable[[Term], str]
) -> list[Term]:
    """Make the first use of each term a link; the terms that got one, in their order."""
    linked: list[Term] = []
    made: Counter[int] = Counter()  # links of a paragraph
    for text in list(prose_nodes(document)):
        paragraph = _paragraph(text)
        pieces: list[nodes.Node] = []
        position = 0
        for start, end, term in recogniser.find(str(text)):
            if term in linked or not term.linked(chapter) or made[paragraph] == MOST:
                continue
            linked.append(term)
            made[paragraph] += 1
            pieces += [nodes.Text(text[position:start]), _link(text[start:end], term, address)]
            position = end
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[position:])])
    return linked


def _paragraph(node: nodes.Node) -> int:
    """The identity of the paragraph, or of the other block, that holds the text."""
    while isinstance(node.parent, nodes.Inline):
        node = node.parent
    return id(node.parent)


def _link(words: str, term: Term, address: Callable[[Term], str]) -> nodes.reference:
    link = nodes.reference("", words, internal=True, refuri=address(term), reftitle=term.hint)
    link["classes"] = ["mm-term"]
    return link


def _on_doctree(app: Sphinx, document: nodes.document) -> None:
    name = app.env.docname
    chapter = CHAPTER.match(name)
    if chapter is None:
        return
    root = Path(app.srcdir)
    app.env.note_dependency("book/glossary.yml")
    page = app.builder.get_relative_uri(name, PAGE)
    number = int(chapter[1])
    terms = Recogniser(tuple(load_glossary(root)))
    link_terms(document, terms, number, lambda term: f"{page}#{term.anchor}")


def setup(app: Sphinx) -> None:
    """Connect to the finished reading of each page."""
    app.connect("doctree-read", _on_doctree)
