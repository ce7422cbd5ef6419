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
from dataclasses import dataclass
from typing import TypeVar

import torch

from mmlib import machine, published
from mmlib.files import atomic_write, cache_dir

__all__ = [
    "TIERS",
    "Preflight",
    "atomic_write",
    "by_tier",
    "cache_dir",
    "check_tier",
    "current_tier",
    "derive_seed",
    "make_generator",
    "native_dtype",
    "pick_device",
    "preflight",
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


@dataclass(frozen=True)
class Preflight:
    """What a chapter will ask of this machine; None where nothing was measured yet.

    Times are in seconds, sizes in MiB. ``memory_mb`` and ``device_memory_mb`` are what the machine
    has, ``expected_*`` what the chapter took when the book was made (the time scaled to this
    machine's speed).
    """

    chapter: str
    tier: str
    device: str
    threads: int
    memory_mb: float | None
    device_memory_mb: float | None
    free_disk_mb: float
    expected_s: float | None
    expected_memory_mb: float | None
    expected_device_memory_mb: float | None
    expected_disk_mb: float | None
    measured_on: str | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may go wrong on this machine, each with what to do."""
        found = []
        if self.tier == "gpu" and not torch.cuda.is_available():
            found.append(
                "tier gpu without a GPU will take hours: choose a GPU runtime, or set "
                f"{TIER_VARIABLE}=cpu before the kernel starts"
            )
        short = (
            ("memory", self.expected_memory_mb, self.memory_mb),
            ("GPU memory", self.expected_device_memory_mb, self.device_memory_mb),
            ("disk", self.expected_disk_mb, self.free_disk_mb),
        )
        for what, needed, there in short:
            if needed and there is not None and needed > there:
                found.append(f"{what}: about {needed:,.0f} MB needed, {there:,.0f} MB here: "
                             "close other programs or choose a smaller tier")  # fmt: skip
        return tuple(found)

    def __str__(self) -> str:
        """The table that `preflight` prints."""
        rows = [
            ("chapter", f"{self.chapter}, tier {self.tier}"),
            ("device", f"{self.device}, {self.threads} threads"),
            ("time", self._time()),
            ("memory", _needs(self.expected_memory_mb, self.memory_mb)),
            ("disk", _needs(self.expected_disk_mb, self.free_disk_mb)),
            *(("careful", warning) for warning in self.warnings),
        ]
        if self.expected_device_memory_mb:
            needs = _needs(self.expected_device_memory_mb, self.device_memory_mb)
            rows.insert(4, ("GPU memory", needs))
        return "\n".join(f"{name:<10}  {text}" for name, text in rows)

    def _ipython_display_(self) -> None:
        """A notebook shows nothing more: ``preflight`` has printed it."""

    def _time(self) -> str:
        if self.expected_s is None:
            return "not measured yet at this tier"
        return f"about {describe_seconds(self.expected_s)} here (measured on {self.measured_on})"


def describe_seconds(seconds: float) -> str:
    """A duration as people say it: ``'40 s'``, ``'6 min'``, ``'1 h 20 min'``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _needs(needed: float | None, there: float | None) -> str:
    have = "unknown here" if there is None else f"{there:,.0f} MB here"
    return have if needed is None else f"about {max(needed, 1):,.0f} MB needed, {have}"


def preflight(chapter: str, tier: str | None = None) -> Preflight:
    """Say what a chapter will take on this machine before any work starts; prints a short table.

    The expected time is the one measured when the book was made, at the same tier, scaled by a
    benchmark of about two seconds on this machine. It is a guide, not a promise: benchmarks of two
    machines differ by more than one factor.

    Args:
        chapter: the notebook's name, ``"04_clip"``, or its number, ``"04"``.
        tier: the tier in force unless another is named.

    Raises:
        ValueError: the tier is unknown.
    """
    tier = current_tier() if tier is None else check_tier(tier)
    device = pick_device()
    stored = (published.load_chapter(chapter) or {}).get("timings", {}).get(tier, {})
    expected = stored.get("wall_s")
    if expected is not None and stored.get("benchmark"):
        expected *= stored["benchmark"] / machine.benchmark(device.type)
    report = Preflight(
        chapter=chapter,
        tier=tier,
        device=machine.device_name(device),
        threads=torch.get_num_threads(),
        memory_mb=machine.memory_mb(),
        device_memory_mb=machine.device_memory_mb(device),
        free_disk_mb=machine.free_disk_mb(cache_dir()),
        expected_s=expected,
        expected_memory_mb=stored.get("peak_memory_mb"),
        expected_device_memory_mb=stored.get("peak_cuda_mb"),
        expected_disk_mb=stored.get("cache_mb"),
        measured_on=stored.get("device"),
    )
    print(report)
    return report
