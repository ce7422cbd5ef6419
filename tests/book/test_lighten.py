"""Light pages: images with a size, one small style sheet, scripts that wait. The same looks."""

from __future__ import annotations

import base64
import gzip
import io
import re
from pathlib import Path
from time import sleep

import pytest
from fontTools.ttLib import TTFont
from PIL import Image
from playwright.sync_api import Browser

from .browse import visit
from .pages import Page, all_pages, file_of
from .sample import CHAPTER

PAGE = """<html><head>
<link rel="stylesheet" href="../_static/a.css?v=1" />
<link href="../_static/b.css" rel="stylesheet" />
<link rel="preload" as="script" href="../_static/late.js" />
<script src="../_static/documentation_options.js?v=2"></script>
<script src="../_static/early.js"></script>
<script>DOCUMENTATION_OPTIONS.pagename = 'x';</script>
<script type="application/ld+json">{"@type": "Course"}</script>
</head><body class="shown"><img src="../_static/logo.svg" alt="Home">
<article><img alt="a > b" src="../_static/one.png"/><img src="../_static/one.png" alt="2" width="9">
<img src="../_static/one.png" alt="3" loading="eager"/><img src="gone.png" alt="4"/></article>
</body></html>"""
A_CSS = '@charset "UTF-8";\n@import "more.css";/*! licence */ .shown{color:red}.gone{color:blue}'
B_CSS = (
    "@media print{.gone .shown{top:0}.shown:not(.gone),.gone{top:1px}} .x{background:url(i/p.png)}"
)
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 32"/>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "_static"
    (static / "i").mkdir(parents=True)
    (tmp_path / "book").mkdir()
    (static / "a.css").write_text(A_CSS)
    (static / "more.css").write_text("#only-an-id{left:0}")
    (static / "b.css").write_text(B_CSS)
    (static / "early.js").write_text("node.classList.add('x'); place('bs-tip-' + side)\n")
    (static / "early.js.map").write_text("{}")
    (static / "documentation_options.js").write_text("const DOCUMENTATION_OPTIONS = {};")
    (static / "logo.svg").write_text(LOGO)
    Image.new("RGB", (30, 20)).save(static / "one.png")
    Image.new("RGB", (1, 1)).save(static / "i" / "p.png")
    (tmp_path / "book" / "x.html").write_text(PAGE)
    return tmp_path


@pytest.fixture
def light(folder: Path) -> str:
    from mmlib_book.lighten import lighten

    lighten(folder)
    return (folder / "book" / "x.html").read_text()


def images(html: str) -> dict[str, str]:
    return {re.search(r'alt="([^"]*)"', tag)[1]: tag for tag in re.findall(r"<img .*?/>", html)}


def test_images_get_their_size_and_load_when_they_come_near(light: str) -> None:
    found = images(light)
    assert 'width="64" height="32"' in found["Home"]
    assert 'width="30" height="20"' in found["a > b"]
    assert "loading" not in found["Home"] + found["a > b"]
    assert 'loading="lazy"' in found["2"]
    assert "height" not in found["2"], "a size given by the author stays"
    assert found["3"].count("loading") == 1 and 'loading="eager"' in found["3"]
    assert "width" not in found["4"], "nothing is known of a missing picture"


def test_scripts_wait_and_their_settings_do_not(light: str) -> None:
    assert '<script defer src="../_static/early.js">' in light
    assert "<script>const DOCUMENTATION_OPTIONS = {};</script>" in light
    assert "preload" not in light
    assert "documentation_options.js" not in light


def test_scripts_stay_where_an_unknown_one_may_need_them(folder: Path) -> None:
    from mmlib_book.lighten import lighten

    page = folder / "book" / "x.html"
    page.write_text(PAGE.replace("</head>", "<script>early.start()</script></head>"))
    lighten(folder)
    assert '<script src="../_static/early.js">' in page.read_text()
    assert '<script src="../_static/documentation_options.js?v=2">' in page.read_text()


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        ("<p>words on math</p>", False),
        ('<span class="math notranslate">x</span>', True),
        ('<div class="output text_html output_area">$x$</div>', True),
        ('<section class="tex2jax_ignore mathjax_ignore">words</section>', False),
    ],
)
def test_mathjax_comes_only_with_equations(body: str, stays: bool) -> None:
    from mmlib_book.scripts import drop_unused_mathjax

    loader = '<script defer="defer" src="../_static/mathjax/tex-chtml.js"></script>'
    html = f'<script>window.MathJax = {{"a": 1}}</script>\n{loader}\n{body}'
    assert drop_unused_mathjax(html) == (html if stays else body)


