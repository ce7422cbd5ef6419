"""Models that align pictures with words, for the benchmark of `mmlib.levels`.

Every model scores all drawings with all words and is trained by one routine: an encoder, a linear
projection, a table of word embeddings and a loss that asks of each picture and each word whether
they belong together. They differ in what the encoder is given: pixels, features of a network
trained on ImageNet, or a thumbnail of 4 x 4 colours, which holds no more than a rough layout.
The features of ImageNet were trained to name objects: their lead at that level is in part theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.augment.image import AugmentConfig, IconAugmentation
from mmlib.data.icons import Icons
from mmlib.encoders import CNNVisualEncoder, ImageEncoder
from mmlib.layers import check_positive
from mmlib.levels import LevelBenchmark, twin_weights
from mmlib.optim import make_optimizer, set_learning_rate, warmup_cosine
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator

#: From training concepts (n,) and a seed to scores (S * N, V) of all drawings with all words.
WordModel = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class WordBudget(Variations):
    """How to train: the same for all levels, because all words are learnt at once.

    Attributes:
        steps, batch_size: a batch holds drawings, every picture equally often.
        learning_rate, weight_decay, warmup: of AdamW; half a cosine after the warm-up, which is a
            fraction of the steps.
        embed_dim: dimensions of the shared space.
    """

    steps: int = 200
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    embed_dim: int = 64

    def __post_init__(self) -> None:
        check_positive(steps=self.steps, batch_size=self.batch_size, embed_dim=self.embed_dim)
        check_positive(learning_rate=self.learning_rate)
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a fraction of the steps in [0, 1), got {self.warmup}")


class WordAlignment(nn.Module):
    """An encoder and a table of words in one space.

    `forward` gives scores (B, V): cosine times a learnt scale. Trained with `loss`, a score is how
    much more likely a word is with this picture than in general, as a difference of log odds: how
    frequent a word is gives it no advantage.
    """

    def __init__(
        self, encoder: nn.Module, base_rate: Tensor, embed_dim: int, generator: torch.Generator
    ) -> None:
        """`base_rate` (V,): the share of training pictures with each word, in (0, 1)."""
        super().__init__()
        self.encoder = encoder
        width: int = encoder.feature_dim  # type: ignore[assignment]
        self.projection = nn.Linear(width, embed_dim, bias=False)
        self.words = nn.Embedding(len(base_rate), embed_dim)
        nn.init.normal_(self.projection.weight, std=width**-0.5, generator=generator)
        nn.init.normal_(self.words.weight, std=embed_dim**-0.5, generator=generator)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())
        self.prior: Tensor
        self.register_buffer("prior", base_rate.logit())

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs of the encoder (B, ...) -> scores (B, V)."""
        picture = F.normalize(self.projection(self.encoder(inputs)), dim=1)
        return self.log_scale.exp() * picture @ F.normalize(self.words.weight, dim=1).T

    def loss(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy of every picture with every word; labels bool (B, V).

        The prior enters as an offset (Menon et al. 2021, "Long-tail learning via logit
        adjustment"), so the scores hold the rest.
        """
        return F.binary_cross_entropy_with_logits(self(inputs) + self.prior, labels.float())


class VectorEncoder(nn.Module):
    """Ready-made features (B, D), standardised with the statistics of the training pictures."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.feature_dim = features.shape[1]
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", features.mean(dim=0))
        self.register_buffer("scale", features.std(dim=0).clamp_min(1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        return (features - self.mean) / self.scale


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a model is given: one row for each of the S * N drawings, style by style.

    Attributes:
        rows: (S * N, ...), on the device to compute on.
        varied: from rows and a generator to inputs of the encoder, for training.
        plain: the same for scoring, without variation.
    """

    rows: Tensor
    varied: Callable[[Tensor, torch.Generator], Tensor]
    plain: Callable[[Tensor, torch.Generator], Tensor]


def pixel_model(
    benchmark: LevelBenchmark, icons: Icons, budget: WordBudget | None = None
) -> WordModel:
    """A small CNN that learns from the drawings alone, with augmentation.

    Args:
        benchmark: made of the same concepts.
        icons: the same styles, 8 px or more; 32 px take seconds.
        budget: None for the default.

    Raises:
        ValueError: another number of drawings than the benchmark has.
    """
    augment, plain = IconAugmentation(), IconAugmentation(AugmentConfig.none())
    inputs = Inputs(check_rows(benchmark, icons.rgba.flatten(0, 1)), augment, plain)

    def scores(train: Tensor, seed: int) -> Tensor:
        weights = make_generator(derive_seed(seed, "weights"))
        encoder = CNNVisualEncoder(
            "tiny", stem=16, widths=(32, 64), depths=(1, 1), generator=weights
        )
        task = WordTask(benchmark, train)
        return task.fit(encoder, inputs, budget or WordBudget(), seed, weights)

    return scores


def feature_model(
    benchmark: LevelBenchmark,
    features: Tensor,
    budget: WordBudget | None = None,
    *,
    shuffled: bool = False,
) -> WordModel:
    """A linear projection of ready-made features (S * N, D).

    With `shuffled` the words are dealt out anew among the training concepts, so that nothing can
    be learnt but how frequent they are: the control that must score chance.
    Raises ValueError for another number of rows, and for features that are no finite vectors.
    """
    rows = check_rows(benchmark, features)
    if rows.ndim != 2 or not bool(rows.isfinite().all()):
        raise ValueError(f"features {tuple(rows.shape)} must be finite vectors (drawings, D)")
    inputs = Inputs(rows, lambda part, _: part, lambda part, _: part)

    def scores(train: Tensor, seed: int) -> Tensor:
        weights = make_generator(derive_seed(seed, "weights"))
        dealt = make_generator(derive_seed(seed, "shuffle")) if shuffled else None
        task = WordTask(benchmark, train, dealt)
        encoder = VectorEncoder(rows[task.rows])
        return task.fit(encoder, inputs, budget or WordBudget(), seed, weights)

    return scores


def check_rows(benchmark: LevelBenchmark, rows: Tensor) -> Tensor:
    """Raise ValueError unless there is one row for each drawing of the benchmark."""
    expected = benchmark.styles * len(benchmark.twins)
    if len(rows) != expected:
        raise ValueError(
            f"{len(rows)} rows for {expected} drawings: take the icons that the benchmark was "
            f"built from, {benchmark.styles} styles of {len(benchmark.twins)} concepts"
        )
    return rows


class WordTask:
    """The drawings to learn from, how often each is drawn, and their words.

    Args:
        benchmark: the words.
        train: concepts, int64 (n,).
        shuffle: deals the words out anew among these concepts; None leaves them.
    """

    def __init__(
        self, benchmark: LevelBenchmark, train: Tensor, shuffle: torch.Generator | None = None
    ) -> None:
        labels = benchmark.labels.clone()
        if shuffle is not None:
            labels[train] = labels[train[torch.randperm(len(train), generator=shuffle)]]
        styles = torch.arange(benchmark.styles)[:, None] * len(benchmark.twins)
        self.rows = (styles + train).flatten()  # (S * n,)
        self.labels = labels[train].repeat(benchmark.styles, 1)  # (S * n, V)
        self.weights = twin_weights(benchmark.twins[train]).repeat(benchmark.styles)  # (S * n,)

    @property
    def base_rate(self) -> Tensor:
        """The share (V,) of pictures with each word, every picture counted once."""
        rate = (self.weights[:, None] * self.labels).sum(dim=0) / self.weights.sum()
        return rate.float().clamp(1e-4, 0.5)

    def fit(
        self,
        encoder: nn.Module,
        inputs: Inputs,
        budget: WordBudget,
        seed: int,
        weights: torch.Generator,
    ) -> Tensor:
        """Train a `WordAlignment` and score all drawings: (S * N, V) on the CPU.

        Raises ValueError when the loss is not finite.
        """
        device = inputs.rows.device
        model = WordAlignment(encoder, self.base_rate, budget.embed_dim, weights).to(device).train()
        optimizer = make_optimizer(model, budget.learning_rate, budget.weight_decay)
        drawn = make_generator(derive_seed(seed, "batches"))
        varied = make_generator(derive_seed(seed, "augment"), device)
        for step in range(budget.steps):
            factor = warmup_cosine(step, budget.steps, int(budget.warmup * budget.steps))
            set_learning_rate(optimizer, factor)
            batch = torch.multinomial(self.weights, budget.batch_size, True, generator=drawn)
            pictures = inputs.varied(inputs.rows[self.rows[batch].to(device)], varied)
            loss = model.loss(pictures, self.labels[batch].to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        if not loss.isfinite():
            raise ValueError(f"the loss became {loss.item()}: lower the learning rate")
        model.eval()
        with torch.no_grad():
            parts = [model(inputs.plain(part, varied)).cpu() for part in inputs.rows.split(512)]
        return torch.cat(parts)


def thumbnails(icons: Icons, cells: int = 4) -> Tensor:
    """Mean colours of `cells` x `cells` squares of each drawing on white: (S * N, 3 * cells**2).

    Raises ValueError for `cells` out of range.
    """
    if not 1 <= cells <= icons.size:
        raise ValueError(f"cells={cells} must be from 1 to the size of the icons, {icons.size}")
    return F.adaptive_avg_pool2d(_on_white(icons), cells).flatten(1)


@torch.no_grad()
def frozen_features(icons: Icons, encoder: ImageEncoder, batch_size: int = 128) -> Tensor:
    """Features (S * N, D) of all drawings on white, on the device of the icons.

    Args:
        icons: of a size the encoder accepts; for `efficientnet_lite0` 64 px or more.
        encoder: on the device of the icons.
        batch_size: for memory.
    """
    return torch.cat([encoder.encode(part) for part in _on_white(icons).split(batch_size)])


def _on_white(icons: Icons) -> Tensor:
    """All drawings, style by style: float (S * N, 3, H, W) in [0, 1]."""
    rgba = icons.rgba.flatten(0, 1).float() / 255
    return (rgba[:, :3] + 1 - rgba[:, 3:]).clamp(0, 1)
