"""The photographs inside scikit-image and scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from sklearn.datasets import load_sample_image

from mmlib.data import photos as module
from mmlib.data.photos import SOURCES, Photos, load_photos, resized_crops

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photos() -> Photos:
    return load_photos(64)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_all_photographs(photos: Photos) -> None:
    assert photos.names == tuple(SOURCES) == tuple(sorted(SOURCES)) and len(photos) == 14
    assert photos.sources == tuple(SOURCES.values())
    assert photos.images.shape == (14, 3, 64, 64) and photos.images.dtype == torch.float32
    assert photos.images.min() >= 0 and photos.images.max() <= 1
    for name, image, source in zip(photos.names, photos.images, photos.sources, strict=True):
        assert image.std() > 0.02, name  # a picture, not a plain colour
        grey = torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])
        assert grey == ("(grey)" in source.subject), name
    assert (torch.pdist(photos.images.flatten(1)) > 5).all()  # all different


def test_the_pixels_are_those_of_the_packages() -> None:
    side = torch.from_numpy(data.astronaut()).permute(2, 0, 1) / 255
    assert torch.equal(load_photos(512, ["astronaut"]).images[0], side)
    china = load_sample_image("china.jpg")  # (427, 640, 3)
    square = torch.from_numpy(np.array(china[:, 106:533])).permute(2, 0, 1) / 255
    assert torch.equal(load_photos(427, ["temple"]).images[0], square)
    cat = torch.from_numpy(data.chelsea()[:, 75:375]).permute(2, 0, 1)[None] / 255  # (1, 3, 300, .)
    ours = load_photos(100, ["cat"]).images
    blocks = torch.nn.functional.avg_pool2d(cat, 3)
    assert (ours - blocks).abs().mean() < 0.02 < (ours - cat[..., ::3, ::3]).abs().mean()


def test_the_default_is_224_px_in_the_order_of_the_names() -> None:
    chosen = load_photos(names=["rocket", "cat"])
    assert chosen.names == ("rocket", "cat") and chosen.images.shape == (2, 3, 224, 224)
    assert chosen.sources == (SOURCES["rocket"], SOURCES["cat"])


def test_crops_are_parts_of_their_photograph() -> None:
    # The colour of a pixel is its place, so a crop says where it was cut.
    ramp = (torch.arange(100.0) + 0.5) / 100
    image = torch.stack(
        [ramp.expand(100, 100), ramp[:, None].expand(100, 100), torch.zeros(100, 100)]
    )
    places = Photos(("a", "b"), torch.stack([image, 1 - image]), tuple(SOURCES.values())[:2])
    crops, labels = resized_crops(places, 200, 50, draws())
    assert crops.shape == (400, 3, 50, 50) and labels.tolist() == [0] * 200 + [1] * 200
    assert crops.min() >= 0 and crops.max() <= 1
    crops[labels == 1] = 1 - crops[labels == 1]
    for channel in (0, 1):
        middle = crops[:, channel, 25, 25]
        width = crops[:, channel].amax(dim=(1, 2)) - crops[:, channel].amin(dim=(1, 2))
        assert 0.67 < width.min() < 0.72 and 0.96 < width.max() <= 1  # 70 to 100 % of the side
        assert middle.min() < 0.42 and middle.max() > 0.58  # anywhere
    height = crops[:, 1, -1, 25] - crops[:, 1, 0, 25]
    torch.testing.assert_close(crops[:, 0, 25, -1] - crops[:, 0, 25, 0], height)  # squares


def test_crops_follow_the_generator(photos: Photos) -> None:
    first, _ = resized_crops(photos, 2, 32, draws(1))
    assert torch.equal(first, resized_crops(photos, 2, 32, draws(1))[0])
    assert not torch.equal(first, resized_crops(photos, 2, 32, draws(2))[0])
    assert not torch.equal(first[0], first[1])


def test_crops_of_a_photograph_are_nearer_to_it_than_to_others(photos: Photos) -> None:
    crops, labels = resized_crops(photos, 4, 64, draws())
    small = [
        torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1) for x in (crops, photos.images)
    ]
    nearest = torch.cdist(*small).argmin(dim=1)
    assert (nearest == labels).float().mean() > 0.8


def test_every_author_is_credited() -> None:
    notice = (ROOT / "NOTICE.md").read_text(encoding="utf-8")
    for name, source in SOURCES.items():
        assert source.author in notice and source.licence in notice, name
        assert Path(source.file).name in notice, name


def test_bad_calls(photos: Photos) -> None:
    with pytest.raises(ValueError, match=r"\['dog'\] are unknown: use some of \['astronaut'"):
        load_photos(names=["cat", "dog"])
    with pytest.raises(ValueError, match="unknown"):
        load_photos(names=[])
    with pytest.raises(ValueError, match="size=0"):
        load_photos(0)
    for n, size in ((0, 32), (1, 0)):
        with pytest.raises(ValueError, match=f"n={n} and size={size} must"):
            resized_crops(photos, n, size, draws())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'skimage .* pip install "mmlib\[pretrained\]"'):
        load_photos(8, ["cat"])


def test_a_package_without_its_pictures_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = importlib.util.find_spec("json")
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ImportError, match=r"data/chelsea\.png of the package skimage"):
        load_photos(8, ["cat"])
