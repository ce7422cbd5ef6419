"""The errata of the article: read from ``book/errata.md``, checked, counted and laid out.

An entry has a heading, its kind in italics, and four parts::

    ### Padding that changes the meaning

    *Runs and is wrong.*

    **You see** nothing. The same three tokens ...
    **Why:** the mean runs over all positions, padding included.
    **We do:** padding is left out of the mean and of attention.
    Test: `test_padding_does_not_change_the_meaning`.
    Claim: C4.7.

The last line is left out where no claim of the ledger is concerned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from .boxes import LETTERS, ledger_label
from .site import source_address

PAGE = "book/errata"
KINDS = {
    "Stops with an error.": "stops",
    "Runs and is wrong.": "wrong",
    "Runs and is not what it seems.": "seems",
}
HEADS = ("stop with an error", "run and are wrong", "run and are not what they seem")
ENTRY = re.compile(r"^### (?P<title>[^\n]+)\n(?P<body>.*?)(?=^##|\Z)", re.S | re.M)
PARTS = re.compile(
    r"\s*\*(?P<kind>[^*\n]+)\*\s+\*\*You see\*\* (?P<see>.+?)\n\*\*Why:\*\* (?P<why>.+?)\n"
    r"\*\*We do:\*\* (?P<do>.+?)\s+Tests?: (?P<tests>`\w+`(?:,\s+`\w+`)*)\."
    r"(?:\s+Claims?: (?P<claims>C\d+\.\d+(?:, C\d+\.\d+)*)\.)?\s*",
    re.S,
)


@dataclass(frozen=True)
class Erratum:
    """One fault of the article's code: where it stands, its kind, and its four parts."""

    group: str
    title: str
    kind: str
    see: str
    why: str
    do: str
    tests: tuple[str, ...]
    claims: tuple[str, ...]

    @property
    def label(self) -> str:
        """Its anchor on the page: ``erratum-a-batch-of-one``."""
        return f"erratum-{nodes.make_id(self.title)}"


def _erratum(group: str, title: str, body: str) -> Erratum:
    parts = PARTS.fullmatch(body)
    if parts is None or parts["kind"] not in KINDS:
        raise ValueError(
            f"book/errata.md, {title!r}: an entry has its kind in italics ({', '.join(KINDS)}), "
            "then '**You see** ...', '**Why:** ...', '**We do:** ...' and 'Test: `...`.'"
        )
    tests, claims = re.findall(r"\w+", parts["tests"]), re.findall(r"[\w.]+", parts["claims"] or "")
    text = (parts["see"], parts["why"], parts["do"])
    return Erratum(group, title, KINDS[parts["kind"]], *text, tuple(tests), tuple(claims))


def read_errata(page: str) -> list[Erratum]:
    """All entries of the page in order.

    Raises:
        ValueError: an entry lacks a part, or its kind is unknown.
    """
    groups = re.split(r"^## ([^\n]+)\n", page, flags=re.M)[1:]
    return [
        _erratum(group, entry["title"], entry["body"])
        for group, text in zip(groups[::2], groups[1::2], strict=True)
        for entry in ENTRY.finditer(text)
    ]


def load_errata(root: Path) -> list[Erratum]:
    """The entries of ``book/errata.md``."""
    return read_errata((root / "book" / "errata.md").read_text(encoding="utf-8"))


