"""Reading finished pages with the standard library."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page(HTMLParser):
    """The ids, links and loaded files of one HTML page."""

    path: Path
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if tag == "link" and found.get("rel") not in ("canonical", "author"):
            self.loads.append(str(found.get("href")))
        if tag in ("script", "img", "iframe", "source") and found.get("src"):
            self.loads.append(str(found["src"]))
        if tag == "img":
            self.images.append(found)


def file_of(page: Path, address: str, site: Path, prefix: str = "/") -> Path:
    """The file that an address on a page means; ``prefix`` is the path of the site's root."""
    path = unquote(urlsplit(address).path)
    if path.startswith("/"):
        assert path.startswith(prefix), f"{page.name}: {address} is outside the site"
        return site / path.removeprefix(prefix)
    return page.parent / path if path else page


def all_pages(site: Path) -> dict[Path, Page]:
    """Every page of a site by its path; the theme leaves templates in ``_static``."""
    files = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path.resolve(): Page(path) for path in files}
