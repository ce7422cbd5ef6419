"""Icons that several test files take."""

from __future__ import annotations

import pytest
import torch

from mmlib.data.icons import STYLES, Icons, load_icons


@pytest.fixture(scope="session")
def sixteen_icons() -> Icons:
    """Sixteen things of 32 px, spread over the list, as chapter 3 takes them."""
    every = load_icons(32)
    rows = every.where(concrete=True, max_words=2, styles=STYLES)
    return every.subset(rows[torch.linspace(0, len(rows) - 1, 16).long()])
