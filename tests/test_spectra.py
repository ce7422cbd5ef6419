"""Spectra, autocorrelation and effective rank: closed forms, scipy and numpy, and laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmlib.runtime import make_generator
from mmlib.spectra import (
    autocorrelation,
    effective_rank,
    power_spectrum,
    radial_spectrum,
    spectral_slope,
)

seeds = st.integers(0, 2**31 - 1)
laws = settings(max_examples=40, deadline=None)


def white(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=make_generator(seed), dtype=torch.float64)


def sine(n: int, period: float) -> Tensor:
    return torch.sin(2 * math.pi * torch.arange(n, dtype=torch.float64) / period)


def first_order(n: int, coefficient: float, seed: int = 0) -> Tensor:
    """x_t = coefficient x_(t-1) + noise: its autocorrelation at lag k is coefficient ** k."""
    noise = white(n, seed=seed).numpy()
    return torch.from_numpy(scipy.signal.lfilter([1.0], [1.0, -coefficient], noise))


def shaped(side: int, exponent: float, seed: int = 0) -> Tensor:
    """Pictures (8, S, S) whose power falls with frequency ** exponent."""
    cycles = torch.fft.fftfreq(side, 1 / side, dtype=torch.float64)
    radius = torch.hypot(cycles[:, None], cycles).clamp(min=1)
    return torch.fft.ifft2(
        torch.fft.fft2(white(8, side, side, seed=seed)) * radius ** (exponent / 2)
    ).real


def rotation(size: int, seed: int) -> Tensor:
    return torch.linalg.qr(white(size, size, seed=seed)).Q


@pytest.mark.parametrize("segment", [None, 16, 17, 60])
@pytest.mark.parametrize("dim", [0, -1])
def test_the_spectrum_is_scipy_s(segment: int | None, dim: int) -> None:
    signal = white(61, 60)
    frequency, power = power_spectrum(signal, segment, dim)
    expected = scipy.signal.welch(signal.numpy(), nperseg=segment or signal.shape[dim], axis=dim)
    np.testing.assert_allclose(frequency, expected[0], atol=1e-12)
    np.testing.assert_allclose(power, expected[1].mean(axis=dim + 1), rtol=1e-9, atol=1e-15)


def test_the_spectrum_of_noise_is_flat_and_adds_up_to_the_variance() -> None:
    frequency, power = power_spectrum(3 * white(20_000), 64)
    assert power[1:-1].max() / power[1:-1].min() < 1.6
    assert power.sum().item() / 64 == pytest.approx(9, rel=0.05)
    assert abs(spectral_slope(frequency, power)) < 0.1


def test_the_spectrum_of_a_sine_has_one_peak() -> None:
    frequency, power = power_spectrum(5 + sine(400, 8), 80)
    assert frequency[power.argmax()] == pytest.approx(1 / 8)
    assert power[(frequency - 1 / 8).abs() > 2 / 80].max() < 1e-9 * power.max()


@pytest.mark.parametrize("exponent", [-3.0, -2.0, 0.0])
def test_a_planted_slope_is_found(exponent: float) -> None:
    frequency, power = radial_spectrum(shaped(64, exponent))
    assert len(frequency) == len(power) == 32
    assert frequency[0] == 1 / 64 and frequency[-1] == 0.5
    assert spectral_slope(frequency, power, 2 / 64, 0.4) == pytest.approx(exponent, abs=0.15)


def test_a_grating_is_one_ring_whatever_its_direction() -> None:
    row = sine(32, 4)
    pictures = [row.expand(1, 32, 32), row[:, None].expand(1, 32, 32)]
    spectra = [radial_spectrum(picture) for picture in pictures]
    for frequency, power in spectra:
        assert frequency[power.argmax()] == 0.25
        assert power[(frequency - 0.25).abs() > 2 / 32].max() < 1e-9 * power.max()
    torch.testing.assert_close(spectra[0][1], spectra[1][1])


def test_the_radial_spectrum_takes_pixels_as_they_are() -> None:
    pixels = (shaped(16, -2) * 10 + 100).round().clamp(0, 255).to(torch.uint8)
    frequency, power = radial_spectrum(pixels)
    torch.testing.assert_close(radial_spectrum(pixels.double())[1], power)
    torch.testing.assert_close(radial_spectrum(pixels.double() * 2 + 7)[1], 4 * power)
    _, odd = radial_spectrum(white(3, 15, 15))
    assert len(odd) == 7 and len(power) == len(frequency) == 8


def test_the_slope_by_hand() -> None:
    frequency = torch.tensor([0.0, 1.0, 2.0, 4.0, 8.0])
    power = torch.tensor([0.0, 8.0, 4.0, 2.0, 1000.0])
    assert spectral_slope(frequency, power, high=4) == pytest.approx(-1)
    assert spectral_slope(frequency[:4], 5 * power[:4]) == pytest.approx(-1)


@pytest.mark.parametrize("shape", [(50,), (4, 50)])
def test_the_autocorrelation_is_numpy_s(shape: tuple[int, ...]) -> None:
    signal = white(*shape)
    lines = (signal - signal.mean()).reshape(-1, 50).numpy()
    sums = sum(np.correlate(line, line, "full")[49:] for line in lines)
    means = sums / np.arange(50, 0, -1)
    np.testing.assert_allclose(autocorrelation(signal, 49), means / means[0], atol=1e-12)


def test_the_autocorrelation_by_hand() -> None:
    values = autocorrelation(torch.tensor([1, -1, 1, -1, 1, -1]), 3)
    assert values.tolist() == pytest.approx([1, -1, 1, -1])
    assert autocorrelation(torch.tensor([[0, 0], [1, 1]]), 1, dim=1).tolist() == [1, 1]
    assert autocorrelation(torch.tensor([[0, 0], [1, 1]]), 1, dim=0).tolist() == [1, -1]


def test_noise_is_not_like_itself_further_on() -> None:
    values = autocorrelation(white(20_000), 100)
    assert values[0] == 1 and values[1:].abs().max() < 0.03


def test_a_sine_comes_back_after_its_period() -> None:
    values = autocorrelation(sine(400, 20), 40)
    expected = torch.cos(2 * math.pi * torch.arange(41, dtype=torch.float64) / 20)
    torch.testing.assert_close(values, expected, atol=0.02, rtol=0)


def test_a_first_order_process_forgets_exponentially() -> None:
    signal = first_order(100_000, 0.9)
    expected = 0.9 ** torch.arange(21, dtype=torch.float64)
    torch.testing.assert_close(autocorrelation(signal, 20), expected, atol=0.02, rtol=0)


def test_a_picture_has_two_directions() -> None:
    stripes = first_order(64, 0.9)[:, None].expand(64, 64) + 0.01 * white(64, 64)
    assert autocorrelation(stripes, 20, dim=0)[20] < 1 / math.e
    assert autocorrelation(stripes, 20, dim=1)[20] > 0.9


@laws
@given(st.lists(st.integers(0, 255), min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1))
def test_a_line_that_varies_is_somewhere_unlike_itself(values: list[int]) -> None:
    """All products of values without their mean add up to 0, so some lag is negative."""
    signal = torch.tensor(values, dtype=torch.uint8)
    n = len(values)
    every = autocorrelation(signal, n - 1)
    assert every[0] == 1
    assert 2 * (every[1:] * torch.arange(n - 1, 0, -1)).sum().item() == pytest.approx(-n, abs=1e-6)
    assert every[1:].min() < 0


@laws
@given(seeds, st.floats(0.1, 50), st.floats(-5, 5))
def test_scale_and_offset_do_not_matter(seed: int, scale: float, offset: float) -> None:
    signal = white(3, 40, seed=seed)
    for moved in (scale * signal + offset, -signal):
        torch.testing.assert_close(autocorrelation(moved, 20), autocorrelation(signal, 20))


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [
        (torch.eye(7), 7),
        (torch.ones(5, 3), 1),
        (torch.outer(torch.arange(1.0, 6), torch.arange(4.0)), 1),
        (torch.diag(torch.tensor([1.0, 1.0, 0.0])), 2),
        (torch.diag(torch.tensor([3.0, 1.0])), 4 / 3**0.75),
        (1e-30 * torch.eye(3, dtype=torch.float64), 3),
    ],
)
def test_the_effective_rank_by_hand(matrix: Tensor, rank: float) -> None:
    assert effective_rank(matrix) == pytest.approx(rank, abs=1e-9)


def test_the_effective_rank_is_the_entropy_of_singular_values() -> None:
    matrix = white(12, 30)
    values = np.linalg.svd(matrix.numpy(), compute_uv=False)
    assert effective_rank(matrix) == pytest.approx(math.exp(scipy.stats.entropy(values)))
    centred = matrix - matrix.mean(dim=0)
    assert effective_rank(matrix + 1000, center=True) == pytest.approx(effective_rank(centred))
    assert effective_rank(matrix + 1000) < 1.5


@laws
@given(seeds, st.integers(1, 8), st.integers(1, 8), st.floats(1e-3, 1e3))
def test_the_effective_rank_does_not_turn(seed: int, n: int, f: int, scale: float) -> None:
    matrix = white(n, f, seed=seed)
    rank = effective_rank(matrix)
    assert 1 - 1e-9 <= rank <= min(n, f) + 1e-9
    for turned in (matrix @ rotation(f, seed), rotation(n, seed) @ matrix, scale * matrix):
        assert effective_rank(turned) == pytest.approx(rank, rel=1e-6)
    assert effective_rank(matrix.T) == pytest.approx(rank, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_spectrum(white(20), 21), "segment=21 must be from 4 to the 20 samples"),
        (lambda: power_spectrum(white(20), 3), "segment=3"),
        (lambda: power_spectrum(white(3)), "segment=3"),
        (lambda: power_spectrum(white(20), 8, dim=1), r"dim=1 does not exist.*\(20,\)"),
        (lambda: power_spectrum(torch.full((20,), math.nan)), "NaN or infinite"),
        (lambda: radial_spectrum(white(3, 16, 17)), r"\(3, 16, 17\) must be square"),
        (lambda: radial_spectrum(white(4, 4)), "S >= 8"),
        (lambda: radial_spectrum(white(16)), "must be square"),
        (lambda: spectral_slope(white(4), white(5)), r"\(4,\) and power \(5,\)"),
        (lambda: spectral_slope(torch.arange(3), torch.ones(3)), "2 frequencies"),
        (lambda: spectral_slope(torch.arange(9), torch.ones(9), low=20), "0 freq.*power none"),
        (lambda: spectral_slope(torch.arange(9), torch.zeros(9)), "lowest power 0.0"),
        (lambda: autocorrelation(white(9), 9), "max_lag=9 must be from 0 to 8"),
        (lambda: autocorrelation(white(9), -1), "max_lag=-1"),
        (lambda: autocorrelation(torch.ones(9), 2), "a constant has no autocorrelation"),
        (lambda: autocorrelation(torch.tensor([0, math.inf]), 1), "NaN or infinite"),
        (lambda: autocorrelation(torch.zeros(0), 0), "holds no real numbers"),
        (lambda: autocorrelation(torch.tensor(1.0), 0), "dim=-1 does not exist"),
        (lambda: autocorrelation(white(9), 2, dim=2), "dim=2 does not exist"),
        (lambda: effective_rank(white(9)), r"matrix \(9,\) must be samples by features"),
        (lambda: effective_rank(torch.zeros(0, 3)), "must be samples by features"),
        (lambda: effective_rank(torch.zeros(3, 3)), "spread in no direction"),
        (lambda: effective_rank(torch.rand(1, 9), center=True), "spread in no direction"),
        (lambda: effective_rank(torch.full((5, 9), 0.1), center=True), "spread in no direction"),
        (lambda: effective_rank(torch.eye(2, dtype=torch.complex64)), "holds no real numbers"),
    ],
)
def test_bad_values_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
