"""The pages that say how: every command, variable, extra, path and message on them is real."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmlib.__main__ import build_parser

from .troubles import TROUBLES
from .troubles_later import RESULT

PAGES = ("README.md", *(f"book/{n}.md" for n in ("read", "run", "teach", "contribute")))
PAGES = (*PAGES, "book/troubleshooting.md", "book/intro.md")
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```", re.S | re.M)
QUOTE = re.compile(
    r"^\(trouble-(\S+)\)=\n### [^\n]+\n\n```\{code-block\} text\n:class: mm-says\n(.*?)^```",
    re.S | re.M,
)
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b")


def text_of(root: Path) -> str:
    """All pages in one text."""
    return "\n".join((root / page).read_text(encoding="utf-8") for page in PAGES)


def code_of(text: str) -> Iterator[str]:
    """Each line of a shell block and each piece of inline code; no quoted messages."""
    for _, language, body in FENCE.findall(text):
        if language == "bash":
            yield from (line.strip() for line in body.splitlines())
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(root: Path, name: str) -> list[list[str]]:
    """The arguments of every call of a command, such as ``["execute", "--only", "04"]``."""
    start = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:\S*/)?{name}(?= |$)(.*)")
    found = [start.fullmatch(line) for line in code_of(text_of(root))]
    return [shlex.split(match[1], comments=True) for match in found if match]


def sources(root: Path) -> list[Path]:
    """The modules of the package and of the site's extension."""
    return [*(root / "mmlib").rglob("*.py"), *(root / "book" / "_ext").rglob("*.py")]


def test_every_make_target_exists(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    variables = set(re.findall(r"\$\(([A-Z]+)\)", makefile))
    calls = commands(root, "make")
    words = {word for call in calls for word in call if "=" not in word}
    assert {"book", "test", "execute"} <= words
    assert words <= targets
    assert {word.partition("=")[0] for call in calls for word in call if "=" in word} <= variables


def test_every_mmlib_command_is_understood(root: Path) -> None:
    calls = [call for call in commands(root, "mmlib") if call]
    assert {call[0] for call in calls} == {"doctor", "execute", "serve", "status"}
    for call in calls:
        try:
            build_parser().parse_args(call)
        except SystemExit:
            pytest.fail(f"mmlib does not understand {' '.join(call)}")


def test_every_variable_on_a_page_is_read_somewhere(root: Path) -> None:
    files = [*sources(root), root / "Makefile", root / "tests" / "conftest.py"]
    read = "".join(path.read_text(encoding="utf-8") for path in files)
    named = {name for line in code_of(text_of(root)) for name in VARIABLE.findall(line)}
    assert "MMLIB_TIER" in named
    assert not [name for name in sorted(named) if not re.search(rf"\b{name}\b", read)]


def test_every_variable_of_ours_is_on_a_page(root: Path) -> None:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sources(root))
    words = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    ours = {word for word in words if re.fullmatch(r"MMLIB_[A-Z_]+", word)}
    named = {name for line in code_of(text_of(root)) for name in VARIABLE.findall(line)}
    assert "MMLIB_CACHE" in ours
    assert ours <= named


def test_every_extra_exists(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"(?:mmlib|\.)\[([a-z,]+)\]", text_of(root))
    assert named
    assert {e for names in named for e in names.split(",")} <= set(project["optional-dependencies"])


def test_every_path_exists(root: Path) -> None:
    paths = {
        line
        for line in code_of(text_of(root))
        if re.fullmatch(r"(?:mmlib|tests|book|notebooks|\.ci)/[\w./-]*", line)
        or re.fullmatch(r"[\w.-]+\.(?:toml|txt|yml|cff|md)", line)
    }
    assert len(paths) > 15
    assert not [path for path in sorted(paths) if not (root / path).exists()]


def test_links_of_the_readme_lead_somewhere(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert links
    assert not [link for link in links if not (root / link.partition("#")[0]).exists()]


def quotes(root: Path) -> dict[str, str]:
    """The quoted message of each labelled entry of the troubleshooting page."""
    text = (root / "book" / "troubleshooting.md").read_text(encoding="utf-8")
    found = dict(QUOTE.findall(text))
    assert len(found) == text.count(":class: mm-says") == text.count("(trouble-")
    return found


def missing_part(quote: str, said: str) -> str | None:
    """The first part of a quote, cut at ``...``, that does not come in its turn; None if all do."""
    rest = " ".join(said.split())
    for part in quote.split("..."):
        words = " ".join(part.split())
        before, found, rest = rest.partition(words) if words else ("", "...", rest)
        if not found:
            return words
    return None


def test_every_quoted_message_has_its_trouble_and_each_trouble_its_entry(root: Path) -> None:
    assert set(quotes(root)) == set(TROUBLES)


@pytest.mark.parametrize("name", TROUBLES)
def test_a_quoted_message_is_what_one_reads(
    name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = TROUBLES[name](tmp_path, monkeypatch)
    assert missing_part(quotes(root)[name], said) is None, said[:2000]


def test_a_quote_with_another_word_is_noticed() -> None:
    assert missing_part("no book ... above it", "no book in 'x' or above it") is None
    assert missing_part("no book ... below it", "no book in 'x' or above it") == "below it"
    assert missing_part("above it ... no book", "no book in 'x' or above it") == "no book"


def test_the_example_of_a_band_is_the_stored_one(root: Path) -> None:
    from mmlib.published import load_chapter

    stored = (load_chapter("04", root / "book" / "results") or {})["results"]["c41.own.seen"]
    shown = {name: f"{stored[name]:.3g}" for name in ("mean", "low", "high")}
    assert shown == {name: f"{RESULT[name]:.3g}" for name in shown}
    assert f"{shown['low']} to {shown['high']}" in (root / "book" / "run.md").read_text()
