"""Which modules code reaches: small packages made up for one question each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mmlib
from mmlib.course.imports import find_modules, reachable

REPOSITORY = Path(__file__).parents[2]


def package(folder: Path, **modules: str) -> Path:
    """A package `pack`; `package(tmp_path, a="x = 1", sub__b="")` has `pack.a` and `pack.sub.b`."""
    root = folder / "pack"
    for name, text in {"__init__": "", **modules}.items():
        path = root / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != root:
            (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return root


def reached(cell: str, root: Path) -> set[str]:
    """What a cell reaches besides the package itself, without the package's name."""
    return {name.removeprefix("pack.") for name in reachable([cell], root)} - {"pack"}


@pytest.mark.parametrize(
    "cell",
    [
        "import pack.a",
        "import pack.a as short",
        "from pack import a",
        "from pack.a import x",
        "from pack.a import x as y",
        "from pack.a import *",
        "def later():\n    from pack.a import x",
        "try:\n    import pack.a\nexcept ImportError:\n    pass",
        "if DEBUG:\n    x = 1\nelse:\n    from pack import a",
        "importlib.import_module('pack.a')",
    ],
)
def test_every_form_of_import_counts(tmp_path: Path, cell: str) -> None:
    assert reached(cell, package(tmp_path, a="", b="")) == {"a"}


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "import torch, numpy.linalg",
        "from packer.a import x",
        "from pack.gone import x",
        "from pack import __version__",
        "print('the module pack.a is fine')",
        "version('pack')",
        "if TYPE_CHECKING:\n    from pack import a",
        "if typing.TYPE_CHECKING:\n    from pack import a",
    ],
)
def test_what_imports_nothing_of_the_package(tmp_path: Path, cell: str) -> None:
    assert reached(cell, package(tmp_path, a="")) == set()


def test_only_the_branch_that_runs_counts(tmp_path: Path) -> None:
    root = package(tmp_path, a="", b="")
    both = "if TYPE_CHECKING:\n    from pack import a\nelse:\n    from pack import b"
    assert reached(both, root) == {"b"}
    assert reached("if not TYPE_CHECKING:\n    from pack import a", root) == {"a"}


def test_imports_are_followed_to_the_end_and_round_in_circles(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        a="from pack.b import y",
        b="def f():\n    from . import c",
        c="from .a import x\nfrom .sub.d import z",
        sub__d="from ..e import w\nfrom . import f",
        sub__f="",
        e="",
        g="import pack.a",
    )
    assert reached("from pack import a", root) == {"a", "b", "c", "e", "sub", "sub.d", "sub.f"}
    assert reached("from pack import e", root) == {"e"}


def test_a_module_brings_the_packages_around_it(tmp_path: Path) -> None:
    root = package(
        tmp_path, sub__deep__d="", sub____init__="from pack.base import K\nL = K", base=""
    )
    (root / "sub" / "__init__.py").write_text("from pack.base import K\nL = K")
    assert reached("import pack.sub.deep.d", root) == {"sub", "sub.deep", "sub.deep.d", "base"}


FACADE = """
from pack.one import f, helper
from pack.two import g
from pack.used import table
import pack.plain

__all__ = ["f", "helper"]
__all__ += ["g", "table"]

def names():
    return sorted(table)
"""


def test_what_is_only_passed_on_is_followed_by_name(tmp_path: Path) -> None:
    root = package(tmp_path, facade=FACADE, one="", two="", used="", plain="")
    always = {"facade", "used", "plain"}  # in use there, or imported for itself
    assert reached("from pack.facade import names", root) == always
    assert reached("from pack.facade import g", root) == always | {"two"}
    assert reached("from pack import facade\nfacade.f(1)\nfacade.names()", root) == always | {"one"}
    everything = always | {"one", "two"}
    assert reached("from pack.facade import *", root) == everything
    assert reached("import pack.facade as f\nf.names()", root) == everything
    assert reached("from pack import facade\ngetattr(facade, 'f')", root) == everything
    assert reached("from pack import facade", root) == everything


