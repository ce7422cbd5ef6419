"""What a kernel reports about itself when its chapter has run; called inside the kernel."""

from __future__ import annotations

import json
import os
from typing import Any

import torch

from mmlib import machine
from mmlib.runtime import atomic_write, cache_dir, pick_device


def facts() -> dict[str, Any]:
    """Device and versions of this process and the most memory it held; sizes in MiB."""
    device = pick_device()
    peak, chapter_cuda_mb = machine.peak_rss_mb(), machine.chapter_cuda_mb()
    return {
        "device": machine.device_name(device),
        "device_type": device.type,
        "threads": torch.get_num_threads(),
        "peak_memory_mb": None if peak is None else round(peak),
        "peak_cuda_mb": round(machine.peak_cuda_mb(), 1),
        "chapter_cuda_mb": round(chapter_cuda_mb, 1),
        "cache_mb": round(machine.folder_mb(cache_dir())),
        "benchmark": round(machine.benchmark(device.type), 2),
        "versions": machine.versions(),
    }


def report(path: str | os.PathLike[str]) -> None:
    """Write the facts as JSON."""
    atomic_write(path, json.dumps(facts()))
