"""Draw the pictures of the book's own pages: ``python book/make_figures.py``."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
import resvg_py
import torch
from matplotlib.image import imread
from PIL import Image

from mmlib.data.icons import ARTISTS, load_icons, render

ASSETS = Path(__file__).parent / "assets"
CONCEPTS = ("octopus", "rocket", "pizza", "bicycle", "owl", "guitar", "snail", "teapot")


def four_drawings() -> None:
    """A grid of concepts (columns) and styles (rows), with the artist of each row."""
    icons = load_icons(size=128)
    columns = [icons.index(name) for name in CONCEPTS]
    figure, axes = plt.subplots(
        len(icons.styles), len(columns), figsize=(7.2, 3.75), dpi=150, squeeze=False
    )
    for row, style in enumerate(icons.styles):
        background = torch.full((len(columns), 3, 1, 1), 1.0)
        pictures = render(icons.rgba[row, columns], background)  # (n, 3, 128, 128)
        for axis, picture, name in zip(axes[row], pictures, CONCEPTS, strict=True):
            axis.imshow(picture.permute(1, 2, 0).numpy(), interpolation="lanczos")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_frame_on(False)
            if row == 0:
                axis.set_title(name, fontsize=9)
        label = style.removeprefix("openmoji-") if style != "openmoji" else "colour"
        artist = {"openmoji": "OpenMoji", "twemoji": "Twemoji"}[ARTISTS[style]]
        text = artist if style == "twemoji" else f"{artist}\n{label}"
        axes[row, 0].set_ylabel(text, fontsize=9, rotation=0, ha="right", va="center", labelpad=6)
    figure.tight_layout(pad=0.4)
    figure.savefig(ASSETS / "four-drawings.png", facecolor="white")
    plt.close(figure)


def logo(side: int, background: str | None = None) -> bytes:
    """The logo as a PNG file of ``side`` pixels."""
    path = str(ASSETS / "logo.svg")
    return resvg_py.svg_to_bytes(svg_path=path, width=side, height=side, background=background)


def icons() -> None:
    """The logo for browsers without SVG, and for home screens, which want no transparency."""
    (ASSETS / "icon-48.png").write_bytes(logo(48))
    (ASSETS / "icon-180.png").write_bytes(logo(180, background="#0b3c5d"))


def social_card() -> None:
    """The picture beside a link to the course: logo, title, one line, drawings; 1200 x 630."""
    drawings = load_icons(size=128)
    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor="white")
    place = figure.add_axes((0.06, 0.68, 0.1155, 0.22))
    place.imshow(imread(io.BytesIO(logo(139))))
    place.axis("off")
    figure.text(0.21, 0.845, "Vision-language models", fontsize=41, weight="bold", va="center")
    figure.text(0.21, 0.735, "you can run", fontsize=41, weight="bold", va="center")
    figure.text(0.06, 0.575, "An article says it; we measure it.", fontsize=25, color="#0b5a8a")
    for row, style in enumerate(("openmoji", "twemoji")):
        for column, name in enumerate(CONCEPTS):
            axis = figure.add_axes((0.06 + column * 0.111, 0.32 - row * 0.2, 0.09, 0.17))
            drawing = drawings.rgba[drawings.styles.index(style), drawings.index(name)]
            picture = render(drawing[None], torch.full((1, 3, 1, 1), 1.0))
            axis.imshow(picture[0].permute(1, 2, 0).numpy(), interpolation="lanczos")
            axis.axis("off")
    text = "Drawings: OpenMoji (CC BY-SA 4.0), Twemoji (CC BY 4.0)"
    figure.text(0.06, 0.05, text, fontsize=13, color="#4d5a66")
    buffer = io.BytesIO()
    figure.savefig(buffer, facecolor="white")
    plt.close(figure)
    Image.open(buffer).convert("RGB").quantize(128).save(ASSETS / "social-card.png", optimize=True)


if __name__ == "__main__":
    four_drawings()
    icons()
    social_card()
