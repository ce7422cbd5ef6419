"""Training: one step, and the loop around it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmlib.checkpoint import load_checkpoint, save_checkpoint
from mmlib.clip import CLIPModel
from mmlib.objectives import Objective, pick_objective, sigmoid_objective
from mmlib.optim import set_learning_rate, trainable, warmup_cosine
from mmlib.progress import Progress

Batch = Mapping[str, Tensor]


class CLIPTraining:
    """Train a `CLIPModel` one batch at a time.

    Args:
        model: moved to `device`.
        optimizer: over the model's parameters, see `mmlib.optim.make_optimizer`.
        device: where to compute.
        objective: "softmax" (groups respected), "one_hot" (groups ignored), "sigmoid", or a
            function (model, image, text, groups) -> scalar.
        max_norm: gradient clipping threshold on the global norm; None switches clipping off.
        dtype: precision of the encoders under autocast; None means float32. With float16 the loss
            is scaled and unscaled before clipping; weights stay float32.
        max_scale: cap of the inverse temperature after each step; None for no cap. The sigmoid
            objective is never capped.
    """

    def __init__(
        self,
        model: CLIPModel,
        optimizer: torch.optim.Optimizer,
        device: torch.device | str = "cpu",
        *,
        objective: str | Objective = "softmax",
        max_norm: float | None = 1.0,
        dtype: torch.dtype | None = None,
        max_scale: float | None = 100.0,
    ) -> None:
        if max_norm is not None and not max_norm > 0:
            raise ValueError(f"max_norm must be positive or None, got {max_norm}")
        self.device = torch.device(device)
        self.model = model.to(self.device)
        self.optimizer = optimizer
        self.objective = pick_objective(objective)
        self.max_norm = float("inf") if max_norm is None else max_norm
        self.dtype = None if dtype == torch.float32 else dtype
        self.max_scale = None if self.objective is sigmoid_objective else max_scale
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=dtype == torch.float16)
        self._parameters = trainable(model)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One optimiser step. The values stay on the device, so that nothing waits for them.

        Args:
            batch: 'images' (B, 3, H, W) in [0, 1], 'text_tokens' (B, L), and if several pairs
                may match 'groups' (B,).

        Returns:
            Scalars 'loss', 'accuracy', 'logit_scale' (the inverse temperature), 'grad_norm'
            (before clipping).

        Raises:
            ValueError: for a batch without images or tokens, of unequal lengths, or of one pair.
        """
        images, tokens, groups = self._unpack(batch)
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            image = self.model.encode_image(images)  # (B, D)
            text = self.model.encode_text(tokens)  # (B, D)
        loss = self.loss(image, text, groups, batch)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        grad_norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.max_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.max_scale is not None:
            self.model.clamp_logit_scale_(self.max_scale)
        logits = image.detach() @ text.detach().T  # (B, B)
        return {
            "loss": loss.detach(),
            "accuracy": _accuracy(logits, logits.T, groups),
            "logit_scale": self.model.scale.detach(),
            "grad_norm": grad_norm.detach(),
        }

    def loss(self, image: Tensor, text: Tensor, groups: Tensor | None, batch: Batch) -> Tensor:
        """The objective of one batch: a scalar.

        A subclass whose loss needs more of the batch than its pairs overrides this.

        Args:
            image, text: (B, D) embeddings of the pairs.
            groups: (B,) on the device, or None.
            batch: as `step` got it.
        """
        return self.objective(self.model, image, text, groups)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """`step`, as plain numbers, with 'temperature' = 1 / 'logit_scale' beside them."""
        values = {name: value.item() for name, value in self.step(batch).items()}
        return values | {"temperature": 1 / values["logit_scale"]}

    def compute_accuracy(
        self, logits_per_image: Tensor, logits_per_text: Tensor, groups: Tensor | None = None
    ) -> float:
        """Mean of image-to-text and text-to-image top-1 accuracy within the batch, in [0, 1].

        With `groups`, any text of the same group is right. Ties go to the lowest index.
        """
        return float(_accuracy(logits_per_image, logits_per_text, groups))

    def _unpack(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        missing = {"images", "text_tokens"} - set(batch)
        if missing:
            raise ValueError(f"the batch has no {sorted(missing)}; it has {sorted(batch)}")
        images = batch["images"].to(self.device, non_blocking=True)
        tokens = batch["text_tokens"].to(self.device, non_blocking=True)
        if len(images) != len(tokens):
            raise ValueError(f"{len(images)} images but {len(tokens)} texts: they must be pairs")
        if len(images) < 2:
            raise ValueError("a batch of one has no negatives and so no gradient: use 2 or more")
        groups = batch.get("groups")
        return images, tokens, None if groups is None else groups.to(self.device, non_blocking=True)


def _accuracy(per_image: Tensor, per_text: Tensor, groups: Tensor | None) -> Tensor:
    ids = torch.arange(len(per_image), device=per_image.device) if groups is None else groups
    right_text = ids[per_image.argmax(dim=1)] == ids
    right_image = ids[per_text.argmax(dim=1)] == ids
    return (right_text.float().mean() + right_image.float().mean()) / 2


@dataclass(frozen=True)
class FitConfig:
    """The loop's settings.

    Attributes:
        steps: optimiser steps in all.
        warmup: steps of linear warm-up; then half a cosine down to 0.
        log_every: steps between records; the device is waited for only then.
        save_every: steps between checkpoints when a path is given; 0 saves at the end only.
        progress: show a line while running.
    """

    steps: int
    warmup: int = 0
    log_every: int = 50
    save_every: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"warmup must be in [0, steps={self.steps}), got {self.warmup}")
        if self.log_every < 1:
            raise ValueError(f"log_every must be at least 1, got {self.log_every}")
        if self.save_every < 0:
            raise ValueError(f"save_every must be at least 0, got {self.save_every}")


