"""How much of a signal can be dropped before a small model no longer recognises the concept?

The model is trained with parts missing, any share from none to nearly all, so that a failure says
that the information is gone and not that the model never saw a gap. Dropping comes in two kinds:
"scattered" removes single cells here and there, which neighbours can stand in for; "cut" keeps one
connected piece, which they cannot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.data.renditions import Renditions
from mmlib.layers import check_choice
from mmlib.modality_lab import build_encoder
from mmlib.pair_lab import PairBudget, embed_pair, train_pair
from mmlib.runtime import derive_seed, make_generator
from mmlib.tokenizer import EOT, FIRST_MERGE, SOT

KINDS = ("scattered", "cut")
SHARES = tuple(2.0**-power for power in range(9))  # 1, 1/2, ... 1/256 of the cells
GREY = 0.5  # stands where a cell was dropped
DROPPED_BYTE = FIRST_MERGE - 1  # the byte 255, which UTF-8 never uses


class LabelTable(nn.Module):
    """A learnt vector for each label: (B,) or (B, 1) -> (B, width). It turns CLIP to naming."""

    def __init__(self, labels: int, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.feature_dim = width
        self.table = nn.Parameter(torch.randn(labels, width, generator=generator))

    def forward(self, labels: Tensor) -> Tensor:
        """Labels (B,) or (B, 1) -> vectors (B, width)."""
        return self.table[labels.reshape(-1)]


def _run(length: int, share: Tensor, place: Tensor) -> Tensor:
    """(B, length) bool: a run of `share` of the cells, at least one, starting anywhere it fits."""
    kept = (share * length).round().clamp(1, length)
    start = (place * (length - kept + 1)).floor()
    cell = torch.arange(length, device=share.device)
    return (cell >= start[:, None]) & (cell < (start + kept)[:, None])


def _scattered(shape: tuple[int, ...], share: Tensor, generator: torch.Generator) -> Tensor:
    """(B, *shape) bool: each cell is kept with probability `share` (B,)."""
    chance = torch.rand(len(share), *shape, generator=generator, device=share.device)
    return chance < share.view(-1, *[1] * len(shape))


def drop(
    signal: Tensor, share: Tensor, generator: torch.Generator, kind: str = "scattered"
) -> Tensor:
    """Keep about `share` of the cells of each signal; what is dropped becomes grey.

    Args:
        signal: names as bytes, int64 (B, L) with start and end token; or float (B, 3, H, W) or
            (B, T, 3, H, W) in [0, 1]. A cell is a byte, or a pixel with its three channels. What
            follows a name counts as dropped, because the place of its end would tell its length.
        share: (B,) in (0, 1], on the signal's device.
        generator: on the signal's device.
        kind: "scattered", or "cut": a run of letters, or one rectangle with the signal's own
            proportions, at the same place in all frames. A cut keeps one cell at least, so of a
            short name more than a small share; scattered cells can all be gone.

    Raises:
        ValueError: a share outside (0, 1], an unknown kind, or a shape that is none of the above.
    """
    check_choice("kind", kind, KINDS)
    if share.shape != signal.shape[:1] or not bool(((share > 0) & (share <= 1)).all()):
        raise ValueError(f"share must be ({len(signal)},) in (0, 1], got {share}")
    if signal.ndim == 2 and not signal.is_floating_point():
        return _drop_bytes(signal, share, generator, kind)
    if signal.ndim not in (4, 5):
        raise ValueError(f"cannot drop cells of a signal of shape {tuple(signal.shape)}")
    frames, (height, width) = signal.shape[1:-3], signal.shape[-2:]
    if kind == "scattered":
        kept = _scattered((*frames, height, width), share, generator)
    else:
        place = torch.rand(2, len(signal), generator=generator, device=signal.device)
        rows, columns = _run(height, share.sqrt(), place[0]), _run(width, share.sqrt(), place[1])
        kept = rows[:, :, None] & columns[:, None, :]  # (B, H, W)
        kept = kept.view(-1, *[1] * len(frames), height, width)
    return signal.where(kept.unsqueeze(-3), torch.full_like(signal, GREY))


def _drop_bytes(tokens: Tensor, share: Tensor, generator: torch.Generator, kind: str) -> Tensor:
    letters = (tokens > EOT).sum(dim=1)  # (B,)
    if kind == "scattered":
        kept = _scattered(tuple(tokens.shape[1:]), share, generator)
    else:
        place = torch.rand(len(tokens), generator=generator, device=tokens.device)
        count = (share * letters).round().clamp(min=1)
        start = 1 + (place * (letters - count + 1)).floor()  # after the start token
        cell = torch.arange(tokens.shape[1], device=tokens.device)
        kept = (cell >= start[:, None]) & (cell < (start + count)[:, None])
    kept = kept & (tokens > EOT)
    hidden = tokens.where(kept, torch.full_like(tokens, DROPPED_BYTE))
    hidden[:, 0], hidden[:, -1] = SOT, EOT  # the length of a name is dropped with its letters
    return hidden


def train_recogniser(
    world: Renditions,
    modality: str,
    budget: PairBudget,
    seed: int,
    *,
    batch_size: int = 64,
) -> CLIPModel:
    """Learn to name all concepts of the world from one modality with parts missing.

    Shares are drawn evenly on a log scale from the least of `SHARES` to 1, kinds by a coin.
    """
    count = len(world.names)

    def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
        encoder = build_encoder(modality, world, generator)
        return encoder, LabelTable(count, budget.embed_dim, generator)

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        device = world.device
        concepts = torch.randint(count, (batch_size,), generator=generator, device=device)
        signal = world.draw(modality, concepts, generator)
        share = SHARES[-1] ** torch.rand(batch_size, generator=generator, device=device)
        coin = torch.rand(batch_size, generator=generator, device=device) < 0.5
        coin = coin.view(-1, *[1] * (signal.ndim - 1))
        one, two = (drop(signal, share, generator, kind) for kind in KINDS)
        return torch.where(coin, one, two), concepts, concepts

    return train_pair(build, draw, budget, seed, world.device)


def recognition(
    model: CLIPModel,
    world: Renditions,
    modality: str,
    seed: int,
    *,
    kind: str = "scattered",
    shares: Sequence[float] = SHARES,
    rounds: int = 4,
) -> list[float]:
    """Concepts named right, in percent among all of the world, at each share that is kept.

    Args:
        model: from `train_recogniser`.
        rounds: fresh renditions of every concept.
    """
    generator = make_generator(derive_seed(seed, "test"), world.device)
    labels = torch.arange(len(world.names), device=world.device)
    found: list[float] = []
    for share in shares:
        hits = 0
        for _ in range(rounds):
            signal = world.draw(modality, labels, generator, "test")
            kept = drop(
                signal, torch.full(labels.shape, share, device=world.device), generator, kind
            )
            query, table = embed_pair(model, kept, labels)
            hits += int(((query @ table.T).argmax(dim=1) == labels).sum())
        found.append(100 * hits / (rounds * len(labels)))
    return found


def share_needed(accuracies: Sequence[float], shares: Sequence[float] = SHARES) -> float:
    """The share at which accuracy falls to half of that of the whole signal.

    Between two measured shares the accuracy is taken to be linear in the logarithm of the share.

    Args:
        accuracies: at `shares`, which fall from 1.

    Returns:
        A share; the least measured one if accuracy never falls to half.

    Raises:
        ValueError: the lengths differ, shares do not fall or are not above 0, an accuracy is not
            finite, or the first one is not above 0.
    """
    if len(accuracies) != len(shares) or list(shares) != sorted(set(shares), reverse=True):
        raise ValueError(f"give one accuracy for each falling share, got {accuracies}, {shares}")
    if not all(map(math.isfinite, accuracies)) or not shares[-1] > 0:
        raise ValueError(f"accuracies {accuracies} must be finite, shares {shares} above 0")
    if not accuracies[0] > 0:
        raise ValueError(f"the whole signal is named right in {accuracies[0]} %: nothing to halve")
    half = accuracies[0] / 2
    for i in range(1, len(shares)):
        if accuracies[i] <= half:
            above, below = accuracies[i - 1] - half, half - accuracies[i]  # above 0, 0 or more
            part = above / (above + below)
            return math.exp((1 - part) * math.log(shares[i - 1]) + part * math.log(shares[i]))
    return shares[-1]
