"""How error falls with the number of training pairs, and a power law through it.

The pairs are scenes of one object each (its place, size, style and background vary), so new
pictures of the same 52 names never run out and test pictures are always fresh.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmlib.bands import t_quantile
from mmlib.clip import CLIPModel
from mmlib.data.icons import Icons
from mmlib.data.scenes import SceneConfig, SceneGenerator
from mmlib.encoders import CNNVisualEncoder
from mmlib.evaluate import embed_images, embed_texts, zero_shot_accuracy
from mmlib.optim import make_optimizer
from mmlib.runtime import derive_seed, make_generator
from mmlib.text import TextConfig, TextEncoder, Tokenizer
from mmlib.train import CLIPTraining, FitConfig, fit

CONTEXT = 10


class PoolBatches:
    """Batches drawn from a fixed pool of pairs, each batch without repetition.

    Args:
        images: uint8 (N, 3, H, W); tokens: (N, L); groups: (N,). All on one device.
        batch_size: pairs a batch, at most N.
        generator: on the CPU.
    """

    def __init__(
        self,
        images: Tensor,
        tokens: Tensor,
        groups: Tensor,
        batch_size: int,
        generator: torch.Generator,
    ) -> None:
        if not 2 <= batch_size <= len(images):
            raise ValueError(f"batch_size must be in [2, {len(images)}], got {batch_size}")
        self.images, self.tokens, self.groups = images, tokens, groups
        self.batch_size, self.generator = batch_size, generator

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self

    def __next__(self) -> dict[str, Tensor]:
        """'images' float (B, 3, H, W), 'text_tokens' (B, L), 'groups' (B,)."""
        rows = torch.randperm(len(self.images), generator=self.generator)[: self.batch_size]
        rows = rows.to(self.images.device)
        return {
            "images": self.images[rows].float() / 255,
            "text_tokens": self.tokens[rows],
            "groups": self.groups[rows],
        }


@dataclass(frozen=True)
class ScalingTask:
    """Scenes of one object: a pool to train on, fresh pictures to test on, and the names.

    Attributes:
        images, tokens, groups: the pool, see `PoolBatches`.
        test_images, test_labels: uint8 (M, 3, H, W) and (M,), the number of each name.
        name_tokens: (C, L) captions of all names.
        tokenizer: learnt from these captions.
    """

    images: Tensor
    tokens: Tensor
    groups: Tensor
    test_images: Tensor
    test_labels: Tensor
    name_tokens: Tensor
    tokenizer: Tokenizer

    @classmethod
    def draw(cls, icons: Icons, pool: int, test: int = 1024, image_size: int = 32) -> ScalingTask:
        """Draw `pool` training scenes and `test` other ones."""
        device = icons.rgba.device
        scenes = SceneGenerator(icons, SceneConfig(image_size, kinds=("single",)), device)
        train = scenes.batch(pool, make_generator(derive_seed(0, "pool")))
        held = scenes.batch(test, make_generator(derive_seed(0, "held")))
        number = {caption: label for label, caption in _captions(train, held)}
        names = [caption for caption, _ in sorted(number.items(), key=lambda item: item[1])]
        order = {caption: i for i, caption in enumerate(names)}
        tokenizer = Tokenizer.train(names, 384)
        name_tokens = tokenizer.encode(names, CONTEXT).to(device)
        labels = torch.tensor([order[c] for c in train.captions], device=device)
        test_labels = torch.tensor([order[c] for c in held.captions], device=device)
        return cls(
            _bytes(train.images), name_tokens[labels], labels,
            _bytes(held.images), test_labels, name_tokens, tokenizer,
        )  # fmt: skip


def _captions(*batches: object) -> list[tuple[int, str]]:
    """(object number, caption) of every scene."""
    return [
        (int(label), caption)
        for batch in batches
        for label, caption in zip(batch.truth.objects[:, 0], batch.captions, strict=True)  # type: ignore[attr-defined]
    ]


def _bytes(images: Tensor) -> Tensor:
    return (images * 255).round().to(torch.uint8)


def error_with(
    task: ScalingTask,
    pairs: int,
    seed: int,
    *,
    steps: int,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
) -> float:
    """Top-1 error in percent on fresh pictures after training on the first `pairs` of the pool.

    Every size gets the same number of steps, so the models see equally many pictures; with fewer
    pairs they see them more often.
    """
    if not batch_size <= pairs <= len(task.images):
        raise ValueError(f"pairs must be in [{batch_size}, {len(task.images)}], got {pairs}")
    device = task.images.device
    weights = make_generator(derive_seed(seed, "weights"))
    model = CLIPModel(
        CNNVisualEncoder("tiny", pooling="grid", grid=4, generator=weights),
        TextEncoder(
            TextConfig(task.tokenizer.vocab_size, CONTEXT, 128, 1, pooling="mean"),
            generator=weights,
        ),
        128,
        generator=weights,
    ).to(device)
    pool = task.images[:pairs], task.tokens[:pairs], task.groups[:pairs]
    batches = PoolBatches(*pool, batch_size, make_generator(derive_seed(seed, "batches")))
    trainer = CLIPTraining(model, make_optimizer(model, learning_rate), device)
    config = FitConfig(steps, steps // 10, log_every=steps, progress=False)
    list(fit(trainer, batches, config))
    names = embed_texts(model, task.name_tokens)
    image = embed_images(model, (part.float() / 255 for part in task.test_images.split(512)))
    return 100 * (1 - zero_shot_accuracy(image, names, task.test_labels).accuracy)


@dataclass(frozen=True)
class PowerLaw:
    """error = factor * pairs ** -exponent, with a 95 % interval of the exponent."""

    factor: float
    exponent: float
    low: float
    high: float

    def __call__(self, pairs: float) -> float:
        """The error that the law gives."""
        return float(self.factor * pairs**-self.exponent)


def fit_power_law(pairs: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    """A straight line through log error against log pairs, by least squares.

    The interval is Student's t on the slope, from the scatter around the line: it says how well
    these points fix the slope, not that the law holds beyond them.

    Raises:
        ValueError: fewer than three points, one pair size only, or values that are not positive.
    """
    x, y = np.asarray(pairs, float), np.asarray(errors, float)
    if len(x) != len(y) or len(x) < 3 or np.ptp(x) == 0:
        raise ValueError(f"need 3 points or more at 2 sizes or more, got {len(x)} and {len(y)}")
    if (x <= 0).any() or (y <= 0).any():
        raise ValueError("pairs and errors must be positive to have logarithms")
    u, v = np.log(x), np.log(y)
    slope, offset = np.polyfit(u, v, 1)
    scatter = ((v - offset - slope * u) ** 2).sum() / (len(u) - 2)
    error = float(np.sqrt(scatter / ((u - u.mean()) ** 2).sum()))
    half = t_quantile(0.975, len(u) - 2) * error
    return PowerLaw(
        float(np.exp(offset)), float(-slope), float(-slope - half), float(-slope + half)
    )
