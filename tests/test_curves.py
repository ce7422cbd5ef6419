"""Trade-offs and fields: means, ranges, names that cover nothing, plain ticks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

from mmlib import plot
from tests.figures import TRADEOFF, make_field, make_tradeoff, rendered


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
