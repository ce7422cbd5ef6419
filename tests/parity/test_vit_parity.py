"""Our vision transformer with the weights of timm's and torchvision's."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer as TimmViT
from torch import Tensor, nn
from torchvision.models import VisionTransformer as TorchvisionViT

from mmlib.encoders import VisionTransformerEncoder

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}
SIZES = {"image_size": 16, "patch_size": 4, "width": 32, "depth": 3, "heads": 4}


def randomise(model: nn.Module) -> None:
    """Draw every parameter, biases and norms too: a zero bias would hide a mistake."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name or "ln" in name else 0.0
            parameter.normal_(centre, 0.2, generator=generator)


def images(size: int = 16) -> Tensor:
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(1))


def standardised(images: Tensor) -> Tensor:
    return (images - 0.5) / 0.5


def timm_vit(**options: object) -> TimmViT:
    model = TimmViT(img_size=16, patch_size=4, embed_dim=32, depth=3, num_heads=4, num_classes=0,
                    **options)  # fmt: skip
    randomise(model)
    return model.eval()


@pytest.mark.parametrize(("pooling", "theirs"), [("cls", "token"), ("mean", "avg")])
def test_timm(pooling: str, theirs: str) -> None:
    reference = timm_vit(global_pool=theirs, fc_norm=False)
    ours = VisionTransformerEncoder(pooling=pooling, **SIZES).eval()
    ours.load_state_dict(reference.state_dict())  # the names are timm's
    torch.testing.assert_close(ours(images()), reference(standardised(images())), **TOLERANCE)


def test_timm_clip_variant() -> None:
    """CLIP's image tower in timm: a norm before the blocks, no patch bias."""
    reference = timm_vit(pre_norm=True, norm_layer=partial(nn.LayerNorm, eps=1e-5))
    ours = VisionTransformerEncoder(pre_norm=True, patch_bias=False, eps=1e-5, **SIZES).eval()
    ours.load_state_dict(reference.state_dict())
    torch.testing.assert_close(ours(images()), reference(standardised(images())), **TOLERANCE)


def test_timm_other_image_size() -> None:
    reference = timm_vit(dynamic_img_size=True)
    ours = VisionTransformerEncoder(**SIZES).eval()
    ours.load_state_dict(reference.state_dict())
    torch.testing.assert_close(ours(images(24)), reference(standardised(images(24))), **TOLERANCE)


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
    want = reference.eval()(standardised(images()))
    torch.testing.assert_close(ours(images()), want, **TOLERANCE)
