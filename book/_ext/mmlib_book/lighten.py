"""Lighter pages at the end of the build, the same to look at.

* images get their size and, all but the first, load when they come near (``pictures``);
* scripts wait until the page stands, MathJax comes only with equations (``scripts``);
* one style sheet without unused rules (``stylesheet``), the icons in it (``icons``);
* files that no page loads go: source maps, translations, MathJax's other bundles.

What is not found as expected, for example in another version of the theme, stays as it is.
``tests/book/test_lighten.py`` says what a page then has too much. A second run changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

from .icons import inline_icons
from .pictures import attribute, locate, size_images
from .scripts import SCRIPT, defer_scripts, drop_unused_mathjax, settle_theme
from .stylesheet import Names, purge, read_sheet

SHEET = "site.css"
STYLE = re.compile(
    r'<link\b(?=[^>]*rel="stylesheet")[^>]*href="([^"]*?)_static/([^"?]+)[^"]*"[^>]*>\s*'
)
UNUSED = (
    "locales",
    "**/*.map",
    "scripts/fontawesome.js*",
    "sphinx-thebe.*",
    "mathjax/node-main.js",
    "mathjax/latest.js",
    "mathjax/*-svg*.js",
    "mathjax/*-chtml*.js",
    "vendor/fontawesome/webfonts/*.woff2",
)


@dataclass(frozen=True)
class Sheets:
    """The style sheets of a page, in order, as paths in ``_static``, and the way to ``_static``."""

    prefix: str
    paths: tuple[str, ...]


def find_sheets(html: str) -> Sheets | None:
    """The local style sheets of a page, also when they have been joined before."""
    joined = re.search(rf'href="([^"]*)_static/{SHEET}[^"]*" data-of="([^"]+)"', html)
    if joined:
        return Sheets(joined[1], tuple(joined[2].split()))
    found = STYLE.findall(html)
    return Sheets(found[0][0], tuple(path for _, path in found)) if found else None


def link_sheet(html: str, sheets: Sheets, digest: str) -> str:
    """Load the joined style sheet in place of a page's own ones."""
    link = (
        f'<link rel="stylesheet" href="{sheets.prefix}_static/{SHEET}?v={digest}" '
        f'data-of="{" ".join(sheets.paths)}" />'
    )
    first, *others = list(STYLE.finditer(html))
    for match in reversed(others):
        html = html[: match.start()] + html[match.end() :]
    return html[: first.start()] + link + "\n" + html[first.end() :]


def join_sheets(pages: dict[Path, str], site: Path) -> dict[Path, str]:
    """Write the joined style sheet, and give the pages that load it.

    Pages that load other style sheets than most keep theirs, as all do if joining fails.
    """
    sheets = {page: found for page, html in pages.items() if (found := find_sheets(html))}
    lists = [found.paths for found in sheets.values()]
    if not lists:
        return pages
    common = max(set(lists), key=lists.count)
    static = site / "_static"
    try:
        css = "\n".join(read_sheet(static / path, static) for path in common)
    except (OSError, ValueError) as error:
        logging.getLogger(__name__).info("style sheets stay as they are: %s", error)
        return pages
    css = inline_icons(purge(css, used_names(pages, site)), static)
    (static / SHEET).write_text(css, encoding="utf-8")
    digest = hashlib.sha256(css.encode()).hexdigest()[:8]
    return {
        page: link_sheet(html, sheets[page], digest)
        if page in sheets and sheets[page].paths == common
        else html
        for page, html in pages.items()
    }


def used_names(pages: dict[Path, str], site: Path) -> Names:
    """What pages and the scripts that they load may use as class names."""
    names = Names()
    scripts = set()
    for page, html in pages.items():
        names.add_page(html)
        addresses = (attribute(attributes, "src") for attributes, _ in SCRIPT.findall(html))
        scripts |= {file.resolve() for src in addresses if (file := locate(src, page, site))}
    for file in scripts - {(site / "searchindex.js").resolve()}:
        names.add_script(file.read_text(encoding="utf-8"))
    return names


def unused_files(pages: dict[Path, str], site: Path) -> list[Path]:
    """Files and folders of ``_static`` that are known to be heavy and that no page loads."""
    static = site / "_static"
    loaded = "\n".join(pages.values())
    known = {path for pattern in UNUSED for path in static.glob(pattern)}
    return sorted(p for p in known if f"_static/{p.relative_to(static).as_posix()}" not in loaded)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        return
    path.unlink()
    script = path.with_suffix("")
    if path.suffix == ".map" and script.suffix == ".js" and script.is_file():
        code = script.read_text(encoding="utf-8")
        script.write_text(re.sub(r"\n?//# sourceMappingURL=\S+\s*$", "\n", code), encoding="utf-8")


def lighten(site: Path) -> None:
    """Make the pages of a finished site lighter."""
    paths = [p for p in site.rglob("*.html") if "_static" not in p.relative_to(site).parts]
    old = {path: path.read_text(encoding="utf-8") for path in paths}
    options = site / "_static" / "documentation_options.js"
    code = options.read_text(encoding="utf-8") if options.is_file() else ""
    new = {}
    for page, html in old.items():
        html = size_images(drop_unused_mathjax(html), page, site)
        new[page] = defer_scripts(settle_theme(html), code)
    new = join_sheets(new, site)
    for page, html in new.items():
        if html != old[page]:
            page.write_text(html, encoding="utf-8")
    for path in unused_files(new, site):
        _remove(path)


def _on_finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        lighten(Path(app.outdir))


def setup(app: Sphinx) -> None:
    """Connect to the end of the build, after all that still changes pages."""
    app.connect("build-finished", _on_finish, priority=900)
