"""One error for every name that is not there: it shows what is near and what there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(what: str, value: object, known: Iterable[str]) -> ValueError:
    """The error to raise for a name that is not among those known.

    Args:
        what: what the name is of, such as "modality".
        value: the name as it was given; anything that is no name is shown as it is.
        known: the names that there are.
    """
    names = list(known)
    near = difflib.get_close_matches(str(value).casefold(), names, n=3, cutoff=0.5)
    hint = f", did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(f"unknown {what} {value!r}{hint}; known: {', '.join(names)}")
