"""A character and an object beside it, seen from several views, told by several tellers.

The character faces the viewer, so its left is the viewer's right. Above and below are the same for
both, and so is the name of the object: these are the controls.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.data.icons import Icons
from mmlib.gaps.parts import Words, draw_sprites, drawings_of
from mmlib.layers import check_choice, check_positive
from mmlib.runtime import derive_seed, make_generator

OBJECTS = (
    "dog", "octopus", "butterfly", "banana", "carrot", "rocket", "guitar", "umbrella",
)  # fmt: skip
CHARACTER = "teddy bear"
PLACES = ("left", "right", "above", "below")
_PHRASES = ("on {} left", "on {} right", "at the top", "at the bottom")
#: Whose left: nobody's in particular, the character's (who speaks), the viewer's.
OWNERS = ("the", "my", "your")
TELLERS = ("viewer", "character")
#: Where each place of `PLACES` goes when the picture is mirrored or turned clockwise.
VIEWS: dict[str, tuple[int, int, int, int]] = {
    "upright": (0, 1, 2, 3),
    "mirrored": (1, 0, 2, 3),
    "turned_90": (2, 3, 1, 0),
    "turned_180": (1, 0, 3, 2),
    "turned_270": (3, 2, 0, 1),
}
CHANCE = 100 / len(PLACES)
_GROUND = (0.8, 1.0)  # light, in each channel
_CENTRES = ((-0.34, 0.0), (0.34, 0.0), (0.0, -0.34), (0.0, 0.34))  # of the object, from the middle
_SIDES = (0.36, 0.28)  # of the character and of the object, in picture sides
_ALONG, _ACROSS = 0.02, 0.14  # largest shift of the object towards the character, and beside it


def look(images: Tensor, view: str) -> Tensor:
    """Pictures (N, 3, H, H) mirrored or turned clockwise as in `VIEWS`.

    Raises ValueError for an unknown view.
    """
    check_choice("view", view, VIEWS)
    if view == "mirrored":
        return images.flip(-1)
    turns = {"upright": 0, "turned_90": 1, "turned_180": 2, "turned_270": 3}[view]
    return images.rot90(-turns, dims=(2, 3))


def rewrite(places: Tensor, view: str) -> Tensor:
    """Where things are (N,) after `look`: numbers in `PLACES`. ValueError for an unknown view."""
    check_choice("view", view, VIEWS)
    return torch.tensor(VIEWS[view], device=places.device)[places]


def told_by(places: Tensor, character: Tensor) -> Tensor:
    """The word (N,) for places (N,): tellers with `character` (N,) true swap left and right."""
    swapped = torch.tensor(VIEWS["mirrored"], device=places.device)[places]
    return torch.where(character, swapped, places)


class PerspectiveTask:
    """Pictures of an object beside a character, with captions that tell where it is.

    Facts are int64 (N, 2): the object, and its place in the picture, a number in `PLACES`. Objects
    are drawn mirrored and turned at random, so that no view of a picture shows them in a way that
    training never did. The character stands upright and faces the viewer, unless `turn_character`.

    Args:
        icons: on the wanted device.
        objects: names, 4 or more.
        character: who stands in the middle; none of the objects.
        styles: drawings to choose from at random.
        image_size: side of the pictures in pixels.
        turn_character: draw it, too, mirrored and turned at random. A control for `VIEWS`, where
            whole pictures are turned; its left and right then mean nothing.

    Raises:
        ValueError: too few objects, a name that is repeated, unknown or not drawn.
    """

    def __init__(
        self,
        icons: Icons,
        objects: tuple[str, ...] = OBJECTS,
        character: str = CHARACTER,
        styles: tuple[str, ...] = ("openmoji", "twemoji"),
        image_size: int = 32,
        turn_character: bool = False,
    ) -> None:
        check_positive(image_size=image_size)
        if len(objects) < len(PLACES):
            raise ValueError(f"{len(objects)} objects are too few: name {len(PLACES)} or more")
        self.objects, self.character = objects, character
        self.image_size, self.device = image_size, icons.rgba.device
        self.turn_character = turn_character
        self._drawings = drawings_of(icons, (*objects, character), styles)
        sizes = (len(objects), len(PLACES), len(OWNERS))
        grid = torch.cartesian_prod(*map(torch.arange, sizes))
        captions = self.captions(*grid.unbind(1))
        self.words = Words(captions)
        self._tokens = self.words.encode(captions).to(self.device).unflatten(0, sizes)
        numbers = {caption: number for number, caption in enumerate(sorted(set(captions)))}
        ids = torch.tensor([numbers[caption] for caption in captions], device=self.device)
        self._numbers = ids.unflatten(0, sizes)

    def captions(self, objects: Tensor, words: Tensor, owners: Tensor) -> list[str]:
        """Sentences from numbers (N,) in the objects, in `PLACES` and in `OWNERS`.

        Only left and right belong to somebody: "dog on my left", but "dog at the top".
        """
        rows = zip(objects.tolist(), words.tolist(), owners.tolist(), strict=True)
        return [f"{self.objects[o]} {_PHRASES[w].format(OWNERS[who])}" for o, w, who in rows]

    def tokens(self, objects: Tensor, words: Tensor, owners: Tensor) -> Tensor:
        """Word numbers (..., L) of `captions`, for numbers of any shape (...)."""
        return self._tokens[objects, words, owners]

    def numbers(self, objects: Tensor, words: Tensor, owners: Tensor) -> Tensor:
        """One number (...) for each different caption: the groups of a batch."""
        return self._numbers[objects, words, owners]

    def draw_facts(self, n: int, generator: torch.Generator) -> Tensor:
        """Facts (n, 2), every object and place equally likely."""
        check_positive(n=n)
        known = self.combinations()
        return known[torch.randint(len(known), (n,), generator=generator, device=self.device)]

    def combinations(self) -> Tensor:
        """All facts (N, 2), each once."""
        grid = torch.cartesian_prod(torch.arange(len(self.objects)), torch.arange(len(PLACES)))
        return grid.to(self.device)

    def paint(self, facts: Tensor, generator: torch.Generator) -> Tensor:
        """Pictures (N, 3, P, P) in [0, 1] of facts (N, 2); ground, place and drawing vary."""
        pixels, names = self.image_size, facts[:, 0]
        u = torch.rand(len(facts), 12, generator=generator, device=self.device)
        style = (u[:, 0] * len(self._drawings)).long()
        ground = _GROUND[0] + (_GROUND[1] - _GROUND[0]) * u[:, 1:4]
        boxes = pixels * self._boxes(facts[:, 1], u[:, 4:6])  # (N, 2, 4)

        def tiles(rows: slice) -> Tensor:
            bear = self._drawings[style[rows], len(self.objects)]  # (n, h, 4, w)
            if self.turn_character:
                bear = _turn(bear, u[rows, 9:12] < 0.5)
            thing = _turn(self._drawings[style[rows], names[rows]], u[rows, 6:9] < 0.5)
            return torch.stack([bear, thing], dim=1).float() / 255

        return draw_sprites(tiles, boxes, ground, pixels)

    def _boxes(self, places: Tensor, shift: Tensor) -> Tensor:
        """Boxes (N, 2, 4) of character and object in picture sides; `shift` (N, 2) in [0, 1)."""
        centre = torch.tensor(_CENTRES, device=self.device)[places]  # (N, 2)
        reach = torch.where(centre == 0, _ACROSS, _ALONG)
        centre = 0.5 + centre + reach * (2 * shift - 1)
        centres = torch.stack([torch.full_like(centre, 0.5), centre], dim=1)  # (N, 2, 2)
        half = torch.tensor(_SIDES, device=self.device)[None, :, None] / 2
        return torch.cat([centres - half, centres + half], dim=2)


def _turn(tiles: Tensor, coins: Tensor) -> Tensor:
    """Sprites (n, h, 4, w), each in one of the 8 ways a square can lie, by coins (n, 3)."""
    flat, left, up = coins[:, :, None, None, None].unbind(1)  # (n, 1, 1, 1) each
    tiles = torch.where(flat, tiles.transpose(1, 3), tiles)
    tiles = torch.where(left, tiles.flip(3), tiles)
    return torch.where(up, tiles.flip(1), tiles)


def examples(task: PerspectiveTask, n: int, seed: int) -> tuple[Tensor, list[str], list[str]]:
    """n pictures (n, 3, P, P), what the viewer says of them, and what the character says."""
    generator = make_generator(derive_seed(seed, "examples"), task.device)
    facts = task.draw_facts(n, generator)
    names, places = facts.unbind(1)
    images = task.paint(facts, generator)
    swapped = told_by(places, torch.ones_like(places, dtype=torch.bool))
    the, my = torch.zeros_like(places), torch.ones_like(places)
    return images, task.captions(names, places, the), task.captions(names, swapped, my)


def view_examples(task: PerspectiveTask, seed: int) -> tuple[Tensor, list[str], list[str]]:
    """One picture in every view of `VIEWS` (5, 3, P, P), its caption unchanged, and rewritten."""
    generator = make_generator(derive_seed(seed, "view"), task.device)
    name = torch.randint(len(task.objects), (1,), generator=generator, device=task.device)
    place = torch.zeros_like(name)  # on the left: every view but the first moves it
    image = task.paint(torch.stack([name, place], dim=1), generator)
    images = torch.cat([look(image, view) for view in VIEWS])
    unchanged = task.captions(name, place, torch.zeros_like(name))
    rewritten = [
        task.captions(name, rewrite(place, view), torch.zeros_like(name))[0] for view in VIEWS
    ]
    return images, unchanged * len(VIEWS), rewritten
