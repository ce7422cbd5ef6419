from __future__ import annotations

import pytest
import torch

from mmlib.encoders import CNNConfig, CNNVisualEncoder


@pytest.mark.parametrize(("name", "low", "high"), [("tiny", 0.2e6, 0.4e6), ("small", 1e6, 1.4e6)])
def test_preset_sizes(name: str, low: float, high: float) -> None:
    assert low < sum(p.numel() for p in CNNVisualEncoder(name).parameters()) < high


def test_maps_halve_stage_by_stage() -> None:
    maps = CNNVisualEncoder("small").feature_maps(torch.rand(2, 3, 32, 32))
    assert [tuple(m.shape) for m in maps] == [(2, 64, 8, 8), (2, 128, 4, 4), (2, 256, 2, 2)]


def test_odd_sizes() -> None:
    assert CNNVisualEncoder("small")(torch.rand(2, 3, 37, 51)).isfinite().all()


def test_grid_pooling_keeps_places_and_mean_pooling_does_not() -> None:
    """A picture and its halves exchanged: the mean cannot tell, the grid can."""
    generator = torch.Generator().manual_seed(0)
    mean = CNNVisualEncoder("tiny", generator=generator).eval()
    grid = CNNVisualEncoder("tiny", pooling="grid", grid=4).eval()
    grid.load_state_dict(mean.state_dict())
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, 16:48, 8:24] = torch.rand(1, 3, 32, 16, generator=generator)
    swapped = torch.roll(image, 32, dims=3)

    def distance(encoder: CNNVisualEncoder) -> float:
        a, b = encoder.encode(image), encoder.encode(swapped)
        return ((a - b).norm() / a.norm()).item()

    assert grid.feature_dim == 16 * mean.feature_dim
    assert distance(grid) > 5 * distance(mean)
    torch.testing.assert_close(
        grid.encode(image).unflatten(1, (-1, 16)).mean(dim=2), mean.encode(image)
    )


def test_group_norm_ignores_batch_mates_while_training() -> None:
    encoder = CNNVisualEncoder("tiny", norm="group").train()
    images = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(encoder(images)[:2], encoder(images[:2]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "layer"}, "norm='layer'.*'batch', 'group'"),
        ({"pooling": "max"}, "pooling='max'"),
        ({"widths": (8, 16), "depths": (1,)}, "one number for each stage"),
        ({"widths": (), "depths": ()}, "one number for each stage"),
        ({"widths": (8, 0)}, "width=0"),
        ({"grid": 0}, "grid=0"),
        ({"norm": "group", "stem": 12}, "multiples of 8"),
    ],
)
def test_bad_config(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CNNConfig(**options)


def test_too_small_images() -> None:
    with pytest.raises(ValueError, match="8 px at least"):
        CNNVisualEncoder("tiny")(torch.rand(2, 3, 4, 32))
