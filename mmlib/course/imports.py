"""Which modules of a package a piece of code can reach through imports, read and never run.

Every import counts, also one inside a function, unless it stands under ``if TYPE_CHECKING``. A
string that is a module's whole name counts as an import of it, because tables for ``importlib``
hold such strings, and a string such as ``"package.part."`` as one of all that it begins. When in
doubt a module is in.

One thing is followed by name: what a module only passes on. An import whose names stand in
``__all__`` and are not used, and a table from names to modules beside a ``__getattr__``, lead to
those modules alone whose names somebody asks for. So a chapter that uses its own checks out of
``mmlib.check`` does not reach those of other chapters.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ALL = "*"
TYPING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
Target = tuple[str, str]  # a module and the name that is asked of it; "*" is every name


@dataclass(frozen=True)
class Reading:
    """What code imports, and its own text.

    Attributes:
        needs: what it imports whatever is asked of it.
        gives: by name, what it passes on to those who ask for the name.
        text: its source without the statements that only pass on.
    """

    needs: frozenset[Target]
    gives: Mapping[str, Target]
    text: str


def find_modules(folder: Path) -> dict[str, Path]:
    """The modules of the package in `folder` by their dotted names; a package's is its own."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if (
            path.name == "__init__.py" or name not in found
        ):  # as Python, a folder goes before a file
            found[name] = path
    return found


def reachable(cells: Iterable[str], folder: Path) -> dict[str, str]:
    """The modules of the package in `folder` that code cells can reach, each with its own text.

    Args:
        cells: sources that share their names, as a notebook's cells do. One that is no plain
            Python (a line magic) may do anything: it reaches the whole package.
        folder: of the package, with its ``__init__.py``.

    Returns:
        By dotted name the text of `Reading`. A module that is imported and does not exist is
        left out.
    """
    modules = find_modules(folder)
    waiting = list(_read_cells(cells, modules))
    seen: set[Target] = set()
    readings: dict[str, Reading] = {}
    while waiting:
        module, name = target = waiting.pop()
        if module not in modules or target in seen:
            continue
        seen.add(target)
        if module not in readings:
            readings[module] = _read_module(module, modules)
            waiting += readings[module].needs
            waiting += [(parent, "") for parent in _parents(module)]
        gives = readings[module].gives
        waiting += gives.values() if name == ALL else [gives[name]] if name in gives else []
        waiting.append((f"{module}.{name}", ALL))  # the name may be that of a module inside
    return {module: readings[module].text for module in sorted(readings)}


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _read_cells(cells: Iterable[str], modules: Mapping[str, Path]) -> frozenset[Target]:
    try:
        tree = ast.parse("\n".join(cells))
    except SyntaxError:
        return _everything(modules)
    return _Reader(tree, "", modules).needs()


def _everything(modules: Mapping[str, Path]) -> frozenset[Target]:
    return frozenset((module, ALL) for module in modules)


def _read_module(module: str, modules: Mapping[str, Path]) -> Reading:
    path = modules[module]
    source = path.read_text(encoding="utf-8")
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    try:
        reader = _Reader(ast.parse(source), parent, modules)
    except SyntaxError:  # someone is editing it
        return Reading(_everything(modules), {}, source)
    dropped = {
        number
        for statement in reader.passing
        for number in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }
    lines = enumerate(source.splitlines(), start=1)
    text = "\n".join(line for number, line in lines if line and number not in dropped)
    return Reading(reader.needs(), reader.gives, text)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """A tree's nodes without those that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in TYPING:
            for statement in child.orelse:
                yield from _running(statement)
        else:
            yield from _running(child)


class _Reader:
    """Imports of one syntax tree.

    Attributes:
        gives: see `Reading`.
        passing: the statements at the top level that do nothing but pass names on.
    """

    def __init__(self, tree: ast.Module, parent: str, modules: Mapping[str, Path]) -> None:
        self.parent, self.modules = parent, modules
        self.nodes = list(_running(tree))
        self.uses = self._uses()
        self.gives: dict[str, Target] = {}
        self.passing: list[ast.stmt] = []
        lazy = any(isinstance(s, ast.FunctionDef) and s.name == "__getattr__" for s in tree.body)
        public = _public_names(tree)
        for statement in tree.body:
            passed = _is_assigned(statement, "__all__")
            given: dict[str, Target] = {}
            if isinstance(statement, ast.ImportFrom):
                given = self._passed_on(statement, public)
            elif lazy and isinstance(statement, ast.Assign | ast.AnnAssign):
                given = self._table(statement.value)
            if given or passed:
                self.gives |= given
                self.passing.append(statement)

    def needs(self) -> frozenset[Target]:
        """All that is imported whatever is asked of this code."""
        skipped = {id(node) for statement in self.passing for node in ast.walk(statement)}
        found: set[Target] = set()
        for node in self.nodes:
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Import):
                found |= {(alias.name, ALL) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {target for alias in node.names for target in self._asked(node, alias)}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {(module, ALL) for module in self._named(node.value)}
        return frozenset(found)

    def _uses(self) -> dict[str, set[str]]:
        """The attributes that are taken of each name; "*" where it is used in another way."""
        uses: defaultdict[str, set[str]] = defaultdict(set)
        owners = set()
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                uses[node.value.id].add(node.attr)
                owners.add(id(node.value))
        for node in self.nodes:
            if isinstance(node, ast.Name) and id(node) not in owners:
                uses[node.id].add(ALL)
        return uses

    def _base(self, node: ast.ImportFrom) -> str:
        """The module that a ``from`` names, without leading dots."""
        if not node.level:
            return node.module or ""
        parts = self.parent.split(".")
        return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])

    def _asked(self, node: ast.ImportFrom, alias: ast.alias) -> set[Target]:
        """What one name of a ``from`` statement asks for; of a module, the attributes in use."""
        base = self._base(node)
        inner = f"{base}.{alias.name}"
        if inner not in self.modules:
            return {(base, alias.name)}
        return {(inner, name) for name in self.uses.get(alias.asname or alias.name, {ALL})}

    def _passed_on(self, node: ast.ImportFrom, public: set[str]) -> dict[str, Target]:
        """Name to target of a ``from`` statement that only passes on; {} for any other."""
        names = {alias.asname or alias.name: alias.name for alias in node.names}
        if not names.keys() <= public or names.keys() & self.uses.keys():
            return {}
        return {bound: (self._base(node), name) for bound, name in names.items()}

    def _table(self, value: ast.expr | None) -> dict[str, Target]:
        """Name to target of a table from names to modules; {} for anything else."""
        try:
            table = ast.literal_eval(value) if isinstance(value, ast.Dict) else {}
        except (ValueError, TypeError):
            return {}
        names_only = all(isinstance(text, str) for pair in table.items() for text in pair)
        if not names_only or not self.modules.keys() >= set(table.values()):
            return {}
        return {name: (module, name) for name, module in table.items()}

    def _named(self, text: str) -> list[str]:
        """The modules that a string names. The package's own name alone is just a word."""
        if text.endswith("."):
            return [module for module in self.modules if module.startswith(text)]
        return [text] if "." in text and text in self.modules else []


def _is_assigned(statement: ast.stmt, name: str) -> bool:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _public_names(tree: ast.Module) -> set[str]:
    """The strings in what is assigned or added to ``__all__``."""
    return {
        node.value
        for statement in tree.body
        if _is_assigned(statement, "__all__")
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
