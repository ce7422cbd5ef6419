"""What scenes and clips are made of, and the checks that say so early."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mmlib.data.grammar import COLOURS, KINDS
from mmlib.data.sprites import BACKGROUNDS


@dataclass(frozen=True)
class SceneConfig:
    """What scenes are made of.

    Attributes:
        image_size: side in pixels, at least 16.
        objects: names or indices of icons; empty takes ``DEFAULT_OBJECTS``, and
            ``usable_objects(icons, icons.where(...))`` gives many more.
        colours: names out of ``COLOURS``; scenes of kind ``colour`` need at least 6. Colours 1 and
            2, 3 and 4, ... are held out together, so another list is another split.
        kinds: which of ``KINDS`` are mixed, in equal parts.
        styles: drawing styles out of the icons' own; empty takes all. A scene has one style.
        background: one of ``BACKGROUNDS``.
        noise: each pixel gets a number uniform in ``[-noise, noise]``, 0 to 0.5.

    Raises:
        ValueError: a value is not possible; the message names it.
    """

    image_size: int = 64
    objects: tuple[str | int, ...] = ()
    colours: tuple[str, ...] = tuple(COLOURS)
    kinds: tuple[str, ...] = KINDS
    styles: tuple[str, ...] = ()
    background: str = "plain"
    noise: float = 0.0

    def __post_init__(self) -> None:
        check_picture(self.image_size, self.background, self.noise)
        check_words("colour", self.colours, COLOURS)
        check_words("kind", self.kinds, KINDS)
        if "colour" in self.kinds and len(self.colours) < 6:
            raise ValueError(
                f"{len(self.colours)} colours are too few for scenes of kind 'colour': with two "
                "held out for each object, give at least 6, or leave that kind out"
            )


def check_picture(image_size: int, background: str, noise: float) -> None:
    """Raise ValueError if the image size, the background or the noise is not possible."""
    if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < 16:
        raise ValueError(f"image_size {image_size!r} is not usable: give an integer of 16 or more")
    check_words("background", [background], BACKGROUNDS)
    if not 0 <= noise <= 0.5:
        raise ValueError(f"noise {noise!r} is out of range: give 0 to 0.5")


def check_words(what: str, given: Sequence[str], known: Collection[str]) -> None:
    """Raise ValueError if ``given`` is empty, repeats a word or holds one that is not known."""
    for word in given:
        if word not in known:
            raise ValueError(f"unknown {what} {word!r}: choose from {', '.join(known)}")
    if not given or len(set(given)) < len(given):
        raise ValueError(f"{what}s {tuple(given)!r}: name at least one, and each only once")
