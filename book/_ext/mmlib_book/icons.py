"""The theme's icon fonts, cut down to the icons that the site shows.

Font Awesome Free's fonts (SIL Open Font License 1.1) hold 2,000 icons, of which the site shows
some twenty. The licence allows a part under the same licence and another name: "Font Awesome" is
reserved, so the part is called "Course Icons", in the font and in the style sheet. It is small
enough to stand in the style sheet itself, so that icons appear with the page.
"""

from __future__ import annotations

import base64
import functools
import io
import re
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

RESERVED, OURS = "Font Awesome", "Course Icons"
FACE = re.compile(r"@font-face\s*\{[^}]*Font Awesome[^}]*\}")
SOURCE = re.compile(r"src:[^;}]*")
TRUETYPE = re.compile(r"""url\(["']?([^"')]+\.ttf)["']?\)""")
ICON = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])", re.IGNORECASE)
SHOWN_NAMES = (1, 3, 4, 6, 16)


def icons_in(css: str) -> set[int]:
    """The code points of the private-use area that a style sheet shows."""
    return {int(code, 16) if code else ord(sign) for code, sign in ICON.findall(css)}


@functools.cache
def cut(path: Path, icons: frozenset[int]) -> bytes:
    """A WOFF font with these icons of a TrueType font; empty when it has none of them."""
    options = subset.Options(
        flavor="woff",
        layout_features=[],
        name_IDs=["*"],
        notdef_outline=True,
    )
    font = TTFont(path, lazy=True, recalcTimestamp=False)
    found = icons & set(font.getBestCmap())
    if not found:
        return b""
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=found)
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in SHOWN_NAMES:
            name = record.toUnicode().replace(RESERVED, OURS)
            record.string = name.replace(RESERVED.replace(" ", ""), OURS.replace(" ", ""))
    file = io.BytesIO()
    subset.save_font(font, file, options)
    return file.getvalue()


def inline_icons(css: str, home: Path) -> str:
    """The style sheet with the icon fonts in it, cut down; unchanged if it has none it can cut."""
    faces = FACE.findall(css)
    sources = [TRUETYPE.search(face) for face in faces]
    if not all(found and (home / found[1]).is_file() for found in sources):
        return css
    icons = frozenset(icons_in(css))
    for face, found in zip(faces, sources, strict=True):
        font = cut(home / found[1], icons) if found else b""
        data = base64.b64encode(font).decode("ascii")
        source = f'src:url(data:font/woff;base64,{data}) format("woff")'
        css = css.replace(face, SOURCE.sub(source, face, count=1) if font else "")
    return _rename(css)


def _rename(css: str) -> str:
    """Call the fonts by their new name, except in comments (who made them, under what licence)."""
    parts = re.split(r"(/\*.*?\*/)", css, flags=re.DOTALL)
    pattern = re.compile(r"Font Awesome(?=\\? \d)")
    return "".join(p if p.startswith("/*") else pattern.sub(OURS, p) for p in parts)
