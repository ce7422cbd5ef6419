"""``mmlib serve`` with real requests on a free port."""

from __future__ import annotations

import gzip
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from mmlib.__main__ import main
from mmlib.course.serve import addresses, in_background

PAGE = "<!DOCTYPE html><title>Course</title>" + "<p>A long page in English, 中文.</p>" * 200


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "book").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "book" / "intro.html").write_text(PAGE, encoding="utf-8")
    (folder / "404.html").write_text("<p>This page is not here.</p>", encoding="utf-8")
    (folder / "chapter.ipynb").write_text("{}", encoding="utf-8")
    (folder / "font.woff2").write_bytes(b"wOF2" * 600)
    (tmp_path / "secret.txt").write_text("outside the site")
    return folder


@pytest.fixture
def base(site: Path) -> Iterator[str]:
    with in_background(site) as address:
        yield address


def ask(base: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for a path as it is written; the standard clients would tidy ``..`` away."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=names)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


def test_text_is_compressed_for_those_who_ask(base: str) -> None:
    status, headers, body = ask(base, "/book/intro.html", Accept_Encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body).decode("utf-8") == PAGE
    assert len(body) < len(PAGE) / 5
    status, headers, body = ask(base, "/book/intro.html")
    assert (status, body.decode("utf-8")) == (200, PAGE)
    assert "content-encoding" not in headers


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/chapter.ipynb", "application/x-ipynb+json"),
        ("/font.woff2", "font/woff2"),
    ],
)
def test_files_have_their_type(base: str, path: str, kind: str) -> None:
    status, headers, _ = ask(base, path)
    assert (status, headers["content-type"]) == (200, kind)


def test_an_unchanged_page_is_not_sent_again(base: str, site: Path) -> None:
    _, headers, _ = ask(base, "/")
    mark = headers["etag"]
    status, _, body = ask(base, "/", If_None_Match=mark)
    assert (status, body) == (304, b"")
    (site / "index.html").write_text("<p>built again</p>", encoding="utf-8")
    status, headers, body = ask(base, "/", If_None_Match=mark)
    assert (status, body) == (200, b"<p>built again</p>")
    assert headers["etag"] != mark


def test_a_part_of_a_page_is_never_a_part_of_its_compressed_form(base: str) -> None:
    status, _, body = ask(base, "/", Accept_Encoding="gzip", Range="bytes=100-199")
    assert status == 200
    assert gzip.decompress(body).decode("utf-8") == PAGE


@pytest.mark.parametrize("path", ["/nothing.html", "/book/", "/book/nothing/at/all.html"])
def test_a_missing_page_is_the_sites_own(base: str, path: str) -> None:
    status, headers, body = ask(base, path)
    assert (status, body) == (404, b"<p>This page is not here.</p>")
    assert headers["content-type"].startswith("text/html")


def test_a_site_without_that_page_still_says_404(base: str, site: Path) -> None:
    (site / "404.html").unlink()
    status, _, body = ask(base, "/nothing.html")
    assert status == 404
    assert b"intro.html" not in body


@pytest.mark.parametrize("path", ["/../secret.txt", "/book/../../secret.txt", "/%2e%2e/secret.txt"])
def test_nothing_outside_the_site_is_shown(base: str, path: str) -> None:
    status, _, body = ask(base, path)
    assert status in (403, 404)
    assert b"outside" not in body


def test_a_link_that_leads_out_is_not_followed(base: str, site: Path) -> None:
    (site / "way-out.txt").symlink_to(site.parent / "secret.txt")
    status, _, body = ask(base, "/way-out.txt")
    assert status == 403
    assert b"outside" not in body


def test_a_name_that_no_file_can_have_is_a_bad_request(base: str) -> None:
    assert ask(base, "/%00")[0] == 400


def test_a_folder_without_a_site_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path / "empty"), "--port", "0"]) == 2
    problem = capsys.readouterr().err
    assert "no site in" in problem
    assert "make book" in problem


def test_a_taken_port_says_what_to_do(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", str(site), "--port", str(port)]) == 2
    assert f"port {port} is taken" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--host", "256.0.0.1"]])
def test_a_wrong_address_is_one_line(
    site: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(site), *wrong]) == 2
    problem = capsys.readouterr().err
    assert problem.count("\n") == 1
    assert wrong[1] in problem


def test_addresses_for_the_room_leave_out_this_machines_own() -> None:
    assert addresses("127.0.0.1", 80) == ["http://127.0.0.1:80/"]
    here, *others = addresses("0.0.0.0", 80)
    assert here == "http://127.0.0.1:80/"
    cards = {a.address for card in psutil.net_if_addrs().values() for a in card}
    assert {urlsplit(address).hostname for address in others} <= cards
    assert not [address for address in others if "//127." in address]


def test_the_command_says_where_the_site_is_and_serves_it(site: Path) -> None:
    command = [sys.executable, "-m", "mmlib", "serve", str(site), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        status, _, body = ask(address, "/book/intro.html")
        assert (status, body.decode("utf-8")) == (200, PAGE)
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_the_server_stops_and_frees_its_port(site: Path) -> None:
    with in_background(site) as address:
        assert ask(address, "/")[0] == 200
    parts = urlsplit(address)
    deadline = time.monotonic() + 5
    with socket.socket() as probe:
        while probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0:
            assert time.monotonic() < deadline, "still listening"
            time.sleep(0.05)
