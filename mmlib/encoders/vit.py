"""A vision transformer (Dosovitskiy et al. 2021), small enough to train from scratch.

With `pre_norm=True, patch_bias=False, activation="quick_gelu", eps=1e-5` it is the image tower
of OpenAI's CLIP; with the defaults it is timm's and torchvision's ViT; with
`eps=1e-12, antialias=False` transformers'.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib import weights
from mmlib.encoders.base import ImageEncoder, check_constants, replace_options, resolve_config
from mmlib.hf_vit import vit_options, vit_state
from mmlib.layers import (
    ACTIVATIONS,
    Block,
    PatchEmbedding,
    check_choice,
    check_positive,
    init_transformer_,
)

POOLINGS = ("cls", "mean")
POSITIONS = ("learned", "none")


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a vision transformer. `image_size` and `patch_size` are in pixels."""

    image_size: int = 32
    patch_size: int = 4
    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 4.0
    pooling: str = "cls"  # "cls": the class token; "mean": the mean of the patch tokens
    activation: str = "gelu"
    eps: float = 1e-6
    pre_norm: bool = False  # a LayerNorm before the first block, as CLIP has
    patch_bias: bool = True
    qkv_bias: bool = True
    position: str = "learned"  # "none": no position embedding, the patches become a bag
    antialias: bool = True  # how positions are resampled: True as timm, False as transformers
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ("mean", "std"):  # a config read back from JSON gives lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_positive(image_size=self.image_size, patch_size=self.patch_size, width=self.width)
        check_positive(depth=self.depth, heads=self.heads, mlp_ratio=self.mlp_ratio, eps=self.eps)
        check_constants(self.mean, self.std)
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("position", self.position, POSITIONS)
        check_choice("activation", self.activation, ACTIVATIONS)
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} must divide width={self.width}")
        if self.image_size % self.patch_size:
            raise ValueError(
                f"patch_size={self.patch_size} must divide image_size={self.image_size}"
            )

    @property
    def feature_dim(self) -> int:
        """Length of the pooled feature: the width."""
        return self.width

    @property
    def grid(self) -> int:
        """Patches along one side of an image of `image_size`."""
        return self.image_size // self.patch_size


PRESETS = {
    "tiny": ViTConfig(),
    "small": ViTConfig(width=192, depth=6, heads=6),
}


# The article's name of the model, and its name on the hub
ALIASES = {"vit_base_patch16": "google/vit-base-patch16-224"}
# What is known of a model on the hub without asking it
ARCHITECTURES = {
    "google/vit-base-patch16-224": ViTConfig(
        image_size=224, patch_size=16, width=768, depth=12, heads=12, eps=1e-12, antialias=False
    )
}
# Options that change no weight and no rule by which the weights were trained
FREE_OPTIONS = ("pooling", "mean", "std", "antialias")


