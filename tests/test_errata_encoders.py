"""The errata page's groups on image encoders: each fault is really gone here."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
import transformers
from torch import Tensor, nn

from mmlib.data.photos import load_photos
from mmlib.encoders import (
    CNNVisualEncoder,
    EncoderMeasurement,
    HybridVisualEncoder,
    ImageEncoder,
    Requirements,
    VisionTransformerEncoder,
    VisualEncoderComparison,
)
from mmlib.encoders.backbones import imagenet_logits

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(size: int = 32) -> Tensor:
    return torch.rand(4, 3, size, size, generator=generator(1))


def hybrid(seed: int = 0, **options: Any) -> HybridVisualEncoder:
    return HybridVisualEncoder(hidden_dim=32, feature_dim=16, generator=generator(seed), **options)


def torchvision_model(name: str) -> nn.Module:
    """The architecture in eval mode, with statistics that are not those of a fresh one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.get_model(name, weights=None)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def test_the_article_s_hub_name_means_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unreachable(name: str, *args: object, **options: object) -> None:
        asked.append(name)
        raise OSError("no network")

    monkeypatch.setattr(transformers.ViTModel, "from_pretrained", unreachable)
    with pytest.raises(OSError, match="config.json, model.safetensors.*from scratch"):
        VisionTransformerEncoder("vit_base_patch16", pretrained=True)
    assert asked == ["google/vit-base-patch16-224"]


def test_a_vit_takes_other_sizes() -> None:
    encoder = VisionTransformerEncoder("tiny", image_size=32, generator=generator())
    assert encoder(images(48)).shape == (4, encoder.feature_dim)


