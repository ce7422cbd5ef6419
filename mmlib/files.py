"""Where files live, and how they are replaced without ever being half written."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

CACHE_VARIABLE = "MMLIB_CACHE"


def _platform_cache() -> Path:
    """The folder in which this platform expects a user's caches."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    xdg = os.environ.get("XDG_CACHE_HOME")
    return Path(xdg) if xdg else Path.home() / ".cache"


def cache_dir() -> Path:
    """The folder for everything that can be rebuilt; it is made if it is missing.

    ``MMLIB_CACHE`` names it, else it is ``mmlib`` in the platform's user cache.

    Raises:
        ValueError: the place is taken by a file, or it cannot be created.
    """
    named = os.environ.get(CACHE_VARIABLE)
    folder = Path(named).expanduser() if named else _platform_cache() / "mmlib"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"the cache folder {str(folder)!r} cannot be used ({error}); "
            f"set {CACHE_VARIABLE} to a folder that can be written"
        ) from error
    return folder


def atomic_write(
    path: str | os.PathLike[str], content: bytes | str | Callable[[IO[bytes]], object]
) -> Path:
    """Replace a file in one step: readers see the old content or the new, never a part.

    The content goes to a temporary file in the same folder, is flushed to the disk and renamed
    over ``path``. On any failure (a full disk, an interrupt, an error in a writer) the old file
    stays as it was and the temporary file is removed.

    Args:
        path: the file to write; missing parent folders are made.
        content: the bytes, a text (stored as UTF-8), or a function that writes to an open file.

    Returns:
        The path that was written.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    target = Path(os.path.realpath(path))  # a link stays a link: what it points to is replaced
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(cast(IO[bytes], file))
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode_for(target))
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(path)


def _mode_for(target: Path) -> int:
    """The permission bits that a plain ``open(target, 'w')`` would leave."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
