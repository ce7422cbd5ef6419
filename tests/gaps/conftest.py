"""The icons that all experiments on gaps draw from."""

from __future__ import annotations

import pytest

from mmlib.data.icons import Icons, load_icons


@pytest.fixture(scope="session")
def icons() -> Icons:
    """Every concept in every style, 32 px."""
    return load_icons(32)
