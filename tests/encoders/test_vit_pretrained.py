"""Vision transformers from transformers' folders and from the hub. The hub is played by a folder:
tests run without a network. That the tokens are equal is in tests/parity/test_vit_parity.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from mmlib.encoders import VisionTransformerEncoder
from mmlib.hf_vit import vit_options, vit_state

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 60, "image_size": 16, "patch_size": 4}  # fmt: skip
HUB = "google/vit-base-patch16-224"


def images(height: int = 16, width: int = 16) -> torch.Tensor:
    return torch.rand(3, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small random ViTModel as transformers writes it."""
    model = transformers.ViTModel(transformers.ViTConfig(**SIZES))
    model.save_pretrained(tmp_path / "vit")
    return tmp_path / "vit"


def change_config(folder: Path, **fields: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def change_preprocessor(folder: Path, **fields: object) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps(fields))


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict]:
    """Any hub name gives `folder`; returns what was asked for."""
    asked: dict[str, dict] = {}
    transformers.ViTImageProcessor(image_mean=[0.1, 0.2, 0.3]).save_pretrained(folder)
    for kind in (transformers.ViTModel, transformers.ViTImageProcessor):

        def fetch(name: str, original=kind.from_pretrained, **options: object):
            asked.setdefault(name, options)
            return original(folder, **options)

        monkeypatch.setattr(kind, "from_pretrained", fetch)
    return asked


def test_config_of_a_folder(folder: Path) -> None:
    change_config(folder, hidden_act="quick_gelu", layer_norm_eps=1e-3)
    for name in (folder, str(folder)):
        encoder = VisionTransformerEncoder(name, pretrained=True)
        assert encoder.feature_dim == encoder.config.width == 24
        assert (encoder.config.depth, encoder.config.heads) == (2, 2)
        assert (encoder.config.image_size, encoder.config.patch_size) == (16, 4)
        assert encoder.config.activation == "quick_gelu"
        assert encoder.norm.eps == encoder.blocks[0].norm1.eps == 1e-3
        assert encoder.blocks[0].mlp.fc1.out_features == 60
        assert encoder.encode(images()).shape == (3, 24)
        (grid,) = encoder.feature_maps(images(8, 24))
        assert grid.shape == (3, 24, 2, 6)


def test_sides_may_be_pairs(folder: Path) -> None:
    change_config(folder, image_size=[16, 16], patch_size=[4, 4])
    assert VisionTransformerEncoder(folder, pretrained=True).config.image_size == 16


def test_without_pretrained_only_the_architecture(folder: Path) -> None:
    def make(**options) -> VisionTransformerEncoder:
        return VisionTransformerEncoder(
            folder, pretrained=False, generator=torch.Generator().manual_seed(4), **options
        )

    trained = VisionTransformerEncoder(folder, pretrained=True).state_dict()
    drawn = make().state_dict()
    assert {name: tensor.shape for name, tensor in drawn.items()} == {
        name: tensor.shape for name, tensor in trained.items()
    }
    assert not torch.equal(drawn["pos_embed"], trained["pos_embed"])
    assert all(torch.equal(drawn[name], tensor) for name, tensor in make().state_dict().items())
    (folder / "model.safetensors").unlink()  # config.json is enough
    assert make(depth=1, position="none").config.depth == 1


def test_constants_come_from_the_folder(folder: Path) -> None:
    def constants() -> tuple[list[float], list[float]]:
        encoder = VisionTransformerEncoder(folder, pretrained=True)
        return encoder.mean.flatten().tolist(), encoder.std.flatten().tolist()

    assert constants() == ([0.5] * 3, [0.5] * 3)
    change_preprocessor(folder, image_mean=[0.25, 0.5, 0.75], image_std=[1, 2, 4])
    assert constants() == ([0.25, 0.5, 0.75], [1, 2, 4])
    change_preprocessor(folder, do_normalize=False, image_mean=[0.25, 0.5, 0.75])
    assert constants() == ([0] * 3, [1] * 3)
    for fields in ({"do_rescale": False}, {"rescale_factor": 1 / 127.5}):
        change_preprocessor(folder, **fields)
        with pytest.raises(ValueError, match="preprocessor_config.json: only pixels rescaled"):
            constants()
    change_preprocessor(folder, image_std=[1, 0, 1])
    with pytest.raises(ValueError, match=r"std=\(1, 0, 1\)"):
        constants()


