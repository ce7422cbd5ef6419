from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

import mmlib
from mmlib.bands import paired_difference
from mmlib.encoders import (
    EncoderMeasurement,
    MeasuredRecommendation,
    Requirements,
    VisualEncoderComparison,
)
from mmlib.encoders.compare import CHINESE
from mmlib.tables import Table


@pytest.fixture
def comparison() -> VisualEncoderComparison:
    return VisualEncoderComparison()


# By the words of the article


def test_the_table_has_the_keys_of_the_article(comparison: VisualEncoderComparison) -> None:
    assert mmlib.VisualEncoderComparison is VisualEncoderComparison
    table = comparison.encoder_properties
    assert list(table) == ["CNN", "ViT", "Hybrid"]
    for properties in table.values():
        assert list(properties) == ["strengths", "weaknesses", "best_for"]
        assert all(len(entries) == len(set(entries)) == 4 for entries in properties.values())


def test_every_entry_can_be_asked_for_in_both_languages(
    comparison: VisualEncoderComparison,
) -> None:
    asked = {
        entry: name
        for name, properties in comparison.encoder_properties.items()
        for entry in properties["best_for"] + properties["strengths"]
    }
    assert sorted(CHINESE.values()) == sorted(asked)
    for chinese, english in CHINESE.items():
        answers = [comparison.recommend_encoder([term]) for term in (english, chinese)]
        assert answers[0] == answers[1]
        points = 2 if english in answers[0]["reasoning"]["best_for"] else 1
        assert answers[0]["scores"][asked[english]] == points
        assert answers[0]["recommended"] == asked[english] and not answers[0]["tied"]


def article_scores(comparison: VisualEncoderComparison, requirements: list[str]) -> dict[str, int]:
    """The article's rule, on the Chinese table, written once more."""
    chinese = {english: term for term, english in CHINESE.items()}
    scores = {}
    for name, properties in comparison.encoder_properties.items():
        best_for = [chinese[entry] for entry in properties["best_for"]]
        strengths = [chinese[entry] for entry in properties["strengths"]]
        scores[name] = 0
        for requirement in requirements:
            if requirement in best_for:
                scores[name] += 2
            elif any(requirement in strength for strength in strengths):
                scores[name] += 1
    return scores


def test_chinese_words_score_as_in_the_article(comparison: VisualEncoderComparison) -> None:
    words = [*CHINESE, "特征提取", "鲁棒性", "全局信息", "计算", "好"]
    for pair in combinations(words, 2):
        assert comparison.recommend_encoder(pair)["scores"] == article_scores(comparison, [*pair])


def test_points_add_up_and_the_best_wins(comparison: VisualEncoderComparison) -> None:
    answer = comparison.recommend_encoder(
        ["relational reasoning", "attention", "Object Detection ", "features"]
    )
    assert answer["scores"] == {"CNN": 2 + 1, "ViT": 2 + 1, "Hybrid": 1}
    assert answer["tied"] == ["CNN", "ViT"] and answer["recommended"] == "CNN"
    answer = comparison.recommend_encoder(["relational reasoning", "attention"])
    assert answer["recommended"] == "ViT" and answer["tied"] == []
    assert answer["reasoning"] == comparison.encoder_properties["ViT"]


def test_a_text_is_one_requirement_and_not_letters(comparison: VisualEncoderComparison) -> None:
    assert comparison.recommend_encoder("关系推理") == comparison.recommend_encoder(["关系推理"])
    assert comparison.recommend_encoder("scene understanding")["scores"]["ViT"] == 2


