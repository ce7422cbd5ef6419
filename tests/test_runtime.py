"""Tiers, devices, precision, seeds and the preflight table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmlib import machine, runtime
from mmlib.runtime import (
    by_tier,
    current_tier,
    derive_seed,
    describe_seconds,
    make_generator,
    native_dtype,
    pick_device,
    preflight,
)


def test_the_variable_sets_the_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    for tier in runtime.TIERS:
        monkeypatch.setenv("MMLIB_TIER", tier)
        assert current_tier() == tier
        assert by_tier(smoke="smoke", cpu="cpu", gpu="gpu") == tier


@pytest.mark.parametrize(("cuda", "tier"), [(True, "gpu"), (False, "cpu")])
def test_without_the_variable_the_machine_decides(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, tier: str
) -> None:
    monkeypatch.setenv("MMLIB_TIER", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    assert current_tier() == tier


@pytest.mark.parametrize("name", ["GPU", "fast", "cpu2"])
def test_an_unknown_tier_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MMLIB_TIER", name)
    with pytest.raises(ValueError, match=f"unknown tier '{name}'.*smoke, cpu, gpu"):
        current_tier()
    with pytest.raises(ValueError, match="unknown tier"):
        by_tier(smoke=1, cpu=2, gpu=3)


def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device() == pick_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:0", "abacus", "meta"):
        with pytest.raises(ValueError, match=f"{name}'.*cpu"):
            pick_device(name)


def test_a_cuda_index_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device() == torch.device("cuda")
    assert pick_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ValueError, match="cuda:1.*has 1"):
        pick_device("cuda:1")


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_bfloat16_needs_compute_capability_8(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    """A T4 (7.5) says that it supports bfloat16 and only emulates it."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert native_dtype("cuda") is dtype
    assert native_dtype("cpu") is torch.float32


def test_generators_repeat_and_leave_the_global_state_alone() -> None:
    before = torch.random.get_rng_state()
    first = torch.rand(5, generator=make_generator(3))
    assert torch.equal(first, torch.rand(5, generator=make_generator(3, "cpu")))
    assert not torch.equal(first, torch.rand(5, generator=make_generator(4)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_a_seed_must_be_a_count(seed: object) -> None:
    with pytest.raises(ValueError, match="seed"):
        make_generator(seed)  # type: ignore[arg-type]


def test_derived_seeds_are_the_same_everywhere_and_differ_by_name() -> None:
    assert derive_seed(0, "augment") == derive_seed(0, "augment")
    # Fixed values: a change here changes every published number.
    assert derive_seed(0, "a") == 8617095791668180470
    seeds = {derive_seed(s, *n) for s in (0, 1) for n in ((), ("a",), ("a", "b"), ("ab",))}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    make_generator(max(seeds))  # torch takes them all


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder where chapter 4 took 100 s at a benchmark of 10."""
    timing = {"wall_s": 100.0, "benchmark": 10.0, "device": "Abacus 9", "peak_memory_mb": 900}
    content = {"timings": {"cpu": {**timing, "cache_mb": 50}}}
    (tmp_path / "04_clip.json").write_text(json.dumps(content))
    monkeypatch.setenv("MMLIB_RESULTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("chapter", ["04_clip", "04"])
def test_preflight_scales_the_time_to_this_machine(
    stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chapter: str
) -> None:
    monkeypatch.setattr(machine, "benchmark", lambda device: 5.0)  # half as fast
    report = preflight(chapter, "cpu")
    assert report.expected_s == pytest.approx(200.0)
    assert report.expected_memory_mb == 900
    assert report.warnings == ()
    said = capsys.readouterr().out
    assert "about 3 min here (measured on Abacus 9)" in said
    assert "900 MB needed" in said and "disk" in said


def test_preflight_says_when_nothing_was_measured(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preflight("04_clip", "smoke").expected_s is None
    assert preflight("09_none", "cpu").expected_s is None
    assert capsys.readouterr().out.count("not measured yet") == 2


def test_preflight_warns_of_too_little_memory(
    stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "benchmark", lambda device: 10.0)
    monkeypatch.setattr(machine, "memory_mb", lambda: 512.0)
    (warning,) = preflight("04", "cpu").warnings
    assert "900 MB needed, 512 MB here" in warning
    assert "careful" in capsys.readouterr().out


def test_preflight_warns_of_a_gpu_tier_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "GPU runtime" in preflight("04", "gpu").warnings[0]
    with pytest.raises(ValueError, match="unknown tier"):
        preflight("04", "huge")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (360, "6 min"), (4800, "1 h 20 min"), (3600, "1 h 00 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


def test_facts_about_this_machine_are_plausible(tmp_path: Path) -> None:
    assert machine.device_name() != ""
    assert machine.core_count() >= 1
    assert (machine.memory_mb() or 0) > 100
    assert 50 < (machine.peak_rss_mb() or 0) < 1e6
    assert machine.free_disk_mb(tmp_path) > 0
    assert {"python", "torch", "numpy", "mmlib"} <= set(machine.versions())
    (tmp_path / "two").write_bytes(bytes(2 * machine.MEGABYTE))
    assert machine.folder_mb(tmp_path) == 2.0


def test_the_benchmark_measures_and_measures_once() -> None:
    state = torch.random.get_rng_state()
    speed = machine.benchmark("cpu")
    assert 10 < speed < 1e7  # pictures a second
    assert machine.benchmark("cpu") == speed
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_the_benchmark_left_is_not_the_chapters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "peak_cuda_mb", lambda: 16.0)
    monkeypatch.setitem(machine._workspace_mb, "cuda", 16.0)
    assert machine.chapter_cuda_mb() == 0.0
    monkeypatch.setattr(machine, "peak_cuda_mb", lambda: 20.0)
    assert machine.chapter_cuda_mb() == 4.0


def test_the_package_imports_without_the_notebook_tools() -> None:
    """Readers without the extra [run] have no nbclient and nbformat."""
    code = (
        "import sys\n"
        "for name in ('nbclient', 'nbformat', 'mmlib.course'): sys.modules[name] = None\n"
        "import mmlib.runtime, mmlib.results, mmlib.check\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
