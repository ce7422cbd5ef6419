"""Draw the pictures of the book's own pages: ``python book/make_figures.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import torch

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


if __name__ == "__main__":
    four_drawings()
