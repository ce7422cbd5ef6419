"""Figures of chapter 1 show what they are given, and refuse what does not fit."""

from __future__ import annotations

import pytest
import torch

from mmlib.alignment import pca_2d
from mmlib.signal_figures import along_gap, embedding_map, four_signals

PICTURE = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)
CLIP = torch.randint(0, 256, (7, 3, 16, 16), dtype=torch.uint8)


def test_four_signals_shows_bytes_and_four_moments() -> None:
    figure = four_signals("ox", PICTURE, CLIP, torch.rand(2205), torch.rand(32, 32))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:2] == ["text", "image"]
    assert titles[4:] == [f"video, frame {i}" for i in (1, 3, 5, 7)]
    assert "111 120" in [text.get_text() for text in figure.axes[0].texts]
    assert figure.axes[2].lines[0].get_xdata()[-1] == pytest.approx(0.1, abs=1e-3)


def test_without_sound_its_places_say_so() -> None:
    figure = four_signals("ox", PICTURE, CLIP)
    assert all("no speech" in figure.axes[i].texts[0].get_text() for i in (2, 3))


def test_four_signals_refuses_floats() -> None:
    with pytest.raises(ValueError, match="uint8 picture"):
        four_signals("ox", PICTURE.float(), CLIP)
    with pytest.raises(ValueError, match="uint8 clip"):
        four_signals("ox", PICTURE, CLIP.float())


def test_the_map_joins_rows_and_states_the_variance() -> None:
    planar = pca_2d(torch.randn(5, 8), torch.randn(5, 8))
    axes = embedding_map(planar, ["a", "b"]).axes[0]
    assert len(axes.lines) == 5 and len(axes.collections) == 2
    assert f"{100 * sum(planar.explained):.0f} %" in axes.get_xlabel()
    assert not embedding_map(planar, ["a", "b"], lines=False).axes[0].lines


def test_the_map_refuses_what_does_not_fit() -> None:
    planar = pca_2d(torch.randn(5, 8), torch.randn(4, 8))
    with pytest.raises(ValueError, match="1 labels for 2 clouds"):
        embedding_map(planar, ["a"])
    with pytest.raises(ValueError, match="lines=False"):
        embedding_map(planar, ["a", "b"])
    many = pca_2d(*(torch.randn(3, 8) for _ in range(5)))
    with pytest.raises(ValueError, match="5 clouds: there are marks for 4"):
        embedding_map(many, list("abcde"))


def test_a_gap_that_the_largest_variance_hides_is_seen_from_the_side() -> None:
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(60, 8, generator=generator)
    wide[:, 7] = 0
    offset = torch.zeros(8)
    offset[7] = 1.0
    first, second = wide + offset, wide - offset
    side = along_gap(first, second)
    x, y = side
    assert x[:, 0].min() > y[:, 0].max()  # apart along the gap
    front = pca_2d(first, second)
    assert front.points[0][:, 0].min() < front.points[1][:, 0].max()  # mixed on the usual map
    assert 0 < side.explained[0] < 1 and sum(side.explained) <= 1
    with pytest.raises(ValueError, match="centroids coincide"):
        along_gap(first, first)
