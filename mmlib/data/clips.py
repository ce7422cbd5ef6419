"""Short clips of one moving sprite, where only the order of the frames tells the motion.

    clips = ClipGenerator(icons, ClipConfig(image_size=32, frames=8))
    batch = clips.batch(64, make_generator(0))
    batch.frames, batch.captions     # (64, 8, 3, 32, 32), 'a dog moving left'

A clip and the same clip played backwards have opposite captions, and both are equally likely. So
no single frame and no bag of frames tells ``moving left`` from ``moving right``: a model must use
time. Randomness follows the rule of scenes.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmlib.data.compositions import SPLITS, hash_classes, pick
from mmlib.data.draws import draw_rows
from mmlib.data.grammar import article, check_names
from mmlib.data.layout import boxes_of
from mmlib.data.scene_config import check_picture, check_words
from mmlib.data.scene_objects import check_sharpness, resolve_objects, select_drawings
from mmlib.data.sprites import (
    BACKGROUND_COLUMNS,
    SpriteSheet,
    add_noise,
    backgrounds,
    chunk_size,
    paint,
    place_sprites,
)

# Neighbours are opposites: a motion played backwards is the other of its pair.
MOTIONS = ("left", "right", "up", "down", "grow", "shrink")
WORDS = ("moving left", "moving right", "moving up", "moving down", "growing", "shrinking")
CLIP_NEGATIVES = ("motion", "object")
_SIDE, _TRAVEL = (0.32, 0.46), (0.30, 0.50)  # of a sprite that moves, in image sides
_SMALL, _LARGE = (0.24, 0.34), (0.58, 0.72)  # of a sprite that grows or shrinks
_COLUMNS = {
    "object": 1,
    "motion": 1,
    "style": 1,
    "path": 4,
    "choice": 1,
    "background": BACKGROUND_COLUMNS,
}


@dataclass(frozen=True)
class ClipConfig:
    """What clips are made of.

    Attributes:
        image_size: side of a frame in pixels, at least 16.
        frames: how many, at least 2.
        objects, styles, background, noise: as in ``SceneConfig``; the background stands still.
        motions: names out of ``MOTIONS``, each with its opposite.

    Raises:
        ValueError: a value is not possible; the message names it.
    """

    image_size: int = 32
    frames: int = 8
    objects: tuple[str | int, ...] = ()
    motions: tuple[str, ...] = MOTIONS
    styles: tuple[str, ...] = ()
    background: str = "plain"
    noise: float = 0.0

    def __post_init__(self) -> None:
        check_picture(self.image_size, self.background, self.noise)
        check_words("motion", self.motions, MOTIONS)
        if isinstance(self.frames, bool) or not isinstance(self.frames, int) or self.frames < 2:
            raise ValueError(f"frames {self.frames!r} make no motion: give an integer of 2 or more")
        for name in self.motions:
            opposite = MOTIONS[MOTIONS.index(name) ^ 1]
            if opposite not in self.motions:
                raise ValueError(f"motion {name!r} needs its opposite {opposite!r}: name both")


class ClipPairs(NamedTuple):
    """False captions of clips; ``captions[i]`` belongs to clip ``rows[i]`` of the batch."""

    rows: Tensor
    captions: list[str]


@dataclass(frozen=True)
class ClipBatch:
    """Clips with their captions.

    Attributes:
        frames: (n, T, 3, H, H) float32 in [0, 1], on the generator's device.
        captions: n sentences.
        objects, motions, styles: (n,) int64, on the CPU; they index the generator's ``names``,
            ``MOTIONS`` and the generator's ``styles``.
        boxes: (n, T, 4) float32 in pixels, on the CPU.
        groups: (n,) int64 on the device of the frames; equal where captions are.
    """

    frames: Tensor
    captions: list[str]
    objects: Tensor
    motions: Tensor
    styles: Tensor
    boxes: Tensor
    groups: Tensor
    source: ClipGenerator
    choice: Tensor

    def __len__(self) -> int:
        return len(self.captions)

    def negatives(self, kind: str) -> ClipPairs:
        """False captions, one edit away and in the same split.

        Args:
            kind: ``motion`` (played backwards) or ``object`` (another one).

        Raises:
            ValueError: unknown kind.
        """
        check_words("kind of negative", [kind], CLIP_NEGATIVES)
        return self.source.negatives(self, kind)


def motion_path(motion: Tensor, path: Tensor, frames: int) -> Tensor:
    """Where the sprite is in each frame.

    Args:
        motion: (n,) index into ``MOTIONS``.
        path: (n, 4) uniform numbers: side, length of the way, and place.
        frames: T.

    Returns:
        (n, T, 4) boxes in image sides, inside the image.
    """
    ramp = torch.linspace(0, 1, frames, dtype=path.dtype)
    backwards = (motion % 2 == 0) ^ (motion >= 4)  # left, up and shrink run the ramp down
    ramp = torch.where(backwards[:, None], ramp.flip(0), ramp)  # (n, T)
    first, second, across, along = path[:, :, None].unbind(1)  # each (n, 1)
    side = _between(_SIDE, first)
    travel = _between(_TRAVEL, second)
    ahead = along * (1 - side - travel) + travel * ramp  # (n, T) position on the motion's axis
    aside = (across * (1 - side)).expand_as(ahead)
    horizontal, vertical = torch.stack([ahead, aside], -1), torch.stack([aside, ahead], -1)
    moved = torch.where((motion < 2)[:, None, None], horizontal, vertical)  # (n, T, 2)
    small, large = _between(_SMALL, first), _between(_LARGE, second)
    grown = small + (large - small) * ramp  # (n, T)
    centre = torch.cat([across, along], 1) * (1 - large) + large / 2  # (n, 2)
    swollen = centre[:, None] - grown[..., None] / 2
    scales = (motion >= 4)[:, None]
    corner = torch.where(scales[..., None], swollen, moved)
    return boxes_of(corner, torch.where(scales, grown, side.expand_as(grown)))


def _between(ends: tuple[float, float], uniform: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * uniform


class ClipGenerator:
    """Draws clips without end.

    For each object one axis of motion (left and right, up and down, or grow and shrink) is held
    out of the seen split, by a stable hash; with one axis only, nothing is held out.

    Args:
        icons: as from ``load_icons``.
        config: what the clips are made of.
        device: where pixels are computed and frames and groups come out.

    Raises:
        ValueError: an object or style is unknown or not drawn, or a motion would never be seen.
    """

    def __init__(
        self, icons: Any, config: ClipConfig | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.config = config = config or ClipConfig()
        self.device = torch.device(device)
        self.icon_indices = resolve_objects(icons, config.objects)
        self.styles, rgba = select_drawings(icons, self.icon_indices, config.styles)
        concepts = [icons.concepts[i] for i in self.icon_indices.tolist()]
        self.names = tuple(c.name for c in concepts)
        check_names(self.names)
        self.held = self._held([c.codepoints for c in concepts])
        twins = torch.tensor([c.twin_group for c in concepts])
        self._distinct = twins[:, None] != twins[None, :]  # (N, N)
        self.sheet = SpriteSheet(rgba, self.device)
        check_sharpness(self.sheet.largest, _LARGE[1] * config.image_size)

    def _held(self, keys: list[str]) -> Tensor:
        """(N, motions) bool: the motions of the config that are held out for each object."""
        axes = sorted({MOTIONS.index(name) // 2 for name in self.config.motions})
        if len(axes) == 1:
            return torch.zeros(len(keys), len(self.config.motions), dtype=torch.bool)
        held_axis = torch.tensor(axes)[hash_classes(keys, "motion", len(axes))]
        held = torch.tensor(self._codes())[None, :] // 2 == held_axis[:, None]
        if bool(held.all(0).any()):
            raise ValueError(
                f"{len(keys)} objects are too few: with the held-out motions left out, one of "
                f"{', '.join(self.config.motions)} would never be seen; choose more objects"
            )
        return held

    def _codes(self) -> list[int]:
        return [MOTIONS.index(name) for name in self.config.motions]

    def batch(self, n: int, generator: torch.Generator, split: str = "seen") -> ClipBatch:
        """Draw ``n`` clips.

        Args:
            n: how many, at least 1.
            generator: a CPU generator gives the same clips on every device.
            split: ``seen``, or ``unseen`` for held-out combinations of object and motion only.

        Raises:
            ValueError: n or split is not possible.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"a batch of {n!r} clips is not possible: ask for 1 or more")
        check_words("split", [split], SPLITS)
        allowed = self.held if split == "unseen" else ~self.held  # (N, motions)
        if not bool(allowed.any(1).all()):
            raise ValueError("no unseen clips: with one axis of motion nothing is held out")
        noise, drawn = draw_rows(n, _COLUMNS, generator)
        objects = (drawn["object"][:, 0] * len(self.names)).long()
        motions = torch.tensor(self._codes())[pick(allowed[objects], drawn["motion"][:, 0])]
        styles = (drawn["style"][:, 0] * len(self.styles)).long()
        boxes = motion_path(motions, drawn["path"], self.config.frames).float()
        boxes = boxes * self.config.image_size
        frames = self._frames(objects, styles, boxes, drawn["background"])
        if self.config.noise:
            add_noise(frames, self.config.noise, noise)
        captions = self._captions(objects, motions)
        groups = (objects * len(MOTIONS) + motions).to(self.device)
        return ClipBatch(
            frames, captions, objects, motions, styles, boxes, groups, self, drawn["choice"]
        )

    def _frames(self, objects: Tensor, styles: Tensor, boxes: Tensor, uniform: Tensor) -> Tensor:
        """(n, T, 3, H, H): the painted clips."""
        n, count, pixels = len(objects), self.config.frames, self.config.image_size
        frames = torch.empty(n, count, 3, pixels, pixels, device=self.device)
        chunk = max(1, chunk_size(self.device, pixels) // count)
        for rows in torch.arange(n).split(chunk):
            thing = objects[rows, None].to(self.device)
            tiles = self.sheet.tiles(styles[rows].to(self.device), thing, _LARGE[1] * pixels)
            tiles = tiles.repeat_interleave(count, 0)  # (m T, 1, h, 4, w)
            where = boxes[rows].flatten(0, 1)[:, None].to(self.device)  # (m T, 1, 4)
            canvas = place_sprites(tiles, where, pixels)
            columns = uniform[rows].to(self.device, torch.float32)
            behind = backgrounds(self.config.background, columns, pixels)
            image = paint(canvas, behind.repeat_interleave(count, 0))
            frames[rows.to(self.device)] = image.unflatten(0, (len(rows), count))
        return frames

    def _captions(self, objects: Tensor, motions: Tensor) -> list[str]:
        pairs = zip(objects.tolist(), motions.tolist(), strict=True)
        return [f"{article(self.names[thing])} {WORDS[motion]}" for thing, motion in pairs]

    def negatives(self, batch: ClipBatch, kind: str) -> ClipPairs:
        """False captions of a batch; see ``ClipBatch.negatives``."""
        rows, objects, motions = torch.arange(len(batch)), batch.objects, batch.motions ^ 1
        if kind == "object":
            column = torch.tensor([self._codes().index(m) for m in batch.motions.tolist()])
            same_split = self.held[objects, column][:, None] == self.held[:, column].T  # (n, N)
            allowed = self._distinct[objects] & same_split
            rows = allowed.any(1).nonzero()[:, 0]
            objects = pick(allowed[rows], batch.choice[rows, 0])
            motions = batch.motions[rows]
        return ClipPairs(rows, self._captions(objects, motions))
