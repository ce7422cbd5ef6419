"""The encoder of all resolutions: its parts put together, its options, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import mmlib
from mmlib.clip import CLIPModel
from mmlib.cost import conv_flops, count_flops, count_parameters
from mmlib.encoders import (
    CNNVisualEncoder,
    HybridVisualEncoder,
    ImageEncoder,
    MultiScaleConfig,
    MultiScaleVisualEncoder,
    VisionTransformerEncoder,
    multiscale,
)
from mmlib.encoders.gates import PARTS
from mmlib.receptive import receptive_field
from mmlib.text import FeatureTable


def images(n: int = 2, height: int = 32, width: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def multi(base: str | ImageEncoder = "small", seed: int = 0, **options) -> MultiScaleVisualEncoder:
    options = {"width": 16, "feature_dim": 12, "reduction": 4} | options
    return MultiScaleVisualEncoder(
        base, generator=torch.Generator().manual_seed(seed), **options
    ).eval()


def maps_like(encoder: MultiScaleVisualEncoder, seed: int) -> list[Tensor]:
    """Random maps in double precision with the shapes of those of the base."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [m.shape for m in encoder.base.feature_maps(images(2, 66, 98))]
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


def test_the_articles_names_are_public() -> None:
    for name in multiscale.__all__:
        if name not in ("LevelFusion", "MultiScaleConfig"):
            assert getattr(mmlib, name) is getattr(multiscale, name)


@torch.no_grad()
def test_the_articles_encoder() -> None:
    model = MultiScaleVisualEncoder("resnet50").eval()
    assert [conv.in_channels for conv in model.fpn.lateral] == [256, 512, 1024, 2048]
    assert [conv.kernel_size[0] for conv in model.attention.scale.scales] == [3, 5, 7]
    assert model.projection.weight.shape == (512, 256)
    levels = model.feature_maps(images(1, 65, 97))
    assert [tuple(m.shape[1:]) for m in levels] == [
        (256, 17, 25),
        (256, 9, 13),
        (256, 5, 7),
        (256, 3, 4),
    ]
    assert model.fused_map(images(1, 65, 97)).shape == (1, 256, 17, 25)
    assert model(images(1, 65, 97)).shape == (1, 512)


BASES = {
    "tiny": ("tiny", 2),
    "small": ("small", 3),
    "lite0": ("efficientnet_lite0", 4),
    "vit": (VisionTransformerEncoder("tiny", width=32), 1),
    "odd patches": (VisionTransformerEncoder("tiny", width=32, patch_size=6, image_size=30), 1),
    "hybrid": (HybridVisualEncoder(), 2),
    "down to 1 x 1": (CNNVisualEncoder("tiny", widths=(8,) * 7, depths=(1,) * 7), 7),
    "multi": (MultiScaleVisualEncoder("small", width=8), 3),
}


@pytest.mark.parametrize("name", BASES)
@torch.no_grad()
def test_any_encoder_is_a_base(name: str) -> None:
    base, levels = BASES[name]
    side = 36 if name == "odd patches" else 32
    model = multi(base)
    maps = model.base.eval().feature_maps(images(2, side, side))
    assert len(maps) == len(model.levels) == levels
    got = model.feature_maps(images(2, side, side))
    assert [m.shape[-2:] for m in got] == [m.shape[-2:] for m in maps]
    assert all(m.shape[:2] == (2, 16) for m in got)
    assert model(images(2, side, side)).shape == (2, 12)
    if isinstance(base, ImageEncoder):
        assert model.base is base


@torch.no_grad()
def test_the_feature_is_pyramid_fusion_attention_mean_and_projection() -> None:
    model, batch = multi(), images(2, 66, 98)
    levels = model.fpn(model.base.feature_maps(batch))
    for got, want in zip(model.feature_maps(batch), levels, strict=True):
        torch.testing.assert_close(got, want)
    upsampled = [
        nn.functional.interpolate(m, (17, 25), mode="bilinear", align_corners=False) for m in levels
    ]
    fused = model.attention(torch.stack(upsampled).mean(dim=0))
    torch.testing.assert_close(model.fused_map(batch), fused)
    torch.testing.assert_close(model(batch), model.projection(fused.mean(dim=(2, 3))))
    torch.testing.assert_close(model.forward_maps(model.base.feature_maps(batch)), model(batch))