class VisionTransformerEncoder(ImageEncoder):
    """Patches as tokens, self-attention, one pooled feature: (B, 3, H, W) -> (B, width).

    `model_name` is a preset ("tiny", "small") to train from scratch, a local folder with a ViT in
    the format of transformers (config.json, model.safetensors, preprocessor_config.json), or a
    name on the Hugging Face hub such as "google/vit-base-patch16-224" (the article calls that
    one "vit_base_patch16"). `pretrained=True` loads the weights of a folder or hub name, into
    this architecture and with their own normalisation constants; `pretrained=False` takes only
    its sizes, and weights drawn with `generator`. Any field of `ViTConfig` given by name
    replaces the preset's; with pretrained weights only `pooling`, `mean`, `std` and `antialias`.

    Images of another size than `image_size` are accepted when the patch size divides them; the
    position embedding is then resampled.
    Raises ValueError for an unknown preset or option, for a preset with `pretrained=True` and for
    a checkpoint that is damaged or of another architecture; FileNotFoundError for a missing file;
    OSError when the hub cannot be reached; ImportError when transformers is missing for the hub.
    """

    config: ViTConfig
    pos_embed: nn.Parameter | None

    def __init__(
        self,
        model_name: str | Path = "tiny",
        pretrained: bool = False,
        *,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        config, checkpoint = _resolve(model_name, pretrained, options)
        super().__init__(config)
        self.patch_embed = PatchEmbedding(config.patch_size, config.width, bias=config.patch_bias)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = None
        if config.position == "learned":
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, config.width))
        self.norm_pre = (
            nn.LayerNorm(config.width, eps=config.eps) if config.pre_norm else nn.Identity()
        )
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                config.mlp_ratio,
                activation=config.activation,
                eps=config.eps,
                qkv_bias=config.qkv_bias,
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=config.eps)
        if checkpoint is None:
            self._init_weights(generator)
        else:
            state = _renamed(checkpoint, config)
            weights.load_weights(self, state, checkpoint.source)

    @torch.no_grad()
    def _init_weights(self, generator: torch.Generator | None) -> None:
        conv, width = self.patch_embed.proj, self.config.width
        conv.weight.normal_(0.0, conv.weight[0].numel() ** -0.5, generator=generator)
        if conv.bias is not None:
            conv.bias.zero_()
        self.cls_token.normal_(0.0, width**-0.5, generator=generator)
        # Drawn also where it is not used: a seed gives the same blocks with and without positions
        positions = torch.empty(1, 1 + self.config.grid**2, width)
        positions.normal_(0.0, width**-0.5, generator=generator)
        if self.pos_embed is not None:
            self.pos_embed.copy_(positions)
        init_transformer_(self.blocks, generator)

    def _positions(self, height: int, width: int) -> Tensor | float:
        """Position embedding (1, 1 + height * width, C) for a grid of patches; 0 without one."""
        if self.pos_embed is None:
            return 0.0
        grid = self.config.grid
        if (height, width) == (grid, grid):
            return self.pos_embed
        patches = self.pos_embed[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
        if patches.dtype in (torch.float16, torch.bfloat16):  # too coarse, and not on every device
            patches = patches.float()
        patches = F.interpolate(
            patches, (height, width), mode="bicubic", antialias=self.config.antialias
        )
        patches = patches.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)  # (1, h * w, C)
        return torch.cat([self.pos_embed[:, :1], patches], dim=1)

    def forward_tokens(self, images: Tensor) -> Tensor:
        """Normalised tokens (B, 1 + h * w, width), the class token first."""
        patches = self.patch_embed(self.normalise(images))  # (B, C, h, w)
        height, width = patches.shape[-2:]
        x = patches.flatten(2).transpose(1, 2)  # (B, h * w, C)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = self.norm_pre(x + self._positions(height, width))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] -> features (B, width)."""
        tokens = self.forward_tokens(images)
        return tokens[:, 0] if self.config.pooling == "cls" else tokens[:, 1:].mean(dim=1)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """The patch tokens as one map: [(B, width, H / patch_size, W / patch_size)]."""
        height, width = (side // self.config.patch_size for side in images.shape[-2:])
        return [self.forward_tokens(images)[:, 1:].transpose(1, 2).unflatten(2, (height, width))]


def _resolve(
    model_name: str | Path, pretrained: bool, options: dict[str, Any]
) -> tuple[ViTConfig, weights.Checkpoint | None]:
    """The configuration that is asked for, and the checkpoint whose weights go with it."""
    name = ALIASES.get(str(model_name), model_name)
    if not pretrained and name in ARCHITECTURES:
        return replace_options(ARCHITECTURES[str(name)], options), None
    if name in PRESETS:
        return resolve_config(PRESETS, str(name), pretrained, options, tuple(ALIASES)), None
    if isinstance(name, str) and "/" not in name and not Path(name).is_dir():
        raise ValueError(
            f"model_name={name!r} is unknown: use one of {[*PRESETS, *ALIASES]}, the path of a "
            "local folder, or a hub name 'owner/model'"
        )
    if pretrained:
        for option in options:
            check_choice("option for pretrained weights", option, FREE_OPTIONS)
    if weights.is_hub_name(name):
        checkpoint = _fetch(str(name))
    else:
        checkpoint = weights.read_checkpoint(name, tensors=pretrained)
    try:
        config = ViTConfig(**vit_options(checkpoint.config, checkpoint.preprocessor))
    except ValueError as error:
        raise ValueError(f"{checkpoint.source} is not a ViT that can be loaded: {error}") from error
    return replace_options(config, options), checkpoint if pretrained else None


def _fetch(name: str) -> weights.Checkpoint:
    offline = f", or train a preset from scratch: model_name one of {list(PRESETS)}"
    return weights.fetch(name, "ViTModel", "ViTImageProcessor", offline, add_pooling_layer=False)


def _renamed(checkpoint: weights.Checkpoint, config: ViTConfig) -> dict[str, Tensor]:
    try:
        return vit_state(checkpoint.state, config.depth, config.qkv_bias)
    except ValueError as error:
        raise ValueError(
            f"the weights in {checkpoint.source} do not fit its config.json: {error}"
        ) from error
