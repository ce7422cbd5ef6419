"""Bits of a signal: closed forms, an independent reference, and what must hold for any bytes."""

from __future__ import annotations

import bz2
import io
import math
import random
import wave
import zlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.runtime import make_generator
from mmlib.signals import (
    METHODS,
    compressed_bytes,
    conditional_entropy,
    entropy,
    redundancy,
    to_bytes,
)

ALL_BYTES = bytes(range(256))
METHOD_NAMES = (*METHODS, "best")
some_bytes = st.binary(min_size=1, max_size=300)
laws = settings(max_examples=60, deadline=None)


def noise(count: int, kinds: int = 256, seed: int = 0) -> bytes:
    """Independent bytes, each kind equally likely."""
    return bytes(random.Random(seed).choices(range(kinds), k=count))


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        (ALL_BYTES, 8),
        (ALL_BYTES * 3, 8),
        (b"\x00" * 50, 0),
        (b"a", 0),
        (b"ab" * 20, 1),
        (b"aaab", 2 - 0.75 * math.log2(3)),
        (b"abcd", 2),
        ("犬".encode(), math.log2(3)),
    ],
)
def test_entropy_by_hand(data: bytes, bits: float) -> None:
    assert entropy(data) == pytest.approx(bits, abs=1e-12)


@laws
@given(some_bytes)
def test_entropy_is_scipy_s(data: bytes) -> None:
    reference = scipy.stats.entropy(list(Counter(data).values()), base=2)
    assert entropy(data) == pytest.approx(reference, abs=1e-12)
    assert 0 <= entropy(data) <= min(8, math.log2(len(data))) + 1e-12


@laws
@given(some_bytes, st.randoms(use_true_random=False))
def test_entropy_knows_no_order(data: bytes, order: random.Random) -> None:
    shuffled = bytes(order.sample(data, len(data)))
    assert entropy(shuffled) == entropy(data)
    assert entropy(data * 2) == pytest.approx(entropy(data), abs=1e-12)


@laws
@given(some_bytes, st.permutations(range(256)))
def test_entropy_does_not_care_what_the_symbols_are(data: bytes, code: list[int]) -> None:
    assert entropy(bytes(code[byte] for byte in data)) == pytest.approx(entropy(data), abs=1e-12)


def test_alternation_is_known_from_the_byte_before() -> None:
    assert entropy(b"ab" * 500) == 1
    assert conditional_entropy(b"ab" * 500) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_nothing_before_helps_with_independent_bytes(order: int) -> None:
    data = noise(40_000, kinds=4)
    assert conditional_entropy(data, order) == pytest.approx(2, abs=0.005)


def test_a_markov_chain_has_the_entropy_of_its_steps() -> None:
    """Stays with probability 0.9: h(0.1) = 0.469 bits a step; two bytes before tell no more."""
    steps = np.random.default_rng(0).random(100_000) < 0.1
    data = (np.cumsum(steps) % 2).astype(np.uint8).tobytes()
    expected = -(0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))
    for order in (1, 2, 7):
        assert conditional_entropy(data, order) == pytest.approx(expected, abs=0.01)
    assert entropy(data) == pytest.approx(1, abs=0.01)


def test_the_correction_takes_most_of_the_bias_away() -> None:
    """16 kinds, 2,000 bytes: without it 3.89 bits instead of 4."""
    data = noise(2_000, kinds=16)
    pairs = Counter(zip(data, data[1:], strict=False))
    raw = (
        scipy.stats.entropy(list(pairs.values()), base=2)
        - scipy.stats.entropy(list(Counter(data[:-1]).values()), base=2)
    )  # fmt: skip
    assert raw < 3.92
    assert conditional_entropy(data) == pytest.approx(4, abs=0.03)


@pytest.mark.parametrize("zipf", [False, True])
@pytest.mark.parametrize("kinds", [4, 16, 64])
def test_what_is_not_refused_is_near_the_truth(kinds: int, zipf: bool) -> None:
    """As the docstring says: 0.25 bits at the most, from 250 bytes on."""
    shares = 1 / np.arange(1, kinds + 1) ** zipf
    shares /= shares.sum()
    accepted = 0
    for times in (2, 3, 4, 8):
        draws = np.random.default_rng(times).choice(kinds, 250 + times * kinds**2, p=shares)
        try:
            value = conditional_entropy(draws.astype(np.uint8).tobytes())
        except ValueError as error:
            assert "too few for order 1" in str(error)
            continue
        accepted += 1
        assert value == pytest.approx(scipy.stats.entropy(shares, base=2), abs=0.25)
    assert accepted


def test_too_little_data_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1000 bytes are too few for order 1: 9\d% of their"):
        conditional_entropy(noise(1_000))
    with pytest.raises(ValueError, match="give more data or a lower order"):
        conditional_entropy(b"a red apple to the left of a dog face", 3)
    for data in (b"", b"a"):
        with pytest.raises(ValueError, match=f"{len(data)} bytes are too few: give at least 2"):
            conditional_entropy(data)
    with pytest.raises(ValueError, match="0 bytes are too few"):
        entropy(b"")


