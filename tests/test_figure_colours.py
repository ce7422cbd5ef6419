"""The colours of the figures, as readers with the three kinds of colour blindness see them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from skimage.color import deltaE_ciede2000, rgb2lab

from mmlib.figure_style import COLOURS, FAINT, INK, LINES, PALETTE

from .figures import rendered
from .test_figure_style import MAKERS

# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
SEEN = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TOGETHER = [PALETTE[name] for name in ("blue", "vermillion", "green", "purple")]


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def seen(colour: str, vision: str) -> np.ndarray:
    """The colour in CIELAB as this vision sees it."""
    rgb = np.clip(SEEN[vision] @ linear(colour), 0, 1)
    return rgb2lab(np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055))


def distance(one: str, other: str, vision: str) -> float:
    """CIEDE2000: 1 is just seen side by side, 10 is plain at a glance."""
    return float(deltaE_ciede2000(seen(one, vision), seen(other, vision)))


def contrast_on_white(colour: str) -> float:
    """WCAG's contrast ratio with the figures' ground."""
    return 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05)


def test_the_simulation_keeps_what_it_must() -> None:
    for vision in SEEN:  # greys stay greys, and white white
        assert np.allclose(seen("#ffffff", vision), [100, 0, 0], atol=0.1)
        assert np.allclose(seen("#808080", vision)[1:], 0, atol=0.1)
    red, green = "#c04030", "#6b7a00"  # a pair that deuteranopes confuse, and others do not
    assert distance(red, green, "normal") > 40
    assert distance(red, green, "deuteranopia") < 10
    assert distance("#000000", "#ffffff", "tritanopia") == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("vision", SEEN)
def test_any_two_colours_are_told_apart_at_a_glance(vision: str) -> None:
    near = {
        pair: distance(*pair, vision)
        for pair in combinations(COLOURS, 2)
        if distance(*pair, vision) < 10
    }
    assert not near


@pytest.mark.parametrize("vision", SEEN)
def test_what_is_not_far_apart_has_another_line(vision: str) -> None:
    """Below 20 (blue and green for tritanopes, for one) the style of the line helps."""
    lines = dict(zip(COLOURS, LINES, strict=True))
    alike = [
        (one, other)
        for one, other in combinations(COLOURS, 2)
        if distance(one, other, vision) < 20 and lines[one] == lines[other]
    ]
    assert not alike
    assert len(set(LINES[:4])) == 4


def test_lines_stand_out_from_the_ground() -> None:
    """The first four colours may be thin lines; sky, orange and yellow may not, nor be text."""
    assert list(COLOURS[:4]) == TOGETHER
    assert all(contrast_on_white(colour) >= 3 for colour in TOGETHER)
    assert min(contrast_on_white(colour) for colour in (INK, FAINT)) >= 4.5
    pale = {name for name, colour in PALETTE.items() if contrast_on_white(colour) < 3}
    assert pale == {"orange", "sky", "yellow"}


@pytest.mark.parametrize("make", MAKERS)
def test_no_words_in_a_pale_colour(make: Callable[[], Figure]) -> None:
    figure = make()
    rendered(figure)
    pale = [PALETTE[name] for name in ("orange", "sky", "yellow")]
    words = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert words
    assert not [
        t.get_text() for t in words if any(to_rgb(t.get_color()) == to_rgb(p) for p in pale)
    ]