@pytest.mark.parametrize("name", ["resnet50", "efficientnet"])
def test_a_backbone_gives_the_features_its_classifier_was_trained_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named weights, no warning, the names of a stored state kept, and no guessed width."""
    theirs = torchvision_model("resnet50" if name == "resnet50" else "efficientnet_b0")
    asked: list[Any] = []

    def stored(weights: Any, *args: object, **options: object) -> dict[str, Tensor]:
        asked.append(weights)
        return theirs.state_dict()

    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", stored)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = CNNVisualEncoder(name, pretrained=True).double()
    assert asked == [type(asked[0]).DEFAULT]
    setattr(theirs, "fc" if name == "resnet50" else "classifier", nn.Identity())
    with torch.no_grad():
        expected = theirs.double()((images(64) - encoder.mean) / encoder.std)
    assert expected.shape == (4, encoder.feature_dim)
    assert expected.isfinite().all() and expected.std(dim=0).max() > 0
    torch.testing.assert_close(encoder.encode(images(64)), expected)  # 1e-7, in float64


def test_an_unknown_backbone_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'densenet121'.*tiny.*resnet50"):
        CNNVisualEncoder("densenet121")


def test_constants_belong_to_the_weights() -> None:
    photos = load_photos().images
    own = CNNVisualEncoder("efficientnet_lite0", pretrained=True)
    assert torch.equal(own.mean, torch.full((3, 1, 1), 0.5)) and torch.equal(own.mean, own.std)
    other = CNNVisualEncoder("efficientnet_lite0", pretrained=True, **IMAGENET)
    same = imagenet_logits(own, photos).argmax(1) == imagenet_logits(other, photos).argmax(1)
    assert len(photos) == 14 and 4 <= same.sum() <= 10  # the page: 7


@pytest.mark.parametrize("wrong", [images() * 255, (images() * 255).byte(), images() * 4 - 2])
def test_pictures_outside_0_to_1_are_refused(wrong: Tensor) -> None:
    for encoder in (CNNVisualEncoder("tiny"), VisionTransformerEncoder("tiny", image_size=32)):
        for call in (encoder, encoder.encode):
            with pytest.raises(ValueError, match=r"in \[0, 1\]"):
                call(wrong)


def test_both_branches_of_the_hybrid_are_registered_and_stored() -> None:
    first, second = hybrid(0), hybrid(1)
    branches = [*first.cnn_encoder.parameters(), *first.vit_encoder.parameters()]
    registered = {id(parameter) for parameter in first.parameters()}
    assert branches and all(id(parameter) in registered for parameter in branches)
    assert not torch.equal(first.encode(images()), second.encode(images()))
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(first.encode(images()), second.encode(images()))
    assert {parameter.dtype for parameter in first.double().parameters()} == {torch.float64}


def test_both_branches_of_the_hybrid_learn() -> None:
    encoder = hybrid(dropout=0.0)
    encoder(images()).square().mean().backward()
    for branch in (encoder.cnn_encoder, encoder.vit_encoder, encoder.fusion_layer):
        grads = [parameter.grad for parameter in branch.parameters()]
        assert grads and all(grad is not None and grad.isfinite().all() for grad in grads)
        assert all(grad.any() for grad in grads)


def test_eval_mode_reaches_both_branches() -> None:
    encoder = hybrid().eval()
    assert not any(module.training for module in encoder.modules())
    with torch.no_grad():
        alone, together = encoder(images()[:2]), encoder(images())[:2]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)


def test_each_branch_has_its_own_constants() -> None:
    encoder = hybrid(cnn_options=IMAGENET)
    assert not torch.equal(encoder.cnn_encoder.mean, encoder.vit_encoder.mean)
    parts = [part.encode(images()) for part in (encoder.cnn_encoder, encoder.vit_encoder)]
    with torch.no_grad():
        fused = encoder.fusion_layer.eval()(torch.cat(parts, dim=1))
    torch.testing.assert_close(encoder.encode(images()), fused)


def test_a_hybrid_needs_no_network_and_takes_ready_branches() -> None:
    """The suite has no network: building one is the test."""
    ready: ImageEncoder = CNNVisualEncoder("tiny", generator=generator())
    assert hybrid().encode(images()).shape == (4, 16)
    assert HybridVisualEncoder(ready, "tiny").cnn_encoder is ready


@pytest.mark.parametrize("asked", [[], "", [""], ["texture of dreams"], ["数据"]])
def test_no_match_is_no_recommendation(asked: Any) -> None:
    with pytest.raises(ValueError, match="empty|matches nothing"):
        VisualEncoderComparison().recommend_encoder(asked)


def test_one_text_is_one_requirement() -> None:
    recommend = VisualEncoderComparison().recommend_encoder
    for words, winner in (("关系推理", "ViT"), ("纹理识别", "CNN"), ("高精度要求", "Hybrid")):
        assert recommend(words) == recommend([words])
        assert recommend(words)["recommended"] == winner
        assert recommend(words)["scores"][winner] == 2 and not recommend(words)["tied"]


def test_a_tie_is_named() -> None:
    answer = VisualEncoderComparison().recommend_encoder(["纹理识别", "关系推理"])
    assert answer["tied"] == ["CNN", "ViT"]
    anything = VisualEncoderComparison().recommend_encoder("强")  # part of a strength of each
    assert anything["tied"] == ["CNN", "ViT", "Hybrid"]


def test_a_recommendation_can_come_from_measurements() -> None:
    def measured(name: str, accuracy: list[float], latency: float) -> EncoderMeasurement:
        return EncoderMeasurement(name, {1000: accuracy}, latency, 300_000, 15_000_000)

    both = [measured("CNN", [70, 71, 72], 2.0), measured("ViT", [80, 81, 82], 5.0)]
    recommend = VisualEncoderComparison().recommend_measured
    best = recommend(both, Requirements(1000))
    assert best.winner == "ViT" and best.lead is not None and best.lead.mean == 10
    assert best.decisive
    assert recommend(both, Requirements(1000, max_latency_ms=3)).winner == "CNN"
    close = [measured("CNN", [70, 71, 72], 2.0), measured("ViT", [69, 71, 74], 5.0)]
    assert not recommend(close, Requirements(1000)).decisive


def test_the_page_names_tests_that_exist(root: Path) -> None:
    page = (root / "book" / "errata.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", page)
    written = "".join(
        path.read_text(encoding="utf-8") for path in (root / "tests").glob("test_errata*.py")
    )
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in written] == []
