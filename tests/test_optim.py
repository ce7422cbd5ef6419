"""Parameter groups and schedule at their corner values."""

import math

import pytest
import torch
from torch import nn

from mmlib.optim import make_optimizer, parameter_groups, set_learning_rate, warmup_cosine


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.LayerNorm(3)
        self.pos_embed = nn.Parameter(torch.zeros(4, 3))
        self.frozen = nn.Parameter(torch.zeros(2, 2), requires_grad=False)


def test_only_matrices_decay_and_positions_do_not() -> None:
    model = Toy()
    decay, rest = parameter_groups(model, 0.1)
    assert [id(p) for p in decay["params"]] == [id(model.linear.weight)]
    assert decay["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0.0
    expected = {model.linear.bias, model.norm.weight, model.norm.bias, model.pos_embed}
    assert {id(p) for p in rest["params"]} == {id(p) for p in expected}


def test_nothing_trainable_is_an_error() -> None:
    model = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(ValueError, match="no trainable parameter"):
        parameter_groups(model, 0.0)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_a_learning_rate_must_be_positive(bad: float) -> None:
    with pytest.raises(ValueError, match="learning_rate must be positive"):
        make_optimizer(nn.Linear(2, 2), bad)


def test_schedule_corners() -> None:
    assert warmup_cosine(0, 100, 10) == pytest.approx(0.1)  # never exactly 0
    assert warmup_cosine(9, 100, 10) == 1.0
    assert warmup_cosine(10, 100, 10) == 1.0
    assert warmup_cosine(55, 100, 10) == pytest.approx(0.5)
    assert warmup_cosine(99, 100, 10) == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert warmup_cosine(99, 100, 10) > 0
    assert warmup_cosine(0, 1) == 1.0


@pytest.mark.parametrize(("step", "total", "warmup"), [(5, 5, 0), (-1, 5, 0), (0, 5, 5)])
def test_schedule_refuses_what_is_outside(step: int, total: int, warmup: int) -> None:
    with pytest.raises(ValueError, match="must be in"):
        warmup_cosine(step, total, warmup)


def test_factors_apply_to_the_first_rate() -> None:
    optimizer = make_optimizer(nn.Linear(2, 2), 0.1)
    assert set_learning_rate(optimizer, 0.5) == pytest.approx(0.05)
    assert set_learning_rate(optimizer, 0.5) == pytest.approx(0.05)
