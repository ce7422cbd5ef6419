"""The theme's scripts are repaired once, and a theme that has changed is noticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def static(sample_site: Path, tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/sphinx-book-theme.js", "documentation_options.js", "searchtools.js"):
        shutil.copy(sample_site / "_static" / name, tmp_path / name)
    return tmp_path


def test_a_built_site_is_repaired_and_again_changes_nothing(static: Path) -> None:
    from mmlib_book.theme_js import REPAIRS, repair

    before = {name: (static / name).read_text(encoding="utf-8") for name, _, _ in REPAIRS}
    for name, old, new in REPAIRS:
        assert old not in before[name] and new in before[name]
    repair(static)
    assert before == {name: (static / name).read_text(encoding="utf-8") for name in before}


def test_a_theme_that_has_changed_stops_the_build(static: Path) -> None:
    from mmlib_book.theme_js import repair

    (static / "scripts" / "sphinx-book-theme.js").write_text("other()", encoding="utf-8")
    with pytest.raises(ValueError, match="sphinx-book-theme.js no longer holds 't.blur"):
        repair(static)
