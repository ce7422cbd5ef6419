from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from mmlib import hf
from mmlib.clip import CLIPModel
from mmlib.encoders import CNNVisualEncoder, HybridVisualEncoder, VisionTransformerEncoder
from mmlib.text import FeatureTable, TextConfig, TextEncoder
from tests.helpers import random_tokens, small_clip

LENGTH = 8


def text_encoder(eot_id: int = 2) -> TextEncoder:
    return TextEncoder(TextConfig(40, LENGTH, 16, 1, 2, eot_id=eot_id))


def clip_architecture(**options: object) -> CLIPModel:
    """A model that transformers' CLIP can express."""
    image = VisionTransformerEncoder(
        pre_norm=True, patch_bias=False, width=16, depth=1, heads=2, mean=(0.1, 0.2, 0.3)
    )
    return CLIPModel(image, text_encoder(eot_id=39), 8, **options)


MODELS = {
    "cnn": lambda: small_clip(),
    "cnn group grid": lambda: CLIPModel(
        CNNVisualEncoder("tiny", norm="group", pooling="grid", mean=(0, 0, 0)), text_encoder(), 8
    ),
    "lite0": lambda: CLIPModel(
        CNNVisualEncoder("efficientnet_lite0", pooling="grid", std=(0.1, 0.2, 0.3)),
        text_encoder(),
        8,
    ),
    "vit": lambda: CLIPModel(VisionTransformerEncoder("tiny", depth=1), text_encoder(), 8),
    "vit variant": lambda: CLIPModel(
        VisionTransformerEncoder(width=16, depth=1, position="none", qkv_bias=False, std=(1, 2, 3)),
        text_encoder(),
        8,
    ),
    "hybrid": lambda: CLIPModel(
        HybridVisualEncoder(
            cnn_options={"widths": (16, 24), "mean": (0.1, 0.2, 0.3)},
            vit_options={"width": 16, "depth": 1, "pooling": "mean"},
            hidden_dim=20,
            feature_dim=12,
            dropout=0.2,
        ),
        text_encoder(),
        8,
    ),
    "table": lambda: CLIPModel(CNNVisualEncoder("tiny"), FeatureTable(torch.randn(9, 5)), 8),
    "sigmoid": lambda: small_clip(logit_bias=-10.0),
    "clip": clip_architecture,
}


def outputs(model: CLIPModel) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 32, 32, generator=generator)
    tokens = random_tokens(4, generator)
    if isinstance(model.text_encoder, FeatureTable):
        tokens = torch.arange(4)
    else:
        tokens[tokens == 2] = model.text_encoder.config.eot_id
    with torch.no_grad():
        return model.eval()(images, tokens)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format", ["auto", "mmlib"])
def test_round_trip(name: str, format: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    model(
        torch.rand(4, 3, 32, 32),
        torch.full((4, 3), 39)
        if name == "clip"
        else (torch.arange(4) if name == "table" else torch.full((4, 3), 2)),
    )  # moves BatchNorm
    assert model.save_pretrained(tmp_path, format=format) == tmp_path
    again = CLIPModel.from_pretrained(tmp_path)
    assert not again.training
    assert torch.equal(outputs(again)[0], outputs(model)[0])
    assert again.state_dict().keys() == model.state_dict().keys()
    assert again.image_encoder.config == model.image_encoder.config
    kind = json.loads((tmp_path / "config.json").read_text())["model_type"]
    assert kind == ("clip" if (name, format) == ("clip", "auto") else "mmlib.clip")


def test_a_folder_name_is_found_before_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_clip().save_pretrained("my/model")
    assert isinstance(CLIPModel.from_pretrained("my/model"), CLIPModel)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: small_clip(), "CNNVisualEncoder"),
        (lambda: clip_architecture(logit_bias=0.0), "logit_bias"),
        (lambda: CLIPModel(VisionTransformerEncoder("tiny"), text_encoder(39), 8), "pre_norm=True"),
        (
            lambda: CLIPModel(VisionTransformerEncoder(position="none"), text_encoder(39), 8),
            "position='learned'",
        ),
        (
            lambda: CLIPModel(VisionTransformerEncoder(qkv_bias=False), text_encoder(39), 8),
            "qkv_bias=True",
        ),
        (
            lambda: CLIPModel(
                VisionTransformerEncoder("tiny", pre_norm=True, patch_bias=False),
                text_encoder(2),
                8,
            ),
            "end token of id 2",
        ),
    ],
)
def test_what_transformers_cannot_express(model, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        model().save_pretrained(tmp_path, format="transformers")
    assert not list(tmp_path.iterdir())


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format='onnx'.*'transformers'"):
        small_clip().save_pretrained(tmp_path, format="onnx")


def test_other_encoders_are_refused_before_writing(tmp_path: Path) -> None:
    class Mine(nn.Linear):
        feature_dim = 2

    class Changed(CNNVisualEncoder):  # the file could not say what is changed
        pass

    for encoder, name in ((Mine(2, 2), "Mine"), (Changed("tiny"), "Changed")):
        with pytest.raises(ValueError, match=f"a {name} cannot be saved"):
            CLIPModel(encoder, text_encoder(), 8).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = small_clip(seed=0)
    old.save_pretrained(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            small_clip(seed=1).save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert torch.equal(outputs(CLIPModel.from_pretrained(tmp_path))[0], outputs(old)[0])


def test_weights_of_another_configuration(tmp_path: Path) -> None:
    small_clip().save_pretrained(tmp_path / "a")
    small_clip(embed_dim=24).save_pretrained(tmp_path / "b")
    (tmp_path / "b/model.safetensors").replace(tmp_path / "a/model.safetensors")
    with pytest.raises(ValueError, match=r"(?s)another configuration.*visual_projection"):
        CLIPModel.from_pretrained(tmp_path / "a")


def test_transformers_weights_of_another_configuration(tmp_path: Path) -> None:
    clip_architecture().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 2
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="missing tensors.*encoder.layers.1"):
        CLIPModel.from_pretrained(tmp_path)
    config["text_config"]["num_hidden_layers"] = 1
    config["text_config"]["intermediate_size"] = 99
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="(?s)another configuration.*mlp.fc1"):
        CLIPModel.from_pretrained(tmp_path)


