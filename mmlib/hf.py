"""How a transformers CLIP checkpoint maps to our modules: its names and its configuration.

Both use the same layers. What differs: names; query, key and value are three matrices there and
one here; the class token and the positions have leading axes of length one here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmlib.clip import CLIPModel
from mmlib.encoders.vit import VisionTransformerEncoder
from mmlib.text import TextConfig, TextEncoder
from mmlib.weights import normalisation, rename

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
LEGACY_EOS = 2  # in configurations written before transformers 4.31, whatever the vocabulary

# Fields that old configurations leave out have these values.
VISION_DEFAULTS: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
TEXT_DEFAULTS: dict[str, Any] = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "vocab_size": 49408,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": LEGACY_EOS,
}
BLOCK_NAMES: dict[str, tuple[str, ...]] = {
    "norm1": ("layer_norm1",),
    "attn.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.proj": ("self_attn.out_proj",),
    "norm2": ("layer_norm2",),
    "mlp.fc1": ("mlp.fc1",),
    "mlp.fc2": ("mlp.fc2",),
}


def build_model(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> CLIPModel:
    """An untrained `CLIPModel` of the architecture that a transformers config.json describes.

    `preprocessor` is the content of preprocessor_config.json, which may be empty: the image
    encoder then takes OpenAI's normalisation constants. Raises ValueError for what we lack.
    """
    vision = VISION_DEFAULTS | dict(config.get("vision_config") or {})
    text = TEXT_DEFAULTS | dict(config.get("text_config") or {})
    image_encoder = VisionTransformerEncoder(
        image_size=vision["image_size"],
        patch_size=vision["patch_size"],
        pre_norm=True,
        patch_bias=False,
        **normalisation(preprocessor, CLIP_MEAN, CLIP_STD),
        **_shared_options(vision),
    )
    eos = text["eos_token_id"]
    text_config = TextConfig(
        vocab_size=text["vocab_size"],
        context_length=text["max_position_embeddings"],
        # The legacy rule pools the largest id of a caption, and that is the last of the vocabulary
        eot_id=text["vocab_size"] - 1 if eos == LEGACY_EOS else eos,
        **_shared_options(text),
    )
    return CLIPModel(image_encoder, TextEncoder(text_config), config.get("projection_dim", 512))


def _shared_options(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "width": config["hidden_size"],
        "depth": config["num_hidden_layers"],
        "heads": config["num_attention_heads"],
        "mlp_ratio": config["intermediate_size"] / config["hidden_size"],
        "activation": config["hidden_act"],
        "eps": config["layer_norm_eps"],
    }


def names(model: CLIPModel) -> dict[str, tuple[str, ...]]:
    """Our name of each tensor -> its name (or the names of its parts) in transformers."""
    table: dict[str, tuple[str, ...]] = {
        "image_encoder.cls_token": ("vision_model.embeddings.class_embedding",),
        "image_encoder.patch_embed.proj.weight": (
            "vision_model.embeddings.patch_embedding.weight",
        ),
        "image_encoder.pos_embed": ("vision_model.embeddings.position_embedding.weight",),
        "text_encoder.token_embed.weight": ("text_model.embeddings.token_embedding.weight",),
        "text_encoder.pos_embed": ("text_model.embeddings.position_embedding.weight",),
        "visual_projection.weight": ("visual_projection.weight",),
        "text_projection.weight": ("text_projection.weight",),
        "logit_scale": ("logit_scale",),
    }
    modules: dict[str, tuple[str, ...]] = {
        "image_encoder.norm_pre": ("vision_model.pre_layrnorm",),  # their spelling
        "image_encoder.norm": ("vision_model.post_layernorm",),
        "text_encoder.norm": ("text_model.final_layer_norm",),
    }
    for ours, theirs in (("image_encoder", "vision_model"), ("text_encoder", "text_model")):
        for number in range(getattr(model, ours).config.depth):
            block, layer = f"{ours}.blocks.{number}", f"{theirs}.encoder.layers.{number}"
            for name, parts in BLOCK_NAMES.items():
                modules[f"{block}.{name}"] = tuple(f"{layer}.{part}" for part in parts)
    for name, parts in modules.items():
        for kind in ("weight", "bias"):
            table[f"{name}.{kind}"] = tuple(f"{part}.{kind}" for part in parts)
    return table


def import_state(state: Mapping[str, Tensor], model: CLIPModel) -> dict[str, Tensor]:
    """Tensors of a transformers CLIP under our names, in our shapes.

    Raises ValueError when a tensor is missing or left over.
    """
    # Old files hold a buffer of position ids
    given = {name: state[name] for name in state if not name.endswith("position_ids")}
    imported = rename(given, names(model))
    imported["image_encoder.cls_token"] = imported["image_encoder.cls_token"][None, None]
    imported["image_encoder.pos_embed"] = imported["image_encoder.pos_embed"][None]
    return imported


def export_state(model: CLIPModel) -> dict[str, Tensor]:
    """The tensors of `model` under the names and in the shapes of transformers."""
    state = model.state_dict()
    state["image_encoder.cls_token"] = state["image_encoder.cls_token"][0, 0]
    state["image_encoder.pos_embed"] = state["image_encoder.pos_embed"][0]
    exported: dict[str, Tensor] = {}
    for name, parts in names(model).items():
        tensor = state[name]
        tensors = tensor.chunk(len(parts)) if len(parts) > 1 else (tensor,)
        exported |= dict(zip(parts, tensors, strict=True))
    return exported


def obstacles(model: CLIPModel) -> list[str]:
    """Why `model` cannot be written as a transformers CLIP; empty when it can."""
    image, text = model.image_encoder, model.text_encoder
    if type(image) is not VisionTransformerEncoder or type(text) is not TextEncoder:
        return [f"the encoders are {type(image).__name__} and {type(text).__name__}"]
    wrong = {
        "the image encoder needs pre_norm=True": not image.config.pre_norm,
        "the image encoder needs patch_bias=False": image.config.patch_bias,
        "the image encoder needs position='learned'": image.config.position != "learned",
        "the image encoder needs qkv_bias=True": not image.config.qkv_bias,
        "the image encoder needs pooling='cls'": image.config.pooling != "cls",
        "the text encoder needs pooling='eot'": text.config.pooling != "eot",
        f"transformers reads an end token of id {LEGACY_EOS} as 'the largest id'": (
            text.config.eot_id == LEGACY_EOS
        ),
        "transformers' CLIP has no logit_bias": model.logit_bias is not None,
    }
    return [reason for reason, holds in wrong.items() if holds]


def export_config(model: CLIPModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """The content of config.json and of preprocessor_config.json for `model`."""
    assert isinstance(model.image_encoder, VisionTransformerEncoder), "see obstacles()"
    assert isinstance(model.text_encoder, TextEncoder), "see obstacles()"
    image, text = model.image_encoder.config, model.text_encoder.config

    def shared(config: Any) -> dict[str, Any]:
        return {
            "hidden_size": config.width,
            "intermediate_size": round(config.width * config.mlp_ratio),
            "num_hidden_layers": config.depth,
            "num_attention_heads": config.heads,
            "hidden_act": config.activation,
            "layer_norm_eps": config.eps,
            "projection_dim": model.embed_dim,
        }

    vision_config = {"image_size": image.image_size, "patch_size": image.patch_size}
    text_config = {
        "vocab_size": text.vocab_size,
        "max_position_embeddings": text.context_length,
        "eos_token_id": text.eot_id,
        "bos_token_id": None,
        "pad_token_id": None,
    }
    config = {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": model.embed_dim,
        "vision_config": vision_config | shared(image) | {"model_type": "clip_vision_model"},
        "text_config": text_config | shared(text) | {"model_type": "clip_text_model"},
    }
    preprocessor = {
        "image_processor_type": "CLIPImageProcessor",
        "image_mean": list(image.mean),
        "image_std": list(image.std),
        "size": {"shortest_edge": image.image_size},
        "crop_size": {"height": image.image_size, "width": image.image_size},
    }
    return config, preprocessor
