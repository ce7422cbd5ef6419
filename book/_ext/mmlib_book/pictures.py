"""The size of each image in the page, so that nothing jumps; those further down load later."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from PIL import Image

from .mend import ATTRIBUTES

IMAGE = re.compile(rf"<img\b({ATTRIBUTES})>")


def locate(address: str, page: Path, site: Path) -> Path | None:
    """The file of the site that a page means with an address; None if there is none."""
    parts = urlsplit(address)
    path = unquote(parts.path)
    if parts.scheme or parts.netloc or not path:
        return None
    if path.startswith("/"):  # on 404.html; the site may lie below the host's root
        path = re.sub(r"^.*?/(?=_static/|_images/)", "", path)
        file = site / path.lstrip("/")
    else:
        file = page.parent / path
    return file if file.is_file() else None


def image_size(file: Path) -> tuple[int, int] | None:
    """Width and height in pixels of a picture; None when it does not say."""
    try:
        if file.suffix == ".svg":
            return _drawing_size(ElementTree.parse(file).getroot())
        with Image.open(file) as image:
            return image.size
    except (OSError, ValueError, ElementTree.ParseError):
        return None


def _drawing_size(svg: ElementTree.Element) -> tuple[int, int] | None:
    box = re.split(r"[\s,]+", svg.get("viewBox", "").strip())
    texts = [svg.get("width"), svg.get("height")]
    if not all(texts) or "%" in "".join(filter(None, texts)):
        texts = list(box[2:4]) if len(box) == 4 else []
    numbers = [re.match(r"[\d.]+", text or "") for text in texts]
    if len(numbers) != 2 or not all(numbers):
        return None
    width, height = (round(float(number[0])) for number in numbers if number)
    return width, height


def size_images(html: str, page: Path, site: Path) -> str:
    """Give each image its size; all in the article but the first load when they come near."""
    article = html.find("<article")
    first = IMAGE.search(html, article) if article >= 0 else None
    after = first.end() if first else len(html)

    def sized(match: re.Match[str]) -> str:
        known = match[1].rstrip(" /")
        file = locate(attribute(known, "src"), page, site)
        size = image_size(file) if file else None
        wanted: dict[str, str] = {}
        if size and not re.search(r"\b(?:width|height)=", known):
            wanted = {"width": str(size[0]), "height": str(size[1])}
        if match.start() >= after:
            wanted["loading"] = "lazy"
        added = [f'{k}="{v}"' for k, v in wanted.items() if not re.search(rf"\b{k}=", known)]
        return f"<img{' '.join((known, *added))} />"

    return IMAGE.sub(sized, html)


def attribute(attributes: str, name: str) -> str:
    """The value of one attribute of an element; empty if it has none."""
    found = re.search(rf'(?<![\w-]){name}="([^"]*)"', attributes)
    return found[1] if found else ""