def test_a_name_that_is_passed_on_twice_is_followed_to_its_home(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        top="from pack.sub import f as f\n__all__ = ['f']",
        sub__home="",
        sub__other="",
    )
    text = "from .home import f\nfrom .other import g\n__all__ = ['f', 'g']"
    (root / "sub" / "__init__.py").write_text(text)
    assert reached("from pack.top import f", root) == {"top", "sub", "sub.home"}


def test_an_import_without_all_is_no_passing_on(tmp_path: Path) -> None:
    """It may be there for what it does."""
    root = package(tmp_path, a="from pack.b import f", b="")
    assert reached("from pack.a import other", root) == {"a", "b"}


LAZY = """
import importlib
_HOMES = {"f": "pack.one", "g": "pack.two"}

def __getattr__(name):
    return getattr(importlib.import_module(_HOMES[name]), name)
"""


def test_a_lazy_table_is_followed_by_name(tmp_path: Path) -> None:
    root = package(tmp_path, __init__=LAZY, one="", two="", other="import pack")
    assert reached("from pack import f", root) == {"one"}
    assert reached("from pack import f, g", root) == {"one", "two"}
    assert reached("import pack\npack.f()", root) == {"one", "two"}
    assert reached("from pack import *", root) == {"one", "two"}
    assert reached("from pack import other", root) == {"other", "one", "two"}


@pytest.mark.parametrize(
    "text",
    [
        "KINDS = {'f': 'pack.one', 'g': 'pack.two'}",  # no __getattr__: a registry
        "KINDS = [('pack.one', 'f'), ('pack.two', 'g')]",
        "def load(name):\n    return importlib.import_module(f'pack.{name}')",
        "def load(name):\n    return importlib.import_module('pack.' + name)",
    ],
)
def test_names_of_modules_in_strings_count(tmp_path: Path, text: str) -> None:
    root = package(tmp_path, a=text, one="", two="")
    assert reached("from pack import a", root) == {"a", "one", "two"}


def test_a_cell_or_module_that_cannot_be_read_reaches_everything(tmp_path: Path) -> None:
    root = package(tmp_path, a="def (:", b="", c="")
    assert reached("%matplotlib inline", root) == {"a", "b", "c"}
    assert reached("from pack import a", root) == {"a", "b", "c"}
    assert reached("from pack import b", root) == {"b"}


def test_names_are_shared_among_cells(tmp_path: Path) -> None:
    root = package(tmp_path, facade=FACADE, one="", two="", used="", plain="")
    cells = ["from pack import facade", "facade.f(2)"]
    assert set(reachable(cells, root)) == {"pack"} | {
        f"pack.{name}" for name in ("facade", "used", "plain", "one")
    }


def test_the_text_lacks_only_what_is_passed_on_and_empty_lines(tmp_path: Path) -> None:
    root = package(tmp_path, facade=FACADE, one="", two="", used="", plain="")
    text = reachable(["import pack.facade"], root)["pack.facade"]
    assert text.splitlines() == [
        "from pack.used import table",
        "import pack.plain",
        "def names():",
        "    return sorted(table)",
    ]
    lazy = package(tmp_path / "more", __init__=LAZY, one="", two="")
    assert "_HOMES = " not in reachable(["import pack"], lazy)["pack"]


def test_a_folder_goes_before_a_file_of_its_name(tmp_path: Path) -> None:
    root = package(tmp_path, a="", a__b="")
    assert find_modules(root)["pack.a"] == root / "a" / "__init__.py"


CHAPTERS = sorted((REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_each_chapter_reaches_what_it_computes_with(path: Path) -> None:
    folder = Path(mmlib.__file__).parent
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    modules = set(reachable(cells, folder))
    number = path.stem[:2]
    assert {"mmlib.runtime", f"mmlib.checks.ex{number}"} <= modules
    checks = {name for name in modules if name.startswith("mmlib.checks.ex")}
    assert all(name.startswith(f"mmlib.checks.ex{number}") for name in checks)
    assert not any(name.startswith(("mmlib.course", "mmlib.__main__")) for name in modules)
