"""What the experiments on granularity and perspective share: words, sprites and multiple choice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.data.icons import Icons
from mmlib.data.sprites import chunk_size, paint, place_sprites
from mmlib.layers import check_positive
from mmlib.ranking import Ranks, cosine_similarity


class Words:
    """The words of some captions as numbers; 0 is padding.

    Args:
        captions: every caption that will be encoded is made of their words.

    Attributes:
        words: all words, sorted; word i has id i + 1.
        length: L, words of the longest caption.

    Raises:
        ValueError: there is no word.
    """

    def __init__(self, captions: Iterable[str]) -> None:
        split = [caption.split() for caption in captions]
        self.words = sorted({word for words in split for word in words})
        if not self.words:
            raise ValueError("the captions hold no word: give captions to learn from")
        self.length = max(map(len, split))
        self._ids = {word: number for number, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        """Number of ids, padding included."""
        return len(self.words) + 1

    def encode(self, captions: Sequence[str]) -> Tensor:
        """Captions -> int64 ids (B, L).

        Raises ValueError for a caption that is empty, too long or holds an unknown word.
        """
        ids = torch.zeros(len(captions), self.length, dtype=torch.long)
        for row, caption in enumerate(captions):
            words = caption.split()
            unknown = [word for word in words if word not in self._ids]
            if unknown or not 0 < len(words) <= self.length:
                raise ValueError(
                    f"caption {caption!r} is not usable: need 1 to {self.length} words out of "
                    f"{', '.join(self.words)}"
                )
            ids[row, : len(words)] = torch.tensor([self._ids[word] for word in words])
        return ids


class WordBag(nn.Module):
    """A text encoder that ignores order: ids (B, L) -> features (B, width).

    The mean of the words' vectors goes through one hidden layer, so that words can change each
    other's meaning ("my left" is not "my" plus "left"). Weights are drawn with `generator`.
    """

    def __init__(self, vocabulary: int, width: int = 64, *, generator: torch.Generator) -> None:
        super().__init__()
        check_positive(vocabulary=vocabulary, width=width)
        self.feature_dim = width
        self.words = nn.EmbeddingBag(vocabulary, width, mode="mean", padding_idx=0)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, width)
        with torch.no_grad():
            self.words.weight.normal_(std=0.1, generator=generator)
            self.words.weight[0] = 0
            for layer in (self.hidden, self.out):
                layer.weight.normal_(std=layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()

    def forward(self, ids: Tensor) -> Tensor:
        """Word numbers (B, L), 0 for padding -> features (B, width)."""
        mean = self.norm(self.words(ids))  # (B, C)
        features: Tensor = self.out(F.gelu(self.hidden(mean)))
        return features


def draw_sprites(
    tiles: Callable[[slice], Tensor], boxes: Tensor, grounds: Tensor, pixels: int
) -> Tensor:
    """Sprites on flat grounds: float (N, 3, P, P) in [0, 1].

    Args:
        tiles: from a slice of the pictures to their sprites (n, K, h, 4, w), premultiplied.
        boxes: (N, K, 4) left, top, right, bottom in pixels; boxes of a picture do not overlap.
        grounds: (N, 3) colours.
        pixels: P.
    """
    step = chunk_size(boxes.device, pixels)
    parts = []
    for start in range(0, len(boxes), step):
        rows = slice(start, start + step)
        canvas = place_sprites(tiles(rows), boxes[rows], pixels)
        parts.append(paint(canvas, grounds[rows, :, None, None]))
    return torch.cat(parts)


def drawings_of(icons: Icons, names: Sequence[str], styles: Sequence[str]) -> Tensor:
    """uint8 (S, O, h, 4, w): drawings of the named icons, laid out for `place_sprites`.

    Raises:
        ValueError: fewer than 2 names, a name twice, unknown, or without a drawing in a style.
    """
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"objects {tuple(names)} must be 2 or more different names")
    if not styles:
        raise ValueError("styles is empty: name at least one")
    rows = torch.tensor([icons.index(name) for name in names], device=icons.rgba.device)
    layers = torch.tensor([icons.style_index(style) for style in styles], device=rows.device)
    missing = (~icons.has[layers][:, rows]).nonzero().tolist()
    if missing:
        style, name = missing[0]
        raise ValueError(f"{names[name]!r} has no drawing in style {styles[style]!r}: use another")
    return icons.rgba[layers][:, rows].transpose(2, 3).contiguous()


def choose(image: Tensor, text: Tensor) -> Tensor:
    """Credit (N,) in [0, 1] of pictures (N, D) for preferring the first of K captions (N, K, D).

    A tie is a blind guess among the tied captions, so equal embeddings score 1 / K.
    """
    return credit(cosine_similarity(image[:, None], text)[:, 0])


def credit(scores: Tensor) -> Tensor:
    """Credit (N,) in [0, 1] when the first of the scores (N, K) is the largest; ties are shared.

    Raises ValueError for NaN, which is neither larger nor smaller than anything.
    """
    if bool(scores.isnan().any()):
        raise ValueError("the scores hold NaN: check the model before scoring it")
    right = torch.zeros_like(scores, dtype=torch.bool)
    right[:, 0] = True
    return Ranks.from_scores(scores, right).hits(1)


def percent(hits: Tensor) -> float:
    """The mean of credits in [0, 1], in percent."""
    return 100 * float(hits.double().mean())


def others(label: Tensor, classes: int, k: int, generator: torch.Generator) -> Tensor:
    """(N, k) int64: the label first, then k - 1 different other classes, uniform.

    Raises:
        ValueError: k is not in [2, classes].
    """
    if not 2 <= k <= classes:
        raise ValueError(f"{k} candidates out of {classes} classes: need 2 to {classes}")
    keys = torch.rand(len(label), classes, generator=generator, device=label.device)
    keys.scatter_(1, label[:, None], -1.0)  # smaller than all others: sorted first
    return keys.argsort(dim=1)[:, :k]
