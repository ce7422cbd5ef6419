"""The check of exercise 1.5: candidates for a question, all with the same chance."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch

from mmlib.checks.base import CheckFailed, attempt, exercise, expect, expect_raises
from mmlib.runtime import make_generator

#: What could be said of some picture, and what is true of this one: the face of a dog.
WORDS = ("animal", "apple", "boat", "car", "dog", "face", "lamp", "moon", "pet", "rain", "tree")
TRUE = frozenset({"animal", "dog", "face", "pet"})
DRAWS = 700


class _Word(str):
    """A word that another run of Python would file elsewhere in a set."""

    salt = 0

    def __hash__(self) -> int:
        return hash((self.salt, str(self)))


def _salted(words: Sequence[str], salt: int) -> list[_Word]:
    found = [_Word(word) for word in words]
    for word in found:
        word.salt = salt
    return found


@exercise
def ex01_5(answer: Callable[..., list[str]]) -> None:
    """``fair_candidates(word, words, on_picture, count, generator)`` -> `count` words."""
    words, on_picture, generator = list(WORDS), set(TRUE), make_generator(130)
    out = attempt(answer, "dog", words, on_picture, 4, generator)
    expect(isinstance(out, list | tuple), "return the candidates themselves: a list of words")
    expect(words == list(WORDS), "your function changed the list `words`: leave it as it is")
    expect(on_picture == TRUE, "your function changed the set `on_picture`: leave it as it is")
    for word, count in itertools.product(("dog", "animal"), (4, 1, 2, 8, 3, 8, 8)):
        for out in _draws(answer, word, WORDS, count, 10, generator):
            _ex01_5_valid(out, word, WORDS, count)
    _ex01_5_seed(answer)
    for word in ("pet", "animal"):
        _ex01_5_even(answer, word, WORDS)
    _ex01_5_repeated(answer, generator)
    _ex01_5_order(answer)
    hint = "8 candidates can be had, since 7 words are false of the picture: for 9 raise an error"
    expect_raises(Exception, hint, answer, "dog", list(WORDS), set(TRUE), 9, generator)


def _draws(
    answer: Callable[..., Any],
    word: str,
    words: Sequence[str],
    count: int,
    times: int,
    generator: torch.Generator,
) -> Iterator[list[str]]:
    for _ in range(times):
        out = attempt(answer, word, list(words), set(TRUE), count, generator)
        expect(isinstance(out, list | tuple), "return the candidates themselves: a list of words")
        yield list(out)


def _ex01_5_valid(out: Sequence[str], word: str, words: Collection[str], count: int) -> None:
    expect(len(out) == count, f"{count} candidates were asked for, {len(out)} came back")
    expect(all(name in words for name in out), "a candidate is none of the words in `words`")
    hint = "the right word should be among the candidates exactly once"
    expect(list(out).count(word) == 1, hint)
    hint = "a distractor is true of the picture too: whoever picks it is right, and is marked wrong"
    expect(not any(name in TRUE for name in out if name != word), hint)
    expect(len(set(out)) == count, "a candidate comes twice: that makes the question easier")


def _close_to_share(found: int, share: float, hint: str, draws: int = DRAWS) -> None:
    """Six standard deviations of a fair draw to either side; a fair answer stays within."""
    spread = math.sqrt(draws * share * (1 - share))
    expect(abs(found - draws * share) <= 6 * spread, f"{hint} ({found} times in {draws} questions)")


def _ex01_5_even(answer: Callable[..., Any], word: str, words: Sequence[str]) -> None:
    """Places of the right word, chances of each distractor, and of each two of them together."""
    false = [name for name in dict(zip(words, words, strict=True)) if name not in TRUE]
    count, left = 4, len(false)
    seen = list(_draws(answer, word, words, count, DRAWS, make_generator(131)))
    for out in seen:
        _ex01_5_valid(out, word, words, count)
    places = Counter(out.index(word) for out in seen)
    for place in range(count):
        hint = f"the right word {word!r} should stand at each of the 4 places equally often: "
        _close_to_share(places[place], 1 / count, f"{hint}place {place + 1} is off")
    single = Counter(name for out in seen for name in out)
    for name in false:
        hint = f"all false words should have the same chance: {name!r} is off"
        _close_to_share(single[name], (count - 1) / left, hint)
    pairs = Counter(pair for out in seen for pair in itertools.combinations(sorted(out), 2))
    both = (count - 1) * (count - 2) / (left * (left - 1))
    for pair in itertools.combinations(sorted(false), 2):
        hint = f"any two false words should meet equally often: {pair[0]!r} and {pair[1]!r} are off"
        _close_to_share(pairs[pair], both, hint)


def _ex01_5_repeated(answer: Callable[..., Any], generator: torch.Generator) -> None:
    """A vocabulary gathered from captions holds a common word many times."""
    often = (*WORDS, "boat", "boat", "dog", "boat", "tree", "boat", "boat")
    hint = "`words` may hold a word many times, as a list made from captions does"
    try:
        for out in _draws(answer, "dog", often, 8, 10, generator):
            _ex01_5_valid(out, "dog", often, 8)
        _ex01_5_even(answer, "pet", often)
    except CheckFailed as failed:
        raise CheckFailed(f"{hint}. What happened: {failed}") from None


def _ex01_5_seed(answer: Callable[..., Any]) -> None:
    first, again = (list(_draws(answer, "dog", WORDS, 4, 8, make_generator(132))) for _ in range(2))
    hint = "a generator in the same state should give the same candidates: draw from it alone"
    expect(first == again, hint)
    hint = "one generator should give other candidates at each call: it must not be set back"
    expect(any(out != first[0] for out in first), hint)


def _ex01_5_order(answer: Callable[..., Any]) -> None:
    """The same question in four runs of Python, as far as sets of strings can tell."""
    salted = []
    for salt in range(4):
        words = _salted(WORDS, salt)
        on_picture = {word for word in words if str(word) in TRUE}
        out = attempt(answer, words[4], words, on_picture, 4, make_generator(133))
        salted.append([str(word) for word in out])
    hint = (
        "the candidates hang on the order in which a set is walked through. For strings this is "
        "another one in each run of Python: keep to the order of `words`"
    )
    expect(all(out == salted[0] for out in salted), hint)
