"""What may be stored of a cell's outputs: no widgets, no scripts from afar, no progress bars."""

from __future__ import annotations

from typing import Any

FORBIDDEN_MIMES = (
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.plotly.v1+json",
    "application/vnd.bokehjs_exec.v0+json",
    "application/vnd.bokehjs_load.v0+json",
    "application/vnd.vegalite.v5+json",
    "application/javascript",
)
# An HTML output with one of these loads a script, or is a progress bar that has ended.
FORBIDDEN_HTML = ("<script", "<progress")


def settle(text: str) -> str:
    """What a terminal shows at the end: a carriage return goes back to the start of the line.

    Of each line the last thing that was printed over it stays.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)


def clean_outputs(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs of one cell without what must not be stored.

    Neighbouring pieces of one stream become one; progress bars on stderr go away wholly, on
    stdout their last state stays; forbidden kinds of output are removed.
    """
    kept: list[dict[str, Any]] = []
    for output in _join_streams(outputs):
        if output["output_type"] == "stream":
            if output["name"] == "stderr" and "\r" in output["text"].replace("\r\n", "\n"):
                continue
            output["text"] = settle(output["text"])
            if output["text"]:
                kept.append(output)
        elif "data" in output:
            output["data"] = {m: d for m, d in output["data"].items() if _may_stay(m, d)}
            if set(output["data"]) - {"text/plain"} or not _is_bare_widget(output["data"]):
                kept.append(output)
        else:
            kept.append(output)
    return kept


def _may_stay(mime: str, data: Any) -> bool:
    if mime in FORBIDDEN_MIMES:
        return False
    text = data if isinstance(data, str) else "".join(data) if isinstance(data, list) else ""
    return mime != "text/html" or not any(mark in text for mark in FORBIDDEN_HTML)


def _is_bare_widget(data: dict[str, Any]) -> bool:
    """Nothing is left, or only the text that stood in for a widget or a figure of a script."""
    text = str(data.get("text/plain", ""))
    widget = text.startswith(("HBox(", "VBox(", "IntProgress(", "FloatProgress(", "Output("))
    return not text or widget


def _join_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else None
        same = (
            last is not None
            and output["output_type"] == last["output_type"] == "stream"
            and output["name"] == last["name"]
        )
        if same and last is not None:
            last["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def clean_notebook(notebook: dict[str, Any]) -> None:
    """Clean all outputs of a notebook in place and drop the state of its widgets."""
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = clean_outputs(cell["outputs"])
            cell["metadata"].pop("execution", None)
