"""Laws of the measured recommendation, on random encoders and requirements."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.encoders.measured import EncoderMeasurement, Requirements, recommend_measured

many = settings(max_examples=60, deadline=None)
SEEDS = 3
percent = st.integers(1, 99)  # coarse numbers, so that ties happen
rows = st.lists(percent, min_size=SEEDS, max_size=SEEDS)
costs = st.integers(1, 20)
limits = st.none() | costs
measured = st.lists(
    st.builds(
        EncoderMeasurement,
        name=st.sampled_from("abcdef"),
        accuracy=st.fixed_dictionaries({10: rows, 100: rows}),
        latency_ms=costs,
        parameters=costs,
        flops=costs,
        robustness=st.fixed_dictionaries({"shift": rows, "style": rows}),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda each: each.name,
)
required = st.builds(
    Requirements,
    data_size=st.sampled_from([10, 50, 100]),
    minimum_accuracy=st.none() | percent,
    max_latency_ms=limits,
    max_parameters=limits,
    max_flops=limits,
    robust_to=st.sampled_from([(), ("shift",), ("shift", "style")]),
)
LIMITS = ("minimum_accuracy", "max_latency_ms", "max_parameters", "max_flops")


@many
@given(measured, required)
def test_the_winner_meets_the_requirements_and_has_the_best_score(encoders, needs) -> None:
    answer = recommend_measured(encoders, needs)
    allowed = {name: s for name, s in answer.scores.items() if name not in answer.excluded}
    assert (answer.winner is None) == (not allowed)
    if answer.winner is not None:
        assert answer.scores[answer.winner] == max(allowed.values())
    if answer.lead is not None:
        assert answer.lead.mean >= -1e-9
        assert answer.decisive == (answer.lead.low > 0)
    assert answer.table().cells and str(answer)


@many
@given(measured, required, st.sampled_from(LIMITS), costs)
def test_one_more_constraint_never_makes_an_excluded_encoder_win(
    encoders, needs, limit, value
) -> None:
    before = recommend_measured(encoders, replace(needs, **{limit: None}))
    after = recommend_measured(encoders, replace(needs, **{limit: value}))
    assert set(before.excluded) <= set(after.excluded)
    assert after.winner not in before.excluded
    assert after.scores == before.scores
    if before.winner not in after.excluded:
        assert after.winner == before.winner


@many
@given(measured, required, st.data())
def test_a_strictly_dominated_encoder_never_wins(encoders, needs, data) -> None:
    best = data.draw(st.sampled_from(encoders))
    worse = EncoderMeasurement(
        "worse",
        {size: [value - 1 for value in row] for size, row in best.accuracy.items()},
        best.latency_ms + 1,
        best.parameters + 1,
        best.flops + 1,
        {kind: [value - 1 for value in row] for kind, row in best.robustness.items()},
    )
    answer = recommend_measured([worse, *encoders], needs)
    assert answer.winner != "worse"
    if best.name in answer.excluded:
        assert "worse" in answer.excluded


@many
@given(measured, required, st.randoms(use_true_random=False))
def test_the_order_of_the_encoders_does_not_matter(encoders, needs, random) -> None:
    shuffled = list(encoders)
    random.shuffle(shuffled)
    first, second = (recommend_measured(each, needs) for each in (encoders, shuffled))
    assert (first.winner, first.runner_up, first.lead) == (
        second.winner,
        second.runner_up,
        second.lead,
    )
