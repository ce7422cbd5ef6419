"""The linear probe and the robustness curves."""

from __future__ import annotations

import math

import pytest
import torch

from mmlib.evaluate import PERTURBATIONS, linear_probe, robustness


def blobs(
    n: int, classes: int = 4, dim: int = 6, spread: float = 0.5, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes of Gaussian points around centres that depend on nothing but the sizes."""
    centres = torch.randn(classes, dim, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    return centres[labels] + spread * torch.randn(n, dim, generator=generator), labels


def test_the_probe_reads_out_what_is_there_and_nothing_else() -> None:
    train_x, train_y = blobs(400, seed=0)
    test_x, test_y = blobs(200, seed=1)
    probe = linear_probe(train_x, train_y, test_x, test_y)
    assert probe.converged and probe.gradient <= 1e-5
    assert probe.test_accuracy > 0.95
    assert probe.interval[0] < probe.test_accuracy <= probe.interval[1]
    predicted = probe.logits(test_x).argmax(dim=1)
    assert float((predicted == test_y).double().mean()) == probe.test_accuracy
    noise = torch.randn(200, 6, generator=torch.Generator().manual_seed(2))
    assert linear_probe(train_x, train_y, noise, test_y).test_accuracy < 0.4


def test_the_probe_is_deterministic_and_survives_constant_features() -> None:
    train_x, train_y = blobs(80)
    padded = torch.cat([train_x, torch.full((80, 1), 0.1), torch.zeros(80, 1)], dim=1)
    first = linear_probe(padded, train_y, padded, train_y)
    second = linear_probe(padded, train_y, padded, train_y)
    assert torch.equal(first.weight, second.weight) and torch.equal(first.bias, second.bias)
    plain = linear_probe(train_x, train_y, train_x, train_y)
    assert first.train_accuracy == plain.train_accuracy
    assert torch.isfinite(first.weight).all()


def test_collapsed_features_probe_at_the_share_of_the_largest_class() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2])
    probe = linear_probe(torch.ones(5, 3), labels, torch.ones(5, 3), labels)
    assert probe.test_accuracy == pytest.approx(0.6)


def test_an_exhausted_budget_is_reported() -> None:
    train_x, train_y = blobs(80)
    probe = linear_probe(train_x, train_y, train_x, train_y, l2=0.0, max_iter=2)
    assert not probe.converged and probe.gradient > 1e-5


def test_the_probe_does_not_need_gradients_to_be_on() -> None:
    train_x, train_y = blobs(80)
    expected = linear_probe(train_x, train_y, train_x, train_y)
    with torch.no_grad():
        assert torch.equal(linear_probe(train_x, train_y, train_x, train_y).weight, expected.weight)


def test_a_bad_probe_is_refused() -> None:
    x, y = blobs(8)
    for args, message in [
        ((x, y, x, y, -1.0), "l2 must be at least 0"),
        ((x, y, x, y, math.inf), "l2 must be at least 0 and finite"),
        ((x, y, x[:, :2], y), "train_x has width 6 and test_x 2"),
        ((x, y[:3], x, y), "train_y must have 8 entries, got 3"),
        ((x, y, x, y + 1), r"test_y must lie in 0\.\.3"),
        ((x * math.nan, y, x, y), "train_x holds NaN"),
        ((x[:0], y[:0], x, y), "train_x is empty"),
    ]:
        with pytest.raises(ValueError, match=message):
            linear_probe(*args)
    with pytest.raises(ValueError, match="max_iter must be at least 1"):
        linear_probe(x, y, x, y, max_iter=0)
    with pytest.raises(ValueError, match="tolerance must be positive"):
        linear_probe(x, y, x, y, tolerance=0)


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(6, 3, 20, 15, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_perturbations_are_nothing_at_zero_and_grow(name: str, pictures: torch.Tensor) -> None:
    def distance(severity: float) -> float:
        generator = torch.Generator().manual_seed(0)
        changed = PERTURBATIONS[name](pictures, severity, generator)
        assert changed.shape == pictures.shape and changed.dtype == pictures.dtype
        assert float(changed.min()) >= 0 and float(changed.max()) <= 1
        return float((changed - pictures).abs().mean())

    distances = [distance(severity) for severity in (0.0, 0.25, 0.5, 1.0)]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances == sorted(distances) and distances[1] > 0.005


def test_occlusion_covers_its_share_of_the_area(pictures: torch.Tensor) -> None:
    covered = PERTURBATIONS["occlusion"](pictures, 0.4, torch.Generator().manual_seed(0)) == 0.5
    assert covered.all(dim=1).sum(dim=(1, 2)).tolist() == [8 * 6] * 6  # 0.4 * 20 by 0.4 * 15


def test_robustness_rows_share_their_luck(pictures: torch.Tensor) -> None:
    seen: list[torch.Tensor] = []

    def accuracy(images: torch.Tensor) -> float:
        seen.append(images)
        return float((images - pictures).abs().mean() < 0.1)

    rows = robustness(pictures, accuracy, (0.0, 0.5, 1.0), seed=3)
    assert [(row.perturbation, row.severity) for row in rows] == [
        (name, severity) for name in PERTURBATIONS for severity in (0.0, 0.5, 1.0)
    ]
    assert all(row.accuracy == 1.0 for row in rows if row.severity == 0)
    again = robustness(pictures, accuracy, (0.0, 0.5, 1.0), seed=3)
    assert rows == again
    assert all(torch.equal(a, b) for a, b in zip(seen[:15], seen[15:], strict=True))


def test_bad_robustness_input_is_refused(pictures: torch.Tensor) -> None:
    def accuracy(images: torch.Tensor) -> float:
        return 1.0

    for images, severities, message in [
        (pictures[0], (0.5,), r"images must be \(B, 3, H, W\)"),
        (pictures * 255, (0.5,), r"images must lie in \[0, 1\]"),
        (pictures * math.nan, (0.5,), r"images must lie in \[0, 1\]"),
        (pictures, (1.5,), r"severities must lie in \[0, 1\]"),
        (pictures, (), "not be empty"),
    ]:
        with pytest.raises(ValueError, match=message):
            robustness(images, accuracy, severities, seed=0)
    with pytest.raises(ValueError, match="'crop' changed the shape"):
        robustness(pictures, accuracy, seed=0, perturbations={"crop": lambda x, s, g: x[..., :3]})
    with pytest.raises(ValueError, match="'bright' must lie in"):
        robustness(pictures, accuracy, seed=0, perturbations={"bright": lambda x, s, g: x + s})
