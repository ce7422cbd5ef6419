"""Attention maps against those that transformers returns for the same weights."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from mmlib.encoders import VisionTransformerEncoder
from mmlib.receptive import attention_maps


def test_attention_maps_of_transformers(tmp_path: Path) -> None:
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        image_size=16,
        patch_size=4,
        attn_implementation="eager",  # the others do not return the weights
    )
    model = transformers.ViTModel(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.6, generator=generator)
    model.save_pretrained(tmp_path)
    ours = VisionTransformerEncoder(tmp_path, pretrained=True)
    images = torch.rand(2, 3, 16, 16, generator=generator)
    with torch.no_grad():
        theirs = model((images - ours.mean) / ours.std, output_attentions=True).attentions
    maps = attention_maps(ours, images)
    assert len(maps) == len(theirs) == 3
    for mine, wanted in zip(maps, theirs, strict=True):
        assert mine.std() > 0.01  # not the uniform map
        torch.testing.assert_close(mine, wanted, atol=1e-5, rtol=1e-5)
