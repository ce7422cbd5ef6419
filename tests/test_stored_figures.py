"""The figures that the notebooks store: opaque, on white, no wider or heavier than a page bears."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmlib.course.book import find_chapters, read_notebook

ROOT = Path(__file__).resolve().parents[1]
WIDEST = 2 * 832  # twice the text's 52 rem, for screens with double pixels
HEAVIEST = 600_000


def stored_figures(path: Path) -> dict[str, bytes]:
    """The PNGs of a notebook by the names of their figures."""
    found = {}
    for number, cell in enumerate(read_notebook(path)["cells"]):
        for output in cell.get("outputs", []):
            if data := output.get("data", {}).get("image/png"):
                words = cell["metadata"].get("mystnb", {}).get("figure", {})
                found[words.get("name", f"cell {number}")] = base64.b64decode("".join(data))
    return found


@pytest.mark.parametrize("path", find_chapters(ROOT), ids=lambda path: path.stem)
def test_stored_figures_fit_the_page(path: Path) -> None:
    stored = stored_figures(path)
    assert len(stored) >= 6
    faults = []
    for name, data in stored.items():
        image = Image.open(BytesIO(data))
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., 3] < 255).any():
            faults.append(f"{name} lets the page through")
        if (pixels[[0, 0, -1, -1], [0, -1, 0, -1], :3] < 250).any():
            faults.append(f"{name} has a corner that is not white")
        if image.width > WIDEST:
            faults.append(f"{name} is {image.width} px wide, more than {WIDEST}")
        if len(data) > HEAVIEST:
            faults.append(f"{name} has {len(data)} bytes, more than {HEAVIEST}")
    assert not faults