def test_one_style_sheet_without_what_no_page_uses(light: str, folder: Path) -> None:
    assert light.count('rel="stylesheet"') == 1
    css = (folder / "_static" / "site.css").read_text()
    assert "/*! licence */" in css
    assert "#only-an-id{left:0}" in css, "imports are in it, and what needs no class"
    assert ".shown{color:red}" in css
    assert "@media print{.shown:not(.gone){top:1px}}" in css
    assert ".x{background:url" in css and "i/p.png" in css, "a script uses the class"
    assert "blue" not in css and ".gone .shown" not in css


def test_a_second_run_changes_nothing(light: str, folder: Path) -> None:
    from mmlib_book.lighten import lighten

    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    lighten(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_new_page_brings_its_rules_into_the_sheet(light: str, folder: Path) -> None:
    from mmlib_book.lighten import lighten

    (folder / "book" / "y.html").write_text(PAGE.replace('class="shown"', 'class="gone"'))
    lighten(folder)
    css = (folder / "_static" / "site.css").read_text()
    assert "blue" in css and "red" in css
    sheets = {
        re.search(r'href="(\.\./_static/site\.css\?v=\w+)"', page.read_text())[1]
        for page in (folder / "book").glob("*.html")
    }
    assert len(sheets) == 1, "every page asks for the new sheet"


@pytest.mark.parametrize("trouble", ["missing", "elsewhere"])
def test_style_sheets_stay_when_they_cannot_be_joined(folder: Path, trouble: str) -> None:
    from mmlib_book.lighten import lighten

    if trouble == "missing":
        (folder / "_static" / "b.css").unlink()
    else:
        (folder / "_static" / "b.css").write_text('@import url("https://example.org/x.css");')
    lighten(folder)
    assert (folder / "book" / "x.html").read_text().count('rel="stylesheet"') == 2


def test_what_no_page_loads_goes(light: str, folder: Path) -> None:
    assert not (folder / "_static" / "early.js.map").exists()
    assert (folder / "_static" / "early.js").exists()


def test_a_page_that_only_names_a_file_does_not_load_it(folder: Path) -> None:
    from mmlib_book.lighten import unused_files

    static = folder / "_static"
    (static / "locales").mkdir()
    (static / "sphinx-thebe.js").touch()
    named = "<p>Licences of locales, sphinx-thebe.js</p>"
    unused = {path.name for path in unused_files({folder / "book" / "x.html": named}, folder)}
    assert {"locales", "sphinx-thebe.js"} <= unused
    loaded = '<script src="../_static/sphinx-thebe.js"></script>'
    assert static / "sphinx-thebe.js" not in unused_files({folder / "x.html": loaded}, folder)


def test_names_that_a_script_completes_count() -> None:
    from mmlib_book.stylesheet import Names, purge

    names = Names()
    names.add_script("place(`bs-tip-${side}`); i--")
    assert purge(".bs-tip-left{top:0}.i--x{top:0}", names) == ".bs-tip-left{top:0}\n"


# The site and the sample.


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return all_pages(site)


def test_every_image_of_the_site_has_a_size(pages: dict[Path, Page]) -> None:
    without = [
        (page.path.name, image["src"])
        for page in pages.values()
        for image in page.images
        if not {"width", "height"} & set(image) and not image["src"].startswith("data:")
    ]
    assert not without


def heads(site: Path) -> dict[str, str]:
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8").partition("</head>")[0]
        for path in site.rglob("*.html")
        if "_static" not in path.parts and path != site / "index.html"
    }


def test_nothing_but_one_style_sheet_holds_a_page_up(site: Path) -> None:
    for name, head in heads(site).items():
        assert head.count('rel="stylesheet"') == 1, name
        loaded = re.findall(r"<script[^>]*src=[^>]*>", head)
        assert loaded, name
        assert not [tag for tag in loaded if "defer" not in tag and "async" not in tag], name


def test_mathjax_is_left_out_where_no_equation_is(site: Path) -> None:
    assert "mathjax/" not in heads(site)["book/intro.html"]
    assert "mathjax/" in heads(site)["notebooks/04_clip.html"]


def fonts(site: Path) -> list[bytes]:
    css = (site / "_static" / "site.css").read_text(encoding="utf-8")
    return [base64.b64decode(data) for data in re.findall(r"data:font/woff;base64,([^)]*)", css)]


def test_icons_are_small_named_anew_and_complete(site: Path) -> None:
    from mmlib_book.icons import icons_in

    found = fonts(site)
    assert 1 <= len(found) <= 3
    assert sum(map(len, found)) < 12_000
    there: set[int] = set()
    for data in found:
        font = TTFont(io.BytesIO(data))
        there |= set(font.getBestCmap())
        shown = [r.toUnicode() for r in font["name"].names if r.nameID in (1, 4, 6, 16)]
        assert shown and not [name for name in shown if "Awesome" in name.replace(" ", "")]
    css = (site / "_static" / "site.css").read_text(encoding="utf-8")
    assert len(there) > 10
    assert icons_in(re.sub(r"url\([^)]*\)", "", css)) <= there
    assert "SIL OFL 1.1" in css, "who made them, and the licence"
    assert "fontawesome/webfonts" not in css


