"""The bibliography: complete, well formed, and the same as what chapters and code cite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmlib_book.references import (
    Source,
    citations,
    cited_in_chapters,
    cited_in_code,
    load_sources,
    plain,
    sources_section,
)
from pybtex.database import BibliographyData, parse_file

from mmlib.course.book import find_chapters

from .anatomy import CHAPTERS
from .pages import Page

ARXIV = re.compile(r"\d{4}\.\d{4,5}")
DOI = re.compile(r"10\.\d{4,9}/\S+[^\s.,;]")
NAMED = re.compile(
    r"([A-Z][\w-]+)(?: et al\.?|(?:, [A-Z]\w+)*,? (?:and|&) [A-Z]\w+)?,? \(?((?:18|19|20)\d\d)\b"
)
MONTHS = "January February March April May June July August September October November December"


@pytest.fixture(scope="module")
def entries(root: Path) -> BibliographyData:
    return parse_file(str(root / "book" / "references.bib")).entries


@pytest.fixture(scope="module")
def sources(root: Path) -> dict[str, Source]:
    return load_sources(root)


def words(title: str) -> str:
    return " " + " ".join(re.findall(r"\w+", plain(title).lower())) + " "


def test_every_entry_is_complete(entries: BibliographyData, sources: dict[str, Source]) -> None:
    assert len(sources) > 60
    for key, source in sources.items():
        assert source.authors and source.title, key
        assert re.fullmatch(r"(18|19|20)\d\d", source.year), key
        in_print = entries[key].fields.get("note") == "In print only"
        assert bool(source.addresses) != in_print, f"{key}: a doi, an eprint or a url"
        if in_print:
            assert {"publisher", "pages"} <= set(entries[key].fields), key


def test_keys_keep_to_one_style_and_order(entries: BibliographyData) -> None:
    assert list(entries) == sorted(entries)
    for key, entry in entries.items():
        people = entry.persons.get("author") or entry.persons["editor"]
        name = re.sub(r"\W", "", plain("".join(people[0].last_names))).lower()
        name = name if key.startswith(name) else re.split(r"\W", people[0].last_names[0])[0].lower()
        assert re.fullmatch(rf"{name}{entry.fields['year']}[a-z]+", key), key


def test_numbers_and_addresses_are_well_formed(
    entries: BibliographyData, sources: dict[str, Source]
) -> None:
    for key, entry in entries.items():
        fields = entry.fields
        assert ARXIV.fullmatch(fields.get("eprint", "1234.56789")), key
        assert fields.get("archiveprefix", "") == ("arXiv" if "eprint" in fields else ""), key
        assert DOI.fullmatch(fields.get("doi", "10.1000/182")), key
        assert fields.get("url", "https://").startswith("https://"), key
        assert "arxiv.org" not in fields.get("url", "") + fields.get("note", ""), key
        assert "doi.org" not in fields.get("url", ""), key
    addresses = [address.lower() for s in sources.values() for address in s.addresses]
    assert len(addresses) == len(set(addresses))


def test_every_chapter_names_its_sources(root: Path) -> None:
    for path in find_chapters(root):
        assert len(list(citations(path))) >= 3, path.name
        assert sources_section(path).count("](") > len(list(citations(path))), path.name


def test_a_paper_that_the_bibliography_lacks_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book").mkdir()
    chapter = root / "notebooks" / f"{CHAPTERS[0].stem}.ipynb"
    (tmp_path / "notebooks" / chapter.name).write_bytes(chapter.read_bytes())
    text = (root / "book" / "references.bib").read_text(encoding="utf-8")
    (tmp_path / "book" / "references.bib").write_text(text.replace("2203.02053", "2203.02054"))
    with pytest.raises(ValueError, match=r"01_modality.* cites https://arxiv.org/abs/2203.02053"):
        cited_in_chapters(tmp_path)


def test_chapters_and_bibliography_agree(root: Path, sources: dict[str, Source]) -> None:
    by_address = {address.lower(): s for s in sources.values() for address in s.addresses}
    for path in find_chapters(root):
        for citation in citations(path):
            source = by_address[citation.url.lower()]
            place = (path.name, citation.title)
            assert words(citation.title) in words(source.title), place
            assert citation.year == source.year, place
            assert plain(source.authors[0]) in plain(citation.item), place


def test_drawings_and_photographs_of_the_sources_are_in_the_notice(root: Path) -> None:
    notice = (root / "NOTICE.md").read_text(encoding="utf-8")
    for path in find_chapters(root):
        papers = {citation.url for citation in citations(path)}
        links = set(re.findall(r"\]\((https?://[^)\s]+)\)", sources_section(path)))
        others = {link for link in links if not any(paper.startswith(link) for paper in papers)}
        assert others, path.name
        assert not [link for link in sorted(others) if f"({link})" not in notice], path.name


def test_every_entry_is_cited_somewhere(root: Path, sources: dict[str, Source]) -> None:
    pages = "".join(p.read_text(encoding="utf-8") for p in (root / "book").glob("*.md"))
    on_pages = set(re.findall(r"\{cite(?::\w+)?\}`(\w+)`", pages))
    cited = set(cited_in_chapters(root)) | set(cited_in_code(root)) | on_pages
    assert cited == set(sources)


def test_every_paper_that_the_code_names_has_an_entry(
    root: Path, sources: dict[str, Source]
) -> None:
    known = {(plain(name), s.year) for s in sources.values() for name in s.authors}
    known |= {(name.split()[-1], year) for name, year in known}
    for path in sorted((root / "mmlib").rglob("*.py")):
        text = plain(path.read_text(encoding="utf-8"))
        for name, year in NAMED.findall(text):
            if name not in MONTHS.split():
                assert (name, year) in known, f"{path.name}: {name} {year}"


def test_where_author_and_year_fit_two_entries_the_module_is_named(
    root: Path, sources: dict[str, Source]
) -> None:
    labels: dict[str, list[Source]] = {}
    for source in sources.values():
        labels.setdefault(source.label, []).append(source)
    several = [same for same in labels.values() if len(same) > 1]
    assert several, "nothing left to tell apart: drop the field `code`"
    for same in several:
        modules = [source.module for source in same]
        assert all(modules) and len(set(modules)) == len(modules), same[0].label
        for source in same:
            assert cited_in_code(root)[source.key] == [source.module]


def test_the_page_links_to_every_source_and_back(site: Path, sources: dict[str, Source]) -> None:
    path = site / "book" / "references.html"
    page, html = Page(path), path.read_text(encoding="utf-8")
    for source in sources.values():
        assert f"ref-{source.key}" in page.ids
        assert set(source.addresses) <= set(page.links), source.key
        entry = html.split(f'id="ref-{source.key}"')[1].split('class="citation"')[0]
        assert "Cited in" in entry, source.key
    clip = html.split('id="ref-radford2021clip"')[1].split('class="citation"')[0]
    assert "chapter 1" in clip and "chapter 4" in clip and "mmlib/clip.py" in clip
    assert clip.count("04_clip.html#sources") == 1
    assert html.index("ref-radford2021clip") < html.index("ref-he2016resnet")


def test_the_code_is_linked_when_the_repository_is_known(sample_site: Path) -> None:
    text = (sample_site / "book" / "references.html").read_text(encoding="utf-8")
    assert 'id="ref-radford2021clip"' in text
    assert "Cited in" in text.split('id="ref-tiedemann2020opusmt"')[1]
