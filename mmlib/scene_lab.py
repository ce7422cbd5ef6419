"""Experiments on scenes: does a model read a caption, or only the words in it?

`train_scenes` trains a CLIP model on scenes of icons, with or without hard negatives (captions that
are false by one edit, as in NegCLIP, Yuksekgonul et al. 2023), and tests it on minimal pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlib.clip import CLIPModel
from mmlib.data.icons import Icons
from mmlib.data.scenes import DEFAULT_OBJECTS, SceneBatch, SceneConfig, SceneGenerator
from mmlib.encoders import CNNVisualEncoder
from mmlib.evaluate import evaluating, hard_negatives
from mmlib.losses import matches, similarity, softmax_loss
from mmlib.optim import make_optimizer
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator
from mmlib.text import TextConfig, TextEncoder, Tokenizer
from mmlib.train import Batch, CLIPTraining, FitConfig, fit

#: Edits that can be asked of each kind of scene.
EDITS = {"relation": ("order", "relation", "object"), "colour": ("colour", "object")}


@dataclass(frozen=True)
class SceneRecipe(Variations):
    """How to train on scenes.

    Attributes:
        kinds, objects, styles: the training diet, see `SceneConfig`.
        negatives: edits whose false captions are added as extra candidates for each picture.
        shuffle_captions: a control; the captions of a batch are dealt out at random.
        pooling: "mean" forgets where things are, "grid" keeps a 4 x 4 map of them.
        steps: 0 leaves the model untrained, as a baseline.
        size, batch_size, learning_rate, embed_dim, image_size: as usual.
    """

    kinds: tuple[str, ...] = ("single", "colour", "count", "relation")
    objects: tuple[str, ...] = DEFAULT_OBJECTS[:16]
    styles: tuple[str, ...] = ("openmoji", "twemoji")
    negatives: tuple[str, ...] = ()
    shuffle_captions: bool = False
    pooling: str = "mean"
    size: str = "tiny"
    steps: int = 700
    batch_size: int = 32
    learning_rate: float = 3e-3
    embed_dim: int = 128
    image_size: int = 32
    text_width: int = 64
    text_depth: int = 2
    text_pooling: str = "eot"
    context_length: int = 20

    def __post_init__(self) -> None:
        if self.shuffle_captions and self.negatives:
            raise ValueError(
                "shuffle_captions and negatives exclude each other: an edit of a caption that "
                "belongs to another picture says nothing about this one"
            )


def hard_negative_loss(
    image: Tensor,
    text: Tensor,
    negatives: Tensor,
    scale: Tensor | float,
    groups: Tensor,
    negative_groups: Tensor,
) -> Tensor:
    """CLIP's loss with M extra captions that every picture must reject.

    Args:
        image, text: (B, D) pairs, of length 1.
        negatives: (M, D) embeddings of false captions.
        scale: inverse temperature.
        groups, negative_groups: (B,), (M,) meaning of each caption. A false caption of one picture
            can be true of another: equal groups count as matches.

    Returns:
        The mean of both directions; the extra captions are candidates for pictures only.
    """
    rows = torch.arange(len(image), device=image.device)
    logits = similarity(image, torch.cat([text, negatives]), scale)  # (B, B + M)
    targets = matches(groups, torch.cat([groups, negative_groups])).float()
    targets = targets / targets.sum(dim=1, keepdim=True)
    to_text = F.cross_entropy(logits, targets)
    to_image = softmax_loss(logits[:, : len(text)].T, rows, groups).mean()
    return (to_text + to_image) / 2


class SceneBatches:
    """An endless iterator of training batches; negatives are appended to the captions' tokens."""

    def __init__(
        self,
        scenes: SceneGenerator,
        tokenizer: Tokenizer,
        recipe: SceneRecipe,
        generator: torch.Generator,
    ) -> None:
        self.scenes, self.tokenizer, self.recipe = scenes, tokenizer, recipe
        self.generator = generator

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> dict[str, Tensor]:
        """'images' (B, ...), 'text_tokens' (B, L), 'groups' (B,), 'negative_tokens' (M, L)..."""
        batch = self.scenes.batch(self.recipe.batch_size, self.generator)
        length, device = self.recipe.context_length, batch.images.device
        if self.recipe.shuffle_captions:
            batch = self._dealt_anew(batch)
        result = {
            "images": batch.images,
            "text_tokens": self.tokenizer.encode(batch.captions, length).to(device),
            "groups": batch.groups,
        }
        edits = [batch.negatives(kind) for kind in self.recipe.negatives]
        if captions := [caption for edit in edits for caption in edit.captions]:
            result["negative_tokens"] = self.tokenizer.encode(captions, length).to(device)
            result["negative_groups"] = torch.cat([edit.groups for edit in edits])
        return result

    def _dealt_anew(self, batch: SceneBatch) -> SceneBatch:
        order = torch.randperm(len(batch), generator=self.generator)
        captions = [batch.captions[i] for i in order.tolist()]
        return replace(batch, captions=captions, groups=batch.groups[order.to(batch.groups.device)])


