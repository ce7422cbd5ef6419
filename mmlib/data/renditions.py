"""One concept in four modalities: its written name, a drawing, the spoken name, a moving drawing.

    world = Renditions(icons, rows)          # concepts with short names
    world.draw("image", concepts, generator) # (B, 3, 32, 32)
    world.draw("audio", concepts, generator) # (B, 3, 32, 32), a log-mel spectrogram three times

A rendition varies as its modality does: the artist, the place and the ground of a drawing; the
speaker of a word; the way of a clip, each frame of which is such a drawing. A written name has one
form only. Spectrograms are given three equal channels, so that one and the same small network can
read drawings and sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mmlib.augment.image import N_RANDOM, AugmentConfig, IconAugmentation, augment_icons
from mmlib.data.icons import Icons
from mmlib.data.speech import TEST_SPEAKERS, TRAIN_SPEAKERS, available, speak, spoken_table
from mmlib.layers import check_choice, check_positive
from mmlib.tokenizer import Tokenizer

MODALITIES = ("text", "image", "audio", "video")
ARTISTS = ("openmoji", "twemoji")
PARTS = ("train", "test")
N_MOVING = 5  # the first columns of a row of random numbers: angle, scale, aspect, shift x and y


@dataclass(frozen=True)
class RenditionConfig:
    """Sizes of the renditions.

    Attributes:
        frames: of a clip.
        letters: bytes that a written name may have; longer names are refused.
        variation: of drawings, and of the two states between which a clip moves.
    """

    frames: int = 4
    letters: int = 24
    variation: AugmentConfig = AugmentConfig(rotate=20.0, scale=(0.65, 1.05), shift=0.15)

    @property
    def context_length(self) -> int:
        """Tokens of a name: start, the space that stands before a word, its bytes, end."""
        return self.letters + 3

    def __post_init__(self) -> None:
        check_positive(frames=self.frames, letters=self.letters)
        if self.frames < 2:
            raise ValueError(f"frames={self.frames} make no motion: give 2 or more")


def short_names(icons: Icons, letters: int = 24) -> Tensor:
    """Rows of concrete concepts with a name of one or two words and few bytes, twins left out.

    Returns:
        int64 (n,), ascending; the first of every group of twins.
    """
    found: dict[int, int] = {}
    for row in icons.where(concrete=True, max_words=2, styles=ARTISTS).tolist():
        concept = icons.concepts[row]
        if len(concept.name.encode()) <= letters:
            found.setdefault(concept.twin_group, row)
    return torch.tensor(sorted(found.values()), dtype=torch.long)


class Renditions:
    """Endless renditions of the concepts of `icons` in every modality.

    Args:
        icons: drawn by both of `ARTISTS`, on the wanted device; their size is the side of drawings,
            spectrograms and frames.
        config: sizes.
        audio: whether there is sound; None asks whether the speech synthesiser is installed.

    Raises:
        ValueError: a name is longer than `config.letters` bytes, or an artist did not draw a
            concept, which would be an empty picture.
    """

    def __init__(
        self, icons: Icons, config: RenditionConfig | None = None, *, audio: bool | None = None
    ) -> None:
        self.icons, self.config = icons, config or RenditionConfig()
        self.device = icons.rgba.device
        self.names = icons.names()
        long = [name for name in self.names if len(name.encode()) > self.config.letters]
        if long:
            raise ValueError(
                f"{long[0]!r} has more than letters={self.config.letters} bytes: choose concepts "
                "with short_names(icons, letters)"
            )
        self.tokens = Tokenizer().encode(self.names, self.config.context_length).to(self.device)
        self._styles = torch.tensor([icons.style_index(a) for a in ARTISTS], device=self.device)
        drawn = icons.has[self._styles].all(dim=0).tolist()  # (N,)
        if not all(drawn):
            raise ValueError(
                f"{self.names[drawn.index(False)]!r} has no drawing by each of {ARTISTS}: choose "
                "concepts with short_names(icons, letters)"
            )
        self._vary = IconAugmentation(self.config.variation)
        self.sound = available() if audio is None else audio

    @cached_property
    def spoken(self) -> dict[str, Tensor]:
        """Pictures of the spoken names by part, uint8 (speakers, N, H, H); made when first used.

        Raises:
            ModuleNotFoundError: the synthesiser is missing.
        """
        return {"train": self._table(TRAIN_SPEAKERS), "test": self._table(TEST_SPEAKERS)}

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those of `MODALITIES` that can be drawn here."""
        return tuple(m for m in MODALITIES if m != "audio" or self.sound)

    def draw(
        self, modality: str, concepts: Tensor, generator: torch.Generator, part: str = "train"
    ) -> Tensor:
        """One fresh rendition of each concept.

        Args:
            modality: one of `modalities`.
            concepts: (B,) rows of the icons.
            generator: on the device of the icons.
            part: "test" takes speakers that "train" never uses; drawings and clips are drawn
                afresh in both.

        Returns:
            text: int64 (B, context_length) bytes with start and end; image: (B, 3, H, H);
            audio: (B, 3, H, H); video: (B, frames, 3, H, H); the last three float32 in [0, 1].

        Raises:
            ValueError: the modality or the part is unknown, or there is no sound here.
        """
        check_choice("modality", modality, MODALITIES)
        check_choice("part", part, PARTS)
        concepts = concepts.to(self.device)
        if modality == "text":
            return self.tokens[concepts]
        if modality == "image":
            return self._vary(self._drawings(concepts, generator), generator)
        if modality == "video":
            return self._clips(concepts, generator)
        if not self.sound:
            raise ValueError("there is no sound here: run `pip install 'mmlib[audio]'`")
        table = self.spoken[part]
        speaker = torch.randint(len(table), concepts.shape, generator=generator, device=self.device)
        loud = table[speaker, concepts].float() / 255  # (B, H, H)
        return loud[:, None].expand(-1, 3, -1, -1)

    def raw(
        self, modality: str, concepts: Tensor, generator: torch.Generator
    ) -> list[str | Tensor]:
        """One rendition of each concept as it would be stored, for `mmlib.signals.to_bytes`.

        Returns:
            text: names; image: uint8 (3, H, W); audio: waveforms float32 (n,) of the first
            speaker; video: uint8 (frames, 3, H, W).

        Raises:
            ValueError: as `draw`.
        """
        names = [self.names[row] for row in concepts.tolist()]
        if modality == "text":
            return list(names)
        if modality == "audio" and self.sound:
            return list(speak(names, TRAIN_SPEAKERS[0]))
        values = self.draw(modality, concepts, generator)
        return list((values * 255).round().to(torch.uint8))

    def _drawings(self, concepts: Tensor, generator: torch.Generator) -> Tensor:
        """Drawings (B, 4, H, H) of the concepts, each by either artist."""
        pick = torch.randint(2, concepts.shape, generator=generator, device=self.device)
        return self.icons.rgba[self._styles[pick], concepts]

    def _table(self, speakers: Sequence[str]) -> Tensor:
        side = self.icons.size
        return spoken_table(self.names, speakers, bands=side, frames=side).to(self.device)

    def _clips(self, concepts: Tensor, generator: torch.Generator) -> Tensor:
        """(B, T, 3, H, H): the drawing drifts, turns and grows from one random state to another."""
        frames = self.config.frames
        ends = torch.rand(2, len(concepts), N_RANDOM, generator=generator, device=self.device)
        ends[1, :, N_MOVING:] = ends[0, :, N_MOVING:]  # colours and ground stay
        time = torch.linspace(0, 1, frames, device=self.device)[:, None]
        states = torch.lerp(ends[0][:, None], ends[1][:, None], time)  # (B, T, N_RANDOM)
        drawing = self._drawings(concepts, generator).repeat_interleave(frames, 0)
        clips = augment_icons(drawing, states.flatten(0, 1), self.config.variation)
        return clips.unflatten(0, (len(concepts), frames))
