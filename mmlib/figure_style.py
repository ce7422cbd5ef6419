"""The one figure style of the book: opaque white, dark text, colours that all eyes can tell apart.

A figure keeps its white ground in dark mode too: transparent figures with black text vanish there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import ArrayLike

PALETTE: dict[str, str] = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
    "yellow": "#F0E442",
}
"""Okabe and Ito (2008), strongest on white first."""

COLOURS: tuple[str, ...] = tuple(PALETTE.values())[:7]
LINES: tuple[str, ...] = ("-", "--", "-.", ":", "-", "--", "-.")
INK, FAINT = "#1a1a1a", "#6b6b6b"
WIDTH = 7.2  # inches
DPI = 110
_CJK = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "PingFang SC", "SimHei")


def style_settings() -> dict[str, Any]:
    """The matplotlib settings of the style, for `matplotlib.rc_context`."""
    installed = set(font_manager.get_font_names())
    return {
        "figure.figsize": (WIDTH, 3.4),
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "savefig.transparent": False,
        "figure.constrained_layout.use": True,
        "font.family": ["DejaVu Sans", *(name for name in _CJK if name in installed)],
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e3e3e3",
        "grid.linewidth": 0.8,
        "lines.linewidth": 1.8,
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINES),
        "image.cmap": "cividis",
        "hatch.linewidth": 0.6,
    }


@contextmanager
def style() -> Iterator[None]:
    """Draw in the book's style inside the block; the settings of before come back afterwards."""
    settings: Any = style_settings()
    with mpl.rc_context(settings):
        yield


def use_style() -> None:
    """Switch the book's style on for the rest of the session (for figures of your own)."""
    settings: Any = style_settings()
    mpl.rcParams.update(settings)


class BookFigure(Figure):
    """A figure that pyplot does not know: a notebook shows it once, where it is the last line."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi, facecolor="white")
        return buffer.getvalue()


def subplots(
    rows: int = 1, columns: int = 1, *, height: float = 3.4, **options: Any
) -> tuple[BookFigure, np.ndarray]:
    """A figure of the book's width and its axes (rows, columns), always a 2-d array.

    `height` is of the whole figure, in inches. End the cell with the figure to show it.

    Raises:
        ValueError: no row, no column, no height.
    """
    if rows < 1 or columns < 1 or not height > 0:
        raise ValueError(
            f"rows and columns must be at least 1 and height positive, got {rows}, {columns}, "
            f"{height}"
        )
    with style():
        figure = BookFigure(figsize=(WIDTH, height))
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def axes_for(axes: Axes | None, height: float = 3.4) -> Axes:
    """The axes given, or the only axes of a new figure."""
    return axes if axes is not None else subplots(height=height)[1][0, 0]


def figure_of(axes: Axes) -> Figure:
    """The figure that holds these axes."""
    figure = axes.get_figure()
    while not isinstance(figure, Figure):
        if figure is None:
            raise ValueError("these axes belong to no figure")
        figure = figure.figure
    return figure


def to_array(values: ArrayLike | torch.Tensor) -> np.ndarray:
    """Numbers as a float64 array, tensors of any device and precision included."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def check_images(images: torch.Tensor) -> torch.Tensor:
    """Pictures on the CPU, clipped to [0, 1].

    Raises:
        ValueError: not (N, 3, H, W) float in [0, 1] (one 255th of slack), or none.
    """
    shape = tuple(images.shape)
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(f"images must be (N, 3, H, W) with at least one picture, got {shape}")
    if not images.is_floating_point():
        raise ValueError(f"images must be float in [0, 1], got {images.dtype}; divide by 255")
    low, high = float(images.min()), float(images.max())
    if not (low >= -1 / 255 and high <= 1 + 1 / 255):  # NaN fails too
        raise ValueError(f"images must lie in [0, 1], got values from {low:.3g} to {high:.3g}")
    return images.detach().cpu().float().clamp(0, 1)


def require_mapping(values: Mapping[str, object], name: str) -> None:
    """Raise ValueError unless `values` is a mapping with at least one entry."""
    if not isinstance(values, Mapping) or not values:
        raise ValueError(f"{name} must be a mapping from labels to values with at least one entry")


def draw_level(axes: Axes, level: float, label: str) -> Annotation:
    """A dashed horizontal line with its name at the right end; returns the name."""
    axes.axhline(level, color=FAINT, linestyle=(0, (2, 2)), linewidth=1.2)
    return axes.annotate(
        label,
        (1.0, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        va="bottom",
        ha="right",
        fontsize=9,
    )
