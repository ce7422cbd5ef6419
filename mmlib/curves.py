"""Accuracy against cost, and what a cell sees: figures of chapter 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Literal, get_args

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from mmlib.figure_style import (
    COLOURS,
    FAINT,
    LINES,
    PALETTE,
    axes_for,
    check_images,
    draw_level,
    figure_of,
    require_mapping,
    style,
    to_array,
)

Point = tuple[float, ArrayLike | torch.Tensor, str]
Family = Mapping[str, list[tuple[float, np.ndarray, str]]]
HALVES = (0.0, 1.0, -1.0, 0.5, -0.5)
AROUND = [(dx, dy) for dx, dy in product(HALVES, HALVES) if max(abs(dx), abs(dy)) == 1]
Corner = Literal["lower right", "upper left", "lower left", "upper right", "center right"]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def tradeoff(
    points: Mapping[str, Sequence[Point]],
    *,
    xlabel: str = "",
    ylabel: str = "",
    log_x: bool = True,
    chance: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A value against its cost: a line for each family, a mark and a name for each member.

    `points` maps a family to (cost, values over seeds, label); an empty label names nothing. The
    mark is the mean over seeds, the bar reaches from the smallest to the largest. `chance` draws a
    dashed line.

    Raises:
        ValueError: no family, an empty one, values that are not finite, a cost of 0 or less on the
            logarithmic axis.
    """
    require_mapping(points, "points")
    families = {name: _sorted_points(name, rows, log_x) for name, rows in points.items()}
    with style():
        axes = axes_for(ax, height=4.0)
        for index, (name, rows) in enumerate(families.items()):
            costs = np.array([cost for cost, _, _ in rows])
            means = np.array([values.mean() for _, values, _ in rows])
            below = means - [values.min() for _, values, _ in rows]
            above = [values.max() for _, values, _ in rows] - means
            axes.errorbar(
                costs,
                means,
                yerr=[below, above],
                label=name,
                color=COLOURS[index % len(COLOURS)],
                linestyle=LINES[index % len(LINES)],
                marker=MARKERS[index % len(MARKERS)],
                markersize=6,
                capsize=3,
                elinewidth=1.4,
            )
        names = [] if chance is None else [draw_level(axes, chance, "chance")]
        axes.margins(x=0.12, y=0.14)
        if log_x:
            _log_ticks(axes, [cost for rows in families.values() for cost, _, _ in rows])
        axes.set(xlabel=xlabel, ylabel=ylabel)
        _place_names(axes, families, names)
        return figure_of(axes)


