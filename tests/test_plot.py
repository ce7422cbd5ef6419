"""The one figure style: readable, opaque, and without traces in pyplot."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from PIL import Image

from mmlib import plot

NAMES = ["dog face", "cat", "red apple", "oncoming bus", "passenger ship"]


def pictures(n: int = 5, size: int = 12) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def make_grid() -> Figure:
    return plot.image_grid(pictures(), NAMES, columns=3, row_titles=["seen", "new"], title="Five")


def make_heatmap() -> Figure:
    return plot.similarity_heatmap(torch.eye(5) / 3, NAMES, NAMES, right=[0, 1, 2, 3, -1])


def make_confusion() -> Figure:
    return plot.confusion(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), NAMES[:2])


def make_bands() -> Figure:
    values = torch.arange(12.0).view(3, 4)
    series = {"softmax": values, "one seed": [5.0, 6, 7, 8]}
    return plot.seed_bands([16, 32, 64, 128], series, xlabel="batch", chance=1.0, log_x=True)


def make_bars() -> Figure:
    groups = {"learned": [71.0, 72.5], "fixed": np.array([40.0, 42.0, 38.0]), "one": 12.0}
    return plot.bars_with_seeds(groups, chance=[1.0, 1.0, 2.0], title="Temperature")


def make_losses() -> Figure:
    curves = {"true": torch.linspace(4, 1, 20), "broken": [3.0, 2.5, math.nan] + [math.nan] * 17}
    return plot.loss_curves(curves, floors={"chance, ln 128": math.log(128)}, smooth=3)


def make_gallery() -> Figure:
    names = [NAMES[i:] + NAMES[:i] for i in range(5)]
    scores = torch.linspace(1, -0.2, 5).expand(5, 5)
    truths = [*NAMES[:4], "giraffe"]
    return plot.retrieval_gallery(pictures(), names, scores, truths, score_label="cosine")


TRADEOFF: dict[str, list[tuple[float, list[float], str]]] = {
    "CNN": [(16e6, [60.0, 61.0], "width 64"), (1e6, [40.0, 42.0, 41.0], "width 16")],
    "ViT, patch 4": [(1.5e6, [30.0, 31.5], "width 32"), (70e6, [66.0], "width 192, depth 6")],
    "hybrid": [(80e6, [62.0, 67.0], "small + small"), (9e6, [57.0], "")],
}


def make_tradeoff() -> Figure:
    return plot.tradeoff(TRADEOFF, xlabel="FLOPs", ylabel="accuracy, %", chance=5.0)


def make_field() -> Figure:
    heat = torch.linspace(0, 1, 16).view(4, 4)
    figure, axes = plot.subplots(1, 2)
    plot.field(heat, title="alone", ax=axes[0, 0])
    plot.field(heat, title="over a picture", image=pictures(1)[0], ax=axes[0, 1])
    return figure


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


def rendered(figure: Figure) -> np.ndarray:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGBA"))


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    return [text for text in found if text]


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


def test_what_the_figures_say() -> None:
    grid = texts(make_grid())
    assert "dog face" in grid and "Five" in grid and "seen" in grid
    gallery = texts(make_gallery())
    assert gallery.count("✓ dog face") == 1 and gallery.count("✗ dog face") == 4
    assert "shown: giraffe (not among the first 5)" in gallery
    assert {"100", "0", "50"} <= set(texts(make_confusion()))
    assert "0.33" in texts(make_heatmap())
    assert "71.8" in texts(make_bars()) and "chance" in texts(make_bars())
    losses = texts(make_losses())
    assert "no number from step 3" in losses and "chance, ln 128" in losses


def test_bands_span_the_seeds_and_the_line_is_their_mean() -> None:
    values = np.array([[1.0, 5.0], [3.0, 9.0]])
    axes = plot.seed_bands([1, 2], {"a": values}).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [2.0, 7.0]
    corners = axes.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} >= {(1, 1), (1, 3), (2, 5), (2, 9)}


def names_on(axes: Axes) -> list[Annotation]:
    labels = {label for rows in TRADEOFF.values() for *_, label in rows if label}
    return [text for text in axes.texts if text.get_text() in labels]


def test_a_tradeoff_shows_mean_and_range_in_the_order_of_cost() -> None:
    axes = make_tradeoff().axes[0]
    line, caps, bars = axes.containers[0].lines
    assert line.get_xdata().tolist() == [1e6, 16e6] and line.get_ydata().tolist() == [41, 60.5]
    assert [segment[:, 1].tolist() for segment in bars[0].get_segments()] == [[40, 42], [60, 61]]
    marks = {container.lines[0].get_marker() for container in axes.containers}
    styles = {container.lines[0].get_linestyle() for container in axes.containers}
    assert len(marks) == len(styles) == 3  # families differ by more than colour
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(TRADEOFF)
    assert {"10M", "100M"} <= {text.get_text() for text in axes.get_xticklabels()}


@pytest.mark.parametrize("panels", [1, 2])
def test_the_names_of_a_tradeoff_cover_nothing(panels: int) -> None:
    figure, grid = plot.subplots(1, panels, height=3.6)
    for axes in grid[0]:
        plot.tradeoff(TRADEOFF, xlabel="FLOPs", ylabel="accuracy, %", chance=5.0, ax=axes)
    rendered(figure)
    for axes in grid[0]:
        names = names_on(axes)
        assert len(names) == 5  # an empty label is not drawn
        boxes = [Text.get_window_extent(text) for text in names]
        boxes.append(axes.get_legend().get_window_extent())
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        outer = axes.bbox.padded(4)
        assert all(outer.contains(*corner) for box in boxes for corner in box.corners())
        marks = [
            axes.transData.transform((cost, np.mean(values)))
            for rows in TRADEOFF.values()
            for cost, values, _ in rows
        ]
        assert not any(box.contains(*mark) for box in boxes for mark in marks)


@pytest.mark.parametrize(
    ("costs", "log_x"), [((1.1, 4.4), True), ((1e3, 2e9), True), ((0, 9), False)]
)
def test_a_tradeoff_has_plain_ticks_at_every_scale(costs: tuple[float, float], log_x: bool) -> None:
    points = {"a": [(cost, [1.0 + cost], f"{cost:g} ms") for cost in costs]}
    axes = plot.tradeoff(points, log_x=log_x).axes[0]
    low, high = axes.get_xlim()
    shown = [
        tick.get_text() for tick in axes.get_xticklabels() if low <= tick.get_position()[0] <= high
    ]
    assert 3 <= len(shown) <= 10
    assert not any("$" in text or "e+" in text for text in shown)


def test_a_field_is_darkest_where_most_is_and_lies_over_the_whole_picture() -> None:
    alone, over = make_field().axes
    assert alone.get_images()[0].get_extent() == [0, 4, 4, 0]
    picture, shade = over.get_images()
    assert picture.get_extent() == shade.get_extent() == [0, 12, 12, 0]
    alphas = shade.get_array()[..., 3]
    assert alphas.argmax() == 15 and alphas.min() == 0 and np.ptp(shade.get_array()[..., 0]) == 0
    colours = alone.get_images()[0].cmap(np.linspace(0, 1, 9))[:, :3]
    luminance = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all() and luminance[0] == pytest.approx(1)
    empty = plot.field(torch.zeros(3, 3)).axes[0].get_images()[0].get_array()
    assert (empty == 0).all()


def test_smoothing_looks_back_only() -> None:
    axes = plot.loss_curves({"a": [4.0, 2.0, 0.0, 0.0]}, smooth=2).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [4.0, 2.0, 0.0, 0.0]
    assert axes.lines[1].get_ydata().tolist() == [4.0, 3.0, 1.0, 0.0]


def test_lines_differ_by_more_than_colour() -> None:
    curves = {f"run {i}": [float(i), 1.0] for i in range(4)}
    lines = plot.loss_curves(curves).axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == 4
    assert len({line.get_color() for line in lines}) == 4


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


def test_bad_figures_are_refused_by_name() -> None:
    good, eye = pictures(2), torch.eye(2)
    labels = torch.tensor([0, 1])
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: plot.image_grid(good[0]), r"images must be \(N, 3, H, W\)"),
        (lambda: plot.image_grid(good[:0]), "at least one picture"),
        (lambda: plot.image_grid((good * 255).byte()), "divide by 255"),
        (lambda: plot.image_grid(good * 255), r"images must lie in \[0, 1\]"),
        (lambda: plot.image_grid(good * math.nan), r"images must lie in \[0, 1\]"),
        (lambda: plot.image_grid(good, ["a"]), "2 images but 1 titles"),
        (lambda: plot.image_grid(good, columns=0), "columns must be at least 1, got 0"),
        (lambda: plot.image_grid(good, columns=1, row_titles=["a"]), "2 rows but 1 row titles"),
        (lambda: plot.similarity_heatmap(eye, ["a"], ["b", "c"]), r"shape \(2, 2\)"),
        (lambda: plot.similarity_heatmap(eye / 0, ["a", "b"], ["b", "c"]), "NaN or infinite"),
        (lambda: plot.similarity_heatmap(eye, ["a", "b"], ["b", "c"], right=[0, 2]), "right must"),
        (lambda: plot.confusion(labels, labels[:1], ["a", "b"]), "vectors of one length"),
        (lambda: plot.confusion(labels, labels, ["a"]), r"indices must lie in 0\.\.0"),
        (lambda: plot.confusion(labels, labels, ["a", "b", "c"]), "class 'c' has no sample"),
        (lambda: plot.seed_bands([1, 2], {}), "series must be a mapping"),
        (lambda: plot.seed_bands([1, 2], {"a": [1.0]}), "'a': values must be finite"),
        (lambda: plot.seed_bands([1], {"a": [math.nan]}), "'a': values must be finite"),
        (lambda: plot.bars_with_seeds({}), "groups must be a mapping"),
        (lambda: plot.bars_with_seeds({"a": []}), "group 'a' must hold finite values"),
        (lambda: plot.bars_with_seeds({"a": [1.0]}, chance=[1.0, 2.0]), "one finite value or 1"),
        (lambda: plot.loss_curves({"a": [math.nan]}), "'a' needs one value per step"),
        (lambda: plot.loss_curves({"a": []}), "'a' needs one value per step"),
        (lambda: plot.loss_curves({"a": [1.0]}, steps=[1, 2]), "'a' needs one value per step"),
        (lambda: plot.loss_curves({"a": [1.0]}, smooth=0), "smooth must be at least 1"),
        (lambda: plot.retrieval_gallery(good, [["a"]], eye, ["a", "b"]), "2 images need 2 truths"),
        (lambda: plot.retrieval_gallery(good, [["a"], ["b"]], eye, ["a", "b"]), "must be finite"),
        (lambda: plot.tradeoff({}), "points must be a mapping"),
        (lambda: plot.tradeoff({"a": []}), "family 'a' has no point"),
        (lambda: plot.tradeoff({"a": [(1.0, [], "x")]}), "'a', 'x': values must be finite"),
        (lambda: plot.tradeoff({"a": [(1.0, [math.nan], "x")]}), "'a', 'x': values must be"),
        (lambda: plot.tradeoff({"a": [(0.0, [1.0], "x")]}), "cost 0.0 must be finite, and above 0"),
        (lambda: plot.tradeoff({"a": [(math.inf, [1.0], "x")]}, log_x=False), "cost inf must"),
        (lambda: plot.field(torch.ones(3)), "values must be a matrix"),
        (lambda: plot.field(-eye), "none negative"),
        (lambda: plot.field(eye / 0), "finite numbers"),
        (lambda: plot.field(eye, image=good), r"images must be \(N, 3, H, W\)"),
        (lambda: plot.subplots(0), "rows and columns must be at least 1"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
