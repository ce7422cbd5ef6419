"""Optimiser groups and learning-rate schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

#: Embedding tables that are added to tokens: decaying them pulls positions towards each other.
NO_DECAY_NAMES = ("pos_embed", "cls_token")


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters into those that decay and those that do not.

    Biases, norms, scalars (all with fewer than two dimensions) and position or class embeddings
    get no weight decay, as in the reference implementations of CLIP and ViT.

    Args:
        model: any module; frozen parameters are left out.
        weight_decay: decay of the matrices, at least 0.

    Raises:
        ValueError: for a negative decay, or when nothing is trainable.
    """
    if weight_decay < 0:
        raise ValueError(f"weight_decay must be at least 0, got {weight_decay}")
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not named:
        raise ValueError("the model has no trainable parameter: unfreeze a tower or a projection")

    def decays(name: str, parameter: nn.Parameter) -> bool:
        return parameter.ndim >= 2 and name.rsplit(".", 1)[-1] not in NO_DECAY_NAMES

    return [
        {"params": [p for n, p in named if decays(n, p)], "weight_decay": weight_decay},
        {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
    ]


def make_optimizer(
    model: nn.Module,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.98),
) -> torch.optim.AdamW:
    """AdamW over `parameter_groups`, with the fused kernel (one pass over all parameters).

    Raises:
        ValueError: for a learning rate that is not positive.
    """
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    groups = [group for group in parameter_groups(model, weight_decay) if group["params"]]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=True)


def warmup_cosine(step: int, total: int, warmup: int = 0) -> float:
    """Factor on the base learning rate at `step` (0-based) of `total` steps.

    It rises linearly over `warmup` steps, starting at `1 / warmup` rather than 0 (a first step with
    rate 0 is wasted), reaches 1 at step `warmup - 1`, then follows half a cosine that would reach 0
    at step `total`: the last step still moves.

    Raises:
        ValueError: when `warmup` is not below `total`, or a step is outside the run.
    """
    if not 0 <= warmup < total:
        raise ValueError(f"warmup must be in [0, total), got warmup={warmup}, total={total}")
    if not 0 <= step < total:
        raise ValueError(f"step must be in [0, {total}), got {step}")
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Set every group's rate to `factor` times its first rate; return the first group's rate."""
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = group["initial_lr"] * factor
    return float(optimizer.param_groups[0]["lr"])


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that receive a gradient."""
    return [p for p in model.parameters() if p.requires_grad]
