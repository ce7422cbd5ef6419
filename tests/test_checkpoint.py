"""Checkpoints: whole or not at all, and never of another model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mmlib import checkpoint
from mmlib.checkpoint import load_checkpoint, save_checkpoint
from mmlib.optim import make_optimizer
from mmlib.runtime import make_generator
from tests.helpers import small_clip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = small_clip(0)
    return save_checkpoint(tmp_path / "a.safetensors", model, make_optimizer(model), step=3)


def test_round_trip_of_weights_and_generator(tmp_path: Path) -> None:
    model, generator = small_clip(0), make_generator(7)
    torch.rand(5, generator=generator)
    path = save_checkpoint(
        tmp_path / "a.safetensors", model, make_optimizer(model), step=3,
        generators={"data": generator}, extra={"note": "x"},
    )  # fmt: skip
    expected = torch.rand(5, generator=generator)
    other, fresh = small_clip(1), make_generator(0)
    step, extra = load_checkpoint(path, other, make_optimizer(other), generators={"data": fresh})
    assert (step, extra) == (3, {"note": "x"})
    assert torch.equal(torch.rand(5, generator=fresh), expected)
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


def test_another_configuration_is_refused_and_nothing_changes(saved: Path) -> None:
    other = small_clip(1, embed_dim=8)
    before = {k: v.clone() for k, v in other.state_dict().items()}
    with pytest.raises(ValueError, match="another configuration.*visual_projection"):
        load_checkpoint(saved, other)
    assert all(torch.equal(before[k], v) for k, v in other.state_dict().items())


@pytest.mark.parametrize("damage", ["truncate", "garbage"])
def test_a_damaged_file_is_named(saved: Path, damage: str) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: len(content) // 2] if damage == "truncate" else b"not a file")
    with pytest.raises(ValueError, match="damaged or not a safetensors file"):
        load_checkpoint(saved, small_clip(0))


def test_foreign_and_missing_files_are_named(tmp_path: Path) -> None:
    foreign = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    with pytest.raises(ValueError, match="not a training checkpoint"):
        load_checkpoint(foreign, small_clip(0))
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "none.safetensors", small_clip(0))
    model = small_clip(0)
    path = save_checkpoint(tmp_path / "a.safetensors", model, make_optimizer(model), step=1)
    with pytest.raises(ValueError, match="no random state named 'data'"):
        load_checkpoint(path, model, generators={"data": make_generator(0)})


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    before = saved.read_bytes()

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("os.replace", fail)
    model = small_clip(1)
    with pytest.raises(type(error)):
        save_checkpoint(saved, model, make_optimizer(model), step=9)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]
    assert checkpoint.FORMAT in before.decode("latin1")
