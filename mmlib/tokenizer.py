"""A byte-level BPE tokenizer, learnt from captions."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmlib.files import atomic_write

# A word takes the space before it along: letters | one digit | signs.
WORD = re.compile(r" ?[^\W\d_]+| ?\d| ?(?:[^\w\s]|_)+")
PAD, SOT, EOT = 0, 1, 2
FIRST_BYTE = 3  # ids 3 to 258 are the 256 bytes, later ones the merges
FIRST_MERGE = FIRST_BYTE + 256
Pair = tuple[int, int]


def normalise_text(text: str) -> str:
    """Lower case, composed characters (NFC), one space between words."""
    return " ".join(unicodedata.normalize("NFC", text.lower()).split())


def _words(text: str) -> list[str]:
    return WORD.findall(" " + normalise_text(text))


def _byte_ids(word: str) -> tuple[int, ...]:
    return tuple(FIRST_BYTE + byte for byte in word.encode("utf-8"))


def _merge(ids: tuple[int, ...], pair: Pair, new: int) -> tuple[int, ...]:
    """Replace each occurrence of `pair` in `ids`, from the left, by `new`."""
    merged: list[int] = []
    position = 0
    while position < len(ids):
        if ids[position : position + 2] == pair:
            merged.append(new)
            position += 2
        else:
            merged.append(ids[position])
            position += 1
    return tuple(merged)


def learn_merges(words: Counter[str], count: int) -> list[Pair]:
    """Byte-pair encoding (Sennrich et al. 2016): up to `count` merges, most frequent pair first.

    Ties go to the smaller pair of ids, so the result depends on the counts alone. Stops early
    when no pair is left that occurs twice.
    """
    spelled = {word: _byte_ids(word) for word in words}
    counts: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[str]] = defaultdict(set)
    for word, ids in spelled.items():
        for pair in pairwise(ids):
            counts[pair] += words[word]
            where[pair].add(word)
    merges: list[Pair] = []
    while counts and len(merges) < count:
        best = max(counts, key=lambda pair: (counts[pair], (-pair[0], -pair[1])))
        if counts[best] < 2:
            break
        for word in where.pop(best):
            old, new = spelled[word], _merge(spelled[word], best, FIRST_MERGE + len(merges))
            for pair in pairwise(old):
                counts[pair] -= words[word]
            for pair in pairwise(new):
                counts[pair] += words[word]
                where[pair].add(word)
            spelled[word] = new
        merges.append(best)
        counts.pop(best, None)
    return merges


class Tokenizer:
    """Byte-level byte-pair encoding: any text in any script becomes ids, none is unknown.

    Ids: 0 padding, 1 start of text, 2 end of text, 3 to 258 the bytes, then the merges.
    A row of `encode` is start, caption, end, padding; a caption that is too long loses its last
    tokens and never the end token.
    """

    pad_id, sot_id, eot_id = PAD, SOT, EOT

    def __init__(self, merges: Sequence[Pair] = ()) -> None:
        self.merges: tuple[Pair, ...] = tuple((int(a), int(b)) for a, b in merges)
        for rank, pair in enumerate(self.merges):
            if not all(FIRST_BYTE <= part < FIRST_MERGE + rank for part in pair):
                raise ValueError(f"merge {rank} joins {pair}: both must be known before it")
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self._bytes: dict[int, bytes] = {FIRST_BYTE + value: bytes([value]) for value in range(256)}
        for rank, (left, right) in enumerate(self.merges):
            self._bytes[FIRST_MERGE + rank] = self._bytes[left] + self._bytes[right]
        self._cache: dict[str, tuple[int, ...]] = {}

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 1024) -> Tokenizer:
        """Learn merges from captions, up to `vocab_size` ids in all (259 or more).

        The vocabulary stays smaller when no pair of tokens occurs twice any more.
        """
        if vocab_size < FIRST_MERGE:
            raise ValueError(
                f"vocab_size={vocab_size} is too small: {FIRST_MERGE} ids are needed for the "
                "256 bytes and 3 special tokens"
            )
        if isinstance(texts, str):
            raise TypeError("texts is one str: give a list of captions")
        words = Counter(word for text in texts for word in _words(text))
        if not words:
            raise ValueError("texts hold no word: give captions to learn from")
        return cls(learn_merges(words, vocab_size - FIRST_MERGE))

    @property
    def vocab_size(self) -> int:
        """Number of ids: 3 special tokens, 256 bytes and the merges."""
        return FIRST_MERGE + len(self.merges)

    def _word_ids(self, word: str) -> tuple[int, ...]:
        if word not in self._cache:
            ids = _byte_ids(word)
            while ranked := [self._rank[pair] for pair in pairwise(ids) if pair in self._rank]:
                rank = min(ranked)
                ids = _merge(ids, self.merges[rank], FIRST_MERGE + rank)
            self._cache[word] = ids
        return self._cache[word]

    def encode(self, texts: str | Sequence[str], context_length: int = 32) -> Tensor:
        """Captions -> int64 ids (B, context_length).

        Raises ValueError for an empty caption, no caption, or a `context_length` under 3, and
        TypeError for something that is not text.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts or context_length < 3:
            raise ValueError(
                f"need 1 caption or more and context_length >= 3, got {len(texts)} "
                f"and {context_length}"
            )
        tokens = torch.full((len(texts), context_length), self.pad_id, dtype=torch.int64)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"caption {row} is a {type(text).__name__}, not a str")
            ids = [token for word in _words(text) for token in self._word_ids(word)]
            if not ids:
                raise ValueError(f"caption {row} is empty: {text!r}. Drop the pair or name it")
            ids = [self.sot_id, *ids[: context_length - 2], self.eot_id]
            tokens[row, : len(ids)] = torch.tensor(ids)
        return tokens

    def decode(self, ids: Tensor | Sequence[int]) -> str:
        """One row of ids (L,) -> normalised text, up to the end token.

        A character that was cut in the middle shows as the replacement sign U+FFFD.
        """
        row = ids.tolist() if isinstance(ids, Tensor) else list(ids)
        row = row[: row.index(self.eot_id)] if self.eot_id in row else row
        row = [token for token in row if token not in (self.pad_id, self.sot_id)]
        for token in row:
            if token not in self._bytes:
                raise ValueError(
                    f"token {token!r} is unknown: ids go from 0 to {self.vocab_size - 1}"
                )
        return b"".join(self._bytes[token] for token in row).decode("utf-8", "replace").strip(" ")

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as JSON; an old file stays whole if writing fails."""
        state = {"format": "mmlib.tokenizer", "version": 1, "merges": self.merges}
        atomic_write(Path(path), json.dumps(state).encode())

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read what `save` wrote. Raises ValueError for any other file."""
        try:
            state: Any = json.loads(Path(path).read_text(encoding="utf-8"))
            if (state["format"], state["version"]) != ("mmlib.tokenizer", 1):
                raise ValueError("another format or version")
            return cls(state["merges"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a tokenizer saved by mmlib: {error}") from error
