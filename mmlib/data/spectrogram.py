"""From a waveform to a small picture of it: which pitch bands carry power at which time.

    short-time Fourier transform -> power -> mel bands -> mean over a few hops -> decibels -> [0, 1]

The mel scale is the one of the HTK toolkit: equal steps sound about equally far apart (Stevens,
Volkmann and Newman, 1937). The clock is fixed: one column is the same time in every picture, so a
slow voice fills more columns than a quick one, and what is missing at the end is silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmlib.layers import check_positive

SAMPLE_RATE = 22050  # samples a second: what the synthesiser gives
HOP = 220  # samples from one transform to the next: 9.98 ms
POOL = 4  # hops in one column: 39.9 ms, so 32 columns are 1.28 s
FLOOR_DB = 80.0  # black is this far below the loudest cell of the same sound


def hz_to_mel(hz: Tensor) -> Tensor:
    """The HTK formula, 2595 log10(1 + f / 700): 1000 Hz are 1000 mel."""
    return 2595 * torch.log10(1 + hz / 700)


def mel_to_hz(mel: Tensor) -> Tensor:
    """The inverse of `hz_to_mel`."""
    return 700 * (10 ** (mel / 2595) - 1)


def mel_filters(bands: int, n_fft: int, sample_rate: int = SAMPLE_RATE) -> Tensor:
    """Triangles of height 1, equally wide in mel, from 0 Hz to half the sample rate.

    Triangle b rises from the centre of band b - 1 to its own and falls to that of band b + 1.

    Returns:
        float32 (bands, n_fft // 2 + 1): weights of the frequencies of a Fourier transform.

    Raises:
        ValueError: a value is not positive, or a triangle falls between two frequencies and would
            stay empty: take fewer bands or a longer transform.
    """
    check_positive(bands=bands, n_fft=n_fft, sample_rate=sample_rate)
    nyquist = torch.tensor(sample_rate / 2, dtype=torch.float64)
    corners = mel_to_hz(torch.linspace(0, 1, bands + 2, dtype=torch.float64) * hz_to_mel(nyquist))
    hz = torch.linspace(0, 1, n_fft // 2 + 1, dtype=torch.float64) * nyquist  # (F,)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]  # (bands, 1)
    up, down = (hz - left) / (centre - left), (right - hz) / (right - centre)  # (bands, F)
    filters = torch.minimum(up, down).clamp(min=0)
    empty = (filters.sum(dim=1) == 0).sum().item()
    if empty:
        raise ValueError(
            f"bands={bands} leaves {empty} of them without a frequency of n_fft={n_fft}: take "
            "fewer bands or a larger n_fft"
        )
    return filters.float()


def mel_power(waves: Tensor, bands: int = 32, n_fft: int = 512, hop: int = HOP) -> Tensor:
    """Power in mel bands of waveforms of one length (Hann window, zeros beyond both ends).

    Args:
        waves: float (N, L) at 22,050 samples a second.
        bands: mel bands, from 0 to 11,025 Hz.
        n_fft: samples in one transform.
        hop: samples from one transform to the next; transform t is centred on sample t * hop.

    Returns:
        float32 (N, bands, 1 + L // hop), not below 0.

    Raises:
        ValueError: waves of another shape, or a value that is not positive.
    """
    if waves.ndim != 2 or not waves.shape[1]:
        raise ValueError(f"waves {tuple(waves.shape)} must have shape (N, L) with L >= 1")
    check_positive(hop=hop)
    filters = mel_filters(bands, n_fft).to(waves.device)
    spectrum = torch.stft(
        waves.float(),
        n_fft,
        hop,
        window=torch.hann_window(n_fft, device=waves.device),
        pad_mode="constant",
        return_complex=True,
    )  # (N, F, T)
    return filters @ torch.view_as_real(spectrum).square().sum(dim=-1)


def log_mel(
    waves: Sequence[Tensor],
    *,
    bands: int = 32,
    frames: int = 32,
    n_fft: int = 512,
    hop: int = HOP,
    pool: int = POOL,
) -> Tensor:
    """Pictures of sounds: rows are mel bands, low to high, columns are time, values loudness.

    A column is the mean power of `pool` transforms. Sounds that are shorter than the picture end in
    silence, longer ones are cut at the end. Values are decibels relative to the loudest cell of the
    same sound: 1 there, 0 at 80 dB below it and in silence. So the volume of a sound does not
    matter, and neither do the other sounds.

    Args:
        waves: N waveforms (n,), of any lengths, at 22,050 samples a second.
        bands: rows.
        frames: columns.
        n_fft: samples in one transform.
        hop: samples from one transform to the next.
        pool: transforms in one column.

    Returns:
        float32 (N, bands, frames) in [0, 1].

    Raises:
        ValueError: no waves, one that is empty, not finite or not one row; a value out of range.
    """
    check_positive(bands=bands, frames=frames, n_fft=n_fft, hop=hop, pool=pool)
    _check_waves(waves)
    length = frames * pool * hop - 1  # gives frames * pool transforms
    batch = torch.zeros(len(waves), length, device=waves[0].device)
    for row, wave in enumerate(waves):
        batch[row, : len(wave)] = wave[:length]
    power = mel_power(batch, bands, n_fft, hop)  # (N, bands, frames * pool)
    power = power.unflatten(2, (frames, pool)).mean(dim=3)  # (N, bands, frames)
    peak = power.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    level = 10 * torch.log10((power / peak).clamp(min=10 ** (-FLOOR_DB / 10)))  # [-80, 0] dB
    return (1 + level / FLOOR_DB).clamp(0, 1)


def _check_waves(waves: Sequence[Tensor]) -> None:
    if not len(waves):
        raise ValueError("no waves: give 1 or more")
    for row, wave in enumerate(waves):
        if wave.ndim != 1 or not len(wave) or not wave.is_floating_point():
            raise ValueError(
                f"wave {row} has shape {tuple(wave.shape)} and type {wave.dtype}: need floats (n,) "
                "with n >= 1"
            )
        if not wave.isfinite().all():
            raise ValueError(f"wave {row} has values that are not finite")