def weight(site: Path, page: Path) -> int:
    """Bytes that a first visit loads before anyone scrolls, compressed as a host does."""
    found = all_pages(site)[page.resolve()]
    late = {image["src"] for image in found.images if image.get("loading") == "lazy"}
    files = {page}
    for address in set(found.loads) - late:
        if not address.startswith("data:") and not address.endswith(".html"):
            files.add(file_of(page, address, site).resolve())
    return sum(
        len(data if f.suffix in (".png", ".jpg", ".woff") else gzip.compress(data))
        for f in files
        for data in (f.read_bytes(),)
    )


def test_pages_are_light(site: Path) -> None:
    intro = weight(site, site / "book" / "intro.html")
    assert intro < 120_000, intro
    for page in (site / "notebooks").glob("*.html"):
        assert weight(site, page) < 560_000, (page.name, weight(site, page))


def test_the_joined_sheet_is_small(site: Path) -> None:
    css = (site / "_static" / "site.css").read_bytes()
    assert len(gzip.compress(css)) < 45_000
    assert len(list((site / "_static").rglob("*.map"))) == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_the_icons_of_the_header_are_drawn(
    browser: Browser, sample_address: str, width: int
) -> None:
    with visit(browser, sample_address, width=width) as visitor:
        page = visitor.open(f"notebooks/{CHAPTER}.html")
        page.evaluate("document.fonts.ready")
        loaded = page.evaluate(
            "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
        )
        shown = page.evaluate(
            """[...document.querySelectorAll('[class*=fa-]')].filter(e => e.checkVisibility()).map(
            e => [e.className, getComputedStyle(e, '::before').content,
                  getComputedStyle(e).fontFamily, e.getBoundingClientRect().width])"""
        )
    assert [family for family in loaded if "Course Icons" in family]
    assert len(shown) >= 3
    for name, content, family, across in shown:
        assert content not in ("none", "normal"), name
        assert "Course Icons" in family and across > 0, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_settled_before_its_script_runs(
    browser: Browser, sample_address: str, scheme: str
) -> None:
    with visit(browser, sample_address, scheme) as visitor:
        visitor.page.route("**/pydata-sphinx-theme.js*", lambda route: route.abort())
        page = visitor.open(f"notebooks/{CHAPTER}.html")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        logos = page.locator(".sidebar-primary-item .logo__image")
        assert [logo.is_visible() for logo in logos.all()].count(True) == 1


def test_a_readers_choice_of_theme_is_kept(browser: Browser, sample_address: str) -> None:
    with visit(browser, sample_address, "dark") as visitor:
        page = visitor.open(f"notebooks/{CHAPTER}.html")
        page.evaluate(
            "localStorage.setItem('mode', 'light'), localStorage.setItem('theme', 'light')"
        )
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_little_moves_while_a_page_loads(browser: Browser, address: str) -> None:
    observe = (
        "window.shifts = []; new PerformanceObserver(list => list.getEntries().forEach("
        "one => window.shifts.push(one.value))).observe({type: 'layout-shift', buffered: true})"
    )
    for width in (1280, 390):
        with visit(browser, address, width=width) as visitor:
            visitor.page.add_init_script(observe)
            visitor.page.route(  # seen before the theme's scripts run, as on a slow line
                "**/scripts/*.js*", lambda route: (sleep(0.5), route.continue_())
            )
            page = visitor.open("notebooks/04_clip.html")
            page.wait_for_timeout(300)
            assert page.evaluate("window.shifts.reduce((a, b) => a + b, 0)") < 0.02, width


def test_paper_shows_the_pictures_that_nobody_scrolled_to(browser: Browser, address: str) -> None:
    """Chromium loads what waits before it prints."""
    name = "notebooks/04_clip.html"
    with visit(browser, address) as visitor:
        page = visitor.open(name)
        waiting = page.evaluate(
            "[...document.images].filter(i => i.loading === 'lazy' && !i.complete).length"
        )
        assert waiting > 5, "the test needs pictures that have not loaded"
        paper = page.pdf()
        assert visitor.problems == []
        loaded = page.evaluate(
            "[...document.querySelectorAll('article img')].every(i => i.naturalWidth > 0)"
        )
    assert loaded
    assert paper.count(b"/Subtype /Image") >= waiting