def test_sizes_reach_the_parts() -> None:
    model = multi(width=24, reduction=3, kernel_sizes=(1, 9))
    assert model.attention.channel.fc1.out_channels == 8
    assert [conv.kernel_size for conv in model.attention.scale.scales] == [(1, 1), (9, 9)]
    assert model.fpn.smooth[0].out_channels == model.projection.in_features == 24
    for conv in (*model.fpn.smooth, *model.attention.scale.scales):
        assert conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_base_normalises_once() -> None:
    options = {"mean": (0.1, 0.2, 0.3), "std": (0.7, 0.6, 0.5)}
    model = multi(base_options=options)
    assert model.mean.eq(0).all() and model.std.eq(1).all()
    assert model.base.config.mean == options["mean"]


@pytest.mark.parametrize("levels", [(0,), (2,), (0, 2), (1, 2), (-1,), (0, -1)])
@torch.no_grad()
def test_levels_pick_maps_of_the_base(levels: tuple[int, ...]) -> None:
    model = multi(levels=levels)
    chosen = [level % 3 for level in levels]
    assert model.levels == tuple(chosen)
    assert [conv.in_channels for conv in model.fpn.lateral] == [(64, 128, 256)[i] for i in chosen]
    sides = [m.shape[-1] for m in model.feature_maps(images())]
    assert sides == [(8, 4, 2)[i] for i in chosen]
    assert model.fused_map(images()).shape[-1] == sides[0]


def test_the_top_down_path_moves_finer_levels_only() -> None:
    with_path, without = multi(), multi(top_down=False)
    assert with_path.state_dict().keys() == without.state_dict().keys()
    *finer, coarsest = with_path.feature_maps(images())
    *plain, same = without.feature_maps(images())
    assert torch.equal(coarsest, same)
    assert all((a - b).abs().max() > 0.01 for a, b in zip(finer, plain, strict=True))


@torch.no_grad()
def test_fusions() -> None:
    mean, total, learned, concat = (
        multi(fusion=kind, attention=()) for kind in ("mean", "sum", "learned", "concat")
    )
    batch = images(2, 66, 98)
    torch.testing.assert_close(learned.fused_map(batch), mean.fused_map(batch))
    torch.testing.assert_close(total.fused_map(batch) / 3, mean.fused_map(batch))
    torch.testing.assert_close(mean.fusion_weights, torch.full((3,), 1 / 3))
    torch.testing.assert_close(total.fusion_weights, torch.ones(3))
    torch.testing.assert_close(learned.fusion_weights, torch.full((3,), 1 / 3))
    learned.fusion.level_weights.copy_(torch.tensor([0.0, 50.0, 0.0]))
    levels = learned.feature_maps(batch)
    torch.testing.assert_close(
        learned.fused_map(batch), multiscale.LevelFusion(1, 16)([levels[0] * 0 + up(levels[1])])
    )
    assert count_parameters(concat) - count_parameters(mean) == 3 * 16 * 16 + 16
    concat.fusion.mix.weight.copy_(torch.eye(16).repeat(1, 3)[..., None, None] / 3)
    torch.testing.assert_close(concat.fused_map(batch), mean.fused_map(batch))
    with pytest.raises(ValueError, match="fusion='concat' has no weight"):
        _ = concat.fusion_weights


def up(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, (17, 25), mode="bilinear", align_corners=False)


SUBSETS = [use for size in range(4) for use in combinations(PARTS, size)]


@pytest.mark.parametrize("use", SUBSETS, ids="-".join)
def test_parts_not_in_use_have_no_parameters(use: tuple[str, ...]) -> None:
    model, full = multi(attention=use), multi()
    for part in PARTS:
        expected = count_parameters(getattr(full.attention, part)) if part in use else 0
        assert count_parameters(getattr(model.attention, part)) == expected
    shared = full.state_dict()
    for name, value in model.state_dict().items():  # paired by seed
        assert torch.equal(value, shared[name]), name
    assert (count_parameters(model.attention) == 0) == (use == ())


