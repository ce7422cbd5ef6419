"""Bits in a signal: how it becomes bytes, its entropy, and what a compressor leaves of it.

All of these see symbols and no meaning: noise has the most bits and says nothing.
"""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmlib.unknown import unknown

SEEN_ONCE = 0.1  # the largest share of blocks that may occur a single time


def _lzma2(data: bytes) -> bytes:
    """Raw LZMA2, which has no container; a dictionary larger than the data only costs memory."""
    size = min(max(len(data), 4096), 2**26)
    preset = {"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size}
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[preset])


#: Compressors of the standard library. Higher presets of LZMA saved nothing on our signals.
METHODS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": lambda data: bz2.compress(data, 9),
    "lzma": _lzma2,
    "zlib": lambda data: zlib.compress(data, 9),
}


def to_bytes(signal: str | Tensor) -> bytes:
    """A signal as it would be stored without compression.

    Args:
        signal: a text; a picture uint8 (3, H, W), a clip uint8 (T, 3, H, W) or any other uint8
            tensor; a waveform float (n,) in [-1, 1].

    Returns:
        UTF-8 for a text; the values in row-major order for uint8, so that a colour plane follows
        the other; 16-bit samples, low byte first, for a waveform.

    Raises:
        ValueError: another dtype, a float tensor that is no waveform in [-1, 1].
    """
    if isinstance(signal, str):
        return signal.encode("utf-8")
    values = signal.detach().cpu()
    if values.dtype == torch.uint8:
        return values.contiguous().numpy().tobytes()
    if not values.is_floating_point() or values.dim() != 1:
        raise ValueError(
            f"a {values.dtype} tensor {tuple(values.shape)} is no signal: give uint8 pixels "
            "((pixels * 255).round().to(torch.uint8) for those in [0, 1]) or a float waveform (n,)"
        )
    if not (values.abs() <= 1).all():
        raise ValueError("a waveform must be finite and in [-1, 1]: divide it by its largest value")
    return (values.double() * 32767).round().numpy().astype("<i2").tobytes()


def entropy(data: bytes) -> float:
    """Shannon's entropy of single bytes, in bits per byte, from 0 to 8.

    Of the frequencies that occur, in whatever order: text and the same letters shuffled have the
    same. From few bytes it comes out too low, by about (k - 1) / (2 n ln 2) bits for n bytes of k
    kinds (Miller 1955); n bytes cannot have more than log2(n).

    Raises:
        ValueError: no byte.
    """
    return _plug_in(_counts(data, 1))


def conditional_entropy(data: bytes, order: int = 1) -> float:
    """Bits per byte that are left when the `order` bytes before are known (Shannon 1951).

    The entropy of blocks of `order` + 1 bytes minus that of blocks of `order`, both with the
    correction of Miller (1955). Many more blocks than bytes can occur, and from too little data
    the result falls towards 0 whatever the signal is. So it is refused when more than a tenth of
    the long blocks occur only once: that share estimates how often a block would come that was
    never seen (Good 1953). What is left of the bias was at most 0.25 bits, too low, on 250 and
    more independent bytes of 4 to 256 kinds, equally likely or by Zipf's law.

    Args:
        data: enough of it; put the texts or pictures of one kind together.
        order: bytes before, 1 to 7.

    Raises:
        ValueError: too little data for this order, or `order` out of range.
    """
    if not 1 <= order <= 7:
        raise ValueError(f"order={order!r} must be from 1 to 7 bytes; entropy() takes none before")
    # The last byte starts no long block, so it counts for neither.
    long, short = _counts(data, order + 1), _counts(data[:-1], order)
    once = float((long == 1).sum() / long.sum())
    if once > SEEN_ONCE:
        raise ValueError(
            f"{len(data)} bytes are too few for order {order}: {once:.0%} of their blocks of "
            f"{order + 1} bytes occur only once, and more than {SEEN_ONCE:.0%} make the result too "
            "low; give more data or a lower order"
        )
    return min(8.0, max(0.0, _corrected(long) - _corrected(short)))


def compressed_bytes(data: bytes, method: str = "best") -> int:
    """How many bytes are left of the data, without what the format costs for no data at all.

    Compression of the empty input gives that fixed cost (8 bytes for zlib, 14 for bz2, 1 for raw
    LZMA2). What is left of short or random data can be more than it had. Takes 1 to 2 s a megabyte.

    Args:
        data: to compress on its own; texts of some letters give a compressor nothing to learn
            from, so put many together.
        method: `"zlib"`, `"bz2"`, `"lzma"`, or `"best"` for the smallest of the three.

    Raises:
        ValueError: another method.
    """
    if method == "best":
        return min(compressed_bytes(data, name) for name in METHODS)
    if method not in METHODS:
        raise unknown("method", method, ("best", *METHODS))
    compress = METHODS[method]
    return len(compress(data)) - len(compress(b""))


def redundancy(data: bytes, method: str = "best") -> float:
    """The share of the data that a compressor saves, from 0 (nothing) to below 1.

    1 - `compressed_bytes` / bytes, and 0 where compression makes it longer. A lower bound: a
    better compressor, or one that knows the language, saves more.

    Raises:
        ValueError: no byte, or an unknown method.
    """
    if not data:
        raise ValueError("no byte was given: its redundancy is not defined")
    return min(1.0, max(0.0, 1 - compressed_bytes(data, method) / len(data)))


def _counts(data: bytes, length: int) -> np.ndarray:
    """How often each block of `length` bytes that occurs does occur, overlaps included."""
    if len(data) < length:
        raise ValueError(f"{len(data)} bytes are too few: give at least {length}")
    single = np.frombuffer(data, dtype=np.uint8)
    if length == 1:
        counts = np.bincount(single, minlength=256)
        return counts[counts > 0]
    places = 256 ** np.arange(length, dtype=np.uint64)
    blocks = np.lib.stride_tricks.sliding_window_view(single, length) @ places  # (n - length + 1,)
    return np.unique(blocks, return_counts=True)[1]


def _plug_in(counts: np.ndarray) -> float:
    """Entropy in bits of the frequencies, as if they were the probabilities."""
    total = counts.sum()
    shares = counts / total
    return float(max(0.0, -(shares * np.log2(shares)).sum()))


def _corrected(counts: np.ndarray) -> float:
    return _plug_in(counts) + (len(counts) - 1) / (2 * float(counts.sum()) * math.log(2))
