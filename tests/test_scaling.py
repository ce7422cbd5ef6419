"""Scaling: the pool, the error, and the power law on data with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from mmlib.data.icons import load_icons
from mmlib.runtime import make_generator
from mmlib.scaling import PoolBatches, ScalingTask, error_with, fit_power_law


def test_a_power_law_is_found_again() -> None:
    pairs = [100, 200, 400, 800]
    law = fit_power_law(pairs, [50 * n**-0.3 for n in pairs])
    assert law.exponent == pytest.approx(0.3)
    assert law.factor == pytest.approx(50)
    assert law(400) == pytest.approx(50 * 400**-0.3)
    assert law.high - law.low < 1e-6


def test_the_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    pairs = np.repeat([100, 400, 1600], 3)
    errors = 80 * pairs**-0.2 * np.exp(rng.normal(0, 0.1, 9))
    law = fit_power_law(pairs, errors)
    fit = stats.linregress(np.log(pairs), np.log(errors))
    half = stats.t.ppf(0.975, 7) * fit.stderr
    assert law.exponent == pytest.approx(-fit.slope)
    assert (law.low, law.high) == pytest.approx((-fit.slope - half, -fit.slope + half), rel=1e-4)


@pytest.mark.parametrize(
    ("pairs", "errors"), [([1, 2], [1, 2]), ([5, 5, 5], [1, 2, 3]), ([1, 2, 3], [1, 0, 2])]
)
def test_too_little_data_is_refused(pairs: list[float], errors: list[float]) -> None:
    with pytest.raises(ValueError, match="need 3 points|must be positive"):
        fit_power_law(pairs, errors)


def test_pool_and_test_are_different_pictures_with_right_labels() -> None:
    task = ScalingTask.draw(load_icons(size=32), 64, test=32)
    assert torch.equal(task.name_tokens[task.groups], task.tokens)
    pool = {bytes(x.numpy().tobytes()) for x in task.images}
    assert not any(x.numpy().tobytes() in pool for x in task.test_images)
    assert 0 <= error_with(task, 64, 0, steps=2, batch_size=16) <= 100
    with pytest.raises(ValueError, match="pairs must be in"):
        error_with(task, 65, 0, steps=2)


def test_pool_batches_do_not_repeat() -> None:
    images = torch.zeros(10, 3, 8, 8, dtype=torch.uint8)
    batches = PoolBatches(images, torch.zeros(10, 2), torch.arange(10), 10, make_generator(0))
    assert next(batches)["groups"].sort().values.tolist() == list(range(10))
    with pytest.raises(ValueError, match="batch_size must be in"):
        PoolBatches(images, torch.zeros(10, 2), torch.arange(10), 11, make_generator(0))
