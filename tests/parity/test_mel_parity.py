"""Mel filters and mel power against transformers' NumPy implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.audio_utils import (
    hertz_to_mel,
    mel_filter_bank,
    spectrogram,
    window_function,
)

from mmlib.data.spectrogram import SAMPLE_RATE, hz_to_mel, mel_filters, mel_power


def reference(bands: int, n_fft: int) -> np.ndarray:
    """transformers' filters (n_fft // 2 + 1, bands)."""
    top = SAMPLE_RATE / 2
    return mel_filter_bank(n_fft // 2 + 1, bands, 0.0, top, SAMPLE_RATE, mel_scale="htk")


@pytest.mark.parametrize(("bands", "n_fft"), [(32, 512), (64, 2048), (13, 400)])
def test_filters(bands: int, n_fft: int) -> None:
    want = mel_filter_bank(
        n_fft // 2 + 1, bands, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, mel_scale="htk"
    )
    got = mel_filters(bands, n_fft)
    torch.testing.assert_close(got, torch.tensor(want.T, dtype=torch.float32), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("bands", "n_fft", "hop"), [(32, 512, 220), (40, 1024, 256)])
def test_power(bands: int, n_fft: int, hop: int) -> None:
    wave = torch.randn(7000, generator=torch.Generator().manual_seed(0)) * 0.1
    want = spectrogram(
        wave.numpy(),
        window_function(n_fft, "hann"),
        n_fft,
        hop,
        pad_mode="constant",
        power=2.0,
        mel_filters=reference(bands, n_fft),
        mel_floor=0.0,
    )
    got = mel_power(wave[None], bands, n_fft, hop)[0]
    torch.testing.assert_close(
        got, torch.tensor(np.asarray(want, np.float32)), rtol=1e-5, atol=1e-5
    )


def test_scale() -> None:
    hz = [20.0, 440.0, 1000.0, 11025.0]
    got = hz_to_mel(torch.tensor(hz, dtype=torch.float64))
    assert got.tolist() == pytest.approx([hertz_to_mel(value, "htk") for value in hz], abs=1e-9)
