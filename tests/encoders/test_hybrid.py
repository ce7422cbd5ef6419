from __future__ import annotations

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import mmlib
from mmlib.clip import CLIPModel
from mmlib.cost import count_parameters
from mmlib.encoders import (
    CNNVisualEncoder,
    HybridConfig,
    HybridVisualEncoder,
    ImageEncoder,
    VisionTransformerEncoder,
)
from mmlib.optim import make_optimizer
from mmlib.text import FeatureTable


def images(n: int = 4, side: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def hybrid(seed: int = 0, **options: object) -> HybridVisualEncoder:
    return HybridVisualEncoder(generator=torch.Generator().manual_seed(seed), **options)


def step(model: nn.Module) -> None:
    """One training step on some loss."""
    optimizer = make_optimizer(model, 1e-2, weight_decay=0.1)
    model(images()).square().mean().backward()
    optimizer.step()


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(module: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, now in module.state_dict().items() if not torch.equal(now, before[name])}


def test_the_parts_have_the_names_and_sizes_of_the_article() -> None:
    model = hybrid()
    assert mmlib.HybridVisualEncoder is HybridVisualEncoder
    assert isinstance(model.cnn_encoder, CNNVisualEncoder)
    assert isinstance(model.vit_encoder, VisionTransformerEncoder)
    kinds = [type(layer) for layer in model.fusion_layer]
    assert kinds == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert model.fusion_layer[0].weight.shape == (1024, 128 + 128)
    assert model.fusion_layer[3].weight.shape == (512, 1024)
    assert model.fusion_layer[2].p == 0.1 and model.feature_dim == 512


def test_the_feature_is_the_fusion_of_both_features() -> None:
    model = hybrid(
        cnn_options={"mean": (0.1, 0.2, 0.3), "std": (0.7, 0.6, 0.5)},
        vit_options={"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)},
    ).eval()
    both = torch.cat([model.cnn_encoder(images()), model.vit_encoder(images())], dim=1)
    torch.testing.assert_close(model(images()), model.fusion_layer(both))
    # normalised once, by each branch with its own constants
    assert model.mean.eq(0).all() and model.std.eq(1).all()
    assert not torch.equal(model.cnn_encoder.mean, model.vit_encoder.mean)


def test_a_training_step_moves_both_branches() -> None:
    model = hybrid()
    for part in (model.cnn_encoder, model.vit_encoder, model.fusion_layer):
        before = state(part)
        step(model)
        assert changed(part, before) == set(before)


def test_options_reach_the_branches() -> None:
    model = hybrid(
        cnn_model="small",
        cnn_options={"norm": "group", "pooling": "grid"},
        vit_options={"width": 32, "pooling": "mean"},
        hidden_dim=20,
        feature_dim=10,
        dropout=0.0,
    )
    assert model.cnn_encoder.config.norm == "group" and model.vit_encoder.config.width == 32
    assert model.fusion_layer[0].weight.shape == (20, 4 * 256 + 32)
    assert model(images()).shape == (4, 10)
    assert torch.equal(model.train()(images()), model(images()))  # nothing is dropped


def test_maps_of_equal_size_become_one_with_the_cnn_first() -> None:
    model = hybrid().eval()
    cnn, (vit,) = model.cnn_encoder.feature_maps(images()), model.vit_encoder.feature_maps(images())
    maps = model.feature_maps(images())
    assert [tuple(m.shape) for m in maps] == [(4, 64 + 128, 8, 8), (4, 128, 4, 4)]
    torch.testing.assert_close(maps[0], torch.cat([cnn[0], vit], dim=1))
    torch.testing.assert_close(maps[1], cnn[1])


@pytest.mark.parametrize(("patch", "sides"), [(2, [16, 8, 4]), (8, [8, 4]), (16, [8, 4, 2])])
def test_maps_run_from_fine_to_coarse_wherever_the_vit_stands(patch: int, sides: list[int]) -> None:
    model = hybrid(vit_options={"patch_size": patch, "width": 32})
    assert [m.shape[-1] for m in model.feature_maps(images())] == sides


def test_branches_and_fusion_are_unrelated() -> None:
    model = hybrid()
    weights = [p.flatten()[:500] for p in model.parameters() if p.ndim > 1 and p.numel() >= 500]
    for i, first in enumerate(weights):
        for second in weights[:i]:
            assert torch.corrcoef(torch.stack([first, second]))[0, 1].abs() < 0.25


def test_features_start_at_the_scale_of_their_inputs() -> None:
    model = hybrid().eval()
    both = torch.randn(200, 256, generator=torch.Generator().manual_seed(1))
    assert 0.3 < model.fusion_layer(both).std().item() < 3


@pytest.mark.parametrize("branch", ["cnn", "vit"])
def test_a_frozen_branch_stays_as_it_is(branch: str) -> None:
    model = hybrid()
    encoders = {"cnn": model.cnn_encoder, "vit": model.vit_encoder}
    frozen = encoders.pop(branch)
    (free,) = encoders.values()
    model(images()).sum().backward()  # a gradient is left over
    assert model.freeze(branch) is model
    before = {part: state(part) for part in (frozen, free, model.fusion_layer)}
    for _ in range(2):
        model.eval().train()
        assert model.training and free.training
        assert not any(module.training for module in frozen.modules())
        step(model)
    assert not changed(frozen, before[frozen])  # weights and BatchNorm's statistics
    assert changed(free, before[free]) == set(before[free])
    assert changed(model.fusion_layer, before[model.fusion_layer])
    assert all(p.grad is None for p in frozen.parameters())
    assert count_parameters(model, trainable_only=True) == count_parameters(
        [free, model.fusion_layer]
    )


@pytest.mark.parametrize("branch", ["cnn", "vit"])
def test_an_optimiser_made_before_freezing_does_not_move_the_branch(branch: str) -> None:
    model = hybrid()
    optimizer = make_optimizer(model, 1e-2, weight_decay=0.1)
    model(images()).sum().backward()
    optimizer.step()
    model.freeze(branch)
    frozen = model.cnn_encoder if branch == "cnn" else model.vit_encoder
    before = state(frozen)
    model(images()).sum().backward()
    optimizer.step()
    assert not changed(frozen, before)


def test_unfreeze_lets_a_branch_train_again() -> None:
    model = hybrid().freeze("cnn").freeze("vit").freeze("cnn")
    assert model.unfreeze("cnn") is model
    before = state(model.cnn_encoder)
    vit = state(model.vit_encoder)
    assert model.cnn_encoder.training and not model.vit_encoder.training
    step(model)
    assert changed(model.cnn_encoder, before) == set(before)
    assert not changed(model.vit_encoder, vit)
    model.eval().unfreeze("vit")
    assert not model.vit_encoder.training  # the mode of the whole


def test_frozen_branches_outlive_encode_and_copy() -> None:
    model = hybrid().freeze("cnn")
    model.encode(images())
    twin = copy.deepcopy(model).eval().train()
    for each in (model, twin):
        assert each.training and not each.cnn_encoder.training and each.vit_encoder.training
    twin.unfreeze("cnn")
    assert not model.train().cnn_encoder.training


@pytest.mark.parametrize("call", ["freeze", "unfreeze"])
def test_only_branches_freeze(call: str) -> None:
    model = hybrid()
    with pytest.raises(ValueError, match=r"branch='resnet' is unknown.*'cnn', 'vit'"):
        getattr(model, call)("resnet")
    assert count_parameters(model) == count_parameters(model, trainable_only=True)


CONFIGS = {
    "default": {},
    "options": {
        "cnn_model": "small",
        "cnn_options": {"norm": "group", "mean": (0.1, 0.2, 0.3)},
        "vit_options": {"width": 32, "patch_size": 8, "pooling": "mean"},
        "hidden_dim": 7,
        "feature_dim": 5,
        "dropout": 0.3,
    },
    "backbone": {"cnn_model": "efficientnet_lite0", "hidden_dim": 7, "feature_dim": 5},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_config_rebuilds_the_encoder_also_from_json(name: str) -> None:
    model = hybrid(**CONFIGS[name])
    for config in (asdict(model.config), json.loads(json.dumps(asdict(model.config)))):
        twin = HybridVisualEncoder(**config)
        assert twin.config == model.config
        twin.load_state_dict(model.state_dict())
        batch = images(2, 64)
        torch.testing.assert_close(twin.encode(batch), model.encode(batch), rtol=0, atol=0)


def test_a_clip_model_with_a_hybrid_is_saved_and_loaded(tmp_path: Path) -> None:
    model = CLIPModel(hybrid(feature_dim=24), FeatureTable(torch.randn(9, 5)), 8).eval()
    model.save_pretrained(tmp_path)
    loaded = CLIPModel.from_pretrained(tmp_path)
    assert isinstance(loaded.image_encoder, HybridVisualEncoder)
    assert loaded.image_encoder.config == model.image_encoder.config
    with torch.no_grad():
        for ours, theirs in zip(
            model(images(), torch.arange(4)), loaded(images(), torch.arange(4)), strict=True
        ):
            assert torch.equal(ours, theirs)


def test_ready_encoders_are_used_as_they_are() -> None:
    cnn = CNNVisualEncoder("tiny", norm="group")
    vit = VisionTransformerEncoder("tiny", width=32)
    model = HybridVisualEncoder(cnn, vit, hidden_dim=8, feature_dim=4)
    assert model.cnn_encoder is cnn and model.vit_encoder is vit
    assert model.fusion_layer[0].in_features == 128 + 32
    twin = HybridVisualEncoder(**asdict(model.config))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.encode(images()), model.encode(images()))


def test_two_branches_of_one_kind_work_and_have_no_config() -> None:
    model = HybridVisualEncoder(CNNVisualEncoder("tiny"), CNNVisualEncoder("tiny", norm="group"))
    assert model(images()).shape == (4, 512)
    assert [m.shape[1] for m in model.feature_maps(images())] == [128, 256]
    with pytest.raises(ValueError, match="CNNVisualEncoder where a VisionTransformerEncoder"):
        _ = model.config


def twice() -> HybridVisualEncoder:
    cnn = CNNVisualEncoder("tiny")
    return HybridVisualEncoder(cnn, cnn)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: hybrid(hidden_dim=0), ValueError, "hidden_dim=0"),
        (lambda: hybrid(feature_dim=-1), ValueError, "feature_dim=-1"),
        (lambda: hybrid(dropout=1.0), ValueError, r"dropout=1\.0"),
        (lambda: hybrid(dropout=-0.1), ValueError, r"dropout=-0\.1"),
        (lambda: hybrid(dropout=float("nan")), ValueError, "dropout=nan"),
        (lambda: hybrid(cnn_model="resnet5000"), ValueError, "resnet5000"),
        (lambda: hybrid(cnn_options={"colour": 1}), ValueError, "colour"),
        (lambda: hybrid(vit_options={"colour": 1}), ValueError, "colour"),
        (lambda: hybrid(pretrained=True), ValueError, "pretrained=True"),
        (lambda: hybrid(cnn_model=3), TypeError, "got int"),
        (lambda: hybrid(vit_model=nn.Linear(1, 1)), TypeError, "got Linear"),
        (
            lambda: hybrid(cnn_model=CNNVisualEncoder("tiny"), cnn_options={"norm": "group"}),
            ValueError,
            "ready CNNVisualEncoder takes neither options",
        ),
        (
            lambda: hybrid(vit_model=VisionTransformerEncoder("tiny"), pretrained=True),
            ValueError,
            "pretrained=True",
        ),
        (twice, ValueError, "one and the same"),
    ],
)
def test_what_cannot_be_is_refused(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_one_branch_can_come_with_trained_weights() -> None:
    model = hybrid(
        cnn_model="efficientnet_lite0", cnn_options={"pretrained": True}, feature_dim=8
    ).freeze("cnn")
    alone = CNNVisualEncoder("efficientnet_lite0", pretrained=True)
    assert torch.equal(model.cnn_encoder.encode(images(2, 64)), alone.encode(images(2, 64)))
    assert model(images(2, 64)).shape == (2, 8)


def test_a_config_is_checked() -> None:
    with pytest.raises(ValueError, match="dropout=2"):
        replace(HybridConfig(), dropout=2)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision(kind: torch.dtype) -> None:
    model = hybrid().eval()
    exact = model.encode(images())
    half = model.to(kind).encode(images())
    assert half.dtype == kind and model.cnn_encoder.mean.dtype == kind
    assert half.isfinite().all()
    assert F.cosine_similarity(half.float(), exact).min() > 0.999
    assert (half.float() - exact).abs().max() < 0.05 * exact.abs().max()


def test_channels_last() -> None:
    model = hybrid().eval()
    plain = model.encode(images())
    model = model.to(memory_format=torch.channels_last)
    packed = model.encode(images().contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=1e-5)
    for feature_map in model.cnn_encoder.feature_maps(images()):
        assert feature_map.is_contiguous(memory_format=torch.channels_last)


def test_overfits_32_pictures() -> None:
    batch, labels = images(32, 16), torch.arange(32) % 8
    model = hybrid(hidden_dim=64, feature_dim=8, vit_options={"width": 64, "depth": 2})
    optimizer = make_optimizer(model, 2e-3, weight_decay=0.0)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(batch), labels).backward()
        optimizer.step()
    assert (model.encode(batch).argmax(dim=1) == labels).all()


BAD_IMAGES = {
    "bytes": ((images() * 255).to(torch.uint8), "float in"),
    "0 to 255": (images() * 255, "divide bytes by 255"),
    "normalised": (images() * 2 - 1, "do not normalise"),
    "grey": (images()[:, :1], r"\(4, 1, 32, 32\)"),
    "single": (images()[0], "unsqueeze"),
    "empty": (images()[:0], "non-empty"),
    "a size that patches do not divide": (images(1, 33), "multiple of patch_size"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_images(kind: str) -> None:
    batch, message = BAD_IMAGES[kind]
    model = hybrid()
    assert isinstance(model, ImageEncoder)
    for call in (model, model.encode, model.feature_maps):
        with pytest.raises(ValueError, match=message):
            call(batch)
