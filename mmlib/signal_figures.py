"""Figures of chapter 1: one concept as four signals, and two clouds of embeddings on one map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from mmlib.alignment import PlanarMap, modality_gap
from mmlib.data.spectrogram import SAMPLE_RATE
from mmlib.figure_style import COLOURS, FAINT, INK, figure_of, style, subplots
from mmlib.ranking import normalize64

MARKERS = ("o", "^", "s", "D")


def four_signals(
    name: str, picture: Tensor, clip: Tensor, wave: Tensor | None = None, mel: Tensor | None = None
) -> Figure:
    """One concept as its written name, a drawing, its spoken name, and frames of a clip.

    Args:
        name: shown with its bytes below.
        picture: uint8 (3, H, W).
        clip: uint8 (T, 3, H, W); four frames spread over it are shown.
        wave, mel: float waveform (n,) and picture of it (bands, frames), low band first; None says
            in their places that there is no sound here.

    Raises:
        ValueError: a picture or clip of another type or shape.
    """
    pixels = picture.dtype == clip.dtype == torch.uint8
    if not pixels or picture.ndim != 3 or clip.ndim != 4:
        raise ValueError(
            f"give a uint8 picture (3, H, W) and a uint8 clip (T, 3, H, W), got {picture.dtype} "
            f"{tuple(picture.shape)} and {clip.dtype} {tuple(clip.shape)}"
        )
    figure, axes = subplots(2, 4, height=4.0)
    with style():
        top = axes[0]
        data = name.encode()
        _blank(top[0], "text")
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": top[0].transAxes}
        top[0].text(0.5, 0.65, name, fontsize=15, color=INK, **middle)
        codes = "\n".join(" ".join(map(str, data[i : i + 4])) for i in range(0, len(data), 4))
        top[0].text(0.5, 0.3, codes, fontsize=8, color=FAINT, **middle)
        _blank(top[1], "image")
        top[1].imshow(picture.permute(1, 2, 0).cpu().numpy())
        _sound(top[2], top[3], wave, mel)
        moments = torch.linspace(0, len(clip) - 1, 4).round().long()
        for ax, moment in zip(axes[1], moments.tolist(), strict=True):
            _blank(ax, f"video, frame {moment + 1}")
            ax.imshow(clip[moment].permute(1, 2, 0).cpu().numpy())
    return figure


def _sound(left: Axes, right: Axes, wave: Tensor | None, mel: Tensor | None) -> None:
    if wave is None or mel is None:
        for ax in (left, right):
            _blank(ax, "audio")
            place: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
            ax.text(0.5, 0.5, "no speech\nsynthesiser", color=FAINT, **place)
        return
    seconds = torch.arange(len(wave)) / SAMPLE_RATE
    left.plot(seconds.numpy(), wave.cpu().numpy(), linewidth=0.4, color=COLOURS[0])
    left.set(title="audio, waveform", xlabel="s", yticks=[])
    right.imshow(mel.cpu().numpy(), origin="lower", aspect="auto", cmap="magma")
    right.grid(False)
    right.set(title=f"audio, as {len(mel)} bands", xticks=[], yticks=[])


def _blank(ax: Axes, title: str) -> None:
    ax.set(title=title, xticks=[], yticks=[])
    ax.grid(False)


def along_gap(first: Tensor, second: Tensor) -> PlanarMap:
    """Two clouds seen from the side: across is the modality gap, up is what varies most besides.

    The plane of largest variance (`pca_2d`) may hide a gap that is short and everywhere the same.

    Args:
        first, second: (N, D) floats in one space; rows are normalised.

    Raises:
        ValueError: as `mmlib.alignment.modality_gap`; or the two centroids coincide.
    """
    gap = modality_gap(first, second).vector.cpu()  # (D,)
    if gap.norm() < 1e-9:
        raise ValueError("the centroids coincide: there is no gap to look along")
    rows = torch.cat([normalize64(first), normalize64(second)]).cpu()  # (2 N, D)
    rows = rows - rows.mean(dim=0)
    across = gap / gap.norm()
    rest = rows - (rows @ across)[:, None] * across
    up = torch.linalg.svd(rest, full_matrices=False)[2][0]
    points = torch.stack([rows @ across, rows @ up], dim=1)  # (2 N, 2)
    shares = (points.square().sum(dim=0) / rows.square().sum()).tolist()
    return PlanarMap(points.split(len(first)), (shares[0], shares[1]))


def embedding_map(
    planar: PlanarMap, labels: Sequence[str], *, lines: bool = True, title: str = "",
    ax: Axes | None = None,
) -> Figure:  # fmt: skip
    """Up to four clouds on one plane, each with its mark and colour; lines join equal rows.

    Args:
        planar: from `mmlib.alignment.pca_2d` or `along_gap`.
        labels: one for each cloud.
        lines: whether row i of the first cloud is joined with row i of the second.
        title: above the map.

    Raises:
        ValueError: another number of labels than clouds; more than four clouds; lines between
            clouds of other lengths.
    """
    clouds = [cloud.cpu().numpy() for cloud in planar]
    if len(labels) != len(clouds):
        raise ValueError(f"{len(labels)} labels for {len(clouds)} clouds: give one for each")
    if len(clouds) > len(MARKERS):
        raise ValueError(f"{len(clouds)} clouds: there are marks for {len(MARKERS)} at most")
    if lines and (len(clouds) < 2 or len(clouds[0]) != len(clouds[1])):
        raise ValueError("lines join row i of two clouds of one length: set lines=False")
    with style():
        axes = ax if ax is not None else subplots(height=4.0)[1][0, 0]
        if lines:
            for ends in zip(*clouds[:2], strict=True):  # two points
                axes.plot(*zip(*ends, strict=True), color=FAINT, linewidth=0.4, alpha=0.5)
        for index, (cloud, label) in enumerate(zip(clouds, labels, strict=True)):
            axes.scatter(
                cloud[:, 0],
                cloud[:, 1],
                s=14,
                label=label,
                color=COLOURS[index],
                marker=MARKERS[index],
            )
        share = 100 * sum(planar.explained)
        axes.set(title=title, xticks=[], yticks=[], xlabel=f"{share:.0f} % of the variance")
        axes.legend()
        return figure_of(axes)