def test_one_seed_one_base_and_projection_whatever_the_options() -> None:
    base = CNNVisualEncoder("small", generator=torch.Generator().manual_seed(0)).state_dict()
    one, other = multi(levels=(2,), fusion="concat", top_down=False).state_dict(), multi()
    for name, value in base.items():
        assert torch.equal(one[f"base.{name}"], value)
    for name, value in other.state_dict().items():
        if not name.startswith("fpn"):
            assert torch.equal(one[name], value), name


def test_pooling_the_fused_map_is_the_mean_of_the_pooled_levels() -> None:
    """Bilinear enlargement by whole factors keeps the mean of a map exactly; by others not."""
    model = multi(attention=()).double()
    for height, width, exact in ((64, 96, True), (66, 98, False)):
        batch = images(2, height, width).double()
        pooled = torch.stack([m.mean(dim=(2, 3)) for m in model.feature_maps(batch)]).mean(dim=0)
        gap = (model.fused_map(batch).mean(dim=(2, 3)) - pooled).abs().max() / pooled.abs().max()
        assert (gap < 1e-12) == exact
        assert gap < 0.1


def affine_gap(model: MultiScaleVisualEncoder) -> float:
    """|f(a + b) - f(a) - f(b) + f(0)| relative to |f(a + b)|: 0 for an affine function."""
    a, b = maps_like(model, 1), maps_like(model, 2)
    both = [x + y for x, y in zip(a, b, strict=True)]
    nothing = [x * 0 for x in a]
    f = model.forward_maps
    gap = f(both) - f(a) - f(b) + f(nothing)
    return (gap.norm() / f(both).norm()).item()


@pytest.mark.parametrize("fusion", ["mean", "sum", "concat", "learned"])
@torch.no_grad()
def test_without_gates_the_feature_is_affine_in_the_maps_of_the_base(fusion: str) -> None:
    for parts in ((), ("scale",)):  # the scale attention is linear too
        assert affine_gap(multi(fusion=fusion, attention=parts).double()) < 1e-12
    for parts in (("channel",), ("spatial",)):
        assert affine_gap(multi(fusion=fusion, attention=parts).double()) > 1e-4


