"""Mel pictures: tones land in their band and column, and nothing else about a sound matters."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mmlib.data.spectrogram import (
    FLOOR_DB,
    HOP,
    POOL,
    SAMPLE_RATE,
    hz_to_mel,
    log_mel,
    mel_filters,
    mel_power,
    mel_to_hz,
)


def tone(hz: float, seconds: float = 1.28, size: float = 0.5) -> Tensor:
    time = torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return size * torch.sin(2 * math.pi * hz * time)


def noise(samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def centres(bands: int = 32) -> Tensor:
    top = hz_to_mel(torch.tensor(SAMPLE_RATE / 2))
    return mel_to_hz(torch.linspace(0, 1, bands + 2) * top)[1:-1]


def test_the_mel_scale() -> None:
    hz = torch.tensor([0.0, 1000.0, 8000.0], dtype=torch.float64)
    mel = hz_to_mel(hz)
    assert mel[0] == 0 and mel[1].item() == pytest.approx(1000, abs=0.05)
    torch.testing.assert_close(mel_to_hz(mel), hz)


@pytest.mark.parametrize(("bands", "n_fft"), [(32, 512), (40, 1024), (1, 256)])
def test_filters_are_triangles_side_by_side(bands: int, n_fft: int) -> None:
    filters = mel_filters(bands, n_fft)
    assert filters.shape == (bands, n_fft // 2 + 1) and filters.dtype == torch.float32
    assert filters.min() == 0 and 0 < filters.max() <= 1
    hz = torch.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1)
    inside = (hz >= centres(bands)[0]) & (hz <= centres(bands)[-1])
    torch.testing.assert_close(filters.sum(0)[inside], torch.ones(int(inside.sum())))
    peaks = filters.argmax(dim=1)
    assert (peaks.diff() > 0).all()


@pytest.mark.parametrize("band", [2, 9, 20, 30])
def test_a_tone_lights_its_own_band(band: int) -> None:
    picture = log_mel([tone(centres()[band].item())])[0]
    assert (picture[:, 4:28].argmax(dim=0) == band).all()
    assert picture[band, 4:28].min() > 0.99


def test_a_click_lights_its_own_column() -> None:
    column = HOP * POOL
    for which in (0, 7, 31):
        wave = torch.zeros(32 * column)
        wave[which * column + column // 2] = 1.0
        loudest = log_mel([wave])[0].mean(dim=0)
        assert loudest.argmax() == which
        far = torch.tensor([abs(index - which) > 1 for index in range(32)])
        assert (loudest[far] == 0).all()


def test_twenty_decibels_are_a_quarter_of_the_range() -> None:
    low, high = centres()[5].item(), centres()[25].item()
    picture = log_mel([tone(low) + 0.1 * tone(high)])[0]
    gap = (picture[5, 10] - picture[25, 10]).item()
    assert gap == pytest.approx(20 / FLOOR_DB, abs=0.02)  # two bands split a tone differently


def test_power_of_a_tone_has_its_closed_form() -> None:
    """A sine of size a through a Hann window of n samples has power (a n / 4)^2 at its bin."""
    bin_number, n_fft = 64, 512
    wave = tone(bin_number * SAMPLE_RATE / n_fft, size=0.5)
    power = mel_power(wave[None], 32, n_fft)[0, :, 20]
    weight = mel_filters(32, n_fft)[:, bin_number - 1 : bin_number + 2]  # the window's 3 bins
    want = (0.5 * n_fft / 4) ** 2 * (weight @ torch.tensor([0.25, 1.0, 0.25]))
    torch.testing.assert_close(power, want, rtol=1e-3, atol=1e-2)


def test_shape_range_and_type() -> None:
    pictures = log_mel([noise(5000), noise(40_000, 1)], bands=20, frames=12)
    assert pictures.shape == (2, 20, 12) and pictures.dtype == torch.float32
    assert pictures.min() >= 0
    torch.testing.assert_close(pictures.amax(dim=(1, 2)), torch.ones(2))


def test_volume_neighbours_and_what_is_cut_off_do_not_matter() -> None:
    wave = noise(9000)
    alone = log_mel([wave])[0]
    torch.testing.assert_close(log_mel([0.01 * wave])[0], alone, atol=1e-4, rtol=0)
    torch.testing.assert_close(log_mel([noise(30_000, 2), wave])[1], alone, atol=1e-6, rtol=0)
    long = noise(60_000)
    cut = 32 * HOP * POOL
    torch.testing.assert_close(log_mel([long[:cut]]), log_mel([long]), atol=1e-6, rtol=0)


def test_the_clock_is_fixed() -> None:
    """The same sound later is the same picture further right; a longer sound fills more columns."""
    wave, shift = noise(6000), 5
    later = torch.cat([torch.zeros(shift * HOP * POOL), wave])
    torch.testing.assert_close(
        log_mel([later])[0, :, shift + 1 :], log_mel([wave])[0, :, 1:-shift], atol=1e-5, rtol=0
    )
    for samples in (3000, 12_000):
        filled = (log_mel([noise(samples)])[0].amax(dim=0) > 0).sum().item()
        needed = math.ceil(samples / (HOP * POOL))
        assert 0 <= filled - needed <= 1  # a window may reach over the end


def test_a_picture_of_32_columns_lasts_1_28_seconds() -> None:
    assert pytest.approx(1.277, abs=1e-3) == 32 * HOP * POOL / SAMPLE_RATE


def test_silence_is_black() -> None:
    assert (log_mel([torch.zeros(1000)]) == 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_mel([]), "no waves"),
        (lambda: log_mel([torch.zeros(0)]), "wave 0 has shape"),
        (lambda: log_mel([noise(9), torch.zeros(2, 9)]), "wave 1 has shape"),
        (lambda: log_mel([torch.zeros(9, dtype=torch.int16)]), "wave 0 .* torch.int16"),
        (lambda: log_mel([torch.tensor([0.0, math.nan])]), "wave 0 has values that are not finite"),
        (lambda: log_mel([noise(9)], frames=0), "frames=0"),
        (lambda: log_mel([noise(9)], pool=-1), "pool=-1"),
        (lambda: log_mel([noise(9)], hop=0), "hop=0"),
        (lambda: log_mel([noise(9)], bands=200), "bands=200 leaves .* n_fft=512"),
        (lambda: mel_filters(0, 512), "bands=0"),
        (lambda: mel_power(noise(9)), "must have shape"),
        (lambda: mel_power(noise(9)[None], hop=0), "hop=0"),
    ],
)
def test_bad_values_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
