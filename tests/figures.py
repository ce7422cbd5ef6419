"""One figure of each kind, and how to read what is drawn in it."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from mmlib import plot

NAMES = ["dog face", "cat", "red apple", "oncoming bus", "passenger ship"]


TRADEOFF: dict[str, list[tuple[float, list[float], str]]] = {
    "CNN": [(16e6, [60.0, 61.0], "width 64"), (1e6, [40.0, 42.0, 41.0], "width 16")],
    "ViT, patch 4": [(1.5e6, [30.0, 31.5], "width 32"), (70e6, [66.0], "width 192, depth 6")],
    "hybrid": [(80e6, [62.0, 67.0], "small + small"), (9e6, [57.0], "")],
}


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


def make_tradeoff() -> Figure:
    return plot.tradeoff(TRADEOFF, xlabel="FLOPs", ylabel="accuracy, %", chance=5.0)


def make_field() -> Figure:
    heat = torch.linspace(0, 1, 16).view(4, 4)
    figure, axes = plot.subplots(1, 2)
    plot.field(heat, title="alone", ax=axes[0, 0])
    plot.field(heat, title="over a picture", image=pictures(1)[0], ax=axes[0, 1])
    return figure


def rendered(figure: Figure) -> np.ndarray:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGBA"))


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    return [text for text in found if text]
