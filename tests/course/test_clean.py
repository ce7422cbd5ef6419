"""What may be stored of a cell's outputs."""

from __future__ import annotations

from typing import Any

import pytest

from mmlib.course.clean import clean_notebook, clean_outputs, settle
from tests.course.books import cell, notebook


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: Any) -> dict[str, Any]:
    names = {"png": "image/png", "html": "text/html", "text": "text/plain"}
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {names.get(key, key): value for key, value in data.items()},
    }


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("a\n", "a\n"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("10%\r50%\r100%", "100%"),
        ("10%\r100%\r\ndone\n", "100%\ndone\n"),
        ("", ""),
    ],
)
def test_settle_is_what_a_terminal_shows_at_the_end(text: str, settled: str) -> None:
    assert settle(text) == settled


def test_pieces_of_a_stream_become_one_and_keep_their_place() -> None:
    figure = shown(png="abc", text="<Figure>")
    pieces = [stream("a\n"), stream("1\r"), stream("2\n"), figure, stream("b\n")]
    assert clean_outputs(pieces) == [stream("a\n2\n"), figure, stream("b\n")]


def test_progress_bars_go_and_warnings_stay() -> None:
    outputs = [stream("1%\r", "stderr"), stream("9%\r100%\n", "stderr"), stream("x\n")]
    assert clean_outputs(outputs) == [stream("x\n")]
    assert clean_outputs([stream("Warning: y\n", "stderr")]) == [stream("Warning: y\n", "stderr")]


@pytest.mark.parametrize(
    "output",
    [
        shown(**{"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text": "HBox(x)"}),
        shown(**{"application/vnd.plotly.v1+json": {"data": []}}),
        shown(html="<div><script src='https://elsewhere'></script></div>"),
        shown(html=["<progress ", "value=3></progress>"]),
    ],
)
def test_what_must_not_be_stored_is_dropped(output: dict[str, Any]) -> None:
    assert clean_outputs([output]) == []


def test_the_rest_of_a_bundle_stays() -> None:
    mixed = shown(png="abc", text="<Figure>", **{"application/javascript": "alert()"})
    assert clean_outputs([mixed]) == [shown(png="abc", text="<Figure>")]
    table, number = shown(html="<table></table>", text="df"), shown(text="42")
    assert clean_outputs([table, number]) == [table, number]


def test_the_state_of_widgets_goes() -> None:
    book = notebook(cell("x", execution={"t": 1}), cell("text", "markdown"))
    book["metadata"]["widgets"] = {"state": {}}
    clean_notebook(book)
    assert "widgets" not in book["metadata"]
    assert book["cells"][0]["metadata"] == {}