CONFIGS = {
    "default": {},
    "options": {
        "base_options": {"norm": "group", "mean": (0.1, 0.2, 0.3)},
        "levels": (0, -1),
        "top_down": False,
        "fusion": "learned",
        "attention": ("scale", "channel"),
        "kernel_sizes": (1, 9),
        "width": 8,
        "reduction": 2,
        "feature_dim": 5,
    },
    "lists": {"levels": [1, 2], "attention": [], "kernel_sizes": [3]},
    "backbone": {"base": "efficientnet", "fusion": "concat"},
    "ready": {"base": CNNVisualEncoder("tiny", norm="group")},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_config_rebuilds_the_encoder_also_from_json(name: str) -> None:
    model = multi(**CONFIGS[name])
    for config in (asdict(model.config), json.loads(json.dumps(asdict(model.config)))):
        twin = MultiScaleVisualEncoder(**config)
        assert twin.config == model.config
        twin.load_state_dict(model.state_dict())
        assert torch.equal(twin.encode(images(2, 64, 64)), model.encode(images(2, 64, 64)))


def test_the_config_names_the_base() -> None:
    assert multi("efficientnet").config.base_encoder == "efficientnet_b0"
    assert multi("tiny").config.base_options["widths"] == (64, 128)


def test_a_clip_model_is_saved_and_loaded(tmp_path: Path) -> None:
    encoder = multi(fusion="learned", levels=(0, 2), attention=("scale",))
    model = CLIPModel(encoder, FeatureTable(torch.randn(9, 5)), 8).eval()
    model.save_pretrained(tmp_path)
    loaded = CLIPModel.from_pretrained(tmp_path)
    assert isinstance(loaded.image_encoder, MultiScaleVisualEncoder)
    assert loaded.image_encoder.config == encoder.config
    assert torch.equal(loaded.encode_image(images()), model.encode_image(images()))


def test_a_base_of_another_kind_has_no_config(tmp_path: Path) -> None:
    model = multi(VisionTransformerEncoder("tiny", width=32))
    with pytest.raises(ValueError, match="VisionTransformerEncoder as its base"):
        _ = model.config
    clip = CLIPModel(model, FeatureTable(torch.randn(9, 5)), 8)
    with pytest.raises(ValueError, match="save its state_dict"):
        clip.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_trained_weights_reach_the_base() -> None:
    model = multi("efficientnet_lite0", pretrained=True)
    alone = CNNVisualEncoder("efficientnet_lite0", pretrained=True)
    assert torch.equal(model.base.encode(images(2, 64, 64)), alone.encode(images(2, 64, 64)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"base": "resnet5000"}, ValueError, "resnet5000"),
        ({"base": 3}, TypeError, "got int"),
        ({"base": nn.Linear(1, 1)}, TypeError, "got Linear"),
        ({"base": CNNVisualEncoder("tiny"), "pretrained": True}, ValueError, "pretrained=True"),
        (
            {"base": CNNVisualEncoder("tiny"), "base_options": {"norm": "group"}},
            ValueError,
            "ready CNNVisualEncoder takes neither options",
        ),
        ({"pretrained": True}, ValueError, "pretrained=True"),
        ({"base_options": {"colour": 1}}, ValueError, "colour"),
        ({"width": 0}, ValueError, "width=0"),
        ({"feature_dim": -1}, ValueError, "feature_dim=-1"),
        ({"reduction": 0}, ValueError, "reduction=0"),
        ({"levels": ()}, ValueError, "levels=.. leaves nothing"),
        ({"levels": (0, 3)}, ValueError, "level 3 .* has 3 maps, 0 .finest. to 2"),
        ({"levels": (-4,)}, ValueError, "level -4"),
        ({"levels": (1, 1)}, ValueError, "fine to coarse, each once"),
        ({"levels": (2, -1)}, ValueError, "each once"),
        ({"levels": (2, 0)}, ValueError, "in order, fine to coarse"),
        ({"fusion": "max"}, ValueError, "fusion='max'.*'mean', 'sum', 'concat', 'learned'"),
        ({"attention": ("colour",)}, ValueError, "attention='colour'.*'channel', 'spatial'"),
        ({"attention": ("scale", "scale")}, ValueError, "names a part twice"),
        ({"attention": "scale"}, ValueError, "give a tuple"),
        ({"kernel_sizes": ()}, ValueError, "one or more odd"),
        ({"kernel_sizes": (3, 4)}, ValueError, r"\(3, 4\).*odd"),
        ({"kernel_sizes": (-1,)}, ValueError, r"\(-1,\)"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        multi(**options)


def test_a_config_is_checked() -> None:
    with pytest.raises(ValueError, match="fusion='max'"):
        replace(MultiScaleConfig(), fusion="max")


@pytest.mark.parametrize("levels", [(0,), (0, 1, 2)])
def test_the_top_down_path_widens_what_a_fine_cell_sees(levels: Sequence[int]) -> None:
    seen = {
        top_down: receptive_field(multi(levels=levels, top_down=top_down), 192, level=0)
        for top_down in (True, False)
    }
    assert (seen[True] > 2 * seen[False]) == (len(levels) > 1)


def test_cost_of_the_articles_configuration() -> None:
    """At 224 px the scale attention alone costs four times the backbone."""
    model = MultiScaleVisualEncoder("resnet50")
    bare = MultiScaleVisualEncoder(model.base, attention=())
    scale = sum(conv_flops(256, 256, size, 56) for size in (3, 5, 7))
    attention = count_flops(model, 224) - count_flops(bare, 224)
    assert 0 <= attention - scale < 0.001 * scale
    assert 4 < scale / count_flops(model.base, 224) < 4.4
