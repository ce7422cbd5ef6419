"""Lighthouse on the built site: ``make lighthouse``.

The landing page and two chapters, as a desktop and as a phone on a slow line, from a server that
compresses as any host does. On the desktop each score has a bound; the phone's are only shown.
Lighthouse comes through ``npx``: it needs Node.js, and a network the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlib.course.book import find_root
from mmlib.course.serve import in_background

PAGES = (
    "book/intro.html",
    "notebooks/01_modality_challenges.html",
    "notebooks/04_clip.html",
)
BOUNDS = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
DEVICES = {"desktop": ("--preset=desktop",), "phone": ()}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LIGHTHOUSE = "lighthouse@12"
SECONDS = 240


@dataclass(frozen=True)
class Measure:
    """What Lighthouse says of one page on one device; times in seconds, size in kB."""

    page: str
    device: str
    scores: dict[str, int]
    paint_s: float
    blocked_s: float
    shift: float
    size_kb: float

    def misses(self) -> list[str]:
        """The bounds that the page misses on a desktop, each as a sentence; none for a phone."""
        if self.device != "desktop":
            return []
        return [
            f"{self.page}: {name} is {self.scores[name]}, not {bound} or more"
            for name, bound in BOUNDS.items()
            if self.scores[name] < bound
        ]

    def __str__(self) -> str:
        """One line of the table."""
        scores = "".join(f"{self.scores[name]:>6}" for name in BOUNDS)
        times = f"{self.paint_s:>8.1f} s{self.blocked_s:>8.2f} s{self.shift:>8.3f}"
        return f"{self.page:<40}{self.device:<9}{scores}{times}{self.size_kb:>8.0f} kB"


HEADER = f"{'page':<40}{'device':<9}{'perf':>6}{'a11y':>6}{'best':>6}{'seo':>6}" + (
    f"{'LCP':>10}{'blocked':>10}{'CLS':>8}{'size':>11}"
)


def parse(report: Mapping[str, Any], page: str, device: str) -> Measure:
    """The measures in one of Lighthouse's reports.

    Raises:
        ValueError: Lighthouse could not load the page, or a score is missing.
    """
    error = report.get("runtimeError", {})
    if error.get("code", "NO_ERROR") != "NO_ERROR":
        raise ValueError(f"Lighthouse could not load {page}: {error.get('message', error)}")
    try:
        scores = {n: round(100 * report["categories"][n]["score"]) for n in BOUNDS}
        audits = report["audits"]
        paint, blocked, shift, size = (
            float(audits[name]["numericValue"])
            for name in (
                "largest-contentful-paint",
                "total-blocking-time",
                "cumulative-layout-shift",
                "total-byte-weight",
            )
        )
    except (KeyError, TypeError) as error_:
        raise ValueError(f"Lighthouse's report on {page} is incomplete: {error_}") from error_
    return Measure(page, device, scores, paint / 1e3, blocked / 1e3, shift, size / 1e3)


def median(measures: Sequence[Measure]) -> Measure:
    """The run with the median performance (the lower one of two)."""
    middle = statistics.median_low([one.scores["performance"] for one in measures])
    return next(one for one in measures if one.scores["performance"] == middle)


def find_tools() -> tuple[str, str]:
    """Where ``npx`` and Chromium are.

    Raises:
        ValueError: one of them is not installed.
    """
    npx = shutil.which("npx")
    if npx is None:
        raise ValueError("npx is missing: install Node.js 20 or newer, which brings it")
    for name in BROWSERS:
        if path := shutil.which(name):
            return npx, path
    raise ValueError("Chromium is missing: apt-get install chromium")


def measure(base: str, page: str, device: str) -> Measure:
    """Run Lighthouse once.

    Raises:
        ValueError: a tool is missing, or Lighthouse fails.
    """
    npx, chromium = find_tools()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [npx, "--yes", LIGHTHOUSE, base + page, *DEVICES[device], "--quiet"]
        command += ["--output=json", f"--output-path={out}"]
        command += ["--chrome-flags=--headless=new --no-sandbox --disable-gpu"]
        environment = {**os.environ, "CHROME_PATH": chromium}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"Lighthouse took more than {SECONDS} s for {page}") from error
        if not out.is_file():
            raise ValueError(f"Lighthouse failed on {page}: {done.stderr.strip()[-400:]}")
        return parse(json.loads(out.read_text(encoding="utf-8")), page, device)


def run(site: Path, pages: Sequence[str], devices: Sequence[str], runs: int) -> int:
    """Measure and print; the exit code is 1 when a bound is missed.

    Raises:
        ValueError: a tool or the site is missing, or Lighthouse fails.
    """
    find_tools()
    missed: list[str] = []
    with in_background(site) as base:
        print(HEADER, flush=True)
        for page in pages:
            for device in devices:
                found = median([measure(base, page, device) for _ in range(runs)])
                print(found, flush=True)
                missed += found.misses()
    print("\n".join(missed) if missed else "All bounds of the desktop are met.")
    return 1 if missed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="lighthouse", description="Measure the built site.")
    parser.add_argument("site", type=Path, nargs="?", help="_build/html if left out")
    parser.add_argument("--pages", nargs="+", default=PAGES, metavar="PAGE")
    parser.add_argument("--devices", nargs="+", default=list(DEVICES), choices=list(DEVICES))
    parser.add_argument("--runs", type=int, default=1, help="take the median of several runs")
    arguments = parser.parse_args(argv)
    try:
        site = arguments.site or find_root() / "_build" / "html"
        return run(site, arguments.pages, arguments.devices, max(1, arguments.runs))
    except ValueError as error:
        print(f"lighthouse: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
