"""What the tests of the book's machinery share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmlib.course import runcard


@pytest.fixture(autouse=True, scope="session")
def package_hash() -> Iterator[str]:
    """mmlib's hash stays the same while the tests run, also if someone edits a source then."""
    patch = pytest.MonkeyPatch()
    patch.setattr(runcard, "hash_package", lambda notebook: "package")
    yield "package"
    patch.undo()
