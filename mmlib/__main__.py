"""The command line: ``mmlib doctor``, ``mmlib execute``, ``mmlib status``, ``mmlib serve``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from mmlib.runtime import TIERS


def _need(*names: str) -> None:
    missing = [name for name in names if not importlib.util.find_spec(name)]
    if missing:
        raise ValueError(f"{' and '.join(missing)} missing: pip install 'mmlib[run]'")


def _doctor(arguments: argparse.Namespace) -> int:
    from mmlib.course.doctor import doctor

    return doctor()


def _execute(arguments: argparse.Namespace) -> int:
    from mmlib.course.book import find_chapters, find_root
    from mmlib.course.execute import Options, execute
    from mmlib.runtime import current_tier

    _need("nbclient", "nbformat")
    root = find_root(arguments.root)
    chapters = find_chapters(root, arguments.only)
    options = Options(
        tier=arguments.tier or current_tier(),
        require_gpu=arguments.require_gpu,
        out=arguments.out,
        store=arguments.store or None,
        time_only=arguments.time_only,
    )
    return execute(chapters, root, options)


def _status(arguments: argparse.Namespace) -> int:
    from mmlib.course.book import find_root
    from mmlib.course.status import status

    return status(find_root(arguments.root), check=arguments.check, sync=arguments.sync)


def _serve(arguments: argparse.Namespace) -> int:
    from mmlib.course.book import find_root

    _need("tornado", "psutil")  # they come with ipykernel and JupyterLab
    from mmlib.course.serve import serve

    folder = arguments.folder or find_root(arguments.root) / "_build" / "html"
    return serve(folder, arguments.port, arguments.host)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all sub-commands."""
    parser = argparse.ArgumentParser(prog="mmlib", description="Make, run and check the course.")
    commands = parser.add_subparsers(dest="command", required=True)

    doctor = commands.add_parser("doctor", help="is this machine ready, and what to do if not")
    doctor.set_defaults(run=_doctor)

    execute = commands.add_parser("execute", help="run chapters and store what they show")
    execute.add_argument("--tier", choices=TIERS, help="sizes; chosen from the machine if left out")
    execute.add_argument(
        "--only", action="append", default=[], metavar="04", help="a chapter; may be repeated"
    )
    execute.add_argument(
        "--require-gpu", action="store_true", help="fail unless tensors were on a GPU"
    )
    place = execute.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, help="write there and leave the book alone")
    place.add_argument("--store", action="store_true", help="store outputs at tier smoke too")
    place.add_argument(
        "--time-only", action="store_true", help="keep how long the tier took, and no outputs"
    )
    execute.set_defaults(run=_execute)

    status = commands.add_parser("status", help="which chapters' outputs are fresh")
    status.add_argument("--check", action="store_true", help="also check the numbers in the text")
    status.add_argument(
        "--sync", action="store_true", help="write the measured numbers into the text"
    )
    status.set_defaults(run=_status)

    serve = commands.add_parser("serve", help="show the built site in a browser")
    serve.add_argument("folder", type=Path, nargs="?", help="the site; _build/html if left out")
    serve.add_argument("--port", type=int, default=8000, help="8000 if left out; 0: a free one")
    serve.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 shows the site to others in your network"
    )
    serve.set_defaults(run=_serve)

    for command in (execute, status, serve):
        command.add_argument("--root", type=Path, help="the repository; found upwards if left out")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. A user's mistake is one line, not a traceback."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ValueError as error:
        print(f"mmlib {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"mmlib {arguments.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
