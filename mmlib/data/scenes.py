"""Scenes: icons on backgrounds by a grammar, with the whole truth about each picture.

    icons = load_icons(size=64)
    scenes = SceneGenerator(icons, SceneConfig(image_size=32))
    batch = scenes.batch(128, make_generator(0))
    batch.images, batch.captions, batch.groups, batch.truth
    pairs = batch.negatives("order")   # 'a cat left of a dog' where the picture has it reversed

Four kinds of scenes: ``single`` ("a dog"), ``colour`` ("a red dog and a blue cat"), ``count``
("three dogs") and ``relation`` ("a dog left of a cat"). Some combinations are held out of the seen
split (compositions.py). The words are in grammar.py, the places in layout.py, the pixels in
sprites.py.

Randomness: a batch takes one seed (for pixel noise) and then one row of uniform numbers for each
scene from the generator. So on a CPU generator the same seed gives the same batch, bit for bit;
scene ``i`` does not depend on how many others are drawn; and, the rows being drawn where the
generator lives, a CPU generator gives the same scenes whatever device paints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmlib.data.compositions import SPLITS, Compositions
from mmlib.data.draws import draw_rows
from mmlib.data.edits import CHOICE_COLUMNS, NEGATIVES, edit
from mmlib.data.grammar import COLOURS, KINDS, RELATIONS, SLOTS, Facts, Vocabulary
from mmlib.data.layout import PLACE_COLUMNS, SIZES, place_scenes
from mmlib.data.scene_config import SceneConfig, check_words
from mmlib.data.scene_objects import (
    DEFAULT_OBJECTS,
    check_sharpness,
    resolve_objects,
    select_drawings,
    usable_objects,
)
from mmlib.data.sprites import (
    BACKGROUND_COLUMNS,
    BACKGROUNDS,
    SpriteSheet,
    add_noise,
    backgrounds,
    chunk_size,
    colour_table,
    paint,
    place_sprites,
    tint,
)

__all__ = [
    "BACKGROUNDS",
    "COLOURS",
    "DEFAULT_OBJECTS",
    "KINDS",
    "NEGATIVES",
    "RELATIONS",
    "Facts",
    "MinimalPairs",
    "SceneBatch",
    "SceneConfig",
    "SceneGenerator",
    "SceneTruth",
    "usable_objects",
]

_FACT_COLUMNS = {"kind": 1, "pair": 1, "attribute": 1, "relation": 1}
_PICTURE_COLUMNS = {
    "style": 1,
    "sizes": SLOTS,
    "place": PLACE_COLUMNS,
    "choice": CHOICE_COLUMNS,
    "background": BACKGROUND_COLUMNS,
}


@dataclass(frozen=True)
class SceneTruth(Facts):
    """All that is true of ``n`` pictures (on the CPU): the facts, and where and how they are drawn.

    Attributes:
        boxes: (n, SLOTS, 4) float32 in pixels, left, top, right, bottom of each sprite's square;
            zero for empty slots.
        styles: (n,) int64 index into the generator's styles.
    """

    boxes: Tensor
    styles: Tensor


class MinimalPairs(NamedTuple):
    """Captions that are false of their pictures by one edit.

    ``captions[i]`` belongs to scene ``rows[i]`` of the batch; scenes to which the edit does not
    apply are absent. ``facts`` is what the false captions state, ``groups`` their meanings.
    """

    rows: Tensor
    captions: list[str]
    facts: Facts
    groups: Tensor


@dataclass(frozen=True)
class SceneBatch:
    """Pictures with their captions.

    Attributes:
        images: (n, 3, H, H) float32 in [0, 1], on the generator's device.
        truth: what is in the pictures, on the CPU.
        captions: n sentences.
        groups: (n,) int64 on the device of the images; equal where captions mean the same.
    """

    images: Tensor
    truth: SceneTruth
    captions: list[str]
    groups: Tensor
    vocabulary: Vocabulary
    compositions: Compositions
    choice: Tensor

    def __len__(self) -> int:
        return len(self.captions)

    def negatives(self, kind: str) -> MinimalPairs:
        """False captions, one edit away and in the same split.

        Args:
            kind: ``order`` (objects of a relation swapped), ``relation`` (turned to its opposite),
                ``colour`` (the two colours swapped), ``object`` (one replaced), ``count``
                (another number).

        Raises:
            ValueError: unknown kind.
        """
        rows, facts = edit(self.truth, kind, self.choice, self.compositions)
        groups = self.vocabulary.meanings(facts).to(self.groups.device)
        return MinimalPairs(rows, self.vocabulary.captions(facts), facts, groups)


class SceneGenerator:
    """Draws scenes without end.

    Args:
        icons: as from ``load_icons``.
        config: what the scenes are made of.
        device: where pixels are computed and images and groups come out.

    Attributes:
        names: the objects' names; ``truth.objects`` indexes this.
        icon_indices: (N,) the objects' indices in ``icons``.
        styles: the drawing styles; ``truth.styles`` indexes this.
        colours: the colours' names; ``truth.colours`` indexes this.

    Raises:
        ValueError: an object or style is unknown or not drawn, or the objects are too few for the
            held-out rule.
    """

    def __init__(
        self, icons: Any, config: SceneConfig | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.config = config = config or SceneConfig()
        self.device = torch.device(device)
        self.icon_indices = resolve_objects(icons, config.objects)
        self.styles, rgba = select_drawings(icons, self.icon_indices, config.styles)
        concepts = [icons.concepts[i] for i in self.icon_indices.tolist()]
        self.colours = config.colours
        self.vocabulary = Vocabulary([c.name for c in concepts], self.colours)
        self.names = self.vocabulary.names
        self.compositions = Compositions(
            [c.codepoints for c in concepts], [c.twin_group for c in concepts], len(self.colours)
        )
        self._check_enough()
        self.sheet = SpriteSheet(rgba, self.device)
        check_sharpness(
            self.sheet.largest, max(SIZES[k][1] for k in config.kinds) * config.image_size
        )
        self._rgb = colour_table([COLOURS[c] for c in self.colours], self.device)

    def _check_enough(self) -> None:
        for kind in self.config.kinds:
            missing = self.compositions.missing(kind, len(self.colours))
            if missing or not self.compositions.possible(kind, "seen"):
                raise ValueError(
                    f"{len(self.names)} objects are too few for scenes of kind {kind!r}: with the "
                    f"held-out combinations left out, {missing or 'every object'} would never be "
                    "seen; choose more or other objects"
                )

    def batch(
        self, n: int, generator: torch.Generator, kind: str | None = None, split: str = "seen"
    ) -> SceneBatch:
        """Draw ``n`` scenes.

        Args:
            n: how many, at least 1.
            generator: a CPU generator gives the same scenes on every device.
            kind: one of the config's kinds; None mixes those that the split has.
            split: ``seen``, or ``unseen`` for held-out combinations only.

        Raises:
            ValueError: n, kind or split is not possible.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"a batch of {n!r} scenes is not possible: ask for 1 or more")
        kinds = self._kinds(kind, split)
        noise, drawn = draw_rows(n, {**_FACT_COLUMNS, **_PICTURE_COLUMNS}, generator)
        return self._picture(self._facts(kinds, split, drawn), drawn, noise)

    def picture(self, facts: Facts, generator: torch.Generator) -> SceneBatch:
        """Draw pictures of which the facts are true, such as those of a minimal pair."""
        noise, drawn = draw_rows(len(facts), _PICTURE_COLUMNS, generator)
        return self._picture(facts.facts(), drawn, noise)

    def _kinds(self, kind: str | None, split: str) -> list[str]:
        check_words("split", [split], SPLITS)
        if kind is not None:
            check_words("kind", [kind], self.config.kinds)
        wanted = self.config.kinds if kind is None else (kind,)
        kinds = [k for k in wanted if self.compositions.possible(k, split)]
        if not kinds:
            raise ValueError(
                f"no {split} scenes of kind {' or '.join(map(repr, wanted))}: 'single' has no "
                "compositions to hold out, and the other kinds need more objects"
            )
        return kinds

    def _facts(self, kinds: list[str], split: str, drawn: dict[str, Tensor]) -> Facts:
        n = len(drawn["kind"])
        chosen = (drawn["kind"][:, 0] * len(kinds)).long()
        none = torch.full((n,), -1)
        objects, colours = torch.full((n, SLOTS), -1), torch.full((n, SLOTS), -1)
        counts, relation = torch.ones_like(none), none.clone()
        for number, kind in enumerate(kinds):
            rows = (chosen == number).nonzero()[:, 0]
            pair = self.compositions.draw_objects(kind, split, drawn["pair"][rows, 0])
            attribute = drawn["attribute"][rows, 0]
            objects[rows, :2] = pair
            if kind == "count":
                counts[rows] = self.compositions.draw_counts(pair[:, 0], split, attribute)
                filled = torch.arange(SLOTS) < counts[rows, None]
                objects[rows] = torch.where(filled, pair[:, :1], -1)
            elif kind != "single":
                counts[rows] = 2
                relation[rows] = (drawn["relation"][rows, 0] * len(RELATIONS)).long()
            if kind == "colour":
                colours[rows, :2] = self.compositions.draw_colours(pair, split, attribute)
        code = torch.tensor([KINDS.index(kind) for kind in kinds])[chosen]
        return Facts(code, objects, colours, counts, relation)

    def _picture(self, facts: Facts, drawn: dict[str, Tensor], noise: int) -> SceneBatch:
        pixels = self.config.image_size
        styles = (drawn["style"][:, 0] * len(self.styles)).long()
        boxes = place_scenes(facts, drawn["sizes"], drawn["place"], pixels)
        uniform = drawn["background"].to(self.device, torch.float32)
        images = torch.empty(len(facts), 3, pixels, pixels, device=self.device)
        chunk = chunk_size(self.device, pixels)
        for kind in KINDS:
            for rows in facts.of_kind(kind).nonzero()[:, 0].split(chunk):
                canvas = self._draw(kind, facts.rows(rows), styles[rows], boxes[rows])
                rows = rows.to(self.device)
                behind = backgrounds(self.config.background, uniform[rows], pixels)
                images[rows] = paint(canvas, behind)
        if self.config.noise:
            add_noise(images, self.config.noise, noise)
        return SceneBatch(
            images=images,
            truth=SceneTruth(**vars(facts), boxes=boxes, styles=styles),
            captions=self.vocabulary.captions(facts),
            groups=self.vocabulary.meanings(facts).to(self.device),
            vocabulary=self.vocabulary,
            compositions=self.compositions,
            choice=drawn["choice"],
        )

    def _draw(self, kind: str, facts: Facts, styles: Tensor, boxes: Tensor) -> Tensor:
        """(n, 4, P, P): the sprites of scenes of one kind on a transparent canvas."""
        slots = {"single": 1, "count": SLOTS}.get(kind, 2)
        pixels = self.config.image_size
        objects = facts.objects[:, :slots].to(self.device)
        tiles = self.sheet.tiles(styles.to(self.device), objects, SIZES[kind][1] * pixels)
        if kind == "colour":
            tiles = tint(tiles, self._rgb[facts.colours[:, :slots].to(self.device)])
        return place_sprites(tiles, boxes[:, :slots].to(self.device), pixels)
