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
        ({"eps": 0.0}, "eps=0.0"),
    ],
)
def test_bad_config(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViTConfig(**options)
