"""Our vision transformer with the weights of timm's, torchvision's and transformers'.

Features and tokens must be equal, and so must the gradient with respect to the picture: it passes
through every layer, so that it also sees what the values of a random network hide.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import transformers
from timm.models.vision_transformer import VisionTransformer as TimmViT
from torch import Tensor, nn
from torchvision.models import VisionTransformer as TorchvisionViT

from mmlib.encoders import VisionTransformerEncoder

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}
SIZES = {"image_size": 16, "patch_size": 4, "width": 32, "depth": 3, "heads": 4}


OTHER_SIZES = [(24, 24), (8, 8), (12, 28), (32, 8)]  # (32, 8) has as many patches as (16, 16)


def randomise(model: nn.Module) -> None:
    """Draw every parameter, biases and norms too: a zero bias would hide a mistake."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name or "ln" in name else 0.0
            parameter.normal_(centre, 0.2, generator=generator)


def images(height: int = 16, width: int = 16) -> Tensor:
    return torch.rand(4, 3, height, width, generator=torch.Generator().manual_seed(1))


def standardised(images: Tensor) -> Tensor:
    return (images - 0.5) / 0.5


def assert_same(
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    size: tuple[int, int] = (16, 16),
) -> None:
    """Equal outputs, and equal gradients of a random projection of them at the pictures."""
    outputs, gradients = [], []
    for call in (ours, lambda batch: theirs(standardised(batch))):
        batch = images(*size).requires_grad_()
        output = call(batch)
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
        (gradient,) = torch.autograd.grad((output * weights).sum(), batch)
        outputs.append(output.detach())
        gradients.append(gradient)
    assert outputs[0].std() > 0.1 and gradients[0].abs().mean() > 1e-3  # something to compare
    torch.testing.assert_close(*outputs, **TOLERANCE)
    torch.testing.assert_close(*gradients, **TOLERANCE)


def timm_vit(**options: object) -> TimmViT:
    model = TimmViT(img_size=16, patch_size=4, embed_dim=32, depth=3, num_heads=4, num_classes=0,
                    **options)  # fmt: skip
    randomise(model)
    return model.eval()


@pytest.mark.parametrize(("pooling", "theirs"), [("cls", "token"), ("mean", "avg")])
@pytest.mark.parametrize("qkv_bias", [True, False])
def test_timm(pooling: str, theirs: str, qkv_bias: bool) -> None:
    reference = timm_vit(global_pool=theirs, fc_norm=False, qkv_bias=qkv_bias)
    ours = VisionTransformerEncoder(pooling=pooling, qkv_bias=qkv_bias, **SIZES).eval()
    ours.load_state_dict(reference.state_dict())  # the names are timm's
    assert_same(ours, reference)
    assert_same(ours.forward_tokens, reference.forward_features)


def test_timm_without_positions() -> None:
    reference = timm_vit(pos_embed="none")
    ours = VisionTransformerEncoder(position="none", **SIZES).eval()
    ours.load_state_dict(reference.state_dict())
    assert_same(ours, reference)


def test_timm_clip_variant() -> None:
    """CLIP's image tower in timm: a norm before the blocks, no patch bias."""
    reference = timm_vit(pre_norm=True, norm_layer=partial(nn.LayerNorm, eps=1e-5))
    ours = VisionTransformerEncoder(pre_norm=True, patch_bias=False, eps=1e-5, **SIZES).eval()
    ours.load_state_dict(reference.state_dict())
    assert_same(ours, reference)


@pytest.mark.parametrize("size", OTHER_SIZES)
def test_timm_other_image_sizes(size: tuple[int, int]) -> None:
    reference = timm_vit(dynamic_img_size=True)
    ours = VisionTransformerEncoder(**SIZES).eval()
    ours.load_state_dict(reference.state_dict())
    assert_same(ours.forward_tokens, reference.forward_features, size)


def from_torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {
        "class_token": "cls_token",
        "conv_proj": "patch_embed.proj",
        "encoder.pos_embedding": "pos_embed",
        "encoder.layers.encoder_layer_": "blocks.",
        "encoder.ln": "norm",
        "ln_1": "norm1",
        "ln_2": "norm2",
        "self_attention.in_proj_": "attn.qkv.",
        "self_attention.out_proj": "attn.proj",
        "mlp.0": "mlp.fc1",
        "mlp.3": "mlp.fc2",
    }
    result = {}
    for name, tensor in state.items():
        for theirs, ours in renamed.items():
            name = name.replace(theirs, ours)
        result[name] = tensor
    return result


