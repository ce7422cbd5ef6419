"""Every verdict's effect, once more from the stored results of single seeds."""

from __future__ import annotations

import math
from fnmatch import filter as matching
from pathlib import Path
from typing import Any

import pytest

from mmlib.bands import mean_effect, paired_difference

from .test_ledger import Content, read_claims, read_results

# These effects are the mean of one stored result, or the difference of two, seed by seed.
RECOMPUTED = [
    *("C1.1", "C1.3", "C1.4", "C1.5", "C1.6", "C1.7"),
    *("C2.1", "C2.2", "C2.3", "C2.4", "C2.5", "C2.6", "C2.8", "C2.9"),
    *("C3.1", "C3.2", "C3.4", "C3.5"),
    *("C4.1", "C4.3", "C4.4", "C4.5", "C4.6", "C4.7", "C4.8"),
    *("C5.1", "C5.2", "C5.3", "C5.4"),
]
OTHERWISE = ["C1.2", "C2.7", "C3.3"]  # a ratio or a mean of stored results: see the tests below
NOT_STORED = ["C4.2"]  # the runs that it compares with lab.base are in the chapter's figure only


@pytest.fixture(scope="module")
def stored(root: Path) -> dict[str, Content]:
    return {k: r for c in read_results(root).values() for k, r in c["results"].items()}


@pytest.fixture(scope="module")
def judged(root: Path) -> dict[str, Content]:
    return {k: v for c in read_results(root).values() for k, v in c["verdicts"].items()}


def test_effects_are_accounted_for(root: Path, judged: dict[str, Content]) -> None:
    named = [name for name, claim in read_claims(root).items() if "effect" in claim]
    assert named == RECOMPUTED
    assert sorted(judged) == sorted([*RECOMPUTED, *OTHERWISE, *NOT_STORED])


@pytest.mark.parametrize("name", RECOMPUTED)
def test_effect_comes_from_the_results_it_names(
    name: str, root: Path, judged: dict[str, Content], stored: dict[str, Content]
) -> None:
    first, *second = read_claims(root)[name]["effect"]
    values = stored[first]["values"]
    if second and isinstance(second[0], str):
        assert stored[second[0]]["seeds"] == stored[first]["seeds"]
        again = paired_difference(values, stored[second[0]]["values"])
    else:
        again = mean_effect([value - sum(second) for value in values])
    check_effect(again, judged[name]["effect"])


def check_effect(again: Any, effect: Content) -> None:
    found = (again.mean, again.low, again.high, again.n)
    assert found == pytest.approx([effect[k] for k in ("mean", "low", "high", "n")], abs=1e-9)


def test_ratios_come_from_stored_results(
    judged: dict[str, Content], stored: dict[str, Content]
) -> None:
    text, image = (stored[f"c12.density.{m}"]["values"] for m in ("text", "image"))
    logs = paired_difference([math.log2(v) for v in text], [math.log2(v) for v in image])
    check_effect(logs, judged["C1.2"]["effect"])
    vit, cnn = (stored[f"c27.growth.{m}"]["values"] for m in ("vit4", "cnn"))
    steeper = mean_effect([100 * (v / c - 1) for v, c in zip(vit, cnn, strict=True)])
    check_effect(steeper, judged["C2.7"]["effect"])


def test_attention_effect_is_the_mean_over_the_other_two(
    judged: dict[str, Content], stored: dict[str, Content]
) -> None:
    pairs = (("none", "spatial"), ("channel", "channel-spatial"), ("scale", "spatial-scale"))
    pairs += (("channel-scale", "channel-spatial-scale"),)
    sides = [[stored[f"c33.{p[i]}.all"]["values"] for p in pairs] for i in (0, 1)]
    without, with_it = ([sum(v) / 4 for v in zip(*side, strict=True)] for side in sides)
    check_effect(paired_difference(with_it, without), judged["C3.3"]["effect"])


def test_every_pattern_of_evidence_finds_results(root: Path, stored: dict[str, Content]) -> None:
    patterns = [p for claim in read_claims(root).values() for p in claim.get("evidence", [])]
    assert len(patterns) >= 10
    assert not [pattern for pattern in patterns if not matching(stored, pattern)]


def test_names_of_effects_follow_the_sizes_of_the_stored_run() -> None:
    from mmlib_book.claims import Claim
    from mmlib_book.evidence import effect_names, evidence

    effect = ("c43.softmax.b{largest}", "c43.softmax.b{smallest}", "lab.base", 75)
    claim = Claim("C4.3", "says", "test", effect)
    at_cpu = [f"c43.{loss}.b{size}" for loss in ("softmax", "sigmoid") for size in (16, 32, 80)]
    at_gpu = [*at_cpu, "c43.softmax.b240", "c43.softmax.b1000.longer", "lab.base"]
    assert effect_names(claim, at_cpu) == ("c43.softmax.b80", "c43.softmax.b16", "lab.base", 75)
    assert effect_names(claim, at_gpu) == ("c43.softmax.b240", "c43.softmax.b16", "lab.base", 75)
    assert effect_names(claim, [])[0] == "c43.softmax.b{largest}"
    other = Claim("C9.9", "says", "test", effect[:1])
    assert evidence([other], at_gpu, {})["C9.9"] == ["c43.softmax.b240"]