def test_unknown_activation_in_a_transformers_folder(tmp_path: Path) -> None:
    clip_architecture().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["vision_config"]["hidden_act"] = "relu"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="activation='relu'"):
        CLIPModel.from_pretrained(tmp_path)


def test_a_left_over_tensor_is_refused(tmp_path: Path) -> None:
    clip_architecture().save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    state = load_file(file)
    save_file(state | {"text_model.embeddings.position_ids": torch.arange(8)}, file)
    assert CLIPModel.from_pretrained(tmp_path)  # a buffer that old files hold
    save_file(state | {"text_model.adapter.weight": torch.zeros(2)}, file)
    with pytest.raises(ValueError, match="unknown tensors.*adapter"):
        CLIPModel.from_pretrained(tmp_path)


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    small_clip().save_pretrained(tmp_path)
    config, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    whole_config, whole_weights = config.read_text(), weights.read_bytes()
    weights.write_bytes(whole_weights[:100])
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        CLIPModel.from_pretrained(tmp_path)
    weights.write_bytes(whole_weights)
    for content in ("{", "[]", '{"model_type": "mmlib.clip"}',
                    whole_config.replace("CNNVisualEncoder", "Nothing"),
                    whole_config.replace('"stem"', '"root"')):  # fmt: skip
        config.write_text(content)
        with pytest.raises(ValueError, match="damaged|unknown"):
            CLIPModel.from_pretrained(tmp_path)
    config.write_text('{"model_type": "siglip"}')
    with pytest.raises(ValueError, match="model_type='siglip'.*'clip'"):
        CLIPModel.from_pretrained(tmp_path)
    config.unlink()
    with pytest.raises(FileNotFoundError, match="config.json is missing"):
        CLIPModel.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="config.json is missing"):
        CLIPModel.from_pretrained(tmp_path / "nowhere")


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    clip_architecture().save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="can run any code"):
        CLIPModel.from_pretrained(tmp_path)


def test_the_hub_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **options: object) -> None:
        raise OSError("We couldn't connect")

    monkeypatch.setattr(transformers.CLIPModel, "from_pretrained", offline)
    with pytest.raises(OSError, match=r"(?s)couldn't connect.*give the path of a folder"):
        CLIPModel.from_pretrained("openai/clip-vit-base-patch32")


def test_a_hub_name_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"mmlib\[pretrained\]"):
        CLIPModel.from_pretrained("openai/clip-vit-base-patch32")


def test_a_hub_name_with_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is played by a folder: what transformers returns goes through our layers."""
    model = clip_architecture()
    model.save_pretrained(tmp_path)
    asked: dict[str, object] = {}
    for kind in (transformers.CLIPModel, transformers.CLIPImageProcessor):
        original = kind.from_pretrained

        def fetch(name: str, original=original, **options: object):
            asked[name] = options
            return original(tmp_path, **options)

        monkeypatch.setattr(kind, "from_pretrained", fetch)
    again = CLIPModel.from_pretrained("someone/some-clip")
    assert "someone/some-clip" in asked
    torch.testing.assert_close(outputs(again)[0], outputs(model)[0])


def test_a_hub_model_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers would draw the tensors that it does not find, and go on."""
    clip_architecture().save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    original = transformers.CLIPModel.from_pretrained
    monkeypatch.setattr(
        transformers.CLIPModel,
        "from_pretrained",
        lambda name, **options: original(tmp_path, **options),
    )
    monkeypatch.setattr(
        transformers.CLIPImageProcessor,
        "from_pretrained",
        lambda name: transformers.CLIPImageProcessor(),
    )
    with pytest.raises(ValueError, match=r"'a/b' is not a CLIPModel.*visual_projection"):
        CLIPModel.from_pretrained("a/b")


def test_every_tensor_has_a_name_in_transformers() -> None:
    model = clip_architecture()
    assert set(hf.names(model)) == set(model.state_dict())
