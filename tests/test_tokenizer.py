from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mmlib.text import Tokenizer
from mmlib.tokenizer import FIRST_MERGE, normalise_text

CAPTIONS = [
    "a red apple",
    "a green apple",
    "two apples",
    "the red dog",
    "a dog",
    "一只红色的狗",
    "狗",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(CAPTIONS * 3, 330)


def test_row_layout(tokenizer: Tokenizer) -> None:
    rows = tokenizer.encode(["a red apple", "狗"], 12)
    assert rows.shape == (2, 12) and rows.dtype == torch.int64
    for row in rows.tolist():
        end = row.index(tokenizer.eot_id)
        assert row[0] == tokenizer.sot_id
        assert set(row[end + 1 :]) <= {tokenizer.pad_id}
        assert not {0, 1, 2} & set(row[1:end])


def test_frequent_words_become_one_token(tokenizer: Tokenizer) -> None:
    row = tokenizer.encode("a red apple", 12)[0].tolist()
    assert row.index(tokenizer.eot_id) == 4
    assert tokenizer.vocab_size <= 330


def test_case_spaces_and_composition_do_not_matter(tokenizer: Tokenizer) -> None:
    a = tokenizer.encode("  A  RED\tcafe\u0301 ", 16)
    assert torch.equal(a, tokenizer.encode("a red café", 16))


@pytest.mark.parametrize(
    "text", ["two apples!", "一只红色的狗", "smörgåsbord 42_x", "🐕‍🦺 नमस्ते", "²"]
)
def test_unknown_scripts_survive(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, 64)[0]) == normalise_text(text)


@pytest.mark.parametrize("context_length", [3, 4, 7])
def test_truncation_keeps_the_end_token(tokenizer: Tokenizer, context_length: int) -> None:
    row = tokenizer.encode("an unseen and very long caption", context_length)[0].tolist()
    assert row[-1] == tokenizer.eot_id and row.count(tokenizer.eot_id) == 1


def test_a_character_cut_in_the_middle_decodes(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("龘", 4)[0]) == "\ufffd"


def test_training_depends_on_counts_alone() -> None:
    a = Tokenizer.train(CAPTIONS * 2, 300)
    b = Tokenizer.train(reversed(CAPTIONS * 2), 300)
    assert a.merges == b.merges


def test_merges_follow_frequency() -> None:
    tokenizer = Tokenizer.train(["ab ab ab", "cd cd"], FIRST_MERGE + 2)
    spelled = [tokenizer._bytes[FIRST_MERGE + rank] for rank in range(2)]
    assert spelled == [b" a", b" ab"]  # three times each; ties go to the smaller ids


def test_no_merge_for_a_pair_seen_once() -> None:
    assert Tokenizer.train(["abc"], 400).vocab_size == FIRST_MERGE


def test_merges_equal_a_slow_recount() -> None:
    """The counts that are kept up to date against counting everything again for each merge."""
    from collections import Counter
    from itertools import pairwise

    from mmlib.tokenizer import _byte_ids, _merge, _words, learn_merges

    words = Counter(w for t in ["banana bandana", "aaaa aaa aaaaa", *CAPTIONS] for w in _words(t))
    spelled = {word: _byte_ids(word) for word in words}
    want = []
    for rank in range(40):
        counts: Counter = Counter()
        for word, ids in spelled.items():
            for pair in pairwise(ids):
                counts[pair] += words[word]
        best = max(counts, key=lambda pair: (counts[pair], -pair[0], -pair[1]))
        if counts[best] < 2:
            break
        want.append(best)
        spelled = {w: _merge(ids, best, FIRST_MERGE + rank) for w, ids in spelled.items()}
    assert learn_merges(words, 40) == want and len(want) >= 20


def test_save_and_load(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "t.json")
    again = Tokenizer.load(tmp_path / "t.json")
    assert torch.equal(again.encode(CAPTIONS), tokenizer.encode(CAPTIONS))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": "mmlib.tokenizer", "version": 2, "merges": []}',
     '{"format": "mmlib.tokenizer", "version": 1, "merges": [[3, 999]]}',
     '{"format": "mmlib.tokenizer", "version": 1, "merges": [[3]]}',
     '{"format": "mmlib.tokenizer", "version": 1, "merges": 5}'],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(ValueError, match=r"t\.json is not a tokenizer"):
        Tokenizer.load(tmp_path / "t.json")


def test_failed_save_keeps_the_old_file(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.json"
    tokenizer.save(path)
    before = path.read_text()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        Tokenizer().save(path)
    assert path.read_text() == before and json.loads(before)["merges"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("empty", ["", "   ", "\n\t"])
def test_empty_captions(tokenizer: Tokenizer, empty: str) -> None:
    with pytest.raises(ValueError, match="caption 1 is empty"):
        tokenizer.encode(["a dog", empty])


def test_other_bad_input(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="1 caption or more"):
        tokenizer.encode([])
    with pytest.raises(ValueError, match="context_length >= 3"):
        tokenizer.encode("a dog", 2)
    with pytest.raises(TypeError, match="caption 0 is a int"):
        tokenizer.encode([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="vocab_size=100"):
        Tokenizer.train(CAPTIONS, 100)
    with pytest.raises(ValueError, match="no word"):
        Tokenizer.train(["", " "])
    with pytest.raises(TypeError, match="one str"):
        Tokenizer.train("a dog")
    with pytest.raises(ValueError, match="token 9999"):
        tokenizer.decode([1, 9999, 2])
    with pytest.raises(ValueError, match="merge 0"):
        Tokenizer([(3, 259)])
