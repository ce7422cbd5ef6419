"""How a transformers ViT checkpoint maps to our vision transformer: its configuration and names.

Both compute the same function. What differs: names; query, key and value are three matrices there
and one here; positions for other image sizes are resampled without antialiasing there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmlib.layers import ACTIVATIONS, check_choice
from mmlib.weights import normalisation, rename

HALF = (0.5, 0.5, 0.5)  # the constants of transformers' ViTImageProcessor

# Fields that a config.json leaves out have these values.
DEFAULTS: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "qkv_bias": True,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
         "image_size", "patch_size")  # fmt: skip
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")

MODULES: dict[str, tuple[str, ...]] = {
    "patch_embed.proj": ("embeddings.patch_embeddings.projection",),
    "norm": ("layernorm",),
}
BLOCK_MODULES: dict[str, tuple[str, ...]] = {
    "norm1": ("layernorm_before",),
    "attn.qkv": tuple(f"attention.attention.{part}" for part in ("query", "key", "value")),
    "attn.proj": ("attention.output.dense",),
    "norm2": ("layernorm_after",),
    "mlp.fc1": ("intermediate.dense",),
    "mlp.fc2": ("output.dense",),
}
# transformers 5 names modules in memory otherwise than in files: (in memory, in files)
IN_MEMORY = (
    ("attention.q_proj", "attention.attention.query"),
    ("attention.k_proj", "attention.attention.key"),
    ("attention.v_proj", "attention.attention.value"),
    ("attention.o_proj", "attention.output.dense"),
    ("mlp.fc1", "intermediate.dense"),
    ("mlp.fc2", "output.dense"),
)
# Heads on top of the tokens, which an image encoder does not have
UNUSED = ("pooler.", "classifier.", "decoder.", "embeddings.mask_token")


def vit_options(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of our `ViTConfig` for a transformers config.json and preprocessor_config.json.

    The second may be empty. Raises ValueError that names the field which we cannot express.
    """
    if config.get("model_type") != "vit":
        raise ValueError(f"model_type={config.get('model_type')!r} in config.json: need 'vit'")
    theirs = DEFAULTS | dict(config)
    sizes = {name: _whole_number(name, theirs[name]) for name in SIZES}
    check_choice("hidden_act", theirs["hidden_act"], ACTIVATIONS)
    check_choice("num_channels", theirs["num_channels"], [3])
    head_dim = sizes["hidden_size"] // sizes["num_attention_heads"]
    check_choice("head_dim", theirs.get("head_dim") or head_dim, [head_dim])
    for name in DROPOUTS:
        if theirs[name]:
            raise ValueError(
                f"{name}={theirs[name]} in config.json: our blocks have no dropout. Set it to 0 "
                "there: the features stay the same, dropout acts while training only"
            )
    return {
        "image_size": sizes["image_size"],
        "patch_size": sizes["patch_size"],
        "width": sizes["hidden_size"],
        "depth": sizes["num_hidden_layers"],
        "heads": sizes["num_attention_heads"],
        "mlp_ratio": sizes["intermediate_size"] / sizes["hidden_size"],
        "activation": theirs["hidden_act"],
        "eps": theirs["layer_norm_eps"],
        "qkv_bias": bool(theirs["qkv_bias"]),
        "antialias": False,
        **normalisation(preprocessor, HALF, HALF),
    }


def _whole_number(name: str, value: Any) -> int:
    if isinstance(value, list | tuple) and len(set(value)) == 1:
        value = value[0]  # (224, 224) says the same as 224
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r} in config.json: need one whole number above 0")
    return value


def vit_state(state: Mapping[str, Tensor], depth: int, qkv_bias: bool) -> dict[str, Tensor]:
    """Tensors of transformers' `ViTModel` or `ViTForImageClassification` under our names.

    The pooler and the classifier are left out. Raises ValueError when another tensor is missing
    or left over.
    """
    modules = dict(MODULES)
    for number in range(depth):
        for ours, parts in BLOCK_MODULES.items():
            theirs = tuple(f"encoder.layer.{number}.{part}" for part in parts)
            modules[f"blocks.{number}.{ours}"] = theirs
    table: dict[str, tuple[str, ...]] = {
        "cls_token": ("embeddings.cls_token",),
        "pos_embed": ("embeddings.position_embeddings",),
    }
    for ours, parts in modules.items():
        for kind in ("weight", "bias"):
            if kind == "weight" or qkv_bias or not ours.endswith("qkv"):
                table[f"{ours}.{kind}"] = tuple(f"{part}.{kind}" for part in parts)
    named = {_name_in_files(name): tensor for name, tensor in state.items()}
    return rename(
        {name: tensor for name, tensor in named.items() if not name.startswith(UNUSED)}, table
    )


def _name_in_files(name: str) -> str:
    name = name.removeprefix("vit.")
    if name.startswith("layers."):
        name = f"encoder.layer.{name.removeprefix('layers.')}"
        for in_memory, in_files in IN_MEMORY:
            name = name.replace(in_memory, in_files)
    return name
