"""Recipes: everything that an experiment compares, one field each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from mmlib.augment.image import AugmentConfig
from mmlib.clip import CLIPModel
from mmlib.objectives import Objective


class Variations:
    """For frozen dataclasses: a copy that differs in the named fields only."""

    def but(self, **changes: object) -> Self:
        """The same recipe with some fields changed.

        Raises:
            TypeError: there is no such field.
            ValueError: the new value is wrong.
        """
        return replace(self, **changes)  # type: ignore[type-var]


@dataclass(frozen=True)
class Recipe(Variations):
    """How to train: everything but the data and the seed.

    Attributes:
        encoder: "cnn" or "vit"; `size` names its preset, `image_options` replaces its fields.
        text: "own" (a transformer from scratch) or "frozen" (cached features and a projection).
        pooling: of the own text encoder: "eot", "mean" or "first".
        steps, batch_size, learning_rate, weight_decay, warmup: as usual; warmup is a fraction.
        temperature: at the start; `learn_temperature=False` keeps it.
        max_scale, max_norm, objective: see `CLIPTraining`.
        logit_bias: at the start, for the sigmoid objective only.
        distinct, shuffle_captions: see `PairConfig`.
        model: class of the model, so that a broken variant can be put in its place.
    """

    encoder: str = "cnn"
    size: str = "tiny"
    image_options: tuple[tuple[str, object], ...] = ()
    text: str = "own"
    text_width: int = 128
    text_depth: int = 1
    pooling: str = "eot"
    embed_dim: int = 128
    steps: int = 100
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    temperature: float = 0.07
    learn_temperature: bool = True
    max_scale: float | None = 100.0
    max_norm: float | None = 1.0
    objective: str | Objective = "softmax"
    logit_bias: float | None = None
    distinct: bool = True
    shuffle_captions: bool = False
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: type[CLIPModel] = CLIPModel

    def __post_init__(self) -> None:
        if self.encoder not in ("cnn", "vit"):
            raise ValueError(f"encoder must be 'cnn' or 'vit', got {self.encoder!r}")
        if self.text not in ("own", "frozen"):
            raise ValueError(f"text must be 'own' or 'frozen', got {self.text!r}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a fraction of the steps in [0, 1), got {self.warmup}")
