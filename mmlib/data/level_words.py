"""Words of five levels, from things to ideas, and the pictures that people filed under them.

The labels are keywords of emoji, written by people so that a search finds the picture. They are
noisy: many fitting words are missing, and a word is often given to what goes with it (a cup is
filed under drinking, a top hat under magic). What is measured with them is the alignment of
pictures with such labels.

The lists were fixed before anything was measured. One entry is one idea: its inflections and
closest synonyms are its forms. A word that could stand at two levels is left out (*smile*: action
or emotion; *drink*: action or object; *mountain*: object or scene; *tired*: a feeling or a state
of the body). The rule of each level:

- object: a physical thing one can point at, under its everyday name (*bird*, not *animal*)
- scene: a setting: a place to be in, a time of day, a season, an occasion
- action: something done, a verb
- emotion: a feeling
- abstract: an idea that has no picture of its own
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmlib.data.icons import Icons
from mmlib.data.twins import group_twins, near_identical, role

DRAWN = ("openmoji", "twemoji")  # the styles of the benchmark: both artists' colour drawings
LEVELS = ("object", "scene", "action", "emotion", "abstract")

#: From level to its entries: the first form names the entry.
WORDS: dict[str, tuple[str, ...]] = {
    "object": (
        "airplane aeroplane plane", "bag handbag backpack", "ball balls", "bear", "bell",
        "bicycle bike", "bird", "boat ship sailboat", "book books", "bottle", "bowl", "box",
        "bread", "bus", "cake", "camera", "car cars", "cat cats", "cheese", "chicken", "clock",
        "computer", "cow", "cup", "dog", "dress", "envelope", "fish", "flower flowers",
        "glasses", "hat", "horse", "key", "knife", "leaf leaves", "mailbox postbox", "monkey",
        "moon", "mouse", "pen", "phone telephone", "pig", "shoe shoes", "star stars", "sun",
        "tea", "train", "tree", "truck", "umbrella",
    ),
    "scene": (
        "bathroom restroom", "beach", "birthday", "carnival", "christmas xmas", "circus", "city",
        "desert", "evening twilight dusk", "farm farming", "festival", "halloween", "hospital",
        "hotel", "kitchen", "library", "morning sunrise", "night", "office", "park", "party",
        "restaurant", "school", "sea ocean", "space", "spring", "summer",
        "valentines valentine", "wedding", "winter",
    ),
    "action": (
        "bathing bathe", "bowing", "build", "camping", "clapping clap",
        "cleaning clean wash washing", "climbing climb", "cooking cook", "cutting cut chop",
        "dancing dance", "drawing draw", "driving drive", "eating eat", "exercise workout",
        "fishing", "flying flight", "jumping jump", "kissing kiss", "playing", "pointing point",
        "praying pray", "racing race", "reading read", "riding ride", "running run jogging",
        "shopping", "singing sing", "skiing ski", "sleeping sleep", "studying study learn",
        "surfing surf", "swimming swim", "talking talk speak speaking", "throwing throw",
        "travel traveling travelling", "voting vote", "walking walk", "writing write",
    ),
    "emotion": (
        "angry anger mad rage enraged", "annoyed", "bored", "calm", "confused confusion",
        "disappointed", "disgusted disgust gross", "embarrassed ashamed", "excited",
        "fear fearful scared afraid", "frustrated", "happy happiness joy", "hope hopeful",
        "jealous", "lonely", "love affection infatuation", "nervous anxious worried worry",
        "proud", "relief relieved", "sad sadness unhappy upset depressed",
        "surprised surprise astonished shocked",
    ),
    "abstract": (
        "agreement agree", "bad", "business", "communication", "danger dangerous hazard warning",
        "death dead", "direction", "economy finance", "education", "emergency", "energy", "evil",
        "fantasy", "fashion", "freedom", "good", "health", "information", "international",
        "justice", "law legal", "luck lucky", "magic", "marriage", "mathematics math maths",
        "peace", "power", "privacy private", "prohibition prohibited forbidden", "religion",
        "science", "secret", "security safety protection", "silence silent quiet", "speed",
        "technology", "time", "victory",
    ),
}  # fmt: skip

#: Entries that may well fit the same picture: none is ever a wrong answer where another is right.
RELATED = (
    "night evening sleeping moon",
    "sea beach summer swimming surfing bathing fish boat",
    "party birthday festival carnival circus happy",
    "christmas winter skiing",
    "valentines love kissing wedding marriage",
    "school library studying education reading book",
    "hospital health emergency",
    "shopping fashion dress shoe bag",
    "kitchen cooking eating bowl knife",
    "morning sun",
    "fear nervous danger halloween surprised",
    "sad disappointed frustrated lonely nervous",
    "angry annoyed frustrated bad",
    "happy excited love proud",
    "confused surprised",
    "evil bad danger death halloween fantasy magic",
    "law security justice prohibition danger privacy",
    "privacy secret silence security",
    "good agreement happy victory",
    "business economy office",
    "science technology mathematics education computer",
    "communication phone talking envelope mailbox technology",
    "time clock",
    "space star moon science",
    "exercise running walking swimming speed racing",
    "racing speed car horse",
    "travel flying airplane driving train",
    "writing pen studying drawing",
    "singing dancing party",
    "bathroom bathing cleaning",
    "fantasy magic religion",
    "prohibition bad emergency danger",
    "spring flower",
    "park carnival",
    "direction pointing",
)

_COLOUR = re.compile(
    r"\b(?:light|dark|red|pink|orange|yellow|green|blue|purple|brown|black|grey|white)\b"
)


@dataclass(frozen=True)
class LevelWord:
    """One entry of a level, and where it is found.

    Attributes:
        text: its name.
        level: one of ``LEVELS``.
        rows: the concepts filed under it.
        pictures: how many twin groups these are; what counts as one picture.
    """

    text: str
    level: str
    rows: frozenset[int]
    pictures: int


def picture_twins(icons: Icons) -> list[int]:
    """A number for each concept: those with the same number count as one picture.

    Twins differ in gender or family only, or by the name of a colour only (red heart, blue heart),
    or are nearly identical in some style of `icons`. This is finer than ``Concept.twin_group``,
    which also compares line drawings: there 68 faces and clocks hang together as one picture.
    """
    pairs: list[tuple[int, int]] = []
    for style in range(len(icons.styles)):
        pairs += near_identical(icons.rgba[style].cpu(), icons.has[style].cpu())
    first: dict[str, int] = {}
    for row, concept in enumerate(icons.concepts):
        plain = " ".join(_COLOUR.sub(" ", concept.name).split())
        pairs.append((first.setdefault(plain, row), row))
    return group_twins([concept.codepoints for concept in icons.concepts], pairs)


def level_words(
    icons: Icons,
    twins: Sequence[int],
    minimum: int = 5,
    words: Mapping[str, Sequence[str]] = WORDS,
) -> list[LevelWord]:
    """The entries of `words` that at least `minimum` pictures are filed under, level by level.

    A word counts for a concept when it is in its keywords or name, or in those of a variant in
    gender or family, whose keywords are often other ones.

    Args:
        icons: N concepts.
        twins: their N picture numbers, from ``picture_twins``.
        minimum: pictures, 2 or more: one to learn from and one to ask about.
        words: from level to entries; the forms of an entry are separated by spaces.

    Raises:
        ValueError: a `minimum` below 2, the wrong number of twins, a form in two entries.
    """
    if minimum < 2 or len(twins) != len(icons):
        raise ValueError(
            f"minimum={minimum} must be 2 or more, and {len(twins)} twins must be {len(icons)}"
        )
    forms = [form for entries in words.values() for entry in entries for form in entry.split()]
    double = sorted({form for form in forms if forms.count(form) > 1})
    if double:
        raise ValueError(f"{double} stand in two entries: a word has one level, leave it out")
    filed = _rows_by_form(icons)
    found = []
    for level, entries in words.items():
        for entry in entries:
            rows = frozenset[int]().union(*(filed.get(form, set()) for form in entry.split()))
            pictures = len({twins[row] for row in rows})
            if pictures >= minimum:
                found.append(LevelWord(entry.split()[0], level, rows, pictures))
    return found


def _rows_by_form(icons: Icons) -> dict[str, set[int]]:
    """From a word of a name or keyword to the concepts, variants in gender and family included."""
    family: dict[str, set[int]] = {}
    for row, concept in enumerate(icons.concepts):
        family.setdefault(role(concept.codepoints), set()).add(row)
    filed: dict[str, set[int]] = {}
    for concept in icons.concepts:
        text = " ".join((concept.name, *concept.keywords)).lower()
        for form in set(re.findall(r"[a-z]+", text)):
            filed.setdefault(form, set()).update(family[role(concept.codepoints)])
    return filed


def match_counts(words: Sequence[LevelWord], tolerance: float = 1.25) -> list[list[LevelWord]]:
    """Tuples of words, one of each level, that have about equally many pictures.

    Greedy: the tuple whose largest count is the smallest multiple of its smallest is taken first
    (of equals the one with more pictures), then the best of the words that remain, as long as
    there is one within the tolerance. A word is used once.

    Args:
        words: of all levels, from ``level_words``.
        tolerance: the largest count of a tuple is at most this multiple of its smallest.

    Returns:
        K tuples in falling order of pictures; position i of each holds the i-th level.

    Raises:
        ValueError: a tolerance below 1, no word, or not even one tuple.
    """
    if not tolerance >= 1:
        raise ValueError(
            f"tolerance={tolerance} must be 1 or more: 1.25 allows a quarter more pictures"
        )
    if not words:
        raise ValueError("there is no word to match: lower the minimum of level_words")
    levels = list(dict.fromkeys(word.level for word in words))
    left = {level: [word for word in words if word.level == level] for level in levels}
    tuples: list[list[LevelWord]] = []
    while all(left.values()):
        best = min(_candidates(left), key=_badness)
        if _spread(best) > tolerance:
            break
        tuples.append(best)
        for word in best:
            left[word.level].remove(word)
    if not tuples:
        raise ValueError(
            f"no word of {levels} has a match of each other level within tolerance={tolerance}: "
            "raise it"
        )
    return sorted(tuples, key=lambda best: (-best[0].pictures, best[0].text))


def _candidates(left: Mapping[str, Sequence[LevelWord]]) -> list[list[LevelWord]]:
    """For every word the tuple of it and the nearest word of each other level."""
    found = []
    for anchor in (word for words in left.values() for word in words):
        near = [
            min(words, key=lambda word: (abs(word.pictures - anchor.pictures), word.text))
            for words in left.values()
        ]
        found.append([anchor if word.level == anchor.level else word for word in near])
    return found


def _spread(words: Sequence[LevelWord]) -> float:
    counts = [word.pictures for word in words]
    return max(counts) / min(counts)


def _badness(words: Sequence[LevelWord]) -> tuple[float, int, list[str]]:
    return _spread(words), -sum(w.pictures for w in words), [w.text for w in words]
