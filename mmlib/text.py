"""Text towers: a small transformer encoder over tokens, and a table of frozen features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmlib.layers import ACTIVATIONS, Block, check_choice, check_positive, init_transformer_
from mmlib.tokenizer import EOT, PAD, Tokenizer

__all__ = ["FeatureTable", "TextConfig", "TextEncoder", "Tokenizer"]

POOLINGS = ("eot", "mean", "first")


@dataclass(frozen=True)
class TextConfig:
    """Sizes of a text encoder. `pooling="eot"` makes attention causal, as in CLIP."""

    vocab_size: int
    context_length: int = 32
    width: int = 128
    depth: int = 2
    heads: int = 4
    mlp_ratio: float = 4.0
    pooling: str = "eot"  # the end token, the "mean" of all tokens, or the "first" token
    activation: str = "gelu"
    eps: float = 1e-6
    pad_id: int = PAD
    eot_id: int = EOT

    def __post_init__(self) -> None:
        check_positive(vocab_size=self.vocab_size, context_length=self.context_length)
        check_positive(width=self.width, depth=self.depth, heads=self.heads, eps=self.eps)
        check_positive(mlp_ratio=self.mlp_ratio)
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("activation", self.activation, ACTIVATIONS)
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} must divide width={self.width}")

    @property
    def causal(self) -> bool:
        """Whether a token sees only what came before: the end token then is the one to pool."""
        return self.pooling == "eot"


class TextEncoder(nn.Module):
    """Transformer over tokens: int64 (B, L), L <= context_length -> features (B, width).

    Every row must hold an end token (`eot_id`); what follows it never counts.
    Weights are drawn with `generator`.
    Raises ValueError for a wrong shape or dtype, for rows that are too long, and for rows
    without an end token: at each call on a CPU, and at the first call elsewhere, because there
    this last check makes the program wait for the device.
    """

    def __init__(self, config: TextConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.feature_dim = config.width
        self._ends_checked = False
        self.token_embed = nn.Embedding(config.vocab_size, config.width)
        self.pos_embed = nn.Parameter(torch.empty(config.context_length, config.width))
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                config.mlp_ratio,
                causal=config.causal,
                activation=config.activation,
                eps=config.eps,
            )
            for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=config.eps)
        nn.init.normal_(self.token_embed.weight, std=0.02, generator=generator)
        nn.init.normal_(self.pos_embed, std=0.01, generator=generator)
        init_transformer_(self.blocks, generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, L) -> features (B, width)."""
        end = self._end_positions(tokens)  # (B,)
        position = torch.arange(tokens.shape[1], device=tokens.device)
        inside = position <= end[:, None]  # (B, L): start to end token, no padding
        mask = None if self.config.causal else inside[:, None, None, :]
        x = self.token_embed(tokens) + self.pos_embed[: tokens.shape[1]]  # (B, L, C)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        if self.config.pooling == "first":
            return x[:, 0]
        if self.config.pooling == "eot":
            return x[torch.arange(len(x), device=x.device), end]
        return (x * inside[..., None]).sum(dim=1) / inside.sum(dim=1, keepdim=True)

    def _end_positions(self, tokens: Tensor) -> Tensor:
        """Index (B,) of the first end token of each row, after checking the rows."""
        if tokens.ndim != 2 or tokens.dtype not in (torch.int64, torch.int32):
            raise ValueError(
                f"tokens must be int64 of shape (B, L), got {tokens.dtype} {tuple(tokens.shape)}"
            )
        if tokens.shape[1] > self.config.context_length:
            raise ValueError(
                f"{tokens.shape[1]} tokens are more than context_length="
                f"{self.config.context_length}: encode with that context_length"
            )
        found, end = (tokens == self.config.eot_id).int().max(dim=1)  # (B,), the first of equals
        cheap = tokens.device.type == "cpu" or not self._ends_checked
        if cheap and not torch.compiler.is_compiling():
            self._check_found(found.bool())
        return end

    def _check_found(self, found: Tensor) -> None:
        if not found.all():
            rows = (~found).nonzero().flatten().tolist()
            raise ValueError(
                f"rows {rows[:5]} have no end token (id {self.config.eot_id}): truncate before "
                "it, as Tokenizer.encode does"
            )
        self._ends_checked = True


class FeatureTable(nn.Module):
    """A frozen text tower: row numbers (B,) or (B, 1) -> cached features (B, D).

    `features` (N, D) come from a model that is not trained here, such as a sentence transformer.
    """

    features: Tensor

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        if features.ndim != 2 or not features.is_floating_point() or features.numel() == 0:
            raise ValueError(
                f"features must be floating (N, D), got {features.dtype} {tuple(features.shape)}"
            )
        self.register_buffer("features", features.detach().clone())
        self.feature_dim = features.shape[1]

    def forward(self, ids: Tensor) -> Tensor:
        """Row numbers (B,) or (B, 1) -> features (B, D)."""
        if (
            ids.is_floating_point()
            or ids.ndim not in (1, 2)
            or (ids.ndim == 2 and ids.shape[1] != 1)
        ):
            raise ValueError(
                f"ids must be integers (B,) or (B, 1), got {ids.dtype} {tuple(ids.shape)}"
            )
        return self.features[ids.reshape(-1)]
