"""The site of this repository, as files: complete, self-contained, every link leads somewhere."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from .pages import Page, all_pages, file_of

FORBIDDEN = (
    "application/vnd.plotly.v1+json",
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
)


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Page]:
    return all_pages(site)


def test_every_page_of_the_contents_is_there(site: Path, root: Path) -> None:
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    named = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    missing = [name for name in named if not (site / f"{name}.html").is_file()]
    assert not missing
    chapters = {f"notebooks/{path.stem}" for path in (root / "notebooks").glob("*.ipynb")}
    assert chapters <= set(named), "a notebook is not in _toc.yml"


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    outside = [
        (page.path.name, address)
        for page in pages.values()
        for address in page.loads
        if urlsplit(address).scheme not in ("", "data") or address.startswith("//")
    ]
    assert not outside


def test_loaded_files_exist(pages: dict[Path, Page], site: Path) -> None:
    missing = [
        (page.path.name, address)
        for page in pages.values()
        for address in page.loads
        if not address.startswith("data:") and not file_of(page.path, address, site).exists()
    ]
    assert not missing


def test_internal_links_and_anchors_lead_somewhere(pages: dict[Path, Page], site: Path) -> None:
    broken = []
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            file = file_of(page.path, link, site)
            target = pages.get(file.resolve())
            found = target is not None or (file.suffix != ".html" and file.exists())
            if not found or (target and parts.fragment and parts.fragment not in target.ids):
                broken.append((page.path.name, link))
    assert not broken


def test_no_address_in_the_environment_means_no_placeholder_links(
    pages: dict[Path, Page], site: Path
) -> None:
    for page in pages.values():
        text = page.path.read_text(encoding="utf-8")
        for word in ("executablebooks/jupyter-book", "colab.research", "issues/new"):
            assert word not in text, (page.path.name, word)
    assert not (site / "sitemap.xml").exists()


def test_images_have_an_alternative_text(pages: dict[Path, Page]) -> None:
    without = [
        (page.path.name, image.get("src"))
        for page in pages.values()
        for image in page.images
        if image.get("alt") is None or (image["alt"] == "" and image.get("src", "")[:4] != "data")
    ]
    assert not without


def test_the_heavy_scripts_of_the_theme_are_gone(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        text = page.path.read_text(encoding="utf-8")
        assert "fontawesome.js" not in text
        assert "thebe" not in text.lower()


def test_the_ledger_lists_every_claim(site: Path, root: Path) -> None:
    text = (site / "book" / "claims.html").read_text(encoding="utf-8")
    claims = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    assert len(claims) == len({claim["id"] for claim in claims}) == 35
    for claim in claims:
        assert f'id="claim-{claim["id"].lower().replace(".", "-")}"' in text


def test_notebooks_hold_no_output_that_needs_a_server(root: Path) -> None:
    for path in (root / "notebooks").glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert {"kernelspec", "language_info"} <= set(notebook["metadata"]), path.name
        for number, cell in enumerate(notebook["cells"]):
            for output in cell.get("outputs", []):
                kinds = set(output.get("data", {}))
                assert not kinds & set(FORBIDDEN), f"{path.name}, cell {number}: {kinds}"
                html = "".join(output.get("data", {}).get("text/html", ""))
                assert "<script" not in html, f"{path.name}, cell {number}: a script"


def test_the_site_is_small(site: Path) -> None:
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size < 60e6
