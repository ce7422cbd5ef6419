"""Scripts wait until the page stands; MathJax comes only with equations.

The theme chooses light or dark in a script that waits. Before it runs, both logos would show and a
dark page would flash light, so the choice is made where the page begins.
"""

from __future__ import annotations

import re

SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
PRELOAD = re.compile(r'<link\b(?=[^>]*rel="preload")(?=[^>]*as="script")[^>]*>\s*')
THEME = re.compile(
    r'(documentElement\.dataset\.theme = )localStorage\.getItem\("theme"\) \|\| "auto";'
)
SETTLED = (
    'document.documentElement.dataset.mode === "auto"\n'
    '      ? matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"\n'
    '      : localStorage.getItem("theme") || "light";'
)
MATHJAX = re.compile(
    r"<script>window\.MathJax[^<]*</script>\s*|<script[^>]*/mathjax/[^>]*></script>\s*"
)
MATHS = re.compile(r'class="(?:[^"]* )?(?:math|output_area|tex2jax_process|mathjax_process)[ "]')
OPTIONS = re.compile(r'<script [^>]*src="[^"]*_static/documentation_options\.js[^"]*"></script>')
# Inline scripts that ask for nothing which a script with an address defines: constants, and
# settings of DOCUMENTATION_OPTIONS, which is written into the page.
INDEPENDENT = re.compile(
    r"\s*(?:(?:let|var|const)\s+\w+\s*=\s*'[^']*';|window\.MathJax\s*=.*"
    r"|DOCUMENTATION_OPTIONS\.pagename\s*=\s*'[^']*';|const DOCUMENTATION_OPTIONS\s*=.*"
    r"|(?:document\.documentElement\.dataset\.\w+\s*=\s*[^;]*;\s*)+)\s*",
    re.DOTALL,
)


def defer_scripts(html: str, options: str) -> str:
    """Let scripts in the head wait for the page, unless one written into it could miss them.

    Args:
        html: the page.
        options: the code of ``documentation_options.js``, which goes into the page.
    """
    head, mark, rest = html.partition("</head>")
    lighter = PRELOAD.sub("", head)
    if options:
        lighter = OPTIONS.sub(lambda _: f"<script>{options.strip()}</script>", lighter)
    for attributes, code in SCRIPT.findall(lighter):
        runs = "type=" not in attributes or "javascript" in attributes
        if runs and "src=" not in attributes and not INDEPENDENT.fullmatch(code):
            return html

    def deferred(match: re.Match[str]) -> str:
        waits = re.search(r"\b(?:defer|async|type)\b", match[1])
        return match[0] if waits or "src=" not in match[1] else f"<script defer{match[1]}></script>"

    return SCRIPT.sub(deferred, lighter) + mark + rest


def settle_theme(html: str) -> str:
    """Choose light or dark before anything is drawn, unless the reader has chosen."""
    return THEME.sub(rf"\g<1>{SETTLED}", html)


def drop_unused_mathjax(html: str) -> str:
    """Leave MathJax out of a page that has neither an equation nor an output that may hold one."""
    return html if MATHS.search(html) else MATHJAX.sub("", html)
