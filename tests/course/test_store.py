"""A finished run is put in place wholly or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmlib.course import store
from mmlib.course.store import put_both, results_content, results_text
from mmlib.results import Results
from tests.course.books import CARD


@pytest.mark.parametrize("existed", [True, False])
def test_when_the_second_file_fails_the_first_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    second.write_text("old second")
    if existed:
        first.write_text("old first")
    real = store.atomic_write

    def full_for_the_second(path: Path, content: bytes | str) -> Path:
        if path == second:
            raise OSError(28, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(store, "atomic_write", full_for_the_second)
    with pytest.raises(OSError, match="No space"):
        put_both((first, "new"), (second, "new"))
    assert first.exists() == existed
    assert not existed or first.read_text() == "old first"
    assert second.read_text() == "old second"


def test_timings_of_other_tiers_are_kept() -> None:
    first = results_content({**CARD, "tier": "smoke", "wall_s": 9.0}, Results(), None)
    both = results_content(CARD, Results(), first)
    assert both["timings"]["smoke"]["wall_s"] == 9.0
    assert both["timings"]["cpu"]["wall_s"] == both["wall_s"] == 61.4
    assert both["tier"] == "cpu" and both["run"] == "abc"


def test_results_are_strict_json() -> None:
    text = results_text({"a": "ü"})
    assert json.loads(text) == {"a": "ü"} and "ü" in text and text.endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        results_text({"a": float("nan")})
