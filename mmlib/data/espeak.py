"""The speech synthesiser espeak-ng, called through ctypes. No network, no audio device.

The library and its voices come with the package `espeakng-loader` (GPL-3.0-or-later), which is
optional and imported only when something is spoken.

espeak-ng remembers what it said: the tremble of the voice goes on where the last word stopped, and
its breath noise comes from a clock. A word would sound a little different in every place of a list.
So every word gets a library that was loaded for it alone, with a fixed seed: about a
millisecond each, and the same text is the same samples.
"""

from __future__ import annotations

import _ctypes
import ctypes
import importlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mmlib.data.spectrogram import SAMPLE_RATE

PACKAGE = "espeakng-loader"
INSTALL_HINT = 'run `pip install espeakng-loader`, or `pip install "mmlib[audio]"`'

# Numbers from espeak-ng's header speak_lib.h.
_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _PITCH = 1, 3
_IPA = 2
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_PATH_LIMIT = 140  # bytes; espeak-ng cuts a longer name of its folder off, here at 160
_folders: list[tempfile.TemporaryDirectory[str]] = []
_lock = threading.Lock()


def synthesise(text: str, voice: str, rate: int, pitch: int) -> bytes:
    """What espeak-ng says: 16-bit samples in the machine's byte order, 22,050 a second.

    Raises:
        ModuleNotFoundError: the package is missing; the message says how to install it.
        RuntimeError: the library does not start, or refuses the voice or the text.
    """
    chunks: list[bytes] = []

    @_Callback
    def collect(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    with _library(voice) as library:
        library.espeak_SetSynthCallback(collect)
        library.espeak_SetParameter(_RATE, rate, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        data = text.encode()
        size = ctypes.c_size_t(len(data) + 1)
        if library.espeak_Synth(data, size, 0, 0, 0, _UTF8, None, None):
            raise RuntimeError(f"espeak-ng could not speak {text!r} with the voice {voice!r}")
    return b"".join(chunks)


def pronounce(text: str, voice: str) -> str:
    """The sounds of a text in the international phonetic alphabet, by espeak-ng's own rules.

    Text that the language's rules cannot read is read in English, in between `(en)` and the
    language's own mark.

    Raises:
        ModuleNotFoundError: the package is missing; the message says how to install it.
        RuntimeError: the library does not start, or refuses the voice.
    """
    with _library(voice) as library:
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        rest, clauses = ctypes.c_char_p(text.encode()), []
        while rest.value is not None:
            clause = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
            clauses.append((clause or b"").decode())
    return " ".join(clauses).strip()


def voice_parts() -> tuple[Mapping[str, str], frozenset[str]]:
    """The files of the languages that are installed, by code, and the names of the variants.

    `fr+f2` is language `fr`, variant `f2`; the file of `fr` is `roa/fr`.

    Raises:
        ModuleNotFoundError: the package is missing; the message says how to install it.
    """
    return _voice_files(_paths()[1])


@cache
def _voice_files(data: str) -> tuple[Mapping[str, str], frozenset[str]]:
    folder = Path(data, "lang")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    languages = {path.name.lower(): path.relative_to(folder).as_posix() for path in files}
    return languages, frozenset(os.listdir(Path(data, "voices", "!v")))


def _paths() -> tuple[str, str]:
    """The library and the folder of its data."""
    try:
        loader = importlib.import_module("espeakng_loader")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"spoken names need the package {PACKAGE!r}: {INSTALL_HINT}", name="espeakng_loader"
        ) from error
    return str(loader.get_library_path()), str(loader.get_data_path())


@contextmanager
def _library(voice: str) -> Iterator[Any]:
    """A library that has said nothing yet, started with a voice; unloaded at the end."""
    path, data = _paths()
    with _lock:
        library = _load(path)
        try:
            _start(library, path, data)
            language, plus, variant = voice.partition("+")
            # With the name of its file a voice is found at once, without reading all others.
            file = _voice_files(data)[0].get(language, language) + plus + variant
            if library.espeak_SetVoiceByName(file.encode()):
                raise RuntimeError(f"espeak-ng has no voice {voice!r}")
            yield library
        finally:
            library.espeak_Terminate()
            _unload(library)


def _load(path: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise RuntimeError(
            f"the library {path} cannot be loaded ({error}): `pip install --force-reinstall "
            f"{PACKAGE}`"
        ) from error


def _start(library: ctypes.CDLL, path: str, data: str) -> None:
    if library.espeak_ng_GetSampleRate():  # 0 in a library that was just loaded
        warnings.warn(
            f"{path} is in use by something else in this process, so it keeps what it remembers: "
            "samples may differ a little from those of a fresh process",
            stacklevel=2,
        )
    rate = 0
    if Path(data, "phontab").is_file():  # else it would look for data elsewhere, and print
        folder = os.fsencode(_short(data))
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, folder, _DO_NOT_EXIT)
    if rate != SAMPLE_RATE:
        raise RuntimeError(
            f"espeak-ng did not start from {data} (it answered {rate}, not {SAMPLE_RATE} Hz): "
            f"`pip install --force-reinstall {PACKAGE}`, into a folder with a shorter name if "
            f"this one has more than {_PATH_LIMIT} letters"
        )
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))


def _short(data: str) -> str:
    """The folder, or a link to it in a temporary folder where its name is too long."""
    return data if len(os.fsencode(data)) <= _PATH_LIMIT or os.name == "nt" else _link(data)


@cache
def _link(data: str) -> str:
    folder = tempfile.TemporaryDirectory(prefix="espeak-")
    _folders.append(folder)  # lives as long as the process
    link = Path(folder.name, "espeak-ng-data")
    link.symlink_to(data, target_is_directory=True)
    return str(link)


def _unload(library: ctypes.CDLL) -> None:
    close: Callable[[int], object] = (
        getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # type: ignore[attr-defined]
    )
    close(library._handle)
