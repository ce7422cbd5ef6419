"""Matrices as pictures: similarities between pictures and names, and confusions of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from mmlib.figure_style import INK, PALETTE, axes_for, figure_of, style, to_array


def similarity_heatmap(
    matrix: ArrayLike | torch.Tensor,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    right: Sequence[int] | None = None,
    title: str = "",
    bar_label: str = "cosine similarity",
    digits: int = 2,
    ax: Axes | None = None,
) -> Figure:
    """Show a matrix (R, C); cells hold their number when there are at most 10 columns.

    `right` gives the right column of each row (-1 for none); its cell gets a frame.

    Raises:
        ValueError: not a matrix, NaN, labels or `right` that do not fit.
    """
    values = to_array(matrix)
    shape = (len(row_labels), len(column_labels))
    if values.shape != shape or values.size == 0:
        raise ValueError(f"the matrix has shape {values.shape}, its labels {shape}")
    if not np.isfinite(values).all():
        raise ValueError("the matrix holds NaN or infinite values")
    framed = [-1] * shape[0] if right is None else list(right)
    if len(framed) != shape[0] or not all(-1 <= column < shape[1] for column in framed):
        raise ValueError(f"right must hold {shape[0]} columns from -1 to {shape[1] - 1}: {framed}")
    with style():
        axes = axes_for(ax, height=min(9.0, 1.4 + 0.36 * shape[0]))
        image = axes.imshow(values, aspect="auto")
        axes.grid(False)
        axes.set_xticks(range(shape[1]), column_labels, rotation=35, ha="right")
        axes.set_yticks(range(shape[0]), row_labels)
        axes.set_title(title)
        if shape[1] <= 10:
            _write_cells(axes, values, digits)
        for row, column in enumerate(framed):
            if column >= 0:
                axes.add_patch(_frame(row, column))
        figure_of(axes).colorbar(image, ax=axes, label=bar_label)
        return figure_of(axes)


def confusion(
    labels: torch.Tensor,
    predictions: torch.Tensor,
    names: Sequence[str],
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Where each class (row) went, in percent of its row; the right class has a frame.

    Raises:
        ValueError: lengths that differ, an index without a name, a class without a sample.
    """
    if labels.shape != predictions.shape or labels.ndim != 1 or len(labels) == 0:
        raise ValueError(
            "labels and predictions must be vectors of one length, got "
            f"{tuple(labels.shape)} and {tuple(predictions.shape)}"
        )
    pairs = torch.stack([labels.cpu(), predictions.cpu()]).long()  # (2, N)
    if int(pairs.min()) < 0 or int(pairs.max()) >= len(names):
        raise ValueError(f"indices must lie in 0..{len(names) - 1}, as many as there are names")
    counts = torch.zeros(len(names), len(names), dtype=torch.float64)
    counts.index_put_((pairs[0], pairs[1]), torch.ones(len(labels)).double(), accumulate=True)
    empty = (counts.sum(dim=1) == 0).nonzero()
    if len(empty):
        raise ValueError(f"class {names[int(empty[0])]!r} has no sample; leave its name out")
    figure = similarity_heatmap(
        100 * counts / counts.sum(dim=1, keepdim=True),
        names,
        names,
        right=range(len(names)),
        title=title,
        bar_label="% of the row",
        digits=0,
        ax=ax,
    )
    (ax if ax is not None else figure.axes[0]).set(xlabel="answered", ylabel="shown")
    return figure


def _frame(row: int, column: int) -> Rectangle:
    colour = PALETTE["vermillion"]
    corner = (column - 0.46, row - 0.44)
    return Rectangle(corner, 0.92, 0.88, fill=False, edgecolor=colour, linewidth=2.5)


def _write_cells(axes: Axes, values: np.ndarray, digits: int) -> None:
    span = max(float(np.ptp(values)), 1e-12)
    for (row, column), value in np.ndenumerate(values):
        dark = (value - values.min()) / span < 0.55  # the colour map is dark at its low end
        text = f"{value:.{digits}f}"
        colour = "white" if dark else INK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