def test_a_generator_of_requirements_works(comparison: VisualEncoderComparison) -> None:
    words = ["high accuracy", "robust"]
    answer = comparison.recommend_encoder(word for word in words)
    assert answer["scores"] == {"CNN": 0, "ViT": 0, "Hybrid": 3}


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        (["speed"], r"'speed' matches nothing.*CNN: object detection.*Hybrid: complex multimodal"),
        (["object detection", "speed"], "'speed' matches nothing"),
        ("detect objects", "'detect objects' matches nothing"),
        ([""], "'' matches nothing"),
        (["  "], "matches nothing"),
        ([], "empty.*ViT: scene understanding"),
        ([3], "3 must be a text"),
        ([None], "None must be a text"),
    ],
)
def test_what_matches_nothing_is_an_error(
    comparison: VisualEncoderComparison, requirements: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        comparison.recommend_encoder(requirements)


def test_a_changed_table_is_used_and_stays_with_its_object() -> None:
    mine, other = VisualEncoderComparison(), VisualEncoderComparison()
    mine.encoder_properties["ViT"]["best_for"].append("chess")
    mine.encoder_properties["MLP"] = {"strengths": ["tiny"], "weaknesses": [], "best_for": []}
    assert mine.recommend_encoder("chess")["recommended"] == "ViT"
    assert mine.recommend_encoder("tiny")["recommended"] == "MLP"
    with pytest.raises(ValueError, match="chess"):
        other.recommend_encoder("chess")


# By measurements


def measurement(name: str = "CNN", **changes: object) -> EncoderMeasurement:
    values: dict[str, object] = {
        "accuracy": {100: [40, 41, 42], 1000: [70, 71, 72]},
        "latency_ms": 2.0,
        "parameters": 300_000,
        "flops": 15_000_000,
        "robustness": {"shift": [60, 61, 62], "style": [30, 31, 32]},
    }
    return EncoderMeasurement(name, **(values | changes))


CNN = measurement()
VIT = measurement(
    "ViT",
    accuracy={100: [20, 22, 24], 1000: [66, 66, 66], 5000: [90, 90, 90]},
    latency_ms=5.0,
    parameters=800_000,
    flops=110_000_000,
    robustness={"shift": [65, 66, 67], "style": [31, 30, 30]},
)
HYBRID = measurement(
    "Hybrid",
    accuracy={100: [39, 40, 41], 1000: [71, 71.5, 71.5]},
    latency_ms=7.5,
    parameters=1_900_000,
    flops=130_000_000,
)
ALL = [CNN, VIT, HYBRID]


def recommend(requirements: Requirements, measurements=ALL) -> MeasuredRecommendation:
    return VisualEncoderComparison().recommend_measured(measurements, requirements)


def test_the_best_at_the_largest_common_size_wins() -> None:
    answer = recommend(Requirements(data_size=9999))
    assert (answer.winner, answer.runner_up) == ("Hybrid", "CNN")
    assert answer.scores == pytest.approx({"CNN": 71, "ViT": 66, "Hybrid": 214 / 3})
    assert answer.lead == paired_difference([71, 71.5, 71.5], [70, 71, 72])
    assert not answer.decisive and not answer.excluded
    # only the ViT was measured with 5,000 pictures: that is no comparison
    assert answer.basis == "accuracy with 1000 training pictures, mean of 3 seeds"
    text = str(answer)
    assert "Hybrid: 71.3%" in text and "too close to call" in text
    assert "Hybrid takes 7.5 ms and CNN takes 2 ms" in text


def test_fewer_pictures_another_winner() -> None:
    for size in (100, 999):
        answer = recommend(Requirements(data_size=size))
        assert answer.winner == "CNN" and answer.basis.startswith("accuracy with 100 ")
    assert answer.lead is not None and answer.lead.low == answer.lead.mean == 1  # 1, 1, 1
    assert answer.decisive and "decisive" in str(answer) and "close" not in str(answer)


def test_robustness_decides_when_asked_for() -> None:
    answer = recommend(Requirements(1000, robust_to=("shift",)))
    assert answer.winner == "ViT" and answer.scores["ViT"] == 66
    assert answer.basis == "accuracy under shift, mean of 3 seeds"
    both = recommend(Requirements(1000, robust_to=("shift", "style")))
    assert both.scores == pytest.approx({"CNN": 46, "ViT": (96 + 96 + 97) / 6, "Hybrid": 46})
    assert both.lead == paired_difference([48, 48, 48.5], [45, 46, 47])
    assert both.runner_up == "CNN"  # as robust as the hybrid, and faster
    assert Requirements(1000, robust_to="shift") == Requirements(1000, robust_to=("shift",))


@pytest.mark.parametrize(
    ("limit", "out", "reason"),
    [
        ({"max_latency_ms": 5.0}, ["Hybrid"], "7.5 ms is 2.5 above max_latency_ms=5"),
        ({"max_parameters": 800_000}, ["Hybrid"], "1,900,000 parameters is 1,100,000 above"),
        ({"max_flops": 110_000_000}, ["Hybrid"], "130,000,000 FLOPs is 20,000,000 above"),
        ({"minimum_accuracy": 71.0}, ["ViT"], "66% with 1000 pictures is 5 points below"),
    ],
)
def test_each_limit_excludes_with_its_number(
    limit: dict[str, float], out: list[str], reason: str
) -> None:
    answer = recommend(Requirements(1000, **limit))
    assert list(answer.excluded) == out  # a limit itself is allowed
    assert reason in answer.excluded[out[0]] and f"{out[0]} is out: " in str(answer)
    assert answer.winner not in out and answer.runner_up not in out
    assert set(answer.scores) == {"CNN", "ViT", "Hybrid"}


def test_the_minimum_counts_on_unchanged_pictures() -> None:
    answer = recommend(Requirements(1000, minimum_accuracy=70, robust_to="shift"))
    assert answer.winner == "CNN" and "66%" in answer.excluded["ViT"]


def test_the_only_one_left_wins() -> None:
    answer = recommend(Requirements(1000, max_latency_ms=3))
    assert (answer.winner, answer.runner_up, answer.lead) == ("CNN", None, None)
    assert answer.decisive and "No other encoder meets" in str(answer)
    assert recommend(Requirements(1000), [VIT]).winner == "ViT"


def test_when_none_is_left_the_reasons_say_by_how_much() -> None:
    answer = recommend(Requirements(1000, minimum_accuracy=99, max_latency_ms=6))
    assert (answer.winner, answer.runner_up, answer.lead) == (None, None, None)
    assert not answer.decisive
    assert answer.excluded["CNN"].endswith("is 28 points below minimum_accuracy=99")
    assert "; 7.5 ms is 1.5 above" in answer.excluded["Hybrid"]
    assert str(answer).startswith("No encoder meets the requirements.")
    assert str(answer).count("is out") == 3


def test_one_seed_never_decides() -> None:
    one = [measurement("a", accuracy={10: [90]}), measurement("b", accuracy={10: [10]})]
    answer = recommend(Requirements(10), one)
    assert answer.winner == "a" and not answer.decisive
    assert answer.basis.endswith("one seed") and "no interval" in str(answer)


def test_equal_scores_go_to_the_cheaper_in_any_order() -> None:
    slow = measurement("slow", latency_ms=3.0)
    big = measurement("big", parameters=300_001)
    for order in ([slow, big, CNN], [CNN, big, slow], [big, slow, CNN]):
        answer = recommend(Requirements(1000), order)
        assert (answer.winner, answer.runner_up) == ("CNN", "big") and not answer.decisive


def test_the_table_shows_every_number() -> None:
    answer = recommend(Requirements(1000, max_parameters=1_000_000))
    table = answer.table()
    assert isinstance(table, Table) and answer.basis in table.caption
    assert [row[0] for row in table.cells] == ["CNN", "ViT", "Hybrid"]
    assert table.cells[0] == ("CNN", "71.00", "2.00", "0.30", "15.00", "winner")
    assert [row[-1] for row in table.cells[1:]] == [
        "meets the requirements",
        "1,900,000 parameters is 900,000 above max_parameters=1,000,000",
    ]
    close = recommend(Requirements(1000)).table()
    assert close.cells[2][-1] == "first, not decisive"
    assert recommend(Requirements(1000, minimum_accuracy=99)).table().cells[0][-1] != "winner"


def test_values_may_be_arrays_or_tensors_and_are_kept_safe() -> None:
    values = np.array([70.0, 71.0, 72.0])
    mine = measurement(accuracy={1000: values}, robustness={"shift": torch.tensor([60.0, 61.0])})
    values[:] = 0
    assert mine.accuracy == {1000: (70.0, 71.0, 72.0)}
    assert mine.robustness == {"shift": (60.0, 61.0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy": {}}, "CNN: accuracy is empty"),
        ({"accuracy": {0: [1]}}, "training size 0"),
        ({"accuracy": {"100": [1]}}, "training size '100'"),
        ({"accuracy": {100: []}}, "not usable"),
        ({"accuracy": {100: [101]}}, "percent, 0 to 100"),
        ({"accuracy": {100: [float("nan")]}}, "not usable"),
        ({"robustness": {"shift": [-1]}}, r"robustness\['shift'\].*percent"),
        ({"latency_ms": 0}, "latency_ms=0"),
        ({"latency_ms": float("nan")}, "latency_ms=nan"),
        ({"parameters": -1}, "parameters=-1"),
        ({"flops": 0}, "flops=0"),
    ],
)
def test_bad_measurements(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measurement(**changes)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"data_size": 0}, "data_size=0"),
        ({"minimum_accuracy": 101}, "minimum_accuracy=101"),
        ({"minimum_accuracy": float("nan")}, "minimum_accuracy=nan"),
        ({"max_latency_ms": 0}, "max_latency_ms=0"),
        ({"max_parameters": -5}, "max_parameters=-5"),
        ({"max_flops": 0}, "max_flops=0"),
    ],
)
def test_bad_requirements(bad: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Requirements(**({"data_size": 100} | bad))


def other_seeds() -> EncoderMeasurement:
    return measurement("other", accuracy={1000: [70, 71]})


@pytest.mark.parametrize(
    ("measurements", "requirements", "message"),
    [
        ([], Requirements(1000), r"measurements of \[\]"),
        ([CNN, CNN], Requirements(1000), "each with its own name"),
        (ALL, Requirements(99), r"data_size=99.*'ViT': \[100, 1000, 5000\].*ask for 100"),
        (
            [CNN, measurement("other", accuracy={7: [1, 2, 3]})],
            Requirements(1000),
            r"data_size=1000.*'other': \[7\]",
        ),
        (ALL, Requirements(1000, robust_to="blur"), r"'blur'.*CNN.*'shift', 'style'"),
        ([CNN, other_seeds()], Requirements(1000), r"seeds differ.*'CNN': 3, 'other': 2"),
        (
            [measurement(robustness={"shift": [1, 2], "style": [1, 2, 3]})],
            Requirements(1000, robust_to=("shift", "style")),
            "CNN: numbers of seeds differ",
        ),
    ],
)
def test_what_cannot_be_compared(
    measurements: list[EncoderMeasurement], requirements: Requirements, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        recommend(requirements, measurements)
