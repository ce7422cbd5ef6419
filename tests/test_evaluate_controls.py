"""Intervals, groups, shuffled controls and tables."""

from __future__ import annotations

import math

import pytest
import torch

from mmlib.evaluate import (
    Table,
    binomial_interval,
    derangement,
    report_by,
    shuffled_control,
    zero_shot_accuracy,
)


def test_wilson_interval_against_published_values() -> None:
    # Newcombe 1998, table I: 81 of 263 -> 0.2553 to 0.3662; 15 of 148 -> 0.0624 to 0.1605;
    # 0 of 20 -> 0 to 0.1611; 1 of 29 -> 0.0061 to 0.1718.
    for successes, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert binomial_interval(successes, n) == pytest.approx((low, high), abs=5e-5)
    assert binomial_interval(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)


def test_the_interval_covers_at_its_stated_rate() -> None:
    n = 40
    intervals = [binomial_interval(successes, n) for successes in range(n + 1)]
    coverage = []
    for p in [step / 100 for step in range(5, 96)]:
        mass = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        covers = [low <= p <= high for low, high in intervals]
        coverage.append(sum(share for share, inside in zip(mass, covers, strict=True) if inside))
    # The discrete steps make it wave around 95%; an interval of the wrong width would miss this.
    assert sum(coverage) / len(coverage) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("successes", "n", "z", "message"),
    [(1, 0, 2, "n must be"), (3, 2, 2, "between 0 and n=2"), (-1, 2, 2, "got -1"), (1, 2, 0, "z ")],
)
def test_a_bad_interval_is_refused(successes: float, n: int, z: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        binomial_interval(successes, n, z)


def test_report_by_keeps_every_sample_in_its_group() -> None:
    hits = torch.tensor([1.0, 0.0, 0.5, 1.0])
    rows = report_by(hits, ["line", "flat", "line", "line"], chance=0.1)
    assert [(row.group, row.n, row.chance) for row in rows] == [("line", 3, 0.1), ("flat", 1, 0.1)]
    assert rows[0].accuracy == pytest.approx(2.5 / 3)
    assert sum(row.n * row.accuracy for row in rows) == pytest.approx(float(hits.sum()))
    assert all(row.low <= row.accuracy <= row.high for row in rows)
    assert rows[1].percent()["chance"] == 10.0
    by_number = report_by(hits > 0, torch.tensor([2, 2, 0, 0]))
    assert [(row.group, row.accuracy) for row in by_number] == [("2", 0.5), ("0", 1.0)]
    assert "chance" not in by_number[0].percent()


@pytest.mark.parametrize(
    ("hits", "groups", "message"),
    [
        (torch.tensor([1.0]), ["a", "b"], "1 hits but 2 groups"),
        (torch.tensor([]), [], "non-empty vector"),
        (torch.tensor([2.0]), ["a"], "must lie in"),
        (torch.tensor([math.nan]), ["a"], "must lie in"),
    ],
)
def test_bad_groups_are_refused(hits: torch.Tensor, groups: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        report_by(hits, groups)


def test_derangements_of_four_are_all_drawn_equally_often() -> None:
    generator = torch.Generator().manual_seed(0)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(1800):
        order = tuple(derangement(4, generator).tolist())
        assert all(value != place for place, value in enumerate(order))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 9  # the subfactorial of 4
    assert min(counts.values()) > 150 and max(counts.values()) < 250
    assert sorted(derangement(1000, generator).tolist()) == list(range(1000))
    with pytest.raises(ValueError, match="at least 2 items, got 1"):
        derangement(1, generator)


def test_the_control_separates_knowing_from_leaking() -> None:
    classes, generator = 30, torch.Generator().manual_seed(0)
    labels = torch.arange(3 * classes) % classes
    knows = torch.eye(classes)
    blind = torch.randn(classes, 64, generator=generator)

    def metric(features: torch.Tensor, names: torch.Tensor, order: torch.Tensor) -> float:
        return zero_shot_accuracy(features, names[order], labels).accuracy

    seeing = shuffled_control(lambda order: metric(knows[labels], knows, order), classes, generator)
    assert seeing.values == (0.0,) * 5  # below chance: the right name is never in its place
    noise = torch.randn(len(labels), 64, generator=generator)
    guess = shuffled_control(lambda order: metric(noise, blind, order), classes, generator, 40)
    assert guess.mean == pytest.approx(1 / classes, abs=0.015)
    assert guess.low <= guess.mean <= guess.high and len(guess.values) == 40
    leak = shuffled_control(lambda order: 0.9, classes, generator)
    assert (leak.mean, leak.low, leak.high) == pytest.approx((0.9, 0.9, 0.9))
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        shuffled_control(lambda order: 0.0, 5, generator, repeats=0)


def test_a_table_reads_as_markdown_html_and_text() -> None:
    rows = [
        {"style": "line | art", "n": 3, "accuracy": 83.333, "chance": None},
        {"style": "<b>", "n": 12, "accuracy": float("nan"), "chance": 1.0},
    ]
    table = Table.from_rows(rows, caption="By style")
    lines = table.markdown().splitlines()
    assert lines[0] == "**By style**"
    assert lines[2] == "| style | n | accuracy | chance |"
    assert lines[3] == "| --- | ---: | ---: | --- |"
    assert lines[4] == "| line \\| art | 3 | 83.3 | – |"
    assert "&lt;b&gt;" in table.html() and "<b>" not in table.html()
    assert table.html().count('<th scope="col"') == 4
    assert table._repr_html_() == table.html()
    assert str(table).splitlines()[2] == "line | art   3      83.3  –"
    with pytest.raises(ValueError, match="at least one row"):
        Table.from_rows([])
    with pytest.raises(ValueError, match="row 1 has columns"):
        Table.from_rows([{"a": 1}, {"b": 1}])
    with pytest.raises(ValueError, match="digits must be 0 or more"):
        Table.from_rows(rows, digits=-1)
