"""Figures of the book. Each helper returns its matplotlib Figure: end a cell with the call.

Draw into axes of your own with ``ax=``. Colour never carries a meaning alone: marks, line styles,
hatches and labels say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mmlib.curves import field, tradeoff
from mmlib.figure_style import (
    COLOURS,
    DPI,
    INK,
    LINES,
    PALETTE,
    WIDTH,
    BookFigure,
    axes_for,
    draw_level,
    figure_of,
    require_mapping,
    style,
    style_settings,
    subplots,
    to_array,
    use_style,
)
from mmlib.gallery import image_grid, retrieval_gallery
from mmlib.heatmap import confusion, similarity_heatmap

__all__ = [
    "COLOURS",
    "DPI",
    "PALETTE",
    "WIDTH",
    "BookFigure",
    "bars_with_seeds",
    "confusion",
    "field",
    "image_grid",
    "loss_curves",
    "retrieval_gallery",
    "seed_bands",
    "similarity_heatmap",
    "style",
    "style_settings",
    "subplots",
    "tradeoff",
    "use_style",
]


def seed_bands(
    x: ArrayLike,
    series: Mapping[str, ArrayLike | torch.Tensor],
    *,
    xlabel: str = "",
    ylabel: str = "",
    chance: float | None = None,
    log_x: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """The mean over seeds as a line, smallest to largest as a band.

    `series` maps a label to values (seeds, points); a vector is a single seed. `chance` draws a
    dashed line.

    Raises:
        ValueError: nothing to draw, values that do not fit `x`, NaN.
    """
    places = np.asarray(x, dtype=float)
    require_mapping(series, "series")
    with style():
        axes = axes_for(ax)
        for index, (label, values) in enumerate(series.items()):
            runs = np.atleast_2d(to_array(values))
            if runs.shape[1:] != places.shape or not np.isfinite(runs).all():
                raise ValueError(
                    f"{label!r}: values must be finite, (seeds, {len(places)}); got {runs.shape}"
                )
            colour = COLOURS[index % len(COLOURS)]
            line = LINES[index % len(LINES)]
            means = runs.mean(axis=0)
            axes.plot(places, means, label=label, color=colour, linestyle=line, marker="o", ms=4)
            low, high = runs.min(axis=0), runs.max(axis=0)
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        if chance is not None:
            draw_level(axes, chance, "chance")
        if log_x:
            axes.set_xscale("log", base=2)
            axes.set_xticks(places, [f"{place:g}" for place in places], minor=False)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.legend()
        return figure_of(axes)


def bars_with_seeds(
    groups: Mapping[str, ArrayLike | torch.Tensor],
    *,
    chance: float | Sequence[float] | None = None,
    xlabel: str = "accuracy, %",
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """One row per group: a pale bar to the mean, a line at it, and each seed as a dot.

    `chance`: one value (a dashed line through all rows) or one per group (a tick in each row).

    Raises:
        ValueError: no group, an empty or NaN group, a wrong number of chance levels.
    """
    require_mapping(groups, "groups")
    levels = _levels(chance, len(groups))
    with style():
        axes = axes_for(ax, height=1.1 + 0.42 * len(groups))
        for row, (name, values) in enumerate(groups.items()):
            runs = np.atleast_1d(to_array(values))
            if runs.ndim != 1 or runs.size == 0 or not np.isfinite(runs).all():
                raise ValueError(f"group {name!r} must hold finite values, one per seed: {runs}")
            _draw_runs(axes, row, runs)
        if levels is not None:
            low, high = np.arange(len(groups)) - 0.5, np.arange(len(groups)) + 0.5
            dashes = (0, (2, 1))
            colour = PALETTE["vermillion"]
            axes.vlines(levels, low, high, label="chance", color=colour, linestyle=dashes, lw=2)
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1)
        axes.set_yticks(range(len(groups)), list(groups))
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.margins(x=0.1)
        axes.grid(False, axis="y")
        axes.set(xlabel=xlabel)
        axes.set_title(title, loc="left")
        return figure_of(axes)


def loss_curves(
    curves: Mapping[str, ArrayLike | torch.Tensor],
    *,
    steps: ArrayLike | None = None,
    floors: Mapping[str, float] | None = None,
    smooth: int = 1,
    ylabel: str = "loss",
    ax: Axes | None = None,
) -> Figure:
    """Loss against step, with the floors that give a loss its meaning (chance is ln B).

    `curves` maps a label to one value per step; with `smooth` > 1 the line is the mean of that many
    steps before and the raw values stay behind it, pale. Where a run became NaN, a cross marks its
    last number. `floors` maps a label ("chance, ln 128") to a level.

    Raises:
        ValueError: no curve, a curve whose first value is not finite, lengths that do not fit
            `steps`.
    """
    require_mapping(curves, "curves")
    if smooth < 1:
        raise ValueError(f"smooth must be at least 1, got {smooth}")
    with style():
        axes = axes_for(ax)
        for index, (label, losses) in enumerate(curves.items()):
            values = to_array(losses)
            places = np.arange(1, values.size + 1) if steps is None else to_array(steps)
            if (
                values.ndim != 1
                or values.shape != places.shape
                or not np.isfinite(values[:1]).any()
            ):
                raise ValueError(
                    f"{label!r} needs one value per step ({places.size}), the first one finite; "
                    f"got shape {values.shape}"
                )
            _draw_curve(axes, places, values, smooth, label, index)
        for label, level in (floors or {}).items():
            draw_level(axes, level, label)
        axes.set(xlabel="step", ylabel=ylabel)
        axes.legend()
        return figure_of(axes)


def _levels(chance: float | Sequence[float] | None, groups: int) -> np.ndarray | None:
    if chance is None:
        return None
    levels = to_array(chance)
    if levels.shape not in ((), (groups,)) or not np.isfinite(levels).all():
        raise ValueError(f"chance must be one finite value or {groups}, got {chance}")
    return np.broadcast_to(levels, groups)


def _draw_runs(axes: Axes, row: int, runs: np.ndarray) -> None:
    """One row of `bars_with_seeds`."""
    mean = float(runs.mean())
    axes.barh(row, mean, height=0.62, color=PALETTE["sky"], alpha=0.45, linewidth=0)
    axes.vlines(mean, row - 0.31, row + 0.31, color=PALETTE["blue"], linewidth=2.5)
    spread = np.linspace(-0.16, 0.16, runs.size) if runs.size > 1 else np.zeros(1)
    axes.scatter(runs, row + spread, s=18, color=INK, zorder=3)
    axes.annotate(
        f"{mean:.1f}",
        (max(mean, float(runs.max())), row),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def _draw_curve(
    axes: Axes, places: np.ndarray, values: np.ndarray, smooth: int, label: str, index: int
) -> None:
    """One line of `loss_curves`."""
    colour, line = COLOURS[index % len(COLOURS)], LINES[index % len(LINES)]
    if smooth > 1:
        axes.plot(places, values, color=colour, alpha=0.25, linewidth=0.8, linestyle="-")
    means = _trailing_mean(values, smooth)
    axes.plot(places, means, color=colour, linestyle=line, label=label)
    broken = np.flatnonzero(~np.isfinite(values))
    if broken.size:
        last = broken[0] - 1
        axes.plot(places[last], means[last], marker="X", markersize=10, color=colour)
        text = f"no number from step {places[broken[0]]:g}"
        axes.annotate(
            text, (places[last], means[last]), xytext=(8, 4), textcoords="offset points", fontsize=9
        )


def _trailing_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each value and the `window` - 1 before it (fewer at the start)."""
    starts = np.maximum(0, np.arange(values.size) - window + 1)
    return np.array([values[start : end + 1].mean() for end, start in enumerate(starts)])
