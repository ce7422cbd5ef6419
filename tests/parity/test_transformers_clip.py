"""Our CLIP with weights from, and written for, transformers' CLIPModel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor

from mmlib import hf
from mmlib.clip import CLIPModel
from mmlib.losses import clip_loss

EOS, LENGTH = 49, 10
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def their_model(activation: str = "quick_gelu", eos: int = EOS, seed: int = 0):
    """A small transformers CLIP with every weight, bias and norm drawn at random."""
    shared = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": activation}
    text = {"hidden_size": 16, "intermediate_size": 40, "vocab_size": EOS + 1, "eos_token_id": eos,
            "bos_token_id": 48, "max_position_embeddings": LENGTH}  # fmt: skip
    vision = {"hidden_size": 24, "intermediate_size": 48, "image_size": 16, "patch_size": 4}
    config = transformers.CLIPConfig(
        text_config=text | shared, vision_config=vision | shared, projection_dim=8
    )
    model = transformers.CLIPModel(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            if name != "logit_scale":
                parameter.normal_(centre, 0.3, generator=generator)
        model.logit_scale.fill_(1.7)
    return model


def pairs(n: int = 6) -> tuple[Tensor, Tensor]:
    """Images, and captions of several lengths with random ids after their end token."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(3, EOS, (n, LENGTH), generator=generator)
    tokens[torch.arange(n), torch.arange(n) % (LENGTH - 2) + 2] = EOS
    return torch.rand(n, 3, 16, 16, generator=generator), tokens


def their_outputs(model, images: Tensor, tokens: Tensor):
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (hf.CLIP_MEAN, hf.CLIP_STD))
    with torch.no_grad():
        return model(input_ids=tokens, pixel_values=(images - mean) / std, return_loss=True)


def assert_equal_outputs(ours: CLIPModel, theirs) -> None:
    images, tokens = pairs()
    want = their_outputs(theirs, images, tokens)
    with torch.no_grad():
        image, text = ours.encode_image(images), ours.encode_text(tokens)
        logits = ours(images, tokens)
    torch.testing.assert_close(image, want.image_embeds, **TOLERANCE)
    torch.testing.assert_close(text, want.text_embeds, **TOLERANCE)
    torch.testing.assert_close(logits[0], want.logits_per_image, **TOLERANCE)
    torch.testing.assert_close(logits[1], want.logits_per_text, **TOLERANCE)
    torch.testing.assert_close(ours.contrastive_loss(*logits), want.loss, **TOLERANCE)
    torch.testing.assert_close(clip_loss(image, text, ours.scale), want.loss, **TOLERANCE)


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_loads_to_equal_embeddings_and_loss(tmp_path: Path, activation: str) -> None:
    theirs = their_model(activation)
    theirs.save_pretrained(tmp_path)
    ours = CLIPModel.from_pretrained(tmp_path)
    assert not ours.training
    assert_equal_outputs(ours, theirs)


def test_written_folder_loads_in_transformers(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path / "theirs")
    ours = CLIPModel.from_pretrained(tmp_path / "theirs")
    with torch.no_grad():  # not a copy of the file that was read
        for parameter in ours.parameters():
            parameter.mul_(1.05)
    ours.save_pretrained(tmp_path / "ours", format="transformers")
    again = transformers.CLIPModel.from_pretrained(tmp_path / "ours", local_files_only=True)
    assert_equal_outputs(ours, again.eval())
    assert_equal_outputs(CLIPModel.from_pretrained(tmp_path / "ours"), again)


def test_written_folder_keeps_every_tensor(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path / "theirs")
    CLIPModel.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    again = transformers.CLIPModel.from_pretrained(tmp_path / "ours", local_files_only=True)
    want = theirs.state_dict()
    got = again.state_dict()
    assert got.keys() == want.keys()
    assert all(torch.equal(got[name], want[name]) for name in want)


def test_legacy_end_token(tmp_path: Path) -> None:
    """Old configurations say eos_token_id=2 and mean the largest id of the caption."""
    theirs = their_model(eos=2)
    theirs.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["text_config"]["eos_token_id"] == 2
    assert_equal_outputs(CLIPModel.from_pretrained(tmp_path), theirs)


def test_old_configuration_with_defaults_left_out(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for part in ("text_config", "vision_config"):
        del config[part]["hidden_act"], config[part]["layer_norm_eps"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    ours = CLIPModel.from_pretrained(tmp_path)
    assert_equal_outputs(ours, theirs)
    for module in ours.modules():  # too small a difference for the outputs to show
        assert not isinstance(module, torch.nn.LayerNorm) or module.eps == 1e-5


def test_shards_load(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_equal_outputs(CLIPModel.from_pretrained(tmp_path), theirs)


def test_normalisation_constants_travel_with_the_folder(tmp_path: Path) -> None:
    theirs = their_model()
    theirs.save_pretrained(tmp_path / "a")
    processor = transformers.CLIPImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[1, 2, 3])
    processor.save_pretrained(tmp_path / "a")
    ours = CLIPModel.from_pretrained(tmp_path / "a")
    assert ours.image_encoder.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    ours.save_pretrained(tmp_path / "b")
    again = CLIPModel.from_pretrained(tmp_path / "b")
    images, _ = pairs()
    torch.testing.assert_close(again.encode_image(images), ours.encode_image(images))
    assert again.image_encoder.std.flatten().tolist() == [1, 2, 3]