def test_options_for_pretrained_weights(folder: Path) -> None:
    encoder = VisionTransformerEncoder(folder, pretrained=True, pooling="mean", mean=(0, 0, 0))
    tokens = encoder.forward_tokens(images())
    torch.testing.assert_close(encoder(images()), tokens[:, 1:].mean(dim=1))
    assert encoder.mean.sum() == 0
    for option in ({"heads": 4}, {"activation": "gelu"}, {"position": "none"}, {"colour": 1}):
        with pytest.raises(ValueError, match=r"option for pretrained weights=.*'pooling'"):
            VisionTransformerEncoder(folder, pretrained=True, **option)


@pytest.mark.parametrize(
    "fields",
    [
        {"model_type": "deit"},
        {"hidden_act": "relu"},
        {"num_channels": 1},
        {"patch_size": [4, 2]},
        {"image_size": "16"},
        {"num_hidden_layers": 0},
        {"head_dim": 7},
        {"hidden_dropout_prob": 0.1},
        {"attention_probs_dropout_prob": 0.1},
    ],
    ids=lambda fields: next(iter(fields)),
)
@pytest.mark.parametrize("pretrained", [True, False])
def test_what_we_cannot_express(folder: Path, fields: dict, pretrained: bool) -> None:
    change_config(folder, **fields)
    ((name, value),) = fields.items()
    with pytest.raises(ValueError) as error:
        VisionTransformerEncoder(folder, pretrained=pretrained)
    assert str(folder) in str(error.value) and f"{name}={value!r}" in str(error.value)


@pytest.mark.parametrize("fields", [{"num_attention_heads": 5}, {"image_size": 18}])
def test_sizes_that_do_not_fit(folder: Path, fields: dict) -> None:
    change_config(folder, **fields)
    with pytest.raises(ValueError, match="is not a ViT that can be loaded.*must divide"):
        VisionTransformerEncoder(folder, pretrained=True)


def test_weights_of_another_config(folder: Path) -> None:
    for fields, message in (
        ({"num_hidden_layers": 3}, r"do not fit.*missing.*encoder\.layer\.2"),
        ({"num_hidden_layers": 1}, r"do not fit.*unknown.*encoder\.layer\.1"),
        ({"num_hidden_layers": 2, "qkv_bias": False}, r"do not fit.*unknown.*\.bias"),
        ({"qkv_bias": True, "intermediate_size": 61}, r"(?s)another configuration.*mlp\.fc1"),
    ):
        change_config(folder, **fields)
        with pytest.raises(ValueError, match=message):
            VisionTransformerEncoder(folder, pretrained=True)


def test_heads_are_left_out_and_other_tensors_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    state = load_file(file)
    assert "pooler.dense.weight" in state
    save_file(state | {"embeddings.mask_token": torch.zeros(1, 1, 24)}, file)
    encoder = VisionTransformerEncoder(folder, pretrained=True)
    assert not any("pooler" in name or "mask" in name for name in encoder.state_dict())
    save_file(state | {"encoder.layer.0.adapter.weight": torch.zeros(2)}, file)
    with pytest.raises(ValueError, match="unknown tensors.*adapter"):
        VisionTransformerEncoder(folder, pretrained=True)


def test_half_precision_weights_become_float32(folder: Path) -> None:
    file = folder / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file)
    features = VisionTransformerEncoder(folder, pretrained=True)(images())
    assert features.dtype == torch.float32 and features.isfinite().all()


def test_missing_damaged_and_pickled_files(folder: Path) -> None:
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        VisionTransformerEncoder(folder, pretrained=True)
    file.unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="can run any code"):
        VisionTransformerEncoder(folder, pretrained=True)
    with pytest.raises(FileNotFoundError, match="config.json is missing"):
        VisionTransformerEncoder(folder / "nowhere", pretrained=True)


