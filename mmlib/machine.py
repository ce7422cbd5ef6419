"""Facts about this machine: its name, its memory, its disk, its speed, and what is installed."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

MEGABYTE = 1024 * 1024
PACKAGES = ("torch", "numpy", "mmlib", "transformers", "torchvision", "timm", "resvg-py", "emoji")
_workspace_mb: dict[str, float] = {}


def device_name(device: torch.device | str = "cpu") -> str:
    """The name that the driver reports for a CUDA device, or the processor's model name."""
    device = torch.device(device)
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return _processor_name()


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def core_count() -> int:
    """The number of cores this process may use (a container often has fewer than the machine)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Python's version and that of every installed package the results may depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def memory_mb() -> float | None:
    """Main memory in MiB: the container's limit if there is one, else the machine's; or None."""
    sizes = []
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            sizes.append(int(Path(limit).read_text()))
        except (OSError, ValueError):
            continue  # no container, or the word "max"
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(sizes) / MEGABYTE if sizes else None


def device_memory_mb(device: torch.device | str) -> float | None:
    """Memory of a CUDA device in MiB, or main memory for the CPU."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory / MEGABYTE
    return memory_mb()


def peak_rss_mb() -> float | None:
    """The largest main memory this process has held so far, in MiB; None where unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEGABYTE if sys.platform == "darwin" else peak / 1024


def peak_cuda_mb() -> float:
    """The largest memory that tensors of this process have held on CUDA devices, in MiB."""
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return 0.0
    devices = range(torch.cuda.device_count())
    return sum(torch.cuda.max_memory_allocated(index) for index in devices) / MEGABYTE


def chapter_cuda_mb() -> float:
    """``peak_cuda_mb`` without what ``benchmark`` left there: 0 when a chapter ran on the CPU."""
    return max(0.0, peak_cuda_mb() - _workspace_mb.get("cuda", 0.0))


def free_disk_mb(folder: str | os.PathLike[str]) -> float:
    """Free space in MiB on the disk that holds ``folder``."""
    return shutil.disk_usage(folder).free / MEGABYTE


def folder_mb(folder: str | os.PathLike[str]) -> float:
    """The size in MiB of all files below ``folder``."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / MEGABYTE


@functools.cache
def benchmark(device: str = "cpu") -> float:
    """Pictures a second in training a small network: what most of a chapter's time goes into.

    The faster quarter of many steps in about two seconds: shared cores have slow moments, and a
    single best moment is luck. It is measured once in a process. It compares machines of one
    kind; it is no absolute figure.
    """
    speed = _measure(device)
    if device.startswith("cuda"):  # the libraries keep a workspace: it is not the chapter's
        torch.cuda.reset_peak_memory_stats()
        _workspace_mb["cuda"] = torch.cuda.memory_allocated() / MEGABYTE
    return speed


def _measure(device: str, budget_s: float = 2.0) -> float:
    generator = torch.Generator().manual_seed(0)

    def weight(*shape: int) -> torch.Tensor:
        values = 0.1 * torch.randn(shape, generator=generator)
        return values.to(device).requires_grad_()

    images = torch.rand(64, 3, 32, 32, generator=generator).to(device)  # (B, C, H, W)
    labels = torch.arange(64, device=device) % 32
    weights = weight(32, 3, 4, 4), weight(64, 32, 3, 3), weight(64, 64, 3, 3), weight(32, 64)

    def step() -> None:
        x = functional.relu(functional.conv2d(images, weights[0], stride=2, padding=1))
        x = functional.relu(functional.conv2d(x, weights[1], stride=2, padding=1))
        x = functional.relu(functional.conv2d(x, weights[2], padding=1))  # (B, 64, 8, 8)
        logits = functional.linear(x.mean(dim=(2, 3)), weights[3])  # (B, 32)
        torch.autograd.grad(functional.cross_entropy(logits, labels), weights)

    with torch.enable_grad():
        return len(images) / _fast_time(step, device, budget_s)


def _fast_time(work: Callable[[], None], device: str, budget_s: float) -> float:
    """Seconds for one call of ``work``: the lower quartile of all calls within the budget."""
    for _ in range(3):
        work()  # warm-up: libraries load, kernels are chosen
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < 4 or time.perf_counter() - begin < budget_s:
        _synchronize(device)
        start = time.perf_counter()
        work()
        _synchronize(device)
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 4]


def _synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
