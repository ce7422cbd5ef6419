"""Look at the built site as a reader would: ``mmlib serve``.

A static server on this machine that does what any host does: it compresses text, lets the browser
keep what has not changed, answers a missing page with the site's own ``404.html``, and never shows
a file outside the site or a list of files.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, StaticFileHandler

LOCAL = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "")
# Not every system knows these endings.
TYPES = {
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


class SiteHandler(StaticFileHandler):
    """Files of one folder; tornado adds ``Last-Modified``, ranges and answers of status 304."""

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """The file to send; status 403 when a link inside the site leads out of it, 400 when a file
        cannot have such a name."""
        if "\0" in absolute_path:
            raise HTTPError(400)
        inside = Path(absolute_path).resolve().is_relative_to(Path(root).resolve())
        if not inside:
            raise HTTPError(403)
        return super().validate_absolute_path(root, absolute_path)

    def prepare(self) -> None:
        """Send text whole: a part of it would be a part of the compressed text."""
        if not self.request.path.endswith((".wav", ".mp3", ".mp4", ".webm")):
            self.request.headers.pop("Range", None)

    def compute_etag(self) -> str | None:
        """A mark that changes with the file, also when the site is built again meanwhile."""
        stat = Path(str(self.absolute_path)).stat()
        return f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'

    def set_extra_headers(self, path: str) -> None:
        """Make the browser ask each time: the answer to an unchanged file is one empty 304."""
        self.set_header("Cache-Control", "no-cache")

    def get_cache_time(self, path: str, modified: object, mime_type: str) -> int:
        """No time during which the browser would not ask."""
        return 0

    def get_content_type(self) -> str:
        """The file's media type; text is UTF-8."""
        kind = TYPES.get(Path(str(self.absolute_path)).suffix) or super().get_content_type()
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """The site's own page for a missing one, if it has one."""
        page = Path(self.root) / "404.html"
        if status_code == 404 and page.is_file():
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            self.finish(page.read_bytes())
        else:
            super().write_error(status_code, **kwargs)


def make_application(site: Path) -> Application:
    """The web application that sends the files of ``site``.

    Raises:
        ValueError: the folder holds no site.
    """
    if not (site / "index.html").is_file():
        raise ValueError(f"no site in {str(site)!r} (it has no index.html): run 'make book' first")
    settings = {"path": str(site.resolve()), "default_filename": "index.html"}
    return Application(
        [(r"/(.*)", SiteHandler, settings)], compress_response=True, log_function=lambda _: None
    )


def bind(port: int, host: str) -> list[socket.socket]:
    """Sockets on a port of this machine, a free one for port 0.

    Raises:
        ValueError: the port cannot be used.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"--port {port} is no port: choose one from 1024 to 65535, or 0")
    try:
        return bind_sockets(port, host or None, family=socket.AF_INET)
    except OSError as error:
        raise ValueError(_why(error, port, host)) from error


def _why(error: OSError, port: int, host: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: stop what uses it, or choose another one with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that you do not have: choose one above 1023 with --port"
    return f"cannot listen on {host}, port {port} ({error}): mend --host or --port"


def addresses(host: str, port: int) -> list[str]:
    """Where the site can be seen: this machine first, then, for 0.0.0.0, its other addresses."""
    if host not in EVERYWHERE:
        return [f"http://{host}:{port}/"]
    found = {
        address.address
        for card in psutil.net_if_addrs().values()
        for address in card
        if address.family == socket.AF_INET
    }
    others = sorted(a for a in found if not ipaddress.ip_address(a).is_loopback)
    return [f"http://{address}:{port}/" for address in (LOCAL, *others)]


async def _run(application: Application, sockets: list[socket.socket], end: asyncio.Event) -> None:
    server = HTTPServer(application)
    server.add_sockets(sockets)
    await end.wait()
    server.stop()
    await server.close_all_connections()


def serve(site: Path, port: int, host: str) -> int:
    """Serve a site until Ctrl-C; prints its addresses.

    Raises:
        ValueError: the folder holds no site, or the port cannot be used.
    """
    application, sockets = make_application(site), bind(port, host)
    here, *others = addresses(host, sockets[0].getsockname()[1])
    print(f"{here}  (stop with Ctrl-C)", flush=True)
    for address in others:
        print(f"{address}  for others in this network", flush=True)
    asyncio.run(_run(application, sockets, asyncio.Event()))
    return 0


@contextmanager
def in_background(site: Path) -> Iterator[str]:
    """Serve a site on a free port of this machine for a while; gives its address.

    Raises:
        ValueError: the folder holds no site.
    """
    application, sockets = make_application(site), bind(0, LOCAL)
    loop, end = asyncio.new_event_loop(), asyncio.Event()
    running = threading.Thread(
        target=lambda: loop.run_until_complete(_run(application, sockets, end)), daemon=True
    )
    running.start()
    try:
        yield addresses(LOCAL, sockets[0].getsockname()[1])[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        running.join(timeout=10)
        loop.close()
