"""Where the repository and the site live: environment variables, never a placeholder.

``MMLIB_REPOSITORY_URL`` gives repository links and, for a GitHub address, the Colab button;
``MMLIB_REPOSITORY_BRANCH`` names the branch (``main``); ``MMLIB_SITE_URL`` gives canonical links,
social-media tags and a sitemap (``metadata``, ``addresses``). Without them the site has none of
these.
"""

from __future__ import annotations

import os
import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

GITHUB = re.compile(r"https://github\.com/[^/]+/[^/]+$")
COLAB = "https://colab.research.google.com"


def _address(name: str) -> str:
    value = os.environ.get(name, "").strip().rstrip("/")
    if value and not value.startswith(("https://", "http://")):
        raise ValueError(f"{name}={value!r} is no web address: it starts with https://")
    return value


def repository() -> str:
    """The address of the repository; empty when nobody has said it.

    Raises:
        ValueError: ``MMLIB_REPOSITORY_URL`` is no web address.
    """
    return _address("MMLIB_REPOSITORY_URL")


def source_address(path: str, line: int = 0) -> str:
    """Where a file of the repository is shown, at a line if one is given; empty when unknown."""
    address = repository()
    if not address:
        return ""
    place = f"#L{line}" if line else ""
    return f"{address}/blob/{_branch()}/{path}{place}"


def _branch() -> str:
    return os.environ.get("MMLIB_REPOSITORY_BRANCH") or "main"


def theme_options(repository: str, branch: str) -> dict[str, Any]:
    """The theme options for a repository address, which may be empty."""
    if not repository:
        return {"repository_url": "", "launch_buttons": {}}
    options: dict[str, Any] = {
        "repository_url": repository,
        "repository_branch": branch,
        "use_repository_button": True,
        "use_issues_button": True,
        "path_to_docs": "",
        "launch_buttons": {},
    }
    if GITHUB.match(repository):
        options["launch_buttons"] = {"notebook_interface": "jupyterlab", "colab_url": COLAB}
    elif not re.match(r"https://(gitlab\.com|bitbucket\.org)/", repository):
        options["repository_provider"] = "github"  # the layout of the links on other hosts
    return options


def _configure(app: Sphinx, config: Config) -> None:
    config.html_theme_options.update(theme_options(repository(), _branch()))
    address = _address("MMLIB_SITE_URL")
    config.html_baseurl = f"{address}/" if address else ""
    config.ogp_site_url = config.mmlib_site_url = config.html_baseurl


def _drop_thebe(app: Sphinx) -> None:
    """Live code needs a server elsewhere, and its script fails on a page without one."""
    ours = [
        (event, listener.id)
        for event, listeners in app.events.listeners.items()
        for listener in listeners
        if (listener.handler.__module__ or "").startswith("sphinx_thebe")
    ]
    for _, identity in ours:
        app.disconnect(identity)


def setup(app: Sphinx) -> None:
    """Connect: settings as soon as they are read, clean-up before the builder starts."""
    # Chapters show it in their text: they are read again when it changes.
    app.add_config_value("mmlib_site_url", "", "env")
    app.connect("config-inited", _configure, priority=100)
    app.connect("builder-inited", _drop_thebe, priority=1)
    app.add_js_file("mmlib.js", loading_method="defer")
