"""The common training of two modalities: budgets, seeds, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmlib.pair_lab import PairBudget, embed_pair, train_pair

POINTS = 6  # things, each a row of an identity matrix on either side


class Linear(nn.Module):
    """A linear map with the width that `CLIPModel` asks for."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.feature_dim = width
        self.weight = nn.Parameter(torch.randn(POINTS, width, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
    return Linear(8, generator), Linear(5, generator)


def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    rows = torch.randperm(POINTS, generator=generator)[:4]
    return torch.eye(POINTS)[rows], torch.eye(POINTS)[rows], rows


def found(budget: PairBudget, seed: int) -> Tensor:
    first, second = embed_pair(train_pair(build, draw, budget, seed), *[torch.eye(POINTS)] * 2)
    return first @ second.T  # (POINTS, POINTS) cosines


def test_pairs_meet_and_the_seed_repeats() -> None:
    budget = PairBudget(80, learning_rate=2e-2, embed_dim=16)
    cosines = found(budget, 0)
    assert cosines.argmax(dim=1).equal(torch.arange(POINTS))
    assert torch.equal(cosines, found(budget, 0)) and not torch.equal(cosines, found(budget, 1))


def test_no_steps_leave_the_model_as_it_was_drawn() -> None:
    def never(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        raise AssertionError("nothing is drawn")

    model = train_pair(build, never, PairBudget(0), 3)
    assert not model.training
    assert model.scale.item() == pytest.approx(1 / 0.07)


def test_embeddings_have_length_1_and_no_gradient() -> None:
    first, second = embed_pair(
        train_pair(build, draw, PairBudget(2, embed_dim=7), 0), torch.eye(POINTS), torch.eye(6)[:2]
    )
    assert first.shape == (POINTS, 7) and second.shape == (2, 7)
    assert not first.requires_grad
    torch.testing.assert_close(first.norm(dim=1), torch.ones(POINTS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": -1}, "steps must be 0 or more, got -1"),
        ({"warmup": 1.0}, r"warmup is a fraction of the steps in \[0, 1\), got 1.0"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"embed_dim": 0}, "embed_dim"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_bad_budgets_are_named(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairBudget(**settings)
