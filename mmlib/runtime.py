"""The machine a chapter runs on: device, precision, seeds, and the tier that sets its sizes.

A tier changes sizes, steps and the number of seeds, never the code path:

========  ==========================================  =====================
tier      what it is for                              time for a chapter
========  ==========================================  =====================
smoke     every cell runs once, for automatic checks  under 60 s, 2 cores
cpu       honest results without an accelerator       under 10 min, 2 cores
gpu       what the book publishes                     under 10 min, one GPU
========  ==========================================  =====================
"""

from __future__ import annotations

import hashlib
import os
from typing import TypeVar

import torch

from mmlib.files import atomic_write, cache_dir

__all__ = [
    "TIERS",
    "atomic_write",
    "by_tier",
    "cache_dir",
    "check_tier",
    "current_tier",
    "derive_seed",
    "make_generator",
    "native_dtype",
    "pick_device",
]

TIERS = ("smoke", "cpu", "gpu")
TIER_VARIABLE = "MMLIB_TIER"
T = TypeVar("T")


def check_tier(name: str) -> str:
    """Return ``name`` if it is a tier.

    Raises:
        ValueError: it is not one of ``TIERS``.
    """
    if name not in TIERS:
        raise ValueError(
            f"unknown tier {name!r}: choose one of {', '.join(TIERS)} "
            f"(set {TIER_VARIABLE}, or unset it to let the machine decide)"
        )
    return name


def current_tier() -> str:
    """The tier in force: ``MMLIB_TIER`` if it is set, else ``gpu`` with CUDA and ``cpu`` without.

    Raises:
        ValueError: ``MMLIB_TIER`` holds something that is not a tier.
    """
    named = os.environ.get(TIER_VARIABLE, "").strip()
    if named:
        return check_tier(named)
    return "gpu" if torch.cuda.is_available() else "cpu"


def by_tier(*, smoke: T, cpu: T, gpu: T) -> T:
    """Pick the value for the tier in force: ``steps = by_tier(smoke=20, cpu=800, gpu=4000)``."""
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[current_tier()]


def pick_device(name: str | None = None) -> torch.device:
    """The device to compute on: the named one, else the first CUDA device, else the CPU.

    Raises:
        ValueError: the name is no device, or this machine does not have it.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"{name!r} is no device: use 'cpu', 'cuda' or 'cuda:0', or None to let it be chosen"
        ) from error
    if device.type == "cuda":
        _require_cuda(device)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {name!r} is not available here: use 'cpu'")
    elif device.type not in ("cpu", "mps"):
        raise ValueError(f"device {name!r} is not supported: use 'cpu', 'cuda' or 'mps'")
    return device


def _require_cuda(device: torch.device) -> None:
    if not torch.cuda.is_available():
        raise ValueError(
            f"device '{device}' is not available: no CUDA device is visible. Use 'cpu', or choose "
            "a GPU runtime (Colab: Runtime > Change runtime type) and check `mmlib doctor`"
        )
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise ValueError(f"device '{device}' does not exist: this machine has {count} CUDA devices")


def native_dtype(device: torch.device | str) -> torch.dtype:
    """The fast floating-point type that the device computes in hardware.

    bfloat16 from compute capability 8.0 on, float16 on older CUDA devices, float32 elsewhere.
    ``torch.cuda.is_bf16_supported()`` is not asked: it says yes on a T4, which only emulates it.
    """
    device = torch.device(device)
    if device.type != "cuda":
        return torch.float32
    modern = torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.bfloat16 if modern else torch.float16


def make_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A random generator on ``device`` that starts at ``seed``.

    Raises:
        ValueError: the seed is negative or not an integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed {seed!r} is not usable: give an integer of 0 or more")
    return torch.Generator(device=device).manual_seed(seed)


def derive_seed(seed: int, *names: str) -> int:
    """A seed for one named purpose, the same on every machine and in every Python.

    ``derive_seed(0, "augment")`` and ``derive_seed(0, "init")`` are unrelated streams, so that
    drawing more numbers for one purpose leaves the other as it was.

    Returns:
        An integer in [0, 2**63).
    """
    text = "\x1f".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
