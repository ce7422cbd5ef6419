"""Screenshots of every page in every look, and one sheet of them for each look.

``make shots`` after ``make book``, or ``python -m tests.book.contact_sheet --help``.
"""

from __future__ import annotations

import argparse
import html
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page

from .browse import LOOK_NAMES, find_chromium, launch, page_names, serving, visit

ROOT = Path(__file__).resolve().parents[2]
TALLEST = 16_000  # pixels of a full page: Chromium paints no more than 16 384
PATIENCE = 120_000  # milliseconds for one picture, on a machine that does other work too
PHONE, DESKTOP = 200, 320  # widths on a sheet
ACROSS = {"390": 6, "1280": 4}
MARGIN, LABEL = 16, 26


@dataclass(frozen=True)
class Shot:
    """A page in a look, and where its pictures lie."""

    name: str
    look: str
    top: Path
    full: Path


def chosen(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that fit one of the patterns, all without a pattern.

    Raises:
        ValueError: a pattern fits none.
    """
    names = list(names)
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise ValueError(f"{pattern!r} fits none of {', '.join(names)}")
    return [n for n in names if not patterns or any(fnmatch(n, one) for one in patterns)]


def photograph(page: Page, name: str, look: str, folder: Path) -> Shot:
    """The top of the open page and the full page, its pictures loaded."""
    page.evaluate(
        "() => Promise.all([document.fonts.ready, ...[...document.images].map((image) => {"
        " image.loading = 'eager'; return image.decode().catch(() => 0) })])"
    )
    stem = name.removesuffix(".html").replace("/", "_")
    top, full = folder / f"{stem}-{look}.png", folder / f"{stem}-{look}-full.jpg"
    page.screenshot(path=top, timeout=PATIENCE)
    tall = page.evaluate("document.documentElement.scrollHeight")
    width = page.evaluate("innerWidth")
    area = {"x": 0, "y": 0, "width": width, "height": min(tall, TALLEST)}
    page.screenshot(path=full, full_page=True, clip=area, type="jpeg", quality=85, timeout=PATIENCE)
    return Shot(name, look, top, full)


def look_at(browser: Browser, base: str, names: list[str], look: str, folder: Path) -> list[Shot]:
    """Pictures of these pages in one look."""
    scheme, width = look.split("-")
    shots = []
    with visit(browser, base, scheme, int(width)) as visitor:
        for name in names:
            shots.append(photograph(visitor.open(name), name, look, folder))
    return shots


def sheet(shots: Sequence[Shot]) -> Image.Image:
    """The tops of all pages of one look, with their names."""
    look = shots[0].look
    across = min(ACROSS[look.split("-")[1]], len(shots))
    width = PHONE if look.endswith("390") else DESKTOP
    tiles = []
    for shot in shots:
        with Image.open(shot.top) as picture:
            height = round(picture.height * width / picture.width)
            tiles.append(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    step_x, step_y = width + MARGIN, max(tile.height for tile in tiles) + LABEL + MARGIN
    size = (across * step_x + MARGIN, math.ceil(len(tiles) / across) * step_y + MARGIN)
    whole = Image.new("RGB", size, "#8a8f94")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    for index, (shot, tile) in enumerate(zip(shots, tiles, strict=True)):
        x, y = MARGIN + index % across * step_x, MARGIN + index // across * step_y
        draw.text((x, y), shot.name.removesuffix(".html")[:44], fill="black", font=font)
        whole.paste(tile, (x, y + LABEL))
    return whole


def index(shots: Sequence[Shot]) -> str:
    """A page that shows every picture and leads to the full one."""
    rows = []
    for name in dict.fromkeys(shot.name for shot in shots):
        cells = "".join(
            f'<figure><a href="{shot.full.name}"><img src="{shot.top.name}" loading="lazy"'
            f' alt="{html.escape(name)}, {shot.look}"></a><figcaption>{shot.look}</figcaption>'
            "</figure>"
            for shot in shots
            if shot.name == name
        )
        rows.append(f"<h2>{html.escape(name)}</h2><div>{cells}</div>")
    style = "div{display:flex;gap:1rem;flex-wrap:wrap}img{height:24rem}body{font-family:sans-serif}"
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Contact sheet</title>'
        f"<style>{style}</style><h1>Contact sheet</h1>{''.join(rows)}</html>\n"
    )


def make(site: Path, folder: Path, pages: Sequence[str], looks: Sequence[str]) -> list[Path]:
    """All pictures, a sheet for each look, and ``index.html``; returns the sheets and the index.

    Raises:
        FileNotFoundError: no site there, or no Chromium.
        ValueError: a page or a look that does not exist.
    """
    if not (site / "index.html").is_file():
        raise FileNotFoundError(f"there is no site in {site}: run 'make book' first")
    names = chosen(page_names(site), pages)
    wanted = chosen(LOOK_NAMES, looks)
    find_chromium()
    folder.mkdir(parents=True, exist_ok=True)
    shots, made = [], []
    with serving(site) as base, launch() as browser:
        for look in wanted:
            taken = look_at(browser, base, names, look, folder)
            made.append(folder / f"sheet-{look}.png")
            sheet(taken).save(made[-1])
            shots += taken
    made.append(folder / "index.html")
    made[-1].write_text(index(shots), encoding="utf-8")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="contact_sheet", description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "shots")
    parser.add_argument("--pages", nargs="*", default=[], help="such as 'notebooks/*'; else all")
    parser.add_argument("--looks", nargs="*", default=[], help=f"of {', '.join(LOOK_NAMES)}")
    options = parser.parse_args(arguments)
    try:
        made = make(options.site, options.out, options.pages, options.looks)
    except (FileNotFoundError, ValueError) as error:
        print(f"contact_sheet: {error}", file=sys.stderr)
        return 1
    for path in made:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
