"""Pictures of one object in one colour on one ground, and captions that tell one fact or three."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.data.grammar import COLOURS
from mmlib.data.icons import Icons
from mmlib.data.sprites import tint
from mmlib.gaps.parts import Words, draw_sprites, drawings_of, others
from mmlib.layers import check_choice, check_positive
from mmlib.runtime import derive_seed, make_generator

OBJECTS = (
    "dog", "cat", "horse", "elephant", "rabbit", "snail", "octopus", "butterfly",
    "penguin", "banana", "carrot", "mushroom", "rocket", "guitar", "key", "umbrella",
)  # fmt: skip
TINTS = ("red", "blue", "yellow", "purple", "green", "orange")
GROUNDS: dict[str, tuple[float, float, float]] = {
    "snow": (0.98, 0.98, 1.00),
    "sand": (0.95, 0.85, 0.62),
    "grass": (0.68, 0.88, 0.58),
    "water": (0.62, 0.83, 0.98),
    "stone": (0.72, 0.72, 0.72),
    "heather": (0.88, 0.72, 0.92),
}
#: What a caption can say. A detail is tested among captions that differ in it alone.
DETAILS = ("object", "colour", "ground")
CANDIDATES = len(TINTS)
CHANCE = 100 / CANDIDATES
SPLITS = ("seen", "unseen")
_SIDE = (0.5, 0.8)  # of the object, in picture sides
_JITTER = 0.04  # a colour differs from its name's by at most this in each channel


class GranularityTask:
    """Pictures with three facts each, and the captions that tell one or all of them.

    Facts are int64 (N, 3): object, colour, ground. Object i is never drawn in colour i modulo 6
    in the split "seen"; the split "unseen" holds these combinations alone.

    Args:
        icons: on the wanted device.
        objects: names of one word each, 6 or more.
        styles: drawings to choose from at random.
        image_size: side of the pictures in pixels.

    Raises:
        ValueError: too few objects, a name of several words, or one without a drawing.
    """

    def __init__(
        self,
        icons: Icons,
        objects: tuple[str, ...] = OBJECTS,
        styles: tuple[str, ...] = ("openmoji", "twemoji"),
        image_size: int = 32,
    ) -> None:
        check_positive(image_size=image_size)
        several = [name for name in objects if len(name.split()) != 1]
        if several or len(objects) < CANDIDATES:
            raise ValueError(
                f"{len(objects)} objects, of several words: {several}. Give {CANDIDATES} or more "
                "names of one word"
            )
        self.objects, self.image_size, self.device = objects, image_size, icons.rgba.device
        self._drawings = drawings_of(icons, objects, styles)
        self._tints = torch.tensor([COLOURS[name] for name in TINTS], device=self.device)
        self._grounds = torch.tensor(list(GROUNDS.values()), device=self.device)
        self.sizes = (len(objects), len(TINTS), len(GROUNDS))
        grid = torch.cartesian_prod(*map(torch.arange, self.sizes)).to(self.device)
        fine, coarse = self.captions(grid, "fine"), list(objects)
        self.words = Words([*coarse, *fine])
        self._fine = self.words.encode(fine).to(self.device).unflatten(0, self.sizes)
        self._coarse = self.words.encode(coarse).to(self.device)  # (O, L)
        self._grid = grid

    def captions(self, facts: Tensor, level: str) -> list[str]:
        """Sentences about facts (N, 3); the level is "coarse" or "fine".

        Raises ValueError for another level.
        """
        check_choice("level", level, ("coarse", "fine"))
        names, tints, grounds = self.objects, TINTS, tuple(GROUNDS)
        if level == "coarse":
            return [names[o] for o in facts[:, 0].tolist()]
        return [f"{tints[c]} {names[o]} on {grounds[g]}" for o, c, g in facts.tolist()]

    def tokens(self, facts: Tensor, level: str) -> Tensor:
        """Word numbers (..., L) of captions of facts (..., 3); the level as in `captions`."""
        check_choice("level", level, ("coarse", "fine"))
        what, colour, ground = facts.unbind(-1)
        return self._coarse[what] if level == "coarse" else self._fine[what, colour, ground]

    def combinations(self, split: str) -> Tensor:
        """All facts (N, 3) of a split, each once. Raises ValueError for an unknown split."""
        check_choice("split", split, SPLITS)
        held_out = self._grid[:, 0] % len(TINTS) == self._grid[:, 1]
        return self._grid[held_out if split == "unseen" else ~held_out]

    def draw_facts(self, n: int, generator: torch.Generator, split: str = "seen") -> Tensor:
        """Facts (n, 3), every combination of the split equally likely."""
        check_positive(n=n)
        known = self.combinations(split)
        return known[torch.randint(len(known), (n,), generator=generator, device=self.device)]

    def paint(self, facts: Tensor, generator: torch.Generator) -> Tensor:
        """Pictures (N, 3, P, P) in [0, 1] of facts (N, 3); size, place and drawing are random."""
        n, pixels = len(facts), self.image_size
        u = torch.rand(n, 10, generator=generator, device=self.device)
        side = pixels * (_SIDE[0] + (_SIDE[1] - _SIDE[0]) * u[:, :1])  # (N, 1)
        corner = u[:, 1:3] * (pixels - side)
        boxes = torch.cat([corner, corner + side], dim=1)[:, None]  # (N, 1, 4)
        style = (u[:, 3] * len(self._drawings)).long()
        colour = (self._tints[facts[:, 1]] + _JITTER * (2 * u[:, 4:7] - 1)).clamp(0, 1)
        ground = (self._grounds[facts[:, 2]] + _JITTER * (2 * u[:, 7:10] - 1)).clamp(0, 1)

        def tiles(rows: slice) -> Tensor:
            drawn = self._drawings[style[rows], facts[rows, 0]].float() / 255  # (n, h, 4, w)
            return tint(drawn[:, None], colour[rows, None])

        return draw_sprites(tiles, boxes, ground, pixels)

    def batch(
        self, n: int, fine_share: float, shuffle: bool, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B, 3, P, P), word numbers (B, L), and one group (B,) for each caption.

        Two pictures with the same caption match each other. "dog" is also true of a picture that
        comes with "red dog on grass", but nothing in the data says so: they count as different,
        as they do on any set of captions from the web.
        """
        facts = self.draw_facts(n, generator)
        images = self.paint(facts, generator)
        coin = torch.rand(len(facts), generator=generator, device=self.device)
        fine = coin < fine_share  # (B,)
        if shuffle:
            facts = facts[torch.randperm(n, generator=generator, device=self.device)]
        coarse_tokens, fine_tokens = self.tokens(facts, "coarse"), self.tokens(facts, "fine")
        ids = torch.tensor([self.sizes[1] * self.sizes[2], self.sizes[2], 1], device=self.device)
        number = (facts * ids).sum(dim=1) + len(self.objects)  # after the coarse captions
        groups = torch.where(fine, number, facts[:, 0])
        return images, torch.where(fine[:, None], fine_tokens, coarse_tokens), groups


def examples(task: GranularityTask, n: int, seed: int) -> tuple[Tensor, list[str], list[str]]:
    """n pictures (n, 3, P, P), their coarse captions and their fine ones."""
    generator = make_generator(derive_seed(seed, "examples"), task.device)
    facts = task.draw_facts(n, generator)
    images = task.paint(facts, generator)
    return images, task.captions(facts, "coarse"), task.captions(facts, "fine")


def alternatives(
    task: GranularityTask, facts: Tensor, detail: str, generator: torch.Generator
) -> Tensor:
    """Facts (N, 6, 3) that differ in one detail alone; the true ones come first.

    Raises ValueError for an unknown detail.
    """
    check_choice("detail", detail, DETAILS)
    column = DETAILS.index(detail)
    values = others(facts[:, column], task.sizes[column], CANDIDATES, generator)  # (N, 6)
    candidates = facts[:, None].repeat(1, CANDIDATES, 1)
    candidates[:, :, column] = values
    return candidates
