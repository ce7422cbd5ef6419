"""The head of each page: what a chapter asks and offers, and what pages say about themselves."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from PIL import Image

from .pages import all_pages
from .sample import CHAPTER

BASE = "https://course.example.org/v1/"
PAGE = f"{BASE}notebooks/{CHAPTER}.html"
NOT_PAGES = {"404.html", "genindex.html", "index.html", "search.html"}


def tags(html: str) -> dict[str, list[str]]:
    """The contents of the ``<meta>`` elements by name or property."""
    found: dict[str, list[str]] = {}
    for name, content in re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', html):
        found.setdefault(name, []).append(unescape(content))
    return found


def linked_data(html: str) -> dict[str, Any] | None:
    """The JSON-LD of a page."""
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html)
    assert len(found) <= 1
    return json.loads(found[0]) if found else None


def identities(data: Any) -> list[str]:
    """Every ``@id`` and ``url`` at any depth."""
    if isinstance(data, list):
        return [address for item in data for address in identities(item)]
    if isinstance(data, dict):
        own = [data[key] for key in ("@id", "url") if key in data]
        return own + [address for value in data.values() for address in identities(value)]
    return []


def content_pages(site: Path) -> dict[str, str]:
    """The text of each page that is neither search, index nor 404, by its name."""
    names = {path.relative_to(site.resolve()).as_posix(): path for path in all_pages(site)}
    return {name: names[name].read_text("utf-8") for name in names.keys() - NOT_PAGES}


@pytest.fixture(scope="session")
def chapter(sample_site: Path) -> str:
    return (sample_site / "notebooks" / f"{CHAPTER}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("size", "text"), [(3, "1 kB"), (71_600, "72 kB"), (999_499, "999 kB"), (1_840_000, "1.8 MB")]
)
def test_sizes_read_well(size: int, text: str) -> None:
    from mmlib_book.head import size_text

    assert size_text(size) == text


def test_only_measured_tiers_have_a_time() -> None:
    from mmlib_book.head import times

    timings = {"gpu": {"wall_s": 90.0}, "smoke": {"wall_s": 41.2}}
    assert times({"timings": timings}) == "41 s at tier smoke, 2 min at tier gpu"
    assert times({}) == ""


def test_head_leaves_out_what_is_not_known(tmp_path: Path) -> None:
    from mmlib_book.chapters import Chapter
    from mmlib_book.head import head_html

    notebook = tmp_path / "notebooks" / "02_x.ipynb"
    notebook.parent.mkdir()
    notebook.write_text("{}")
    second = Chapter(2, "Two", needs="<b>", after=(1,), notebook=notebook)
    html = head_html(tmp_path, second, [Chapter(1, "One & only"), second], {})
    assert "<dt>You need</dt><dd>&lt;b&gt;</dd>" in html
    assert "<dd>Chapter 1: One &amp; only</dd>" in html, "a chapter to come is no link"
    assert "Time" not in html and "Results" not in html and "Student" not in html
    assert html.count("<li>") == 1 and "Notebook<span>, 1 kB" in html


def test_head_of_a_chapter_in_the_site(chapter: str, sample_site: Path) -> None:
    head = re.search(r'<div class="mm-head">.*?</ul></div>', chapter)
    assert head and "<dt>Time to run</dt><dd>7 min at tier cpu</dd>" in head[0]
    links = re.findall(r'<a href="\.\./([^"]+)" download="([^"]+)">([^<]+)<', head[0])
    assert links == [
        (f"_sources/notebooks/{CHAPTER}.ipynb", f"{CHAPTER}.ipynb", "Notebook"),
        (f"downloads/{CHAPTER}-student.ipynb", f"{CHAPTER}-student.ipynb", "Student notebook"),
        (f"downloads/{CHAPTER}.json", f"{CHAPTER}.json", "Results as JSON"),
    ]
    assert all((sample_site / address).is_file() for address, _, _ in links)


def test_downloads_are_the_stored_files(site: Path, root: Path) -> None:
    for results in (root / "book" / "results").glob("*.json"):
        assert (site / "downloads" / results.name).read_bytes() == results.read_bytes()
        page = (site / "notebooks" / f"{results.stem}.html").read_text(encoding="utf-8")
        student = root / "notebooks" / "student" / f"{results.stem}.ipynb"
        assert ("Student notebook" in page) == student.is_file()


def test_a_chapter_ends_with_its_citation(chapter: str, root: Path, sample_site: Path) -> None:
    fold = re.search(r'<details class="[^"]*mm-cite.*?</details>', chapter, re.S)
    text = re.sub(r"<[^>]+>", "", unescape(fold[0])) if fold else ""
    cff = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert f"A sample chapter. Chapter 4 of {cff['title']}, version {cff['version']}." in text
    assert f"url = {{{PAGE}}}" in text
    source = (sample_site / "_sources" / "notebooks" / f"{CHAPTER}.ipynb").read_text("utf-8")
    assert "Cite this chapter" not in source, "only the page has it, not the notebook"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "PT1S"), (41.2, "PT41S"), (461.6, "PT8M"), (3600, "PT1H"), (4000, "PT1H7M")],
)
def test_durations(seconds: float, text: str) -> None:
    from mmlib_book.linked import duration

    assert duration(seconds) == text


def test_descriptions_end_with_a_sentence() -> None:
    from mmlib_book.metadata import shorten

    assert shorten("One two. Three\nfour? Five six.", longest=20) == "One two. Three four?"
    assert shorten("One two three four five.", longest=5) == "One two three four five."


def test_linked_data_cannot_end_its_script() -> None:
    from mmlib_book.linked import script

    html = script({"name": "</script><b>"})
    assert html.count("</script>") == 1
    assert linked_data(html) == {"name": "</script><b>"}


def test_each_page_describes_itself(site: Path) -> None:
    for name, html in content_pages(site).items():
        found = tags(html)
        for tag in ("viewport", "description", "author", "citation_title", "og:title"):
            assert len(found.get(tag, [])) == 1, (name, tag)
        assert found["description"] == found["og:description"], name
        assert found["description"][0].strip().endswith((".", "?", "!")), name
        assert len(re.findall('rel="(?:icon|apple-touch-icon)"', html)) == 3, name


def test_without_an_address_a_page_names_none(site: Path) -> None:
    for name, html in content_pages(site).items():
        assert not {"og:url", "og:image", "citation_public_url"} & tags(html).keys(), name
        assert 'rel="canonical"' not in html, name
        assert identities(linked_data(html)) == [], name
    assert not (site / "sitemap.xml").exists()
    assert not (site / "robots.txt").exists()


def test_the_course_has_its_chapters(site: Path, root: Path) -> None:
    course = linked_data((site / "book" / "intro.html").read_text(encoding="utf-8"))
    assert course is not None and course["@type"] == "Course"
    assert course["@context"] == "https://schema.org"
    assert course["inLanguage"] == "en" and course["provider"]["name"]
    notebooks = sorted((root / "notebooks").glob("[0-9]*.ipynb"))
    assert [part["position"] for part in course["hasPart"]] == [int(p.name[:2]) for p in notebooks]


def test_linked_data_of_chapters_comes_from_their_run(site: Path, root: Path) -> None:
    from mmlib_book.linked import duration

    for results in (root / "book" / "results").glob("*.json"):
        stored = json.loads(results.read_text(encoding="utf-8"))
        html = (site / "notebooks" / results.name).with_suffix(".html").read_text(encoding="utf-8")
        data = linked_data(html)
        assert data is not None and data["@type"] == "LearningResource"
        seconds = stored["timings"][stored["tier"]]["wall_s"]
        assert data["timeRequired"] == duration(seconds)
        assert data["dateModified"] == stored["date"][:10]
        assert data["isPartOf"]["@type"] == "Course"
        assert len(data["teaches"]) >= 3 and all(data["teaches"])
        wanted = ("name", "description", "license", "inLanguage", "educationalLevel", "author")
        assert all(data[key] for key in wanted), results.stem


def test_with_an_address_everything_is_absolute(sample_site: Path) -> None:
    for name, html in content_pages(sample_site).items():
        found = tags(html)
        assert found["og:url"] == found["citation_public_url"] == [BASE + name]
        assert f'<link rel="canonical" href="{BASE}{name}"' in html
        assert found["twitter:card"] == ["summary_large_image"]
        picture = found["og:image"][0].removeprefix(BASE)
        with Image.open(sample_site / picture) as card:
            assert [card.width, card.height] == [1200, 630]
            assert found["og:image:width"] == [str(card.width)]
        assert found["og:image:alt"][0]
    course = linked_data((sample_site / "book" / "intro.html").read_text(encoding="utf-8"))
    assert set(identities(course)) == {f"{BASE}book/intro.html", PAGE}


def test_linked_data_of_the_sample(chapter: str) -> None:
    data = linked_data(chapter)
    assert data is not None and data["@id"] == data["url"] == PAGE
    assert data["timeRequired"] == "PT7M" and data["dateModified"] == "2026-11-20"
    assert data["isPartOf"]["@id"] == f"{BASE}book/intro.html"
    assert data["teaches"] == ["read the box below"]
    assert tags(chapter)["og:type"] == ["article"]


def test_sitemap_lists_each_page_and_nothing_else(sample_site: Path) -> None:
    tree = ElementTree.parse(sample_site / "sitemap.xml")
    found = [entry.text for entry in tree.findall(".//{*}loc")]
    assert found == sorted(BASE + name for name in content_pages(sample_site))
    assert [entry.text for entry in tree.findall(".//{*}lastmod")] == ["2026-11-20"]
    assert f"Sitemap: {BASE}sitemap.xml" in (sample_site / "robots.txt").read_text("utf-8")


def test_pages_without_content_are_not_for_search_engines(sample_site: Path) -> None:
    for name in ("404.html", "genindex.html", "search.html"):
        html = (sample_site / name).read_text(encoding="utf-8")
        assert tags(html)["robots"] == ["noindex"]
        assert 'rel="canonical"' not in html


def test_the_front_door_says_what_the_landing_page_says(sample_site: Path) -> None:
    door = (sample_site / "index.html").read_text(encoding="utf-8")
    landing = (sample_site / "book" / "intro.html").read_text(encoding="utf-8")
    for name in ("description", "og:title", "og:image", "og:url", "twitter:card"):
        assert tags(door)[name] == tags(landing)[name]
    assert 'content="0; url=book/intro.html"' in door and '<a href="book/intro.html">' in door
    assert f'<link rel="canonical" href="{BASE}book/intro.html"' in door
    icons = re.findall(r'<link rel="(?:icon|apple-touch-icon)"[^>]*href="([^"]+)"', door)
    assert len(icons) == 3 and all((sample_site / icon).is_file() for icon in icons)
    title = re.search("<title>(.*?)</title>", landing)
    assert title and title[1] == "Vision-language models you can run" and title[0] in door


def test_addresses_of_the_404_page_start_at_the_root() -> None:
    from mmlib_book.missing import rooted

    page = '<a href="a.html"><a href="#x"><a href="https://b"><a href="/c"><img src="./d/e.png">'
    expected = (
        '<a href="/v1/a.html"><a href="#x"><a href="https://b"><a href="/c"><img src="/v1/d/e.png">'
    )
    assert rooted(page, "/v1/") == rooted(expected, "/v1/") == expected


def test_the_404_page_works_below_any_path(site: Path, sample_site: Path) -> None:
    for folder, prefix in ((site, "/"), (sample_site, "/v1/")):
        html = (folder / "404.html").read_text(encoding="utf-8")
        found = re.findall(r'(?:href|src|action|data-content_root)="([^"#]+)"', html)
        local = [address for address in found if not address.startswith("https://")]
        assert len(local) > 20
        for address in local:
            assert address.startswith(prefix), address
            file = address.removeprefix(prefix).split("?")[0]
            assert (folder / file).exists(), address
        assert f'action="{prefix}search.html"' in html
        assert f'href="{prefix}notebooks/' in html
