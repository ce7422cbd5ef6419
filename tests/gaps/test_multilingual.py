"""One language or many: nothing held out is trained, all tests are alike, names cross languages."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmlib.data.icons import LANGUAGES, Icons
from mmlib.gaps import multilingual
from mmlib.gaps.multilingual import (
    LanguageConfig,
    LanguageTask,
    Space,
    compare_diets,
    usable_concepts,
)
from mmlib.pair_lab import PairBudget
from mmlib.tokenizer import normalise_text

SMALL = LanguageConfig(
    candidates=8,
    languages=("en", "zh", "fr", "es"),
    vocabulary=300,
    batch_size=32,
    budget=PairBudget(steps=60, learning_rate=3e-3),
)


@pytest.fixture(scope="module")
def task(icons: Icons) -> LanguageTask:
    return LanguageTask(icons, SMALL, 100)


def test_no_two_concepts_share_a_name_or_a_drawing(icons: Icons) -> None:
    rows = usable_concepts(icons, SMALL)
    chosen = icons.subset(rows)
    assert len(rows) >= 256
    assert len({c.twin_group for c in chosen.concepts}) == len(rows)
    for language in LANGUAGES:
        assert len({normalise_text(name) for name in chosen.names(language)}) == len(rows)


def test_a_quarter_is_held_out_in_each_language_and_not_the_same(task: LanguageTask) -> None:
    assert task.held_out.shape == (4, 32)
    assert task.held_out.sum(dim=1).tolist() == [8] * 4
    assert len({tuple(row) for row in task.held_out.tolist()}) == 4


@pytest.mark.parametrize("diet", ["en", "zh", "all"])
def test_held_out_names_and_other_languages_are_never_trained(
    task: LanguageTask, diet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def spy(build: Any, draw: Any, budget: PairBudget, seed: int, device: torch.device) -> None:
        assert device == task.device
        generator = torch.Generator().manual_seed(0)
        drawn.extend(draw(generator) for _ in range(60))

    monkeypatch.setattr(multilingual, "train_pair", spy)
    task.train(diet)
    seen = torch.zeros_like(task.held_out)
    for pictures, tokens, groups in drawn:
        assert pictures.shape == (32, 3, 32, 32)
        same = (task.tokens[:, groups] == tokens).all(dim=2)  # (L, B): whose name it is
        assert same.any(dim=0).all()
        seen[:, groups] |= same
    spelled_alike = (task.tokens[:, None] == task.tokens[None]).all(dim=3)  # (L, L, N)
    rows = range(4) if diet == "all" else [SMALL.languages.index(diet)]
    allowed = (spelled_alike[:, list(rows)] & ~task.held_out[list(rows)]).any(dim=1)
    assert torch.equal(seen, allowed)


def test_the_tokenizer_learns_from_trained_names_only(icons: Icons, task: LanguageTask) -> None:
    names = [
        name
        for language, held in zip(SMALL.languages, task.held_out.tolist(), strict=True)
        for name, out in zip(task.icons.names(language), held, strict=True)
        if not out
    ]
    assert len(names) == 4 * 24
    again = type(task.tokenizer).train(names, SMALL.vocabulary)
    assert again.merges == task.tokenizer.merges


def test_scores_of_known_embeddings(task: LanguageTask) -> None:
    """A perfect space has 100 everywhere, a space turned by one concept 0, a flat one chance."""
    eye = torch.eye(32)
    perfect = Space(eye, eye.expand(4, 32, 32))
    turned = Space(eye.roll(1, 0), eye.expand(4, 32, 32))
    flat = Space(torch.ones(32, 1), torch.ones(4, 32, 1))
    for held_out in (False, True):
        assert task.accuracy(perfect, "fr", held_out=held_out) == 100
        assert task.accuracy(flat, "fr", held_out=held_out) == SMALL.chance == 12.5
        assert task.accuracy(turned, "fr", held_out=held_out) <= 25
    assert task.translation(perfect, "en", "zh") == 100
    assert task.translation(flat, "en", "zh") == 12.5
    assert task.held_out_by_cognate(perfect) == (100, 100)


def test_cognates_are_trained_names_of_other_latin_languages(task: LanguageTask) -> None:
    assert not task.cognates[SMALL.languages.index("zh")].any()
    french, spanish = SMALL.languages.index("fr"), SMALL.languages.index("es")
    assert task.cognates[french].any() and not task.cognates[french].all()
    alone = [
        row
        for row in range(32)
        if task.held_out[[0, spanish], row].all()  # no other Latin language trains this concept
    ]
    assert not task.cognates[french, alone].any()


def test_training_works_in_the_trained_language_only(icons: Icons) -> None:
    found = compare_diets(icons, SMALL, 100, ("en", "all"))
    assert found["en.en"] > 70
    assert found["en.zh"] < 35 and found["untrained.en"] < 35  # chance 12.5
    assert min(found[f"all.{language}"] for language in SMALL.languages) > 20
    assert found["untrained.en-zh"] < 40
    assert found["short.en"] < found["en.en"]
    assert not any(math.isnan(value) for value in found.values())
    assert {"en.en.held_out", "all.cognate", "all.no cognate", "all.en-fr"} <= set(found)


def test_a_seed_is_a_result(icons: Icons) -> None:
    short = SMALL.but(budget=PairBudget(steps=2))
    first = compare_diets(icons, short, 100, ("all",))
    assert first == compare_diets(icons, short, 100, ("all",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": 1}, "candidates=1 must be 2 or more"),
        ({"languages": ("en",)}, "two or more"),
        ({"languages": ("en", "en")}, "each once"),
        ({"languages": ("en", "tlh")}, "language"),
        ({"batch_size": 0}, "batch_size=0 must be above 0"),
    ],
)
def test_bad_settings_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SMALL.but(**change)


def test_bad_calls_are_named(icons: Icons, task: LanguageTask) -> None:
    with pytest.raises(ValueError, match="language"):
        task.train("ja")
    with pytest.raises(ValueError, match="diet"):
        compare_diets(icons, SMALL, 0, ("en", "ja"))
    with pytest.raises(ValueError, match="diets is empty"):
        compare_diets(icons, SMALL, 0, ())
    with pytest.raises(ValueError, match="needs 4000 concepts"):
        LanguageTask(icons, SMALL.but(candidates=1000), 0)
    with pytest.raises(ValueError, match="259 ids are needed"):
        LanguageTask(icons, SMALL.but(vocabulary=10), 0)
