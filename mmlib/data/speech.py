"""Spoken names: the sound of a concept, by a synthesiser that installs with pip.

    waves = speak(["dog", "cat"], "en+f2")          # two waveforms at 22,050 samples a second
    table = spoken_table(names, TRAIN_SPEAKERS)      # (S, N, 32, 32) pictures of sounds, cached

espeak-ng (GPL-3.0-or-later) is optional: `available()` tells whether it is there. A voice is a
language with a variant: `en+f2` is English by the second female variant, `fr` French by the plain
voice. All variants are one synthesiser with other settings, so they differ less than people do.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import unicodedata
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmlib.data.espeak import PACKAGE, pronounce, synthesise, voice_parts
from mmlib.data.spectrogram import HOP, POOL, SAMPLE_RATE, log_mel
from mmlib.data.tensor_cache import Stored, load_or_build
from mmlib.files import cache_dir

__all__ = [
    "SAMPLE_RATE",
    "SPEAKERS",
    "SPOKEN",
    "TEST_SPEAKERS",
    "TRAIN_SPEAKERS",
    "VOICES",
    "available",
    "log_mel",
    "phonemes",
    "speak",
    "spoken_table",
]

#: espeak-ng's voice for each of the 14 languages of the icons' names.
VOICES = {
    "en": "en",
    "zh": "cmn",
    "es": "es",
    "fr": "fr",
    "de": "de",
    "it": "it",
    "pt": "pt-br",  # the names say trem and ônibus, as in Brazil
    "ru": "ru",
    "tr": "tr",
    "id": "id",
    "ja": "ja",
    "ko": "ko",
    "ar": "ar",
    "fa": "fa",
}
#: Those in which less than 5% of the names hold text that the voice reads in English instead: it is
#: 0 to 2.5% in these (2.2% in Chinese, where one character, the bear, is missing) and 65% in
#: Japanese, whose voice knows the syllabic scripts only and says "Chinese letter" for a kanji.
#: Judged by `phonemes` over all names; nobody listened. Arabic is written without short vowels, and
#: the voice leaves them out too where it does not know the word, in 6% of the words.
SPOKEN = tuple(language for language in VOICES if language != "ja")
#: English voices of different pitch and formants, chosen from 21 so that none nearly copies
#: another: pictures of the same names differ by more than 0.03 of the range between any two, and
#: by more than 0.04 between a test speaker and any training speaker.
TRAIN_SPEAKERS = (
    "en+m1",
    "en+m3",
    "en+m4",
    "en+iven",
    "en+f1",
    "en+f3",
    "en+f4",
    "en+belinda",
)
TEST_SPEAKERS = ("en+m8", "en+steph", "en+f5", "en+grandma")
SPEAKERS = TRAIN_SPEAKERS + TEST_SPEAKERS

RATES = (80, 450)  # words a minute, both included
PITCHES = (0, 99)
SILENCE = 0.01  # of the peak: -40 dB
_FORMAT = 1  # raise it when this code would fill the table differently


def available() -> bool:
    """Whether names can be spoken here: the package is installed and its library starts."""
    try:
        pronounce("a", "en")
    except (ModuleNotFoundError, RuntimeError):
        return False
    return True


def speak(
    texts: Sequence[str], speaker: str = "en+m3", *, rate: int = 175, pitch: int = 50
) -> list[Tensor]:
    """Speak each text by itself. The same call gives the same samples, whatever was said before.

    Silence at both ends is cut: all samples before the first and after the last one whose size
    exceeds 1% of the largest.

    Args:
        texts: one or more, none empty.
        speaker: a voice of espeak-ng such as `en+f2`, `cmn` or `fr+m3`.
        rate: words a minute in [80, 450]; 175 is the synthesiser's normal.
        pitch: in [0, 99]; 50 is the voice's normal.

    Returns:
        One float32 waveform (n,) in [-1, 1] for each text, 22,050 samples a second.

    Raises:
        ValueError: a text is empty, holds control characters or makes no sound; the speaker is
            unknown; the rate or the pitch is out of range.
        ModuleNotFoundError: the package is missing; the message says how to install it.
        RuntimeError: its library does not start.
    """
    texts = _check_texts(texts)
    for name, value, (low, high) in (("rate", rate, RATES), ("pitch", pitch, PITCHES)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{name}={value!r} must be a whole number in [{low}, {high}]")
    _check_speaker(speaker)
    return [_wave(synthesise(text, speaker, rate, pitch), text, speaker) for text in texts]


def phonemes(texts: Sequence[str], speaker: str = "en") -> list[str]:
    """How the synthesiser reads each text, in the international phonetic alphabet.

    Where it gives up on the language and reads in another one, the result holds a mark such as
    `(en)`.

    Raises:
        ValueError: a text is empty or holds control characters, or the speaker is unknown.
        ModuleNotFoundError: the package is missing; the message says how to install it.
        RuntimeError: its library does not start.
    """
    texts = _check_texts(texts)
    _check_speaker(speaker)
    return [pronounce(text, speaker) for text in texts]


def spoken_table(
    names: Sequence[str],
    speakers: Sequence[str],
    *,
    bands: int = 32,
    frames: int = 32,
    cache: str | Path | None = None,
) -> Tensor:
    """Every name by every speaker as a picture (`log_mel`), kept in a cache.

    The file's key is made of the names, the speakers, the sizes and the version of the package.

    Args:
        names: N texts.
        speakers: S voices.
        bands: rows of a picture.
        frames: columns, of 40 ms.
        cache: the folder of the cache; None for `mmlib.runtime.cache_dir()`.

    Returns:
        uint8 (S, N, bands, frames) on the CPU; 255 is the loudest cell of a picture.

    Raises:
        ValueError: as `speak` and `log_mel` say, or there are no speakers.
        ModuleNotFoundError: the package is missing; the message says how to install it.
        RuntimeError: its library does not start.
    """
    names, speakers = _check_texts(names), _listed(speakers)
    if not speakers:
        raise ValueError("no speakers: give 1 or more, such as TRAIN_SPEAKERS")
    for speaker in speakers:
        _check_speaker(speaker)
    version = metadata.version(PACKAGE)
    recipe = [_FORMAT, version, names, speakers, bands, frames, HOP, POOL]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
    path = (Path(cache) if cache is not None else cache_dir()) / f"spoken-{key}.safetensors"

    def build() -> Stored:
        pictures = [log_mel(speak(names, who), bands=bands, frames=frames) for who in speakers]
        table = (255 * torch.stack(pictures)).round().to(torch.uint8)  # (S, N, bands, frames)
        return Stored({"table": table}, {"version": version})

    return load_or_build(path, build).tensors["table"]


def _wave(data: bytes, text: str, speaker: str) -> Tensor:
    wave = torch.from_numpy(np.frombuffer(data, np.int16).astype(np.float32) / 2**15)  # (n,)
    size = wave.abs()
    if not size.any():
        raise ValueError(f"{text!r} makes no sound with the voice {speaker!r}: it has no words")
    loud = (size > SILENCE * size.max()).nonzero()
    return wave[int(loud[0]) : int(loud[-1]) + 1].clone()


def _listed(texts: Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _check_texts(texts: Sequence[str]) -> list[str]:
    texts = _listed(texts)
    empty = [row for row, text in enumerate(texts) if not text.strip()]
    if not texts or empty:
        raise ValueError(f"need 1 text or more and none empty; {len(texts)} given, empty: {empty}")
    for text in texts:
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
            raise ValueError(f"the text {text!r} holds control characters: take them out")
    return texts


def _check_speaker(speaker: str) -> None:
    languages, variants = voice_parts()
    language, plus, variant = speaker.partition("+")
    for part, known, what in ((language, languages, "language"), (variant, variants, "variant")):
        if part not in known and (what == "language" or plus):
            near = difflib.get_close_matches(part, known, 3) or sorted(known)[:5]
            raise ValueError(
                f"unknown speaker {speaker!r}: no {what} {part!r}; near are {', '.join(near)}"
            )