class SceneTraining(CLIPTraining):
    """`CLIPTraining` whose loss also sees the false captions of a batch."""

    def loss(self, image: Tensor, text: Tensor, groups: Tensor | None, batch: Batch) -> Tensor:
        """The loss of one batch; see `CLIPTraining.loss`.

        Raises:
            ValueError: false captions without groups, which say of what pictures they are true.
        """
        if "negative_tokens" not in batch:
            return super().loss(image, text, groups, batch)
        if groups is None:
            raise ValueError("a batch with 'negative_tokens' needs 'groups' (B,) as well")
        tokens = batch["negative_tokens"].to(self.device)
        wrong = batch["negative_groups"].to(self.device)
        false = self.model.encode_text(tokens)  # (M, D)
        return hard_negative_loss(image, text, false, self.model.scale, groups, wrong)


@dataclass
class SceneRun:
    """A model trained on scenes (in eval mode), what it was trained with, and its history."""

    model: CLIPModel
    scenes: SceneGenerator
    tokenizer: Tokenizer
    recipe: SceneRecipe
    history: list[dict[str, float]]


def train_scenes(
    icons: Icons, recipe: SceneRecipe, seed: int, *, progress: bool = False
) -> SceneRun:
    """Train one model on fresh scenes; no picture is seen twice.

    Args:
        icons: drawings on the wanted device.
        recipe: how.
        seed: of weights and scenes.
        progress: show a line while running.
    """
    device = icons.rgba.device
    config = SceneConfig(
        recipe.image_size, recipe.objects, kinds=recipe.kinds, styles=recipe.styles
    )
    scenes = SceneGenerator(icons, config, device)
    words = scenes.batch(2048, make_generator(0)).captions  # the grammar's words, to learn tokens
    tokenizer = Tokenizer.train(words, 512)
    weights = make_generator(derive_seed(seed, "weights"))
    text = TextConfig(
        tokenizer.vocab_size,
        recipe.context_length,
        recipe.text_width,
        recipe.text_depth,
        pooling=recipe.text_pooling,
    )
    model = CLIPModel(
        CNNVisualEncoder(recipe.size, pooling=recipe.pooling, grid=4, generator=weights),
        TextEncoder(text, generator=weights), recipe.embed_dim, generator=weights,
    ).to(device)  # fmt: skip
    generator = make_generator(derive_seed(seed, "scenes"))
    trainer = SceneTraining(model, make_optimizer(model, recipe.learning_rate), device)
    batches = SceneBatches(scenes, tokenizer, recipe, generator)
    run = SceneRun(model, scenes, tokenizer, recipe, [])
    if recipe.steps:
        loop = FitConfig(recipe.steps, recipe.steps // 10, 20, progress=progress)
        run.history.extend(fit(trainer, batches, loop))
    model.eval()
    return run


def _embed(run: SceneRun, batch: SceneBatch, captions: list[str]) -> Tensor:
    tokens = run.tokenizer.encode(captions, run.recipe.context_length)
    return run.model.encode_text(tokens.to(batch.images.device))


def score_scenes(
    run: SceneRun, kind: str, split: str = "unseen", n: int = 512, seed: int = 0
) -> dict[str, float]:
    """Accuracy in percent on minimal pairs of one kind of scene; chance is 50.

    Args:
        run: a trained model.
        kind: "relation" (edits "order", "relation", "object") or "colour" ("colour", "object").
        split: "seen" or "unseen" combinations; pictures are fresh in both.
        n: scenes.
        seed: of the scenes, apart from all training seeds.
    """
    batch = run.scenes.batch(n, make_generator(derive_seed(seed, "test", kind)), kind, split)
    scores = {}
    with evaluating(run.model):
        image = run.model.encode_image(batch.images)
        positive = _embed(run, batch, batch.captions)
        for edit in EDITS[kind]:
            pairs = batch.negatives(edit)
            rows = pairs.rows.to(image.device)
            false = _embed(run, batch, pairs.captions)
            scores[edit] = 100 * hard_negatives(image[rows], positive[rows], false).accuracy
    return scores