def test_torchvision() -> None:
    reference = TorchvisionViT(16, 4, num_layers=3, num_heads=4, hidden_dim=32, mlp_dim=128)
    reference.heads = nn.Identity()
    randomise(reference)
    ours = VisionTransformerEncoder(**SIZES).eval()
    ours.load_state_dict(from_torchvision(reference.state_dict()))
    assert_same(ours, reference.eval())


THEIR_SIZES = {"image_size": 16, "patch_size": 4, "hidden_size": 32, "num_hidden_layers": 3,
               "num_attention_heads": 4, "intermediate_size": 80}  # fmt: skip


def transformers_vit(
    folder: Path, kind: type[nn.Module] = transformers.ViTModel, **options: object
) -> nn.Module:
    """A random model of transformers, written to `folder`."""
    model = kind(transformers.ViTConfig(**THEIR_SIZES, **options)).eval()
    randomise(model)
    model.save_pretrained(folder)
    return model


def their_tokens(model: nn.Module) -> Callable[[Tensor], Tensor]:
    body = getattr(model, "vit", model)
    return lambda pixels: body(pixels, interpolate_pos_encoding=True).last_hidden_state


@pytest.mark.parametrize(
    "options",
    [{}, {"qkv_bias": False}, {"layer_norm_eps": 0.1}, {"hidden_act": "quick_gelu"}],
    ids=lambda options: next(iter(options), "default"),
)
def test_transformers(tmp_path: Path, options: dict) -> None:
    reference = transformers_vit(tmp_path, **options)
    ours = VisionTransformerEncoder(tmp_path, pretrained=True)
    assert_same(ours.forward_tokens, their_tokens(reference))
    assert_same(ours, lambda pixels: reference(pixels).last_hidden_state[:, 0])


@pytest.mark.parametrize(
    "kind", [transformers.ViTForImageClassification, transformers.ViTForMaskedImageModeling]
)
def test_transformers_with_a_head(tmp_path: Path, kind: type[nn.Module]) -> None:
    """Their names have a prefix, there is a head, and no pooler."""
    reference = transformers_vit(tmp_path, kind, encoder_stride=4)
    ours = VisionTransformerEncoder(tmp_path, pretrained=True)
    assert_same(ours.forward_tokens, their_tokens(reference))


def test_the_classifier_of_transformers_on_our_features(tmp_path: Path) -> None:
    reference = transformers_vit(tmp_path, transformers.ViTForImageClassification, num_labels=5)
    ours = VisionTransformerEncoder(tmp_path, pretrained=True)
    assert_same(
        lambda batch: reference.classifier(ours(batch)), lambda pixels: reference(pixels).logits
    )


@pytest.mark.parametrize("size", OTHER_SIZES)
def test_transformers_other_image_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    """They resample positions without antialiasing, timm with it: a folder keeps its rule."""
    reference = transformers_vit(tmp_path)
    ours = VisionTransformerEncoder(tmp_path, pretrained=True)
    assert_same(ours.forward_tokens, their_tokens(reference), size)
    as_timm = VisionTransformerEncoder(tmp_path, pretrained=True, antialias=True)
    difference = as_timm.forward_tokens(images(*size)) - ours.forward_tokens(images(*size))
    assert difference.abs().max() > 0.01


def test_shards_of_transformers(tmp_path: Path) -> None:
    model = transformers.ViTModel(transformers.ViTConfig(**THEIR_SIZES)).eval()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    ours = VisionTransformerEncoder(tmp_path, pretrained=True)
    want = model(standardised(images())).last_hidden_state
    torch.testing.assert_close(ours.forward_tokens(images()), want, **TOLERANCE)


def test_positions_against_a_resize_by_hand() -> None:
    """Each channel of the position grid is a picture, resized rows to height, columns to width."""
    ours = VisionTransformerEncoder(**SIZES)
    grid = ours.pos_embed.detach()[0, 1:].reshape(4, 4, 32)
    positions = ours._positions(2, 7)
    assert positions.shape == (1, 1 + 2 * 7, 32)
    for channel in (0, 31):
        picture = grid[..., channel][None, None]
        want = F.interpolate(picture, (2, 7), mode="bicubic", antialias=True)
        torch.testing.assert_close(positions[0, 1:, channel].reshape(2, 7), want[0, 0])
