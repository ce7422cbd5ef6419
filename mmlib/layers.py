"""The four parts that every transformer of this book is made of.

Shapes: B batch, N tokens, C channels (the width), h heads.
The inner names (`qkv`, `proj`, `fc1`, `fc2`, `norm1`, `norm2`) are those of timm, so weights can
be copied in and out by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def quick_gelu(x: Tensor) -> Tensor:
    """The sigmoid approximation of GELU with which OpenAI's CLIP weights were trained."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "quick_gelu": quick_gelu}


def check_choice(what: str, value: object, allowed: Iterable[object]) -> None:
    """Raise ValueError that names the value and what is allowed, unless `value` is allowed."""
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"{what}={value!r} is unknown: use one of {allowed}")


def check_positive(**values: float) -> None:
    """Raise ValueError for the first value that is not above zero."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name}={value!r} must be above 0")


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017): (B, N, C) -> (B, N, C).

    With `causal=True` a token sees itself and the tokens before it. With a boolean `mask` that
    broadcasts to (B, h, N, N), token i sees token j where mask[..., i, j] is True; not both.
    Raises ValueError when `heads` does not divide `dim`.
    """

    def __init__(self, dim: int, heads: int, causal: bool = False, qkv_bias: bool = True) -> None:
        super().__init__()
        check_positive(dim=dim, heads=heads)
        if dim % heads:
            raise ValueError(f"heads={heads} must divide dim={dim}: each head gets dim / heads")
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix the tokens: (B, N, C) -> (B, N, C)."""
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, h, N, C/h)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal)
        return self.proj(x.transpose(1, 2).reshape(batch, tokens, dim))


class MLP(nn.Module):
    """Two linear layers around a GELU, token by token: (..., C) -> (..., C)."""

    def __init__(self, dim: int, hidden: int, activation: str = "gelu") -> None:
        super().__init__()
        check_positive(dim=dim, hidden=hidden)
        check_choice("activation", activation, ACTIVATIONS)
        self.activation = ACTIVATIONS[activation]
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token: (..., C) -> (..., C)."""
        return self.fc2(self.activation(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block: attention, then MLP, each added to its input. (B, N, C)."""

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_ratio: float = 4.0,
        causal: bool = False,
        activation: str = "gelu",
        eps: float = 1e-6,
        qkv_bias: bool = True,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, heads, causal, qkv_bias)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = MLP(dim, round(dim * mlp_ratio), activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attention, then MLP: (B, N, C) -> (B, N, C)."""
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    """Cut an image into square patches and project each: (B, 3, H, W) -> (B, C, H/P, W/P).

    Raises ValueError when the patch size does not divide the image size.
    """

    def __init__(self, patch_size: int, dim: int, channels: int = 3, bias: bool = True) -> None:
        super().__init__()
        check_positive(patch_size=patch_size, dim=dim, channels=channels)
        self.patch_size = patch_size
        self.proj = nn.Conv2d(channels, dim, patch_size, stride=patch_size, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """Project each patch: (B, channels, H, W) -> (B, C, H/P, W/P)."""
        height, width = images.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f"image size {height}x{width} is not a multiple of patch_size={self.patch_size}: "
                "resize or pad the images"
            )
        return self.proj(images)


@torch.no_grad()
def init_transformer_(blocks: nn.ModuleList, generator: torch.Generator | None = None) -> None:
    """Initialise blocks as OpenAI's CLIP does: the deeper the stack, the smaller each addition."""
    for block in blocks:
        assert isinstance(block, Block)
        dim = block.attn.proj.in_features
        branch = dim**-0.5 * (2 * len(blocks)) ** -0.5
        for layer, std in (
            (block.attn.qkv, dim**-0.5),
            (block.attn.proj, branch),
            (block.mlp.fc1, (2 * dim) ** -0.5),
            (block.mlp.fc2, branch),
        ):
            layer.weight.normal_(0.0, std, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
