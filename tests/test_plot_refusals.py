"""Figures that would mislead are refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from mmlib import plot
from tests.figures import pictures


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