def _resume(
    trainer: CLIPTraining, path: Path, generators: Mapping[str, torch.Generator], steps: int
) -> int:
    done, extra = load_checkpoint(path, trainer.model, trainer.optimizer, generators=generators)
    if extra.get("steps") != steps:
        raise ValueError(
            f"checkpoint {str(path)!r} belongs to a run of {extra.get('steps')} steps, this one "
            f"has {steps}: the learning-rate schedules differ. Use another file name"
        )
    trainer.scaler.load_state_dict(extra["scaler"])
    return done


def _line(record: Mapping[str, float], steps: int) -> str:
    return (
        f"step {record['step']:.0f}/{steps}  loss {record['loss']:.3f}  "
        f"batch accuracy {100 * record['accuracy']:.0f} %  "
        f"{record['pairs_per_second']:,.0f} pairs/s  {record['seconds']:.0f} s"
    )


def fit(
    trainer: CLIPTraining,
    batches: Iterator[Batch],
    config: FitConfig,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    generators: Mapping[str, torch.Generator] | None = None,
) -> Iterator[dict[str, float]]:
    """Train, and yield one record for every `log_every` steps and for the last step.

    Each record holds the means of 'loss', 'accuracy' and 'grad_norm' since the record before, and
    'step', 'logit_scale', 'temperature', 'learning_rate', 'pairs_per_second', 'seconds'. Being a
    generator, it can be stopped between any two records, and evaluated in between.

    Args:
        trainer: model, optimizer and objective.
        batches: an endless iterator; it must end no earlier than the run.
        config: steps, schedule, logging.
        checkpoint: file to resume from if it exists, and to save to.
        generators: random generators that `batches` draws from, by name. They are stored in the
            checkpoint, so that a resumed run sees the batches of a straight one, bit for bit.

    Raises:
        ValueError: the checkpoint is damaged or belongs to another run; or the loss is not finite.
    """
    generators = dict(generators or {})
    path = None if checkpoint is None else Path(checkpoint)
    done = 0
    if path is not None and path.exists():
        done = _resume(trainer, path, generators, config.steps)
    yield from _loop(trainer, batches, config, done, path, generators)


def _loop(
    trainer: CLIPTraining,
    batches: Iterator[Batch],
    config: FitConfig,
    done: int,
    path: Path | None,
    generators: Mapping[str, torch.Generator],
) -> Iterator[dict[str, float]]:
    progress = Progress(config.progress)
    start = last = time.perf_counter()
    pending: list[dict[str, Tensor]] = []
    pairs, record = 0, None
    for step in range(done, config.steps):
        rate = set_learning_rate(
            trainer.optimizer, warmup_cosine(step, config.steps, config.warmup)
        )
        batch = next(batches)
        pending.append(trainer.step(batch))
        pairs += len(batch["images"])
        end = step + 1 == config.steps
        if path is not None and (
            end or (config.save_every and (step + 1) % config.save_every == 0)
        ):
            _save(path, trainer, step + 1, config, generators)
        if not end and (step + 1) % config.log_every:
            continue
        record = _record(pending, step + 1, rate)
        now = time.perf_counter()
        record |= {"pairs_per_second": pairs / (now - last), "seconds": now - start}
        pending, pairs, last = [], 0, now
        progress.update(_line(record, config.steps))
        yield record
    if record is not None:
        progress.close(_line(record, config.steps))


def _record(pending: list[dict[str, Tensor]], step: int, rate: float) -> dict[str, float]:
    means = {
        name: torch.stack([values[name] for values in pending]).float().mean().item()
        for name in ("loss", "accuracy", "grad_norm")
    }
    scale = pending[-1]["logit_scale"].item()
    if not torch.isfinite(torch.tensor(means["loss"])):
        raise ValueError(
            f"the loss is {means['loss']} near step {step}: lower the learning rate, keep gradient "
            "clipping on, and look at the inputs for NaN"
        )
    return means | {
        "step": step, "logit_scale": scale, "temperature": 1 / scale, "learning_rate": rate,
    }  # fmt: skip


def _save(
    path: Path,
    trainer: CLIPTraining,
    step: int,
    config: FitConfig,
    generators: Mapping[str, torch.Generator],
) -> None:
    extra: dict[str, Any] = {"steps": config.steps, "scaler": trainer.scaler.state_dict()}
    save_checkpoint(
        path, trainer.model, trainer.optimizer, step=step, generators=generators, extra=extra
    )