def find_tests(root: Path) -> dict[str, tuple[str, int]]:
    """The file and the line of each test of the errata."""
    found = {}
    for path in sorted((root / "tests").glob("test_errata*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if name := re.match(r"def (test_\w+)\(", line):
                found[name[1]] = (path.relative_to(root).as_posix(), number)
    return found


def _tests(entry: Erratum, there: dict[str, tuple[str, int]]) -> str:
    """The names of the tests, each a link to its line, or followed by its file."""
    names = []
    for name in entry.tests:
        file, line = there.get(name, ("", 0))
        address = source_address(file, line) if file else ""
        names.append(f"[`{name}`]({address})" if address else f"`{name}`")
    files = sorted({there[name][0] for name in entry.tests if name in there})
    return ", ".join(names) + "".join(f" in `{file}`" for file in files if not source_address(file))


def _term(name: str, text: str) -> list[str]:
    return [name, ": " + text.replace("\n", "\n  "), ""]


def layout(entry: Erratum, there: dict[str, tuple[str, int]]) -> str:
    """One entry as Markdown for the site: a badge, and its parts as a list of terms."""
    kind = next(words for words, kind in KINDS.items() if kind == entry.kind)
    lines = [f"({entry.label})=", f"### {entry.title}", ""]
    lines += [f"::::{{div}} mm-erratum mm-erratum-{entry.kind}"]
    lines += [f"[{kind.rstrip('.')}]{{.mm-kind}}", ""]
    parts = {"You see": entry.see, "Why": entry.why, "We do": entry.do}
    for name, text in {**parts, "Test": _tests(entry, there)}.items():
        lines += _term(name, text)
    if entry.claims:
        links = [f"{{ref}}`{claim} <{ledger_label(claim)}>`" for claim in entry.claims]
        lines += _term("Claim", ", ".join(links) + " in the ledger")
    return "\n".join([*lines, "::::", ""])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _counts(entries: list[Erratum]) -> list[str]:
    return [str(sum(entry.kind == kind for entry in entries)) for kind in KINDS.values()]


def summary(entries: list[Erratum]) -> str:
    """Counts of all faults, by group and by kind, and a table of every fault with its kind."""
    total = _counts(entries)
    told = ", ".join(f"{count} {words}" for count, words in zip(total, HEADS, strict=True))
    groups = list(dict.fromkeys(entry.group for entry in entries))
    text = [f"**{len(entries)} faults in {len(groups)} groups:** {told}.", ""]
    text += [_row(["where", "stop", "wrong", "not what they seem", "all"])]
    text += [_row(["---", *["---:"] * 4])]
    for group in groups:
        own = [entry for entry in entries if entry.group == group]
        link = f"[{group}](#{nodes.make_id(group)})"
        text.append(_row([link, *_counts(own), str(len(own))]))
    text += [_row(["**all**", *total, str(len(entries))]), ""]
    text += ["::::{dropdown} Every fault in one table", _row(["fault", "kind"]), _row(["---"] * 2)]
    words = {kind: words.rstrip(".").lower() for words, kind in KINDS.items()}
    text += [_row([f"[{e.title}](#{e.label})", words[e.kind]]) for e in entries]
    return "\n".join([*text, "::::", "", ""])


def to_site(page: str, there: dict[str, tuple[str, int]]) -> str:
    """The page as the site shows it: the summary after the introduction, the entries laid out."""
    entries = read_errata(page)
    remaining: Iterator[Erratum] = iter(entries)
    body = ENTRY.sub(lambda _: layout(next(remaining), there) + "\n", page)
    start = body.index("\n## ") + 1
    return body[:start] + summary(entries) + body[start:]


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname.startswith("notebooks/"):  # it links to the entries: see _link_boxes
        app.env.note_dependency(f"{PAGE}.md")
    if docname == PAGE:
        source[0] = to_site(source[0], find_tests(Path(app.srcdir)))


def _outdated(app: Sphinx, env: BuildEnvironment, *_changed: set[str]) -> list[str]:
    return [PAGE] if PAGE in env.found_docs else []


def _link_boxes(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Below a claim in a chapter: the faults of the article's code that concern it."""
    if not docname.startswith("notebooks/"):
        return
    entries = load_errata(Path(app.srcdir))
    page = app.builder.get_relative_uri(docname, PAGE)
    for box in doctree.findall(nodes.Admonition):
        labels = [name for name in box["ids"] if name.startswith("box-c")]
        claim = labels[0].removeprefix("box-").replace("-", ".").upper() if labels else ""
        own = [entry for entry in entries if claim.rstrip(LETTERS.upper()) in entry.claims]
        if claim and own:
            paragraph = nodes.paragraph("", "In the errata: ", classes=["mm-errata"])
            for number, entry in enumerate(own):
                link = nodes.reference("", entry.title, refuri=f"{page}#{entry.label}")
                paragraph += [nodes.Text(", " if number else ""), link]
            box += paragraph


def setup(app: Sphinx) -> None:
    """Connect to the reading of the page and to the finished tree of each chapter."""
    app.connect("source-read", _on_read)
    app.connect("env-get-outdated", _outdated)
    app.connect("doctree-resolved", _link_boxes)
