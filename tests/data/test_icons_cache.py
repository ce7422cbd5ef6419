"""The cache of the icons: damage, interrupts, a full disk. Nothing may be lost or half read."""

import errno
import warnings

import pytest
import torch

from mmlib import files
from mmlib.data import icon_tables, icons
from mmlib.data.icons import load_icons
from mmlib.data.tensor_cache import Stored, load_or_build, read, write
from mmlib.data.vocabulary import Entry

FEW = [
    Entry("🐕", "1F415", "dog", {"en": "dog"}, ("pet",), "Animals & Nature"),
    Entry("🎻", "1F3BB", "violin", {"en": "violin"}, (), "Objects"),
    Entry("🕐", "1F550", "one o’clock", {"en": "one o’clock"}, (), "Travel & Places"),
]


@pytest.fixture
def few(monkeypatch):
    """Three concepts only, so that the whole build takes milliseconds."""
    monkeypatch.setattr(icon_tables, "read_vocabulary", lambda: FEW)


@pytest.fixture
def stored() -> Stored:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (2, 4, 8, 8), generator=generator, dtype=torch.uint8)
    return Stored({"pixels": pixels, "has": torch.tensor([True, False])}, {"name": "狗"})


def same(one: Stored, other: Stored) -> bool:
    names = one.tensors.keys()
    return (
        one.info == other.info
        and names == other.tensors.keys()
        and all(torch.equal(one.tensors[name], other.tensors[name]) for name in names)
    )


def never() -> Stored:
    raise AssertionError("built again although the cache is good")


def test_what_is_written_is_read(tmp_path, stored):
    write(tmp_path / "a", stored)
    assert same(read(tmp_path / "a"), stored)
    assert same(load_or_build(tmp_path / "a", never), stored)


def test_every_damaged_byte_is_found(tmp_path, stored):
    path = tmp_path / "a"
    write(path, stored)
    good = path.read_bytes()
    for position in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = load_or_build(path, lambda: stored)
        assert same(result, stored), position
        assert [str(w.message) for w in caught if "is damaged" in str(w.message)], position
        assert len(caught) == 1, position
        assert same(read(path), stored), position


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_cut_off_file_is_rebuilt_with_one_message(tmp_path, stored, keep):
    path = tmp_path / "a"
    write(path, stored)
    good = path.read_bytes()
    path.write_bytes(good[:keep])
    with pytest.warns(UserWarning, match="damaged and is rebuilt") as caught:
        assert same(load_or_build(path, lambda: stored), stored)
    assert len(caught) == 1
    assert same(load_or_build(path, never), stored)


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, stored, failure):
    path = tmp_path / "a"
    write(path, stored)

    def fail(*_):
        raise failure

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(type(failure)):
        write(path, Stored({"other": torch.ones(3)}, None))
    monkeypatch.undo()
    assert same(read(path), stored)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_costs_only_the_cache(tmp_path, monkeypatch, stored):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.warns(UserWarning, match="No space left on device.*MMLIB_CACHE"):
        assert same(load_or_build(tmp_path / "a", lambda: stored), stored)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_build_stores_nothing(tmp_path):
    def interrupted() -> Stored:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_or_build(tmp_path / "a", interrupted)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("few")
def test_icons_survive_a_damaged_cache(tmp_path):
    first = load_icons(16, cache=tmp_path)
    assert first.names() == ["dog", "violin", "one o’clock"]
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 5  # concepts and four styles
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.warns(UserWarning, match=path.name) as caught:
            again = load_icons(16, cache=tmp_path)
        assert len(caught) == 1
        assert torch.equal(again.rgba, first.rgba)
        assert again.concepts == first.concepts
        assert path.stat().st_size == len(content)
        read(path)


@pytest.mark.usefixtures("few")
def test_a_new_version_of_a_package_is_drawn_anew(tmp_path, monkeypatch):
    load_icons(16, cache=tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(icon_tables, "version", lambda package: "99")
    load_icons(16, cache=tmp_path)
    after = {path.name for path in tmp_path.iterdir()}
    assert len(after - before) == 5
    assert before < after


@pytest.mark.usefixtures("few")
def test_the_cache_folder_may_be_new(tmp_path):
    folder = tmp_path / "new" / "folder"
    loaded = load_icons(16, styles="twemoji", cache=str(folder))
    assert len(list(folder.iterdir())) == 2
    assert loaded.styles == ("twemoji",)
    assert [concept.concrete for concept in loaded.concepts] == [True, True, False]


@pytest.mark.usefixtures("few")
def test_a_concept_of_one_artist_is_kept_but_not_concrete(tmp_path, monkeypatch):
    everything = icon_tables.draw_style

    def without_the_violin(style, codepoints, size):
        rgba, has = everything(style, codepoints, size)
        if style == "twemoji":
            rgba[1], has[1] = 0, False
        return rgba, has

    monkeypatch.setattr(icon_tables, "draw_style", without_the_violin)
    loaded = load_icons(16, cache=tmp_path)
    violin = loaded.index("violin")
    assert loaded.has[:, violin].tolist() == [True, True, True, False]
    assert not loaded.concepts[violin].concrete
    assert loaded.where(styles=("twemoji",)).tolist() == [0, 2]
    assert icons.cache_key() in next(tmp_path.iterdir()).name
