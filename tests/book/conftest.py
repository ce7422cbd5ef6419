"""The site is built once for all tests of a run, also when several workers run them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser

from .browse import launch, serving
from .sample import build, write_book

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_ext"))


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Make a folder once for all xdist workers: ``once(name, fill)`` gives its path."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder = shared / name
        done = shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def site(once: Callable[[str, Callable[[Path], None]], Path], root: Path) -> Path:
    """The site of this repository, without any address in the environment."""

    def fill(folder: Path) -> None:
        done = build(root, folder)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return once("site", fill) / "_build" / "html"


@pytest.fixture(scope="session")
def sample_book(once: Callable[[str, Callable[[Path], None]], Path], root: Path) -> Path:
    """A book with one small chapter, built with a repository and a site address."""

    def fill(folder: Path) -> None:
        write_book(root, folder)
        done = build(
            folder,
            folder,
            MMLIB_REPOSITORY_URL="https://github.com/someone/course",
            MMLIB_SITE_URL="https://course.example.org/v1/",
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return once("sample", fill)


@pytest.fixture(scope="session")
def sample_site(sample_book: Path) -> Path:
    """The site of the sample book."""
    return sample_book / "_build" / "html"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a worker."""
    with launch() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the site of this repository is served."""
    with serving(site) as base:
        yield base


@pytest.fixture(scope="session")
def sample_address(sample_site: Path) -> Iterator[str]:
    """Where the site of the sample book is served."""
    with serving(sample_site) as base:
        yield base
