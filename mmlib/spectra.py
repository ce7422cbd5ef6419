"""How a signal varies: over frequencies, along a direction, and in how many directions.

Everything is computed in float64 on the CPU and takes tensors of any numeric dtype.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def power_spectrum(
    signal: Tensor, segment: int | None = None, dim: int = -1
) -> tuple[Tensor, Tensor]:
    """Power against frequency along one dimension, averaged over all others (Welch 1967).

    The signal is cut into segments that overlap by half; each loses its mean and is tapered by a
    Hann window, so that its two ends do not look like an edge.

    Args:
        signal: (..., n, ...): a waveform (n,), rows of pixels, frames of a clip.
        segment: samples in a segment, 4 to n; all n if None. Long segments tell near frequencies
            apart, many short ones average the noise away. Samples after the last whole segment
            are left out.
        dim: the dimension to follow.

    Returns:
        Frequencies in cycles per sample from 0 to 0.5 (times the sampling rate: Hz), and power per
        unit of frequency: both (segment // 2 + 1,). For a stationary signal, their sum divided
        by `segment` is about the variance.

    Raises:
        ValueError: a segment out of range, values that are not finite.
    """
    lines = _lines(signal, dim)  # (L, n)
    segment = lines.shape[1] if segment is None else segment
    if not 4 <= segment <= lines.shape[1]:
        raise ValueError(f"segment={segment!r} must be from 4 to the {lines.shape[1]} samples")
    pieces = lines.unfold(1, segment, segment - segment // 2)  # (L, S, segment)
    window = torch.hann_window(segment, dtype=torch.float64)
    tapered = (pieces - pieces.mean(dim=-1, keepdim=True)) * window
    power = torch.fft.rfft(tapered).abs().square().mean(dim=(0, 1)) / window.square().sum()
    inner = slice(1, -1 if segment % 2 == 0 else None)
    power[inner] *= 2  # negative frequencies, folded onto the positive ones
    return torch.fft.rfftfreq(segment, dtype=torch.float64), power


def radial_spectrum(images: Tensor) -> tuple[Tensor, Tensor]:
    """Power of pictures against frequency, averaged over all orientations, pictures, channels.

    Each channel loses its mean and is tapered by a Hann window along both sides.

    Args:
        images: (..., S, S), square, S at least 8.

    Returns:
        Frequencies in cycles per pixel, 1 / S to at most 0.5 in steps of 1 / S; and the mean power
        of the ring around each: both (S // 2,). Corners beyond 0.5 are left out.

    Raises:
        ValueError: another shape, values that are not finite.
    """
    if images.dim() < 2 or images.shape[-1] != images.shape[-2] or images.shape[-1] < 8:
        raise ValueError(f"{tuple(images.shape)} must be square pictures (..., S, S), S >= 8")
    side = images.shape[-1]
    planes = _numbers(images).reshape(-1, side, side)
    window = torch.hann_window(side, dtype=torch.float64)
    window = window[:, None] * window
    tapered = (planes - planes.mean(dim=(1, 2), keepdim=True)) * window
    power = torch.fft.fft2(tapered).abs().square().mean(dim=0) / window.square().sum()  # (S, S)
    cycles = torch.fft.fftfreq(side, 1 / side, dtype=torch.float64)
    ring = torch.hypot(cycles[:, None], cycles).round().long()  # (S, S) whole cycles per picture
    rings = range(1, side // 2 + 1)
    means = torch.stack([power[ring == cycle].mean() for cycle in rings])
    return torch.arange(1, side // 2 + 1, dtype=torch.float64) / side, means


def spectral_slope(
    frequency: Tensor, power: Tensor, low: float = 0.0, high: float = math.inf
) -> float:
    """The exponent a of the best power law, power ~ frequency ** a, by least squares of logarithms.

    White noise has 0. Photographs of nature have about -2 (Field 1987).

    Args:
        frequency, power: (F,), as from the two functions above; frequency 0 is left out.
        low, high: the range of frequencies to fit, both included.

    Raises:
        ValueError: fewer than 3 frequencies in the range, or power that is not above 0 there.
    """
    if frequency.shape != power.shape or frequency.dim() != 1:
        raise ValueError(
            f"frequency {tuple(frequency.shape)} and power {tuple(power.shape)} must both be (F,)"
        )
    x, y = _numbers(frequency), _numbers(power)
    inside = (x > 0) & (x >= low) & (x <= high)
    x, y = x[inside].log(), y[inside]
    if len(x) < 3 or not (y > 0).all():
        raise ValueError(
            f"{len(x)} frequencies from {low} to {high}, lowest power "
            f"{y.min().item() if len(y) else 'none'}: a slope needs 3 or more, all with power "
            "above 0; choose another range"
        )
    x, y = x - x.mean(), y.log()
    return float((x @ y) / (x @ x))


def autocorrelation(signal: Tensor, max_lag: int, dim: int = -1) -> Tensor:
    """How alike a signal is to itself some steps further along one dimension.

    The mean of the whole tensor is taken off; the products of all pairs at a lag are averaged
    over the pairs there are (n - lag of them in each line), and divided by the variance. So long
    lags are not damped, but rest on few pairs; the mean, being that of the data, pulls all values
    down by about 1 / n.

    Args:
        signal: (..., n, ...), such as a waveform (n,) or a picture (3, H, W).
        max_lag: the largest lag in samples, 0 to n - 1.
        dim: the dimension to move along; all others are averaged over.

    Returns:
        float64 (max_lag + 1,), 1 at lag 0.

    Raises:
        ValueError: a lag out of range, values that are not finite or all equal.
    """
    lines = _lines(signal, dim)  # (L, n)
    n = lines.shape[1]
    if not 0 <= max_lag < n:
        raise ValueError(f"max_lag={max_lag!r} must be from 0 to {n - 1}, for {n} samples")
    if lines.min() == lines.max():
        raise ValueError("all values are equal: a constant has no autocorrelation")
    lines = lines - lines.mean()
    padded = torch.fft.rfft(lines, n=2 * n)
    sums = torch.fft.irfft(padded.abs().square().sum(dim=0), n=2 * n)[: max_lag + 1]
    products = sums / (n - torch.arange(max_lag + 1, dtype=torch.float64))  # means over pairs
    return products / products[0]


def effective_rank(matrix: Tensor, *, center: bool = False) -> float:
    """In how many directions the rows of a matrix spread (Roy and Vetterli 2007).

    exp of the entropy of the singular values, divided by their sum: n for n equal ones, 1 for one.
    Rotating or scaling all rows changes nothing.

    Args:
        matrix: (N, F), samples by features.
        center: take the mean row off first. Without it, one common direction (the mean
            brightness of pictures) can hide all others.

    Returns:
        From 1 to min(N, F).

    Raises:
        ValueError: another shape, values that are not finite, or all 0 (after centring).
    """
    if matrix.dim() != 2 or not matrix.numel():
        raise ValueError(f"matrix {tuple(matrix.shape)} must be samples by features, (N, F)")
    rows = _numbers(matrix)
    scale = rows.abs().max()
    if center:
        rows = rows - rows.mean(dim=0)
    values = torch.linalg.svdvals(rows)
    # What is left of equal rows after centring is rounding, not a direction.
    if values.sum() <= 1e-12 * scale * math.sqrt(rows.numel()):
        raise ValueError("all rows are 0, or equal and centred: they spread in no direction")
    shares = values / values.sum()
    return math.exp(-torch.special.xlogy(shares, shares).sum().item())


def _numbers(tensor: Tensor) -> Tensor:
    """As float64 on the CPU. Raises ValueError for values that are not finite."""
    if tensor.is_complex() or not tensor.numel():
        raise ValueError(f"a {tensor.dtype} tensor {tuple(tensor.shape)} holds no real numbers")
    numbers = tensor.detach().cpu().double()
    if not numbers.isfinite().all():
        raise ValueError("some values are NaN or infinite: look for them with signal.isfinite()")
    return numbers


def _lines(signal: Tensor, dim: int) -> Tensor:
    """All lines along `dim`: (L, n)."""
    if not -signal.dim() <= dim < signal.dim():
        raise ValueError(f"dim={dim!r} does not exist: the signal is {tuple(signal.shape)}")
    return _numbers(signal).movedim(dim, -1).reshape(-1, signal.shape[dim])
