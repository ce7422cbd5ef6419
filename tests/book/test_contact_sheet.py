"""The contact sheet: a picture of each page and look, sheets that can be read, clear errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from . import contact_sheet
from .sample import CHAPTER

PAGES = ["book/status.html", f"notebooks/{CHAPTER}.html"]


@pytest.fixture(scope="module")
def shots(sample_site: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shots")
    command = [sys.executable, "-m", "tests.book.contact_sheet"]  # one Chromium for each process
    options = ["--site", str(sample_site), "--out", str(folder)]
    options += ["--pages", *PAGES, "--looks", "light-1280", "dark-390"]
    done = subprocess.run(
        [*command, *options], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        str(folder / name) for name in ("sheet-light-1280.png", "sheet-dark-390.png", "index.html")
    ]
    return folder


def test_every_page_and_look_has_its_pictures(shots: Path) -> None:
    for look, width in (("light-1280", 1280), ("dark-390", 390)):
        for stem in ("book_status", f"notebooks_{CHAPTER}"):
            top = Image.open(shots / f"{stem}-{look}.png")
            full = Image.open(shots / f"{stem}-{look}-full.jpg")
            assert top.size == (width, 844)
            assert full.width == width and full.height >= 844
            corner = top.convert("L").getpixel((width - 2, 400))
            assert corner > 200 if look.startswith("light") else corner < 60


def test_a_sheet_shows_the_pages_side_by_side(shots: Path) -> None:
    margin, width = contact_sheet.MARGIN, contact_sheet.DESKTOP
    picture = Image.open(shots / "sheet-light-1280.png")
    assert picture.width == 2 * (width + margin) + margin
    assert picture.height == 2 * margin + contact_sheet.LABEL + round(844 * width / 1280)
    assert (shots / "sheet-dark-390.png").is_file()
    assert not (shots / "sheet-dark-1280.png").exists()


def test_the_index_leads_to_every_picture(shots: Path) -> None:
    text = (shots / "index.html").read_text(encoding="utf-8")
    pictures = [path.name for path in shots.glob("*.[jp]*g") if not path.name.startswith("sheet")]
    assert len(pictures) == 8
    assert all(name in text for name in pictures)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pages", "book/nothing*"], "'book/nothing*' fits none of"),
        (["--looks", "sepia-1280"], "fits none of light-1280"),
        (["--site", "nowhere"], "there is no site in nowhere: run 'make book' first"),
    ],
)
def test_what_does_not_exist_is_said(
    sample_site: Path, tmp_path: Path, capsys, options: list[str], words: str
) -> None:
    arguments = ["--site", str(sample_site), "--out", str(tmp_path / "out"), *options]
    assert contact_sheet.main(arguments) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_chromium_the_error_says_what_to_install(
    sample_site: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = ["--site", str(sample_site), "--out", str(tmp_path / "out")]
    assert contact_sheet.main(arguments) == 1
    assert "apt-get install chromium" in capsys.readouterr().err
