"""Laws of the tokenizer on any text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.text import Tokenizer
from mmlib.tokenizer import normalise_text

TOKENIZER = Tokenizer.train(["a red dog", "two red dogs left of a cat", "一只狗"] * 4, 320)
few = settings(max_examples=80, deadline=None)
texts = st.text(max_size=40).filter(lambda text: bool(normalise_text(text)))
ascii_texts = st.text(st.characters(max_codepoint=127), max_size=30).filter(str.strip)


@few
@given(texts)
def test_round_trip(text: str) -> None:
    long_enough = 4 * len(normalise_text(text)) + 8
    row = TOKENIZER.encode(text, long_enough)[0]
    assert TOKENIZER.decode(row) == normalise_text(text)


@few
@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)


@few
@given(texts, st.integers(3, 20))
def test_one_start_and_one_end_whatever_the_length(text: str, context_length: int) -> None:
    row = TOKENIZER.encode(text, context_length)[0].tolist()
    assert len(row) == context_length
    assert row[0] == 1 and row.count(1) == 1 and row.count(2) == 1
    assert all(token == 0 for token in row[row.index(2) + 1 :])
    assert 0 not in row[: row.index(2)]


@few
@given(ascii_texts, ascii_texts)
def test_a_word_has_the_same_tokens_in_every_caption(first: str, second: str) -> None:
    """A space ends a word, so joining captions with a space joins their tokens."""

    def ids(text: str) -> list[int]:
        row = TOKENIZER.encode(text, 4 * len(text) + 8)[0].tolist()
        return row[1 : row.index(2)]

    assert ids(f"{first} {second}") == ids(first) + ids(second)
