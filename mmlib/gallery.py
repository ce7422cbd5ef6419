"""Figures made of pictures: a grid with titles, and pictures beside the names a model gives."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten, wrap

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from mmlib.figure_style import FAINT, INK, PALETTE, WIDTH, check_images, subplots


def image_grid(
    images: Tensor,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    row_titles: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Pictures (N, 3, H, W) in [0, 1] in rows of `columns`, each with its title above.

    `row_titles` names the rows at their left.

    Raises:
        ValueError: wrong shape or range, a number of titles that does not fit.
    """
    images = check_images(images)
    count = len(images)
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    if titles is not None and len(titles) != count:
        raise ValueError(f"{count} images but {len(titles)} titles")
    columns = min(columns, count)
    rows = -(-count // columns)
    if row_titles is not None and len(row_titles) != rows:
        raise ValueError(f"{rows} rows but {len(row_titles)} row titles")
    room = max(4, int(WIDTH / columns / 0.088))  # letters of 9 pt that fit above a picture
    lines = ["\n".join(wrap(text, room, max_lines=3, placeholder="…")) for text in titles or []]
    most = max((text.count("\n") + 1 for text in lines if text), default=0)
    side = min(WIDTH / columns, 2.4)
    height = rows * (side * images.shape[2] / images.shape[3] + 0.17 * most)
    figure, axes = subplots(rows, columns, height=height + (0.35 if title else 0.05))
    for index, ax in enumerate(axes.flat):
        if index >= count:
            ax.set_visible(False)
            continue
        _show(ax, images[index])
        if lines:
            ax.set_title(lines[index], fontsize=9, pad=3, color=INK)
    for row, text in enumerate(row_titles or []):
        axes[row, 0].set_ylabel(text, fontsize=10, color=INK)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def retrieval_gallery(
    images: Tensor,
    names: Sequence[Sequence[str]],
    scores: ArrayLike | Tensor,
    truths: Sequence[str],
    *,
    columns: int = 2,
    score_label: str = "",
    title: str = "",
) -> Figure:
    """Each picture (N, 3, H, W) beside its best k names, with bars for their scores (N, k).

    The right name has a tick and a full bar; wrong ones a cross and a hatched bar. A truth that is
    not among the k is said above the bars.

    Raises:
        ValueError: wrong picture shape or range, lengths that do not fit, NaN, no name.
    """
    images = check_images(images)
    values = _check_answers(len(images), names, scores, truths, columns)
    count, k = values.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    height = rows * max(1.25, 0.4 + 0.36 * k) + (0.35 if title else 0.05)
    widths = {"width_ratios": [1.0, 2.2] * columns}
    figure, axes = subplots(rows, 2 * columns, height=height, gridspec_kw=widths)
    limits = (1.03 * min(0.0, float(values.min())), 1.03 * max(0.0, float(values.max())) or 1.0)
    for index, (picture, bars) in enumerate(axes.reshape(-1, 2)):
        if index >= count:
            picture.set_visible(False)
            bars.set_visible(False)
            continue
        _show(picture, images[index])
        _answer_bars(bars, names[index], values[index].tolist(), truths[index], limits)
        if index >= count - columns:  # the lowest picture of its column
            bars.set_xlabel(score_label, fontsize=9, color=INK)
        else:
            bars.tick_params(labelbottom=False)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _check_answers(
    count: int,
    names: Sequence[Sequence[str]],
    scores: ArrayLike | Tensor,
    truths: Sequence[str],
    columns: int,
) -> Tensor:
    """The scores (N, k) as float64 on the CPU, or `ValueError`."""
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    widths = sorted({len(row) for row in names})
    if len(names) != count or len(truths) != count or len(widths) != 1 or widths[0] == 0:
        raise ValueError(
            f"{count} images need {count} truths and {count} rows of equally many names; got "
            f"{len(truths)} truths and {len(names)} rows of {widths} names"
        )
    values = torch.as_tensor(scores).detach().cpu().double()
    if values.shape != (count, widths[0]) or not bool(torch.isfinite(values).all()):
        raise ValueError(
            f"scores must be finite, ({count}, {widths[0]}); got {tuple(values.shape)}"
        )
    return values


def _answer_bars(
    ax: Axes,
    names: Sequence[str],
    scores: Sequence[float],
    truth: str,
    limits: tuple[float, float],
) -> None:
    for place, (name, score) in enumerate(zip(names, scores, strict=True)):
        right = name == truth
        colour, hatch = (PALETTE["blue"], "") if right else ("#d9d9d9", "////")
        ax.barh(place, score, height=0.3, color=colour, hatch=hatch, edgecolor=FAINT, lw=0.6)
        mark = "✓" if right else "✗"
        text = f"{mark} {shorten(name, 26, placeholder='…')}"
        weight = "bold" if right else "normal"
        ax.text(0, place - 0.2, text, fontsize=9, va="bottom", color=INK, fontweight=weight)
    absent = "" if truth in names else f" (not among the first {len(names)})"
    note = f"shown: {truth}{absent}"
    ax.set_title(shorten(note, 44, placeholder="…"), fontsize=9, loc="left", color=INK)
    ax.set_ylim(len(names) - 0.7, -0.85)
    ax.set_xlim(*limits)
    ax.set_yticks([])
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(labelsize=9)


def _show(ax: Axes, image: Tensor) -> None:
    """A picture (3, H, W) without ticks and frame; the axes can still carry a label."""
    ax.imshow(image.permute(1, 2, 0).numpy(), vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