def test_the_hub(hub: dict[str, dict], folder: Path) -> None:
    for name in ("vit_base_patch16", HUB, "someone/some-vit"):
        hub.clear()
        encoder = VisionTransformerEncoder(name, pretrained=True)
        (asked,) = hub
        assert asked == (HUB if name == "vit_base_patch16" else name)
        assert hub[asked]["use_safetensors"] is True
        assert encoder.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
        local = VisionTransformerEncoder(folder, pretrained=True)
        assert torch.equal(encoder(images()), local(images()))


def test_a_classifier_from_the_hub(hub: dict[str, dict], folder: Path) -> None:
    """The names are others in memory and in files, and the classifier has a prefix."""
    classifier = transformers.ViTForImageClassification(transformers.ViTConfig(**SIZES))
    classifier.save_pretrained(folder)
    encoder = VisionTransformerEncoder(HUB, pretrained=True)
    local = VisionTransformerEncoder(folder, pretrained=True)
    assert torch.equal(encoder(images()), local(images()))


def test_a_hub_model_of_another_kind(hub: dict[str, dict], folder: Path) -> None:
    """transformers would draw the tensors that it does not find, and go on."""
    state = load_file(folder / "model.safetensors")
    del state["layernorm.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"'a/b' is not a ViTModel.*layernorm\.weight"):
        VisionTransformerEncoder("a/b", pretrained=True)


def test_a_folder_is_found_before_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent.parent)
    name = f"{folder.parent.name}/vit"
    assert VisionTransformerEncoder(name, pretrained=True).feature_dim == 24
    monkeypatch.chdir(folder.parent)
    assert VisionTransformerEncoder("vit", pretrained=True).feature_dim == 24


@pytest.mark.parametrize("name", ["vit_base_patch16", HUB, "nobody/no-such-model"])
def test_the_hub_without_a_network(name: str) -> None:
    """Nothing is faked here: HF_HUB_OFFLINE is set for all tests."""
    with pytest.raises(OSError) as error:
        VisionTransformerEncoder(name, pretrained=True)
    message = str(error.value)
    assert "could not be had from the hub" in message
    assert "model.safetensors" in message and "give the path of a folder" in message
    assert "['tiny', 'small']" in message


def test_the_architecture_of_the_hub_model_needs_no_hub() -> None:
    with torch.device("meta"):
        encoders = [VisionTransformerEncoder(name) for name in ("vit_base_patch16", HUB)]
    for encoder in encoders:
        assert sum(p.numel() for p in encoder.parameters()) == 85_798_656
        theirs = vit_options(transformers.ViTConfig().to_dict(), {})  # its defaults are this model
        assert {name: getattr(encoder.config, name) for name in theirs} == theirs
    assert VisionTransformerEncoder(HUB, depth=1, width=24, heads=2).feature_dim == 24


def test_a_hub_name_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"mmlib\[pretrained\]"):
        VisionTransformerEncoder(HUB, pretrained=True)


def test_a_local_folder_needs_no_transformers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert VisionTransformerEncoder(folder, pretrained=True)(images()).shape == (3, 24)


def test_a_name_that_is_nothing() -> None:
    with pytest.raises(ValueError, match=r"'resnet5000'.*vit_base_patch16.*folder.*hub name"):
        VisionTransformerEncoder("resnet5000", pretrained=True)
    with pytest.raises(ValueError, match=r"no trained weights.*'tiny'.*vit_base_patch16"):
        VisionTransformerEncoder("tiny", pretrained=True)


def test_names_in_memory_and_in_files(folder: Path) -> None:
    in_files = vit_state(load_file(folder / "model.safetensors"), depth=2, qkv_bias=True)
    model = transformers.ViTModel.from_pretrained(folder)
    in_memory = vit_state(model.state_dict(), depth=2, qkv_bias=True)
    assert in_files.keys() == in_memory.keys()
    assert all(torch.equal(in_files[name], in_memory[name]) for name in in_files)
