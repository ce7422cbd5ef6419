"""The benchmark by level: no leak, equal levels, and a planted world that it reads correctly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from mmlib.bands import MIXED, NOT_TESTED, REFUTED, SUPPORTED
from mmlib.data.icons import Icons, load_icons
from mmlib.data.level_words import (
    DRAWN,
    LEVELS,
    RELATED,
    WORDS,
    LevelWord,
    level_words,
    match_counts,
    picture_twins,
)
from mmlib.data.twins import role
from mmlib.encoders import CNNVisualEncoder
from mmlib.level_lab import LevelResult, measure_levels, order_verdict
from mmlib.level_models import (
    VectorEncoder,
    WordAlignment,
    WordBudget,
    WordTask,
    feature_model,
    frozen_features,
    pixel_model,
    thumbnails,
)
from mmlib.levels import CONDITIONS, LevelBenchmark, build_benchmark, twin_weights
from mmlib.runtime import make_generator

SEED = 100
SHORT = WordBudget(steps=3, batch_size=16)


@pytest.fixture(scope="module")
def icons() -> Icons:
    return load_icons(32, DRAWN)


@pytest.fixture(scope="module")
def twins(icons: Icons) -> list[int]:
    return picture_twins(icons)


@pytest.fixture(scope="module")
def benchmark(icons: Icons) -> LevelBenchmark:
    return build_benchmark(icons)


def features_of(benchmark: LevelBenchmark, columns: Tensor, noise: float = 0.1) -> Tensor:
    """Features (S * N, D + 8) of a planted world: the given columns of labels, and noise."""
    drawings = benchmark.styles * len(benchmark.twins)
    known = benchmark.labels[:, columns].float().repeat(benchmark.styles, 1)
    rest = torch.randn(drawings, columns.numel() + 8, generator=make_generator(1))
    rest[:, : columns.numel()] = noise * rest[:, : columns.numel()] + known
    return rest


# --- words ---------------------------------------------------------------------------------------


def test_a_word_has_one_level() -> None:
    forms = [form for entries in WORDS.values() for entry in entries for form in entry.split()]
    assert max(Counter(forms).values()) == 1 and tuple(WORDS) == LEVELS


def test_related_words_are_words() -> None:
    names = {entry.split()[0] for entries in WORDS.values() for entry in entries}
    assert {word for line in RELATED for word in line.split()} <= names


def test_twins_look_alike_or_differ_in_gender_or_colour_words(
    icons: Icons, twins: list[int]
) -> None:
    of = dict(zip([c.name for c in icons.concepts], twins, strict=True))
    assert of["red heart"] == of["blue heart"]
    assert of["man cook"] == of["woman cook"] == of["cook"]
    assert of["one o’clock"] == of["four-thirty"]
    assert len({of[name] for name in ("angry face", "crying face", "smiling face", "dog")}) == 4
    largest = Counter(twins).most_common(1)[0][1]
    assert largest == 30  # the families; by Concept.twin_group 68 faces and clocks are one
    assert len(set(twins)) > len({c.twin_group for c in icons.concepts})


def test_words_are_found_in_names_keywords_and_variants(icons: Icons, twins: list[int]) -> None:
    words = {word.text: word for word in level_words(icons, twins)}
    assert icons.index("person running") in words["exercise"].rows
    assert icons.index("crying face") in words["sad"].rows
    assert icons.index("hot dog") not in words["cat"].rows
    family: dict[str, set[int]] = {}
    for row, concept in enumerate(icons.concepts):
        family.setdefault(role(concept.codepoints), set()).add(row)
    for word in words.values():
        assert word.pictures == len({twins[row] for row in word.rows}) >= 5
        for row in word.rows:
            assert family[role(icons.concepts[row].codepoints)] <= word.rows


def planted_words(counts: dict[str, list[int]]) -> list[LevelWord]:
    return [
        LevelWord(f"{level}{place}", level, frozenset(range(count)), count)
        for level, row in counts.items()
        for place, count in enumerate(row)
    ]


def test_matching_takes_equal_counts_and_leaves_the_rest() -> None:
    words = planted_words({"a": [30, 10, 5], "b": [9, 50, 5], "c": [100, 5, 10]})
    tuples = match_counts(words, 1.25)
    assert [[word.pictures for word in row] for row in tuples] == [[10, 9, 10], [5, 5, 5]]
    assert match_counts(list(reversed(words)), 1.25) != []
    assert [[w.pictures for w in row] for row in match_counts(words, 1.0)] == [[5, 5, 5]]


def test_the_order_of_the_list_does_not_matter(icons: Icons, twins: list[int]) -> None:
    words = level_words(icons, twins)
    backwards = {level: [w for w in reversed(words) if w.level == level] for level in LEVELS}
    other = match_counts([word for level in LEVELS for word in backwards[level]])
    assert other == match_counts(words)


def test_a_higher_minimum_leaves_related_lines_without_a_word(
    icons: Icons, twins: list[int]
) -> None:
    few = build_benchmark(icons, minimum=10, twins=twins)
    left = {word.text for word in few.words}
    assert any(not left & set(line.split()) for line in RELATED)
    assert min(word.pictures for word in few.words) >= 10 and few.asked.shape == (len(LEVELS), 2)
    assert torch.equal(few.related, few.related.T) and few.related.diagonal().all()


def test_asked_words_have_matched_counts(benchmark: LevelBenchmark) -> None:
    counts = torch.tensor([[benchmark.words[w].pictures for w in row] for row in benchmark.asked])
    assert counts.shape == (len(LEVELS), 10) and int(counts.min()) >= 5
    spread = counts.max(dim=0).values / counts.min(dim=0).values
    assert float(spread.max()) <= 1.25
    medians = counts.double().quantile(0.5, dim=1)
    assert float(medians.max() / medians.min()) <= 1.2
    means = counts.double().mean(dim=1)
    assert float(means.max() / means.min()) <= 1.1
    levels = [[benchmark.words[word].level for word in row] for row in benchmark.asked]
    assert levels == [[level] * 10 for level in LEVELS]
    table = str(benchmark.matched())
    assert "happy" in table and "median" in table


# --- splits and questions ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_no_twin_is_on_both_sides(benchmark: LevelBenchmark, seed: int) -> None:
    train, test = benchmark.split(seed)
    assert (
        len(train) + len(test) == len(benchmark.twins) == len(set(train.tolist() + test.tolist()))
    )
    assert not set(benchmark.twins[train].tolist()) & set(benchmark.twins[test].tolist())
    for word in benchmark.asked.flatten().tolist():
        pictures = benchmark.words[word].pictures
        tested = len(benchmark.twins[test[benchmark.labels[test, word]]].unique())
        assert 1 <= tested <= pictures - 2
        assert abs(tested - 0.3 * pictures) <= 2  # words share pictures: not exactly 30%


def test_a_split_is_a_function_of_the_seed(benchmark: LevelBenchmark) -> None:
    first, again, other = (benchmark.split(seed)[1].tolist() for seed in (SEED, SEED, SEED + 1))
    assert first == again != other


@pytest.mark.parametrize("condition", CONDITIONS)
def test_questions_are_fair(benchmark: LevelBenchmark, condition: str) -> None:
    _, test = benchmark.split(SEED)
    questions = benchmark.questions(test, SEED, condition=condition)
    concepts = questions.pictures % len(benchmark.twins)
    assert questions.candidates.shape == (5 * 10 * 40, 6) and questions.chance == 1 / 6
    assert set(concepts.tolist()) <= set(test.tolist())
    assert set((questions.pictures // len(benchmark.twins)).tolist()) == {0, 1}
    right, wrong = questions.candidates[:, 0], questions.candidates[:, 1:]
    assert Counter(right.tolist()) == dict.fromkeys(benchmark.asked.flatten().tolist(), 40)
    assert bool(benchmark.labels[concepts, right].all())
    assert not benchmark.labels[concepts[:, None], wrong].any()
    assert not benchmark.related[right[:, None], wrong].any()
    assert all(len(set(row)) == 6 for row in questions.candidates.tolist())
    level = torch.tensor([LEVELS.index(word.level) for word in benchmark.words])
    assert torch.equal(level[right], questions.levels)
    if condition == CONDITIONS[0]:
        assert torch.equal(level[wrong], questions.levels[:, None].expand(-1, 5))
    else:
        assert torch.equal(level[wrong].sort(dim=1).values, torch.arange(5).expand(len(wrong), 5))


def test_wrong_answers_vary(benchmark: LevelBenchmark) -> None:
    """No asked word is a wrong answer much more often than another: an odd one could be learnt."""
    _, test = benchmark.split(SEED)
    wrong = benchmark.questions(test, SEED, per_word=100).candidates[:, 1:]
    times = Counter(wrong.flatten().tolist())
    counts = [times[word] for word in benchmark.asked.flatten().tolist()]
    assert sum(counts) == 50 * 500 and min(counts) > 250 and max(counts) < 750


def test_twins_share_one_weight() -> None:
    weights = twin_weights(torch.tensor([7, 7, 7, 2]))
    assert weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])


def test_questions_are_a_function_of_the_seed(benchmark: LevelBenchmark) -> None:
    _, test = benchmark.split(SEED)
    first, again, other = (benchmark.questions(test, s, per_word=3) for s in (SEED, SEED, SEED + 1))
    assert torch.equal(first.candidates, again.candidates)
    assert torch.equal(first.pictures, again.pictures)
    assert not torch.equal(first.candidates, other.candidates)


def test_scores_are_read_correctly(benchmark: LevelBenchmark) -> None:
    _, test = benchmark.split(SEED)
    questions = benchmark.questions(test, SEED)
    perfect = benchmark.labels.float().repeat(2, 1)
    assert float(questions.hits(perfect).min()) == 1
    assert float(questions.hits(-perfect).max()) == 0
    flat = torch.zeros_like(perfect)  # a collapsed model gains nothing from ties
    assert questions.hits(flat).mean().item() == pytest.approx(1 / 6)
    by_word = questions.by_word(perfect)
    assert by_word.shape == (5, 10) and bool((by_word == 1).all())
    only = benchmark.asked[3, 2]
    half = perfect.clone()
    half[:, only] = -1
    missed = questions.by_word(half)
    assert float(missed[3, 2]) == 0 and int((missed == 1).sum()) == 49


# --- models --------------------------------------------------------------------------------------


def test_a_planted_world_is_recovered(benchmark: LevelBenchmark) -> None:
    """Features that hold objects, and of the other levels nothing: all of one, chance of others."""
    model = feature_model(benchmark, features_of(benchmark, benchmark.asked[0]))
    result = measure_levels(benchmark, {"planted": model}, range(SEED, SEED + 4))
    for condition in CONDITIONS:
        means = torch.tensor([result.by_level("planted", condition)[name] for name in LEVELS])
        assert float(means[0].min()) > 98
        assert 10 < float(means[1:].mean()) < 24  # chance is 16.7
    effect = result.difference("planted", CONDITIONS[0], "object", "abstract")
    assert effect.low > 40
    hardest_first = result.words("planted", CONDITIONS[0])
    assert {row.level for row in hardest_first[-10:]} == {"object"}
    assert order_verdict(result, "planted", CONDITIONS[0]) == MIXED


def test_shuffled_words_are_chance(benchmark: LevelBenchmark) -> None:
    """Even where all is known: what cannot be learnt is how frequent a word is."""
    features = features_of(benchmark, benchmark.asked.flatten())
    models = {
        "planted": feature_model(benchmark, features),
        "shuffled": feature_model(benchmark, features, shuffled=True),
    }
    result = measure_levels(benchmark, models, range(SEED, SEED + 4))
    assert float(result.of("planted", CONDITIONS[0]).mean()) > 95
    assert 11 < float(result.of("shuffled", CONDITIONS[0]).mean()) < 22


def test_the_loss_is_smallest_at_the_truth(benchmark: LevelBenchmark) -> None:
    """With scores of 0 the model says the base rate; the right scores are better."""
    train, _ = benchmark.split(SEED)
    task = WordTask(benchmark, train)
    encoder = VectorEncoder(torch.randn(10, 4, generator=make_generator(0)))
    model = WordAlignment(encoder, task.base_rate, 8, make_generator(0))
    inputs = torch.randn(6, 4, generator=make_generator(2))
    with torch.no_grad():
        assert torch.equal(model(inputs), model.eval()(inputs))
        model.log_scale.fill_(-50.0)
        rate = task.base_rate
        entropy = -(rate * rate.log() + (1 - rate) * (1 - rate).log()).mean()
        labels = torch.rand(20000, len(rate), generator=make_generator(3)) < rate
        loss = model.loss(inputs[:1].expand(20000, -1), labels)
    assert loss.item() == pytest.approx(entropy.item(), rel=0.02)


def test_every_picture_counts_once(benchmark: LevelBenchmark) -> None:
    train, _ = benchmark.split(SEED)
    task = WordTask(benchmark, train)
    pictures = len(benchmark.twins[train].unique())
    assert task.weights.sum().item() == pytest.approx(2 * pictures)  # two artists
    assert len(task.rows) == len(task.labels) == 2 * len(train)
    assert set((task.rows % len(benchmark.twins)).tolist()) == set(train.tolist())


def test_scores_are_a_function_of_the_seed(icons: Icons, benchmark: LevelBenchmark) -> None:
    train, _ = benchmark.split(SEED)
    for model in (
        pixel_model(benchmark, icons, SHORT),
        feature_model(benchmark, thumbnails(icons), SHORT),
    ):
        first, again, other = model(train, 1), model(train, 1), model(train, 2)
        assert first.shape == (2 * len(icons), len(benchmark.words))
        assert torch.equal(first, again) and not torch.equal(first, other)


def test_test_pictures_are_not_trained_on(icons: Icons, benchmark: LevelBenchmark) -> None:
    """Other test drawings change their own scores and nothing else."""
    train, test = benchmark.split(SEED)
    rows = thumbnails(icons)
    changed = rows.clone()
    held = torch.cat([test, test + len(icons)])
    changed[held] = torch.rand(changed[held].shape, generator=make_generator(5))
    first = feature_model(benchmark, rows, SHORT)(train, 1)
    second = feature_model(benchmark, changed, SHORT)(train, 1)
    kept = torch.cat([train, train + len(icons)])
    assert torch.equal(first[kept], second[kept])
    assert not torch.equal(first[held], second[held])


def test_the_cnn_learns_colour(icons: Icons, benchmark: LevelBenchmark) -> None:
    """Drawings whose one colour is the word: the pixels reach it, at a fraction of the budget."""
    words = benchmark.asked[0, :4]
    train, test = benchmark.split(SEED)
    colours = torch.tensor([[255, 0, 0], [0, 0, 255], [0, 200, 0], [0, 0, 0]], dtype=torch.uint8)
    rgba = icons.rgba.clone()
    for word, colour in zip(words, colours, strict=True):
        rows = benchmark.labels[:, word]
        rgba[:, rows, :3] = colour[:, None, None].expand(3, 32, 32)
        rgba[:, rows, 3] = 255
    budget = WordBudget(steps=40, batch_size=64)
    scores = pixel_model(benchmark, replace(icons, rgba=rgba), budget)(train, 1)
    by_word = benchmark.questions(test, SEED, choices=3).by_word(scores)
    assert float(by_word[0, :4].mean()) > 0.9


def test_thumbnails_are_mean_colours(icons: Icons) -> None:
    rows = thumbnails(icons, 1)
    assert rows.shape == (2 * len(icons), 3)
    index = icons.index("red apple")
    rgba = icons.rgba[1, index].double() / 255
    expected = (rgba[:3] + 1 - rgba[3:]).mean(dim=(1, 2))
    assert rows[len(icons) + index].double().tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_frozen_features_have_a_row_a_drawing(icons: Icons) -> None:
    part = icons.subset([3, 700])
    encoder = CNNVisualEncoder("tiny", generator=make_generator(0))
    rows = frozen_features(part, encoder, batch_size=3)
    assert rows.shape == (4, encoder.feature_dim)
    alone = frozen_features(icons.subset([700]), encoder)
    assert torch.allclose(rows[1::2], alone, atol=1e-5)


# --- verdicts ------------------------------------------------------------------------------------


def planted_result(benchmark: LevelBenchmark, means: list[float], seeds: int = 5) -> LevelResult:
    """Accuracies around the given level means, with a little noise."""
    noise = 0.01 * torch.randn(seeds, 5, 10, generator=make_generator(4), dtype=torch.float64)
    values = torch.tensor(means, dtype=torch.float64)[None, :, None] + noise
    return LevelResult(benchmark, tuple(range(seeds)), {("m", CONDITIONS[0]): values}, 1 / 6)


@pytest.mark.parametrize("over", ["seeds", "words"])
@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([0.9, 0.7, 0.7, 0.5, 0.3], SUPPORTED),
        ([0.9, 0.7, 0.7, 0.3, 0.5], MIXED),  # emotion and abstract swapped
        ([0.9, 0.9, 0.7, 0.5, 0.3], MIXED),  # no step from object to scene
        ([0.5, 0.4, 0.4, 0.9, 0.3], REFUTED),  # emotion easier than objects
        ([0.5, 0.4, 0.4, 0.3, 0.9], REFUTED),
        ([0.5, 0.5, 0.5, 0.5, 0.5], MIXED),
    ],
)
def test_verdicts(benchmark: LevelBenchmark, means: list[float], expected: str, over: str) -> None:
    assert order_verdict(planted_result(benchmark, means), "m", CONDITIONS[0], over) == expected


def test_one_seed_is_not_tested_but_words_are(benchmark: LevelBenchmark) -> None:
    result = planted_result(benchmark, [0.9, 0.7, 0.7, 0.5, 0.3], seeds=1)
    assert order_verdict(result, "m", CONDITIONS[0]) == NOT_TESTED
    assert order_verdict(result, "m", CONDITIONS[0], "words") == SUPPORTED
    effect = result.difference("m", CONDITIONS[0], "object", "scene", "words")
    assert effect.n == 10 and effect.mean == pytest.approx(20, abs=2)
    assert "90" in str(result.table()) and "16.7" in str(result.table())


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition": "hard"}, "condition"),
        ({"choices": 1}, "choices=1"),
        ({"choices": 11}, "choices=11"),
        ({"choices": 5, "condition": CONDITIONS[1]}, "multiple of 5"),
        ({"per_word": 0}, "per_word=0"),
        ({"choices": 10}, "has enough wrong answers"),
    ],
)
def test_bad_questions_are_refused(
    benchmark: LevelBenchmark, options: dict[str, Any], message: str
) -> None:
    _, test = benchmark.split(SEED)
    with pytest.raises(ValueError, match=message):
        benchmark.questions(test, SEED, **options)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan"), 0.99])
def test_bad_splits_are_refused(benchmark: LevelBenchmark, share: float) -> None:
    with pytest.raises(ValueError, match="test_share"):
        benchmark.split(SEED, share)


def test_bad_words_are_refused(icons: Icons, twins: list[int]) -> None:
    with pytest.raises(ValueError, match="minimum=1"):
        level_words(icons, twins, 1)
    with pytest.raises(ValueError, match="twins must be 1629"):
        level_words(icons, twins[:-1])
    with pytest.raises(ValueError, match="'dog'.*two entries"):
        level_words(icons, twins, words={"a": ["cat dog"], "b": ["dog"]})
    with pytest.raises(ValueError, match="tolerance=0.9"):
        match_counts(level_words(icons, twins), 0.9)
    with pytest.raises(ValueError, match="raise it"):
        match_counts(planted_words({"a": [5], "b": [10]}), 1.25)
    with pytest.raises(ValueError, match="no word to match"):
        match_counts([])
    with pytest.raises(ValueError, match="abstract.*minimum=1000 pictures"):
        build_benchmark(icons, minimum=1000, twins=twins)


def test_missing_drawings_and_wrong_rows_are_refused(
    icons: Icons, benchmark: LevelBenchmark
) -> None:
    holes = icons.has.clone()
    holes[0, 5] = False
    with pytest.raises(ValueError, match="lacks a drawing"):
        build_benchmark(replace(icons, has=holes))
    with pytest.raises(ValueError, match="1629 rows for 3258"):
        feature_model(benchmark, thumbnails(icons)[:1629])
    with pytest.raises(ValueError, match="must be finite vectors"):
        feature_model(benchmark, thumbnails(icons) / 0)
    with pytest.raises(ValueError, match="must be finite vectors"):
        feature_model(benchmark, icons.rgba.flatten(0, 1)[:, :3, :2, :2])
    with pytest.raises(ValueError, match="rows for 3258"):
        pixel_model(benchmark, icons.subset(range(100)))
    with pytest.raises(ValueError, match="cells=33"):
        thumbnails(icons, 33)
    _, test = benchmark.split(SEED)
    with pytest.raises(ValueError, match="drawings, words"):
        benchmark.questions(test, SEED, per_word=2).hits(torch.zeros(3, 3))
    broken = torch.full((benchmark.styles * len(benchmark.twins), len(benchmark.words)), torch.nan)
    with pytest.raises(ValueError, match="NaN"):
        benchmark.questions(test, SEED, per_word=2).hits(broken)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"learning_rate": 0.0}, "learning_rate=0"),
        ({"warmup": 1.0}, "warmup"),
        ({"embed_dim": 0}, "embed_dim=0"),
    ],
)
def test_bad_budgets_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordBudget(**options)


def test_bad_measurements_are_refused(benchmark: LevelBenchmark, icons: Icons) -> None:
    model = feature_model(benchmark, thumbnails(icons), SHORT)
    for models, seeds in (({}, (1,)), ({"m": model}, ()), ({"m": model}, (1, 1))):
        with pytest.raises(ValueError, match="must not be empty"):
            measure_levels(benchmark, models, seeds)
    with pytest.raises(ValueError, match="conditions=.*must not be empty"):
        measure_levels(benchmark, {"m": model}, (1,), conditions=(CONDITIONS[0], CONDITIONS[0]))
    result = planted_result(benchmark, [0.9, 0.7, 0.7, 0.5, 0.3])
    for arguments in (
        ("other", CONDITIONS[0], "object", "scene", "seeds"),
        ("m", CONDITIONS[1], "object", "scene", "seeds"),
        ("m", CONDITIONS[0], "objects", "scene", "seeds"),
        ("m", CONDITIONS[0], "object", "scene", "time"),
    ):
        with pytest.raises(ValueError, match="must be one of|unknown"):
            result.difference(*arguments)