@pytest.mark.parametrize("order", [0, -1, 8])
def test_an_order_out_of_range_is_named(order: int) -> None:
    with pytest.raises(ValueError, match=f"order={order} must be from 1 to 7"):
        conditional_entropy(ALL_BYTES * 100, order)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_no_data_has_no_bytes(method: str) -> None:
    """The rule: what the format costs for nothing is taken off."""
    assert compressed_bytes(b"", method) == 0


def test_the_fixed_cost_is_what_the_docstring_says() -> None:
    assert {name: len(compress(b"")) for name, compress in METHODS.items()} == {
        "zlib": 8,
        "bz2": 14,
        "lzma": 1,
    }
    data = b"the same words and the same words" * 9
    assert compressed_bytes(data, "zlib") == len(zlib.compress(data, 9)) - 8
    assert compressed_bytes(data, "bz2") == len(bz2.compress(data, 9)) - 14


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_repetition_compresses_and_noise_does_not(method: str) -> None:
    random_bytes = noise(4_000)
    assert compressed_bytes(random_bytes, method) >= 4_000
    assert redundancy(random_bytes, method) == 0
    assert redundancy(random_bytes * 10, method) > (0.5 if method == "bz2" else 0.85)
    assert redundancy(b"\x00" * 40_000, method) > 0.99


@laws
@given(some_bytes)
def test_the_best_is_the_smallest(data: bytes) -> None:
    sizes = [compressed_bytes(data, name) for name in METHODS]
    assert compressed_bytes(data) == min(sizes) > 0
    assert 0 <= redundancy(data) < 1
    assert redundancy(data) == max(redundancy(data, name) for name in METHODS)


def test_a_compressor_is_bound_by_the_entropy_of_independent_bytes() -> None:
    """Two bits of eight for four equally likely kinds: no more than three quarters are saved."""
    data = noise(40_000, kinds=4)
    assert 0.70 < redundancy(data) < 0.75
    assert 1 - entropy(data) / 8 == pytest.approx(0.75, abs=1e-3)


def test_order_is_redundancy_that_entropy_does_not_see() -> None:
    ordered = bytes(sorted(noise(4_000, kinds=16)))
    assert entropy(ordered) == entropy(noise(4_000, kinds=16))
    assert redundancy(ordered) > 0.95 and redundancy(noise(4_000, kinds=16)) < 0.5


def test_bad_values_are_named() -> None:
    with pytest.raises(ValueError, match="'gzip', did you mean 'zlib'.*known: best, bz2"):
        compressed_bytes(b"abc", "gzip")
    with pytest.raises(ValueError, match="unknown method 'zip'"):
        redundancy(b"abc", "zip")
    with pytest.raises(ValueError, match="no byte"):
        redundancy(b"")


def test_texts_become_utf_8() -> None:
    assert to_bytes("dog") == b"dog"
    assert to_bytes("犬") == b"\xe7\x8a\xac"
    assert to_bytes("") == b""


def test_pixels_come_in_the_order_of_the_tensor() -> None:
    image = torch.arange(3 * 2 * 2, dtype=torch.uint8).view(3, 2, 2)
    assert to_bytes(image) == bytes(range(12))
    turned = image.transpose(1, 2)  # another order in the same memory
    assert to_bytes(turned) == to_bytes(turned.contiguous()) != to_bytes(image)
    clip = torch.stack([image, image + 100])
    assert to_bytes(clip) == to_bytes(image) + to_bytes(image + 100)


def test_a_waveform_is_what_a_wav_file_holds() -> None:
    samples = torch.rand(100, generator=make_generator(0)) * 2 - 1
    data = to_bytes(samples)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 22_050, 0, "NONE", ""))
        out.writeframes(data)
    file.seek(0)
    with wave.open(file) as read:
        back = np.frombuffer(read.readframes(100), dtype="<i2")
    assert np.abs(back / 32767 - samples.numpy()).max() <= 0.5 / 32767 + 1e-7
    assert to_bytes(torch.tensor([0.0, 1.0, -1.0])) == b"\x00\x00\xff\x7f\x01\x80"
    assert to_bytes(samples.half()) and to_bytes(torch.zeros(0)) == b""


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (torch.rand(3, 4, 4), r"float32 tensor \(3, 4, 4\) is no signal.*round"),
        (torch.arange(5), r"int64 tensor \(5,\) is no signal"),
        (torch.tensor([0.0, 1.5]), r"in \[-1, 1\]"),
        (torch.tensor([0.0, math.nan]), "finite"),
        (torch.tensor([0.0, math.inf]), "finite"),
        (torch.tensor(0.5), "is no signal"),
    ],
)
def test_what_is_no_signal_is_refused(signal: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_bytes(signal)
