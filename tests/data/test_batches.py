"""Batches of icons: right pairs, honest controls, and a stream that resumes."""

from __future__ import annotations

import time

import pytest
import torch

from mmlib.augment import AugmentConfig, IconAugmentation
from mmlib.data.batches import IconPairs, PairConfig, captions_of, token_table
from mmlib.data.icons import STYLES, Icons, load_icons
from mmlib.lab import IconTask, Recipe, build_model, trainer_for
from mmlib.runtime import make_generator

PLAIN = IconAugmentation(AugmentConfig.none())


@pytest.fixture(scope="module")
def icons() -> Icons:
    every = load_icons(size=32)
    return every.subset(every.where(concrete=True, max_words=2, styles=STYLES)[:200])


def numbers(icons: Icons) -> torch.Tensor:
    """A caption is its concept's number and its form: (N, 2, 2)."""
    concept = torch.arange(len(icons))[:, None].expand(-1, 2)
    return torch.stack([concept, torch.arange(2).expand(len(icons), -1)], dim=2)


def pairs(icons: Icons, seed: int = 0, size: int = 16, **options: object) -> IconPairs:
    config = PairConfig(size, STYLES, **options)  # type: ignore[arg-type]
    return IconPairs(icons, numbers(icons), config, make_generator(seed), PLAIN)


def test_every_picture_comes_with_its_own_caption(icons: Icons) -> None:
    batch = next(pairs(icons))
    white = [(icons.rgba[:, i, :3].float() + 255 - icons.rgba[:, i, 3:].float()) / 255
             for i in batch["groups"]]  # fmt: skip
    assert torch.equal(batch["text_tokens"][:, 0], batch["groups"])
    for picture, styles in zip(batch["images"], white, strict=True):
        assert any(torch.allclose(picture, drawing, atol=1e-6) for drawing in styles)


def test_concepts_are_distinct_unless_duplicates_are_asked_for(icons: Icons) -> None:
    assert next(pairs(icons, size=64))["groups"].unique().numel() == 64
    assert next(pairs(icons, size=200, distinct=False))["groups"].unique().numel() < 200


def test_shuffled_captions_are_the_same_captions_dealt_anew(icons: Icons) -> None:
    batch = next(pairs(icons, size=64, shuffle_captions=True))
    named, shown = batch["text_tokens"][:, 0], batch["groups"]
    assert torch.equal(named.sort().values, shown.sort().values)
    assert (named == shown).float().mean() < 0.2


def test_the_same_seed_is_bit_equal_and_the_generator_is_the_whole_state(icons: Icons) -> None:
    first, second = pairs(icons, 3), pairs(icons, 3)
    next(first), next(second)
    state = first.generator.get_state()
    wanted = next(first)
    assert torch.equal(wanted["images"], next(second)["images"])
    resumed = pairs(icons, 99)
    resumed.generator.set_state(state)
    assert torch.equal(wanted["images"], next(resumed)["images"])


def test_wrong_requests_are_named(icons: Icons) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        PairConfig(1, STYLES)
    with pytest.raises(ValueError, match="must name at least one"):
        PairConfig(8, ())
    with pytest.raises(ValueError, match="needs as many distinct concepts"):
        pairs(icons, size=201)
    with pytest.raises(ValueError, match="tokens must be"):
        IconPairs(icons, numbers(icons)[:5], PairConfig(4, STYLES), make_generator(0))
    every = load_icons(size=32)
    lacking = every.subset((~every.has.all(dim=0)).nonzero()[:3, 0])
    with pytest.raises(ValueError, match="lack a drawing"):
        IconPairs(lacking, numbers(lacking), PairConfig(2, STYLES), make_generator(0))


def test_captions_and_their_table() -> None:
    captions = captions_of(["dog", "cat"], ("{}", "a {}"))
    assert captions == [["dog", "a dog"], ["cat", "a cat"]]
    table = token_table(captions, lambda texts: torch.arange(len(texts))[:, None])
    assert table.tolist() == [[[0], [1]], [[2], [3]]]
    with pytest.raises(ValueError, match="need names and templates"):
        captions_of([])


def test_data_and_augmentation_take_under_15_percent_of_a_step(icons: Icons) -> None:
    task = IconTask(icons, STYLES, templates=("{}", "a picture of {}"), context_length=12)
    recipe = Recipe(image_options=(("pooling", "grid"), ("grid", 4)), pooling="mean")
    trainer = trainer_for(build_model(task, recipe, 0), recipe, task.device)
    tokens = task.tokens(recipe)[task.seen]
    config = PairConfig(128, STYLES)
    batches = IconPairs(task.seen_icons, tokens, config, make_generator(0), IconAugmentation())

    def best(work: object) -> float:
        times = []
        for _ in range(8):
            start = time.perf_counter()
            work()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return min(times)

    batch = next(batches)
    step, data = best(lambda: trainer.step(batch)), best(lambda: next(batches))
    assert data < 0.15 * (step + data), f"data {1e3 * data:.1f} ms, step {1e3 * step:.1f} ms"
