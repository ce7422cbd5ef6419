"""The one figure style: readable, opaque, and without traces in pyplot."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from mmlib import plot
from tests.figures import (
    make_bands,
    make_bars,
    make_confusion,
    make_field,
    make_gallery,
    make_grid,
    make_heatmap,
    make_losses,
    make_tradeoff,
    rendered,
)

MAKERS = [
    make_grid,
    make_heatmap,
    make_confusion,
    make_bands,
    make_bars,
    make_losses,
    make_gallery,
    make_tradeoff,
    make_field,
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.filterwarnings("error")
def test_every_figure_is_opaque_wide_and_readable(make: Callable[[], Figure]) -> None:
    before = dict(mpl.rcParams)
    figure = make()
    pixels = rendered(figure)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    assert pixels.shape[1] == round(plot.WIDTH * plot.DPI)
    assert (pixels[..., 3] == 255).all()
    assert (pixels[[0, -1]][:, [0, -1]] == 255).all()  # white corners
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    assert min(sizes) >= 9
    assert figure.get_constrained_layout()


@pytest.mark.parametrize("make", MAKERS)
def test_no_label_is_cut_off(make: Callable[[], Figure]) -> None:
    figure = make()
    rendered(figure)  # settles the layout
    renderer = FigureCanvasAgg(figure).get_renderer()
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox(renderer)  # of all that is drawn, in inches
    assert box.x0 >= -0.02 and box.y0 >= -0.02
    assert box.x1 <= width + 0.02 and box.y1 <= height + 0.02


def test_a_notebook_gets_the_figure_as_one_png() -> None:
    data, _ = DisplayFormatter().format(make_bars())
    assert data["image/png"].startswith(b"\x89PNG")
    image = Image.open(BytesIO(data["image/png"]))
    assert image.size[0] == round(plot.WIDTH * plot.DPI)


def test_helpers_draw_into_given_axes() -> None:
    figure, axes = plot.subplots(1, 2)
    assert plot.loss_curves({"a": [1.0, 2.0]}, ax=axes[0, 0]) is figure
    assert plot.confusion(torch.tensor([0]), torch.tensor([0]), ["x"], ax=axes[0, 1]) is figure
    assert axes[0, 0].get_xlabel() == "step" and axes[0, 1].get_ylabel() == "shown"
    assert rendered(figure).shape[1] == round(plot.WIDTH * plot.DPI)


def test_the_style_can_be_lent_to_pyplot_and_taken_back() -> None:
    before = dict(mpl.rcParams)
    with plot.style():
        figure, axes = plt.subplots()
        assert tuple(figure.get_size_inches()) == (plot.WIDTH, 3.4)
        assert axes.plot([0, 1])[0].get_color() == plot.PALETTE["blue"]
        plt.close(figure)
    assert dict(mpl.rcParams) == before
    with mpl.rc_context():
        plot.use_style()
        assert mpl.rcParams["figure.facecolor"] == "white"
    assert dict(mpl.rcParams) == before


def test_the_palette_is_that_of_okabe_and_ito() -> None:
    # Their published RGB triples.
    expected = [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0)]
    rgb = [tuple(int(code[i : i + 2], 16) for i in (1, 3, 5)) for code in plot.COLOURS[:5]]
    assert rgb == expected
    assert len(set(plot.PALETTE.values())) == 8
