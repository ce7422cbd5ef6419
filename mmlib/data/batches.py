"""Endless batches of pictures and captions, made on the device where the drawings live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmlib.augment.image import IconAugmentation
from mmlib.data.icons import Icons

#: Ways to say one name, so that the text tower cannot learn a single string by heart.
TEMPLATES = ("{}", "a picture of {}", "a drawing of {}", "an icon showing {}")


def captions_of(names: Sequence[str], templates: Sequence[str] = TEMPLATES) -> list[list[str]]:
    """Every name in every template: N names, K templates -> N lists of K captions."""
    if not names or not templates:
        raise ValueError(f"need names and templates, got {len(names)} and {len(templates)}")
    return [[template.format(name) for template in templates] for name in names]


def token_table(captions: Sequence[Sequence[str]], encode: Callable[[list[str]], Tensor]) -> Tensor:
    """Tokenise N x K captions once: (N, K, L) for token rows, (N, K, 1) for caption numbers.

    Args:
        captions: N lists of K captions.
        encode: a list of texts to (N * K, L).
    """
    flat = [text for row in captions for text in row]
    return encode(flat).view(len(captions), len(captions[0]), -1)


@dataclass(frozen=True)
class PairConfig:
    """How pairs are drawn.

    Attributes:
        batch_size: pairs in a batch, at least 2.
        styles: drawing styles to draw from, each as often as the others.
        distinct: no concept twice in a batch. Without it, duplicates are false negatives for a
            loss that ignores the groups.
        shuffle_captions: a control. The captions of a batch are dealt out at random, so pictures
            and captions are each as they were but their pairing says nothing.
    """

    batch_size: int
    styles: tuple[str, ...]
    distinct: bool = True
    shuffle_captions: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")
        if not self.styles:
            raise ValueError("styles must name at least one drawing style")


class IconPairs:
    """An endless iterator over batches of (picture, caption, group).

    Concepts are drawn afresh for each batch, so the generator's state is the whole state of the
    data: restoring it resumes the stream bit for bit.

    Args:
        icons: drawings, on the device where batches are wanted. Only concepts drawn in all styles
            of the configuration may be used.
        tokens: (N, K, L) captions of the N concepts, see `token_table`; any device.
        config: batch size, styles, controls.
        generator: on the device of the icons.
        augment: from uint8 RGBA drawings to pictures; by default `IconAugmentation()`.

    Raises:
        ValueError: shapes do not fit, a style is missing for a concept, or a batch asks for more
            distinct concepts than there are.
    """

    def __init__(
        self,
        icons: Icons,
        tokens: Tensor,
        config: PairConfig,
        generator: torch.Generator,
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    ) -> None:
        if tokens.ndim != 3 or len(tokens) != len(icons):
            raise ValueError(
                f"tokens must be (N={len(icons)}, captions, length), got {tuple(tokens.shape)}"
            )
        if config.distinct and config.batch_size > len(icons):
            raise ValueError(
                f"batch_size {config.batch_size} needs as many distinct concepts, there are "
                f"{len(icons)}: use a smaller batch or distinct=False"
            )
        self.styles = torch.tensor([icons.style_index(s) for s in config.styles])
        complete = icons.has.cpu()[self.styles].all(dim=0)
        if not complete.all():
            first = icons.concepts[int((~complete).nonzero()[0])].name
            raise ValueError(
                f"{int((~complete).sum())} concepts lack a drawing in one of {config.styles}, "
                f"first {first!r}: choose concepts with `icons.where(...)` for these styles"
            )
        self.rgba = icons.rgba
        device = self.rgba.device
        self.styles = self.styles.to(device)
        self.tokens = tokens.to(device)
        self.config = config
        self.generator = generator
        self.augment = augment or IconAugmentation()

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self

    def __next__(self) -> dict[str, Tensor]:
        """'images' (B, 3, H, W), 'text_tokens' (B, L), 'groups' (B,): the concept's number."""
        n, size, generator = len(self.tokens), self.config.batch_size, self.generator
        device = self.rgba.device
        if self.config.distinct:
            concept = torch.randperm(n, generator=generator, device=device)[:size]  # (B,)
        else:
            concept = torch.randint(n, (size,), generator=generator, device=device)
        pick = torch.randint(len(self.styles), (size,), generator=generator, device=device)
        form = torch.randint(self.tokens.shape[1], (size,), generator=generator, device=device)
        images = self.augment(self.rgba[self.styles[pick], concept], generator)
        named = concept
        if self.config.shuffle_captions:
            named = concept[torch.randperm(size, generator=generator, device=device)]
        tokens = self.tokens[named, form]  # (B, L)
        return {"images": images, "text_tokens": tokens, "groups": concept}
