from __future__ import annotations

import pytest
import torch

from mmlib.encoders import VisionTransformerEncoder, ViTConfig


def test_fixed_names() -> None:
    names = set(VisionTransformerEncoder("tiny", depth=1).state_dict())
    assert {"cls_token", "pos_embed", "patch_embed.proj.weight", "norm.weight"} <= names
    assert {"blocks.0.attn.qkv.weight", "blocks.0.mlp.fc2.bias"} <= names
    encoder = VisionTransformerEncoder("tiny")
    assert encoder.norm.eps == encoder.blocks[0].norm1.eps == 1e-6


def test_pooling() -> None:
    images = torch.rand(2, 3, 32, 32)
    cls = VisionTransformerEncoder("tiny")
    mean = VisionTransformerEncoder("tiny", pooling="mean")
    mean.load_state_dict(cls.state_dict())
    tokens = cls.forward_tokens(images)
    assert tokens.shape == (2, 65, 128)
    torch.testing.assert_close(cls(images), tokens[:, 0])
    torch.testing.assert_close(mean(images), tokens[:, 1:].mean(dim=1))


def test_map_is_the_token_grid_row_by_row() -> None:
    encoder = VisionTransformerEncoder("tiny")
    images = torch.rand(1, 3, 16, 32)
    (grid,) = encoder.feature_maps(images)
    assert grid.shape == (1, 128, 4, 8)
    torch.testing.assert_close(grid[0, :, 2, 5], encoder.forward_tokens(images)[0, 1 + 2 * 8 + 5])


def test_position_is_added_after_the_class_token() -> None:
    encoder = VisionTransformerEncoder("tiny", depth=1)
    images = torch.rand(2, 3, 32, 32)
    before = encoder(images)
    with torch.no_grad():
        encoder.pos_embed[:, 0] += 1
        encoder.cls_token -= 1
    torch.testing.assert_close(encoder(images), before, atol=1e-5, rtol=1e-5)


def swapped_patches(images: torch.Tensor) -> torch.Tensor:
    """Its first and last patch (of 4 px) change places."""
    result = images.clone()
    result[..., :4, :4], result[..., -4:, -4:] = images[..., -4:, -4:], images[..., :4, :4]
    return result


def test_without_positions_the_order_of_patches_does_not_matter() -> None:
    picture = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(7))
    for pooling in ("cls", "mean"):
        none = VisionTransformerEncoder(position="none", pooling=pooling)
        assert "pos_embed" not in none.state_dict() and none.pos_embed is None
        torch.testing.assert_close(none(swapped_patches(picture)), none(picture))
        learned = VisionTransformerEncoder(pooling=pooling)
        assert (learned(swapped_patches(picture)) - learned(picture)).abs().max() > 1e-3


def test_a_seed_gives_the_same_blocks_with_and_without_positions() -> None:
    states = [
        VisionTransformerEncoder(
            position=position, generator=torch.Generator().manual_seed(2)
        ).state_dict()
        for position in ("learned", "none")
    ]
    assert states[0].keys() - states[1].keys() == {"pos_embed"}
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


@pytest.mark.parametrize("position", ["learned", "none"])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_variants_give_every_parameter_a_gradient(position: str, qkv_bias: bool) -> None:
    encoder = VisionTransformerEncoder(width=32, position=position, qkv_bias=qkv_bias)
    assert (encoder.blocks[0].attn.qkv.bias is not None) == qkv_bias
    for size in ((32, 32), (16, 24)):
        encoder.zero_grad()
        images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
        encoder(images)[:, ::3].square().sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("antialias", [True, False])
def test_other_sizes_in_other_precisions(dtype: torch.dtype, antialias: bool) -> None:
    """PyTorch lacks the resampling of half precision on some devices."""
    encoder = VisionTransformerEncoder(width=32, antialias=antialias)
    images = torch.rand(2, 3, 16, 40, generator=torch.Generator().manual_seed(0))
    want = encoder.encode(images)
    features = encoder.to(dtype).encode(images)
    assert features.dtype == dtype
    torch.testing.assert_close(features.float(), want, atol=0.1, rtol=0.1)


def test_patch_size_must_divide_the_image() -> None:
    with pytest.raises(ValueError, match="34x32.*patch_size=4"):
        VisionTransformerEncoder("tiny")(torch.rand(1, 3, 34, 32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 30}, "patch_size=4 must divide image_size=30"),
        ({"heads": 5}, "heads=5 must divide width=128"),
        ({"depth": 0}, "depth=0"),
        ({"pooling": "max"}, "pooling='max'.*'cls', 'mean'"),
        ({"activation": "relu"}, "activation='relu'"),
        ({"position": "sine"}, "position='sine'.*'learned', 'none'"),
        ({"eps": 0.0}, "eps=0.0"),
        ({"mean": (0.5, 0.5)}, "three numbers"),
        ({"std": (0.5, 0.5, 0.0)}, "std above 0"),
    ],
)
def test_bad_config(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViTConfig(**options)
