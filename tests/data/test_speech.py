"""Spoken names: always the same samples, and names that sound like themselves by any speaker."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import espeakng_loader
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data import espeak, speech
from mmlib.data.icons import LANGUAGES, load_icons
from mmlib.data.speech import (
    SAMPLE_RATE,
    SPEAKERS,
    SPOKEN,
    TEST_SPEAKERS,
    TRAIN_SPEAKERS,
    VOICES,
    available,
    phonemes,
    speak,
    spoken_table,
)


@pytest.fixture(scope="module")
def names() -> list[str]:
    icons = load_icons(16)
    rows = icons.where(concrete=True, max_words=2)[::12]
    return [icons.concepts[row].name for row in rows.tolist()]


@pytest.fixture(scope="module")
def table(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tensor:
    return spoken_table(names, SPEAKERS, cache=tmp_path_factory.mktemp("cache")).float() / 255


def digest(waves: list[Tensor]) -> str:
    return hashlib.sha256(b"".join(wave.numpy().tobytes() for wave in waves)).hexdigest()


def test_waveforms() -> None:
    dog, elephant = speak(["dog", "elephant"])
    assert dog.dtype == torch.float32 and dog.ndim == 1
    assert 0.1 < dog.abs().max() <= 1
    assert 0.15 < len(dog) / SAMPLE_RATE < len(elephant) / SAMPLE_RATE < 1
    assert available()


@pytest.mark.parametrize("speaker", ["en+m3", "en+f2", "cmn", "en+whisper"])
def test_what_was_said_before_does_not_matter(speaker: str) -> None:
    alone = speak(["dog"], speaker)[0]
    after = speak(["a red apple", "dog", "dog"], speaker)
    assert torch.equal(after[1], alone) and torch.equal(after[2], alone)
    speak(["zebra"], "en+f4", rate=300, pitch=90)
    assert torch.equal(speak(["dog"], speaker)[0], alone)


def test_another_process_says_the_same_and_imports_late() -> None:
    code = (
        "import hashlib, sys, mmlib.data.speech as s; print('espeakng_loader' in sys.modules); "
        "waves = s.speak(['dog', 'red apple'], 'en+f2'); "
        "print(hashlib.sha256(b''.join(w.numpy().tobytes() for w in waves)).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", digest(speak(["dog", "red apple"], "en+f2"))]
    assert not done.stderr


def test_threads_do_not_mix() -> None:
    texts = ["dog", "cat", "elephant", "red apple"] * 4
    want = [digest(speak([text])) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: digest(speak([text])), texts)) == want


def test_many_words_leave_nothing_behind() -> None:
    """Each word loads the library: no handle, thread or mapping may stay."""
    speak(["dog"] * 5)
    maps, tasks = Path("/proc/self/maps"), Path("/proc/self/task")
    if not maps.exists():  # no Linux: the library must at least be fresh, or a warning is an error
        speak(["dog"] * 200)
        return
    threads = len(list(tasks.iterdir()))
    speak(["dog"] * 200)
    assert "espeak" not in maps.read_text()
    assert len(list(tasks.iterdir())) == threads


def test_rate_and_pitch_do_what_they_say() -> None:
    slow, normal, quick = (len(speak(["an old elephant"], rate=r)[0]) for r in (100, 175, 350))
    assert slow > 1.3 * normal > 1.3 * 1.3 * quick

    def period(wave: Tensor) -> int:
        """The lag at which the middle of a vowel resembles itself most, in samples."""
        part = wave[len(wave) // 4 : 3 * len(wave) // 4]
        power = torch.fft.rfft(part, 4 * len(part)).abs().square()
        lags = torch.fft.irfft(power)
        return int(lags[60:400].argmax()) + 60  # 55 to 368 Hz

    low, high = (speak(["ah"], "en+m3", rate=100, pitch=pitch)[0] for pitch in (10, 90))
    assert period(low) > 1.3 * period(high)


def test_silence_is_cut_at_both_ends() -> None:
    for speaker in ("en+m3", "en+f2", "fr"):
        wave = speak(["cat"], speaker)[0].abs()
        assert min(wave[0], wave[-1]) > speech.SILENCE * wave.max()


@pytest.mark.parametrize("language", SPOKEN)
def test_every_language_speaks_and_reads_its_own_script(language: str) -> None:
    icons = load_icons(16)
    texts = icons.names(language)[5::20]
    read = phonemes(texts, VOICES[language])
    assert all(read) and sum("(" in sounds for sounds in read) / len(texts) < 0.05
    assert all(len(wave) > 0.1 * SAMPLE_RATE for wave in speak(texts[:10], VOICES[language]))


def test_japanese_is_left_out_for_a_reason() -> None:
    read = phonemes(load_icons(16).names("ja")[::20], VOICES["ja"])
    assert sum("(en)" in sounds for sounds in read) / len(read) > 0.5
    assert set(SPOKEN) == set(LANGUAGES) - {"ja"} and set(VOICES) == set(LANGUAGES)


def test_phonemes() -> None:
    assert phonemes(["dog", "cat"]) == ["dˈɒɡ", "kˈat"]
    assert "ʃ" in phonemes(["chien"], "fr")[0] and "tʃ" in phonemes(["chien"], "en")[0]


def test_speakers_differ(table: Tensor) -> None:
    distance = (table[:, None] - table[None]).abs().mean(dim=(2, 3, 4))  # (S, S)
    train = len(TRAIN_SPEAKERS)
    others = ~torch.eye(len(SPEAKERS), dtype=torch.bool)
    assert distance[others].min() > 0.03
    assert distance[train:, :train].min() > 0.04
    assert not set(TRAIN_SPEAKERS) & set(TEST_SPEAKERS)


def test_it_is_speech(table: Tensor) -> None:
    """A name by a new speaker is nearest to the same name by the others; chance is 1.7%."""
    train = len(TRAIN_SPEAKERS)
    pictures = table.flatten(2)  # (S, N, D)
    centre = pictures[:train].mean(dim=(0, 1))
    known = F.normalize(pictures[:train].mean(dim=0) - centre, dim=1)  # (N, D)
    new = F.normalize(pictures[train:] - centre, dim=2)  # (4, N, D)
    truth = torch.arange(table.shape[1])
    assert ((new @ known.T).argmax(dim=2) == truth).float().mean() > 0.85
    length = (table.amax(dim=2) > 0).float().sum(dim=2)  # (S, N): columns that a name fills
    near = (length[train:, :, None] - length[:train].mean(dim=0)).abs().argmin(dim=2)
    assert (near == truth).float().mean() < 0.2  # it is not the length alone


def test_table(names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spoken_table(names[:3], SPEAKERS[:2], cache=tmp_path)
    assert made.shape == (2, 3, 32, 32) and made.dtype == torch.uint8
    assert (made.amax(dim=(2, 3)) == 255).all()
    want = speech.log_mel(speak(names[:3], SPEAKERS[1]))
    torch.testing.assert_close(made[1].float() / 255, want, atol=0.5 / 255 + 1e-6, rtol=0)

    def never(*args: object) -> None:
        raise AssertionError("spoken again")

    monkeypatch.setattr(speech, "synthesise", never)
    assert torch.equal(spoken_table(names[:3], SPEAKERS[:2], cache=tmp_path), made)
    changes: list[tuple[Any, Any, dict[str, int]]] = [
        (names[1:4], SPEAKERS[:2], {}),
        (names[:3], SPEAKERS[1::-1], {}),
        (names[:3], SPEAKERS[:2], {"bands": 16}),
        (names[:3], SPEAKERS[:2], {"frames": 16}),
    ]
    for texts, speakers, sizes in changes:
        with pytest.raises(AssertionError, match="spoken again"):
            spoken_table(texts, speakers, cache=tmp_path, **sizes)
    monkeypatch.setattr(speech.metadata, "version", lambda package: "99")
    with pytest.raises(AssertionError, match="spoken again"):
        spoken_table(names[:3], SPEAKERS[:2], cache=tmp_path)


def test_one_text_is_a_list_of_one() -> None:
    assert torch.equal(speak("dog")[0], speak(["dog"])[0])
    assert phonemes("dog") == phonemes(["dog"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: speak([]), "1 text or more"),
        (lambda: speak(["dog", " "]), r"none empty; 2 given, empty: \[1\]"),
        (lambda: speak(["do\0g"]), "control characters"),
        (lambda: speak(["\x01dog"]), "control characters"),
        (lambda: speak(["\ud800"]), "control characters"),
        (lambda: speak(["dog"], "en+m33"), r"'en\+m33': no variant 'm33'; near are m3"),
        (lambda: speak(["dog"], "en+"), "no variant ''"),
        (lambda: speak(["dog"], "xx"), "unknown speaker 'xx': no language 'xx'"),
        (lambda: speak(["dog"], ""), "unknown speaker ''"),
        (lambda: speak(["dog"], "../en"), "unknown speaker"),
        (lambda: speak(["dog"], rate=79), r"rate=79 must be a whole number in \[80, 450\]"),
        (lambda: speak(["dog"], rate=451), "rate=451"),
        (lambda: speak(["dog"], rate=175.5), "rate=175.5"),  # type: ignore[arg-type]
        (lambda: speak(["dog"], pitch=-1), r"pitch=-1 must be a whole number in \[0, 99\]"),
        (lambda: speak(["dog"], pitch=100), "pitch=100"),
        (lambda: speak(["..."]), "makes no sound"),
        (lambda: phonemes([""]), "none empty"),
        (lambda: phonemes(["dog"], "qq"), "unknown speaker 'qq'"),
        (lambda: spoken_table(["dog"], []), "no speakers"),
        (lambda: spoken_table(["dog"], ["en", "en+zz"]), r"unknown speaker 'en\+zz'"),
        (lambda: spoken_table([], ["en"]), "1 text or more"),
    ],
)
def test_bad_values_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert not available()
    for call in (
        lambda: speak(["dog"]),
        lambda: phonemes(["dog"]),
        lambda: spoken_table(["dog"], ["en"], cache=tmp_path),
    ):
        with pytest.raises(ModuleNotFoundError, match="pip install espeakng-loader"):
            call()
    assert not list(tmp_path.iterdir())


def test_a_damaged_installation_is_an_error_and_no_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    monkeypatch.setattr(espeak, "_paths", lambda: (str(tmp_path / "no.so"), data))
    assert not available()
    with pytest.raises(RuntimeError, match="cannot be loaded .*force-reinstall"):
        speak(["dog"])
    monkeypatch.setattr(espeak, "_paths", lambda: (library, str(tmp_path / "none")))
    monkeypatch.setattr(espeak, "_voice_files", lambda data: ({"en": "gmw/en"}, frozenset({"m3"})))
    with pytest.raises(RuntimeError, match="did not start from .*none"):
        speak(["dog"])
    monkeypatch.undo()
    assert available()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["été ü 犬 x", "long" * 30])
def test_folders_of_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want = digest(speak(["dog"], "en+f2"))
    folder = tmp_path / name
    folder.mkdir()
    library = shutil.copy(espeakng_loader.get_library_path(), folder)
    data = folder / "espeak-ng-data"
    data.symlink_to(espeakng_loader.get_data_path(), target_is_directory=True)
    monkeypatch.setattr(espeak, "_paths", lambda: (str(library), str(data)))
    assert (espeak._short(str(data)) != str(data)) == name.startswith("long")
    assert digest(speak(["dog"], "en+f2")) == want


def test_a_library_in_use_elsewhere_is_told(recwarn: pytest.WarningsRecorder) -> None:
    other = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    assert other.espeak_Initialize(2, 0, data, 0x8000) == SAMPLE_RATE
    with pytest.warns(UserWarning, match="in use by something else"):
        wave = speak(["dog"])[0]
    espeak._unload(other)
    assert len(wave) > 0.1 * SAMPLE_RATE
    recwarn.clear()
    speak(["dog"])
    assert not recwarn


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    speak(["dog", "狗"], "cmn")
    assert capfd.readouterr() == ("", "")