def field(
    values: ArrayLike | torch.Tensor,
    *,
    title: str = "",
    image: torch.Tensor | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A map (h, w) of how much each place matters, from nothing (pale) to the most (dark).

    With a picture (3, H, W) the map lies over it and is stretched to its size: the picture is pale
    and grey where nothing counts, and orange where much does.

    Raises:
        ValueError: no matrix, values that are negative or not finite, a picture of another shape.
    """
    heat = to_array(values)
    if heat.ndim != 2 or heat.size == 0 or not np.isfinite(heat).all() or heat.min() < 0:
        raise ValueError(
            f"values must be a matrix of finite numbers, none negative; got shape {heat.shape}"
        )
    heat = heat / max(heat.max(), np.finfo(float).tiny)
    height, width = heat.shape if image is None else tuple(image.shape[-2:])
    extent = (0, width, height, 0)
    with style():
        axes = axes_for(ax, height=3.0)
        if image is None:
            axes.imshow(heat, cmap=_HUE, vmin=0, vmax=1, extent=extent)
        else:
            grey = check_images(image[None])[0].mean(dim=0).numpy()  # (H, W)
            axes.imshow(0.45 + 0.55 * grey, cmap="gray", vmin=0, vmax=1, extent=extent)
            shade = np.empty((*heat.shape, 4))
            shade[..., :3], shade[..., 3] = to_rgb(PALETTE["vermillion"]), 0.85 * heat
            axes.imshow(shade, extent=extent)
        axes.grid(False)
        axes.spines[:].set_visible(True)
        axes.set_xticks([0, width])
        axes.set_yticks([0, height])
        axes.set_title(title)
        return figure_of(axes)


_HUE = LinearSegmentedColormap.from_list("white to blue", ["white", PALETTE["blue"], "#00263e"])


def _sorted_points(
    family: str, rows: Sequence[Point], log_x: bool
) -> list[tuple[float, np.ndarray, str]]:
    """The points of a family in the order of their cost, checked."""
    points = [(float(cost), np.atleast_1d(to_array(values)), label) for cost, values, label in rows]
    for cost, values, label in points:
        if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
            raise ValueError(
                f"{family!r}, {label!r}: values must be finite, one per seed; got {values}"
            )
        if not np.isfinite(cost) or (log_x and cost <= 0):
            raise ValueError(
                f"{family!r}, {label!r}: cost {cost} must be finite, and above 0 with log_x=True"
            )
    if not points:
        raise ValueError(f"family {family!r} has no point: leave it out")
    return sorted(points, key=lambda point: point[0])


def _log_ticks(axes: Axes, costs: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers, however narrow or wide it is."""
    axes.set_xscale("log")
    ratio = max(costs) / min(costs)
    if ratio < 5:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < 500 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    large = EngFormatter(sep="")
    axes.xaxis.set_major_formatter(
        lambda value, _: large(value) if abs(value) >= 1000 else f"{value:g}"
    )


def _place_names(axes: Axes, families: Family, taken_by: Sequence[Text]) -> None:
    """Put the legend, then the name of each point, where they cover least."""
    figure = figure_of(axes)
    legend = axes.legend()
    figure.draw_without_rendering()  # settles the layout, so that places on the page are known
    taken = [text.get_window_extent() for text in taken_by]
    lines = []
    for rows in families.values():
        taken += [_mark(axes, cost, values) for cost, values, _ in rows]
        places = axes.transData.transform([(cost, values.mean()) for cost, values, _ in rows])
        lines += [Path(np.stack(ends)) for ends in pairwise(places)]

    def covered(box: Bbox) -> float:
        crossed = sum(line.intersects_bbox(box, filled=False) for line in lines)
        outside = box.x0 < area.x0 or box.x1 > area.x1 or box.y0 < area.y0 or box.y1 > area.y1
        return 20 * sum(box.overlaps(other) for other in taken) + 3 * crossed + 30 * outside

    area = axes.bbox
    boxes = {corner: _at_corner(legend, corner) for corner in get_args(Corner)}
    legend.set_loc(min(boxes, key=lambda corner: covered(boxes[corner])))
    taken.append(legend.get_window_extent())
    for index, rows in enumerate(families.values()):
        for cost, values, label in rows:
            if label:
                text = _name(axes, label, (cost, values.mean()), COLOURS[index % len(COLOURS)])
                taken.append(_settle(text, covered, figure.dpi / 72))


def _mark(axes: Axes, cost: float, values: np.ndarray) -> Bbox:
    """The box around a mark and its bar, in pixels."""
    spots = axes.transData.transform(
        [(cost, y) for y in (values.min(), values.mean(), values.max())]
    )
    (x, low), (_, middle), (_, high) = spots
    half = 4.5 * figure_of(axes).dpi / 72
    return Bbox([[x - half, min(low, middle - half)], [x + half, max(high, middle + half)]])


def _at_corner(legend: Legend, corner: Corner) -> Bbox:
    """Where the legend is when it stands in this corner, in pixels."""
    legend.set_loc(corner)
    return legend.get_window_extent()


def _name(axes: Axes, label: str, place: tuple[float, float], colour: str) -> Annotation:
    """A name at its point in a dark shade of its family's colour, with a line when it is far."""
    text = axes.annotate(
        label,
        place,
        xytext=(0, 0),
        textcoords="offset points",
        color=tuple(0.6 * channel for channel in to_rgb(colour)),
        fontsize=9,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8, "shrinkA": 0, "shrinkB": 6},
    )
    text.set_in_layout(False)
    return text


def _settle(text: Annotation, covered: Callable[[Bbox], float], point: float) -> Bbox:
    """Move the text to the best of 80 places around its point, and say which box it fills.

    `point` is a typographic point in pixels.
    """
    text.get_window_extent()  # moves the text to its point: the offset is still 0
    start = Text.get_window_extent(text)  # without the leader line
    choices: list[tuple[float, tuple[float, float], Bbox]] = []
    for distance in (7.0, 16.0, 27.0, 40.0, 54.0):
        for dx, dy in AROUND:
            right = dx * distance * point - start.width * (1 - dx) / 2
            up = dy * distance * point - start.height * (1 - dy) / 2
            box = start.translated(right, up)
            cost = covered(box.padded(point)) + distance / 10 + 0.3 * abs(dx * dy)
            choices.append((cost, (right / point, up / point), box))
    _, text.xyann, box = min(choices, key=lambda choice: choice[0])
    return box
