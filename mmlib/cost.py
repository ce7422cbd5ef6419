"""What a model costs: arithmetic (FLOPs), memory (parameters) and time (latency).

Two ways to the first number: a counter that watches the model run, and the formulas by hand.
One multiplication with its addition is 2 FLOPs. Papers often count it once and write "FLOPs" or
"MACs": ResNet-50 is "4.1 GFLOPs" there and 8.2 here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmlib.layers import check_positive


def count_parameters(modules: nn.Module | Iterable[nn.Module], trainable_only: bool = False) -> int:
    """Number of weights of one module, or of several together; a shared weight counts once."""
    if isinstance(modules, nn.Module):
        modules = [modules]
    weights = {id(weight): weight for module in modules for weight in module.parameters()}
    return sum(w.numel() for w in weights.values() if w.requires_grad or not trainable_only)


@torch.no_grad()
def count_flops(model: nn.Module, image_size: int | tuple[int, int], batch: int = 1) -> int:
    """FLOPs of one forward pass in eval mode, for one picture of (height, width) pixels.

    Counted are matrix products (linear layers and attention's two among them) and convolutions.
    Additions, activations, softmax, norms and pooling are not: they cost little arithmetic,
    though not always little time.

    The model runs on the meta device, where tensors have shapes and no values: nothing is
    allocated or computed, so a big model takes a second at most, on any machine. The model itself
    is left as it was.

    Args:
        model: takes pictures (B, 3, H, W), whatever it returns.
        image_size: side in pixels, or (height, width).
        batch: pictures in the pass; the count is divided by it.

    Raises:
        ValueError: a size or batch that is not a positive whole number, or what the model
            raises for the size.
    """
    height, width = _sides("image_size", image_size)
    check_whole(batch=batch)
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    dtypes = [tensor.dtype for tensor in state.values() if tensor.is_floating_point()]
    images = torch.empty(
        batch, 3, height, width, device="meta", dtype=dtypes[0] if dtypes else torch.float32
    )
    shapes = {name: tensor.to("meta") for name, tensor in state.items()}
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        # the plain kernel splits attention into two matrix products, which every version counts
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            torch.func.functional_call(model, shapes, (images,))
    finally:
        for module, mode in modes.items():
            module.training = mode
    return counter.get_total_flops() // batch


def conv_flops(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    out_size: int | tuple[int, int],
    groups: int = 1,
) -> int:
    """FLOPs of a convolution by hand: every output value takes k * k * C_in / groups products.

    `out_size` is the side of the output map in cells, or (height, width).
    Raises ValueError for a number that is not positive and whole, or groups that do not divide.
    """
    height, width = _sides("out_size", out_size)
    check_whole(in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size)
    check_whole(groups=groups)
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups} must divide {in_channels} and {out_channels} channels")
    return 2 * out_channels * height * width * kernel_size**2 * (in_channels // groups)


def block_flops(tokens: int, width: int, mlp_ratio: float = 4.0) -> int:
    """FLOPs of one transformer block by hand, for one picture of `tokens` tokens.

    Four width x width projections and the MLP's two layers, each once a token; then attention:
    every pair of tokens takes `width` products for its weight and `width` to mix the values. The
    first part grows linearly with the tokens, the second with their square.
    Raises ValueError for a number that is not positive (and whole, for the first two).
    """
    check_whole(tokens=tokens, width=width)
    check_positive(mlp_ratio=mlp_ratio)
    hidden = round(width * mlp_ratio)
    each_token = 2 * (4 * width * width + 2 * width * hidden)
    each_pair = 2 * (2 * width)
    return tokens * each_token + tokens * tokens * each_pair


@dataclass(frozen=True)
class Latency:
    """How long a call takes, in milliseconds: the median and the quartiles of `repeats` runs."""

    median_ms: float
    low_ms: float
    high_ms: float
    repeats: int

    def __str__(self) -> str:
        """For example ``3.2 ms (quartiles 3.1 to 3.6, 15 runs)``."""
        return (
            f"{self.median_ms:.3g} ms (quartiles {self.low_ms:.3g} to {self.high_ms:.3g}, "
            f"{self.repeats} runs)"
        )


def latency(
    call: Callable[[], object],
    *,
    warmup: int = 3,
    repeats: int = 15,
    device: torch.device | str | None = None,
) -> Latency:
    """Time `call()`: some runs that do not count, then the median and quartiles of `repeats`.

    The first runs allocate memory and choose kernels. A GPU works on after the call returned: it
    is waited for before the clock starts and before it stops.

    Args:
        call: takes no argument, such as ``lambda: encoder.encode(images)``.
        warmup: runs before the clock, 0 or more.
        repeats: timed runs, 3 or more.
        device: where the work runs; None: the current GPU if this program uses one, else the CPU.

    Raises:
        ValueError: a number out of its range.
    """
    check_whole(repeats=repeats)
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise ValueError(f"warmup={warmup!r} must be a whole number, 0 or more")
    if repeats < 3:
        raise ValueError(f"repeats={repeats} must be 3 or more: quartiles of fewer say nothing")
    if device is None:
        device = "cuda" if torch.cuda.is_initialized() else "cpu"
    device = torch.device(device)
    for _ in range(warmup):
        call()
    times = [_time_once(call, device) for _ in range(repeats)]
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(median, low, high, repeats)


def _time_once(call: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of one call, the device's work included."""
    _wait_for(device)
    start = time.perf_counter()
    call()
    _wait_for(device)
    return 1000 * (time.perf_counter() - start)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _sides(what: str, size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size given as one side or as both; ValueError for anything else."""
    sides = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(sides) != 2:
        raise ValueError(f"{what}={size!r} must be one side or (height, width)")
    height, width = sides
    check_whole(**{f"{what} height": height, f"{what} width": width})
    return height, width


def check_whole(**values: int) -> None:
    """Raise ValueError for the first value that is not a whole number above zero."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number above 0")
