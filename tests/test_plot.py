"""What the figures say: numbers, names, bands, smoothing."""

from __future__ import annotations

import numpy as np

from mmlib import plot
from tests.figures import (
    make_bars,
    make_confusion,
    make_gallery,
    make_grid,
    make_heatmap,
    make_losses,
    texts,
)


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


def test_smoothing_looks_back_only() -> None:
    axes = plot.loss_curves({"a": [4.0, 2.0, 0.0, 0.0]}, smooth=2).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [4.0, 2.0, 0.0, 0.0]
    assert axes.lines[1].get_ydata().tolist() == [4.0, 3.0, 1.0, 0.0]


def test_lines_differ_by_more_than_colour() -> None:
    curves = {f"run {i}": [float(i), 1.0] for i in range(4)}
    lines = plot.loss_curves(curves).axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == 4
    assert len({line.get_color() for line in lines}) == 4
