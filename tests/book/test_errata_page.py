"""The errata page: every entry complete, counted, anchored, and linked with tests and claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmlib_book.errata import KINDS, Erratum, find_tests, layout, load_errata, read_errata, to_site

from mmlib.course.book import cell_source, find_chapters, read_notebook

from .pages import Page

GOOD = """## Training

### A loss of 0

*Runs and is wrong.*

**You see** nothing.
**Why:** a reason
on two lines.
**We do:** better. Tests: `test_one`,
`test_two`. Claim: C4.5.
"""
ERROR = re.compile(r"\w*Error\b|an error")


@pytest.fixture(scope="module")
def errata(root: Path) -> list[Erratum]:
    return load_errata(root)


def test_every_heading_is_an_entry_with_its_four_parts(root: Path, errata: list[Erratum]) -> None:
    page = (root / "book" / "errata.md").read_text(encoding="utf-8")
    assert [e.title for e in errata] == re.findall(r"^### (.+)$", page, re.M)
    assert len(errata) > 60
    for entry in errata:
        assert min(len(entry.see), len(entry.why), len(entry.do)) >= 6, entry.title
        assert entry.tests and entry.kind in KINDS.values(), entry.title


def test_every_entry_has_an_anchor_of_its_own(errata: list[Erratum]) -> None:
    labels = [entry.label for entry in errata]
    assert len(labels) == len(set(labels))
    assert all(re.fullmatch(r"erratum-[a-z0-9-]+", label) for label in labels)


def test_what_stops_shows_its_error(errata: list[Erratum]) -> None:
    stops = [entry for entry in errata if entry.kind == "stops"]
    assert stops and all(ERROR.search(entry.see) for entry in stops)
    silent = [entry for entry in errata if entry.see.startswith("nothing")]
    assert silent and all(entry.kind != "stops" for entry in silent)


def test_every_test_is_found_with_its_line(root: Path, errata: list[Erratum]) -> None:
    there = find_tests(root)
    for entry in errata:
        for name in entry.tests:
            file, line = there[name]
            assert f"def {name}(" in (root / file).read_text(encoding="utf-8").split("\n")[line - 1]


def test_an_entry_is_read(tmp_path: Path) -> None:
    (entry,) = read_errata(GOOD)
    assert (entry.group, entry.title, entry.kind) == ("Training", "A loss of 0", "wrong")
    assert (entry.see, entry.why, entry.do) == ("nothing.", "a reason\non two lines.", "better.")
    assert entry.tests == ("test_one", "test_two") and entry.claims == ("C4.5",)
    assert find_tests(tmp_path) == {}


@pytest.mark.parametrize(
    "part",
    [
        "*Runs and is wrong.*",
        "**You see** nothing.\n",
        "**Why:** a",
        "**We do:** better.",
        "Tests: ",
    ],
)
def test_an_entry_without_a_part_is_an_error(part: str) -> None:
    with pytest.raises(ValueError, match=r"'A loss of 0': an entry has its kind"):
        read_errata(GOOD.replace(part, ""))
    with pytest.raises(ValueError, match="kind in italics"):
        read_errata(GOOD.replace("is wrong", "is odd"))


def test_tests_link_to_their_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = read_errata(GOOD)
    there = {"test_one": ("tests/test_errata.py", 7)}
    monkeypatch.delenv("MMLIB_REPOSITORY_URL", raising=False)
    assert "`test_one`, `test_two` in `tests/test_errata.py`" in layout(entry, there)
    monkeypatch.setenv("MMLIB_REPOSITORY_URL", "https://git.example.org/a/course")
    address = "https://git.example.org/a/course/blob/main/tests/test_errata.py#L7"
    assert f"[`test_one`]({address}), `test_two`\n" in layout(entry, there)


def test_the_counts_are_those_of_the_entries() -> None:
    two = (
        GOOD
        + "\n"
        + GOOD.split("\n\n", 1)[1]
        .replace("loss of 0", "loss of 1")
        .replace("Runs and is wrong", "Stops with an error")
    )
    text = to_site(f"# Errata\n\nSome words.\n\n{two}", {})
    assert "**2 faults in 1 groups:** 1 stop with an error, 1 run and are wrong, 0 run" in text
    assert "| [Training](#training) | 1 | 1 | 0 | 2 |" in text
    assert text.index("Some words") < text.index("**2 faults") < text.index("## Training")
    assert text.count("(erratum-a-loss-of-1)=") == 1


def test_page_and_claims_link_to_each_other(root: Path, site: Path, errata: list[Erratum]) -> None:
    path = site / "book" / "errata.html"
    page, html = Page(path), path.read_text(encoding="utf-8")
    assert f"{len(errata)} faults in " in html
    for entry in errata:
        assert entry.label in page.ids and f"#{entry.label}" in page.links, entry.title
    assert html.count('class="mm-erratum ') == len(errata)
    linked = {claim for entry in errata for claim in entry.claims}
    assert linked and all(
        f"claims.html#claim-{c.lower().replace('.', '-')}" in html for c in linked
    )
    for chapter in find_chapters(root):
        text = "".join(map(cell_source, read_notebook(chapter)["cells"]))
        links = Page(site / "notebooks" / f"{chapter.stem}.html").links
        for entry in errata:
            boxed = any(re.search(rf"> \*\*Claim {c}[a-z]?[.:]", text) for c in entry.claims)
            there = f"../book/errata.html#{entry.label}" in links
            assert there == boxed, (chapter.stem, entry.title)
