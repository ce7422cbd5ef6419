"""Language: how people of 14 languages name the same pictures, and how far they agree.

    icons = icons.subset(one_of_each(icons))
    found = compare_structures(name_structures(icons), seed=0)
    found.matrix, found.chance     # (14, 14) shares of common neighbours

Within one language two pictures are neighbours when their names share words or pieces of words.
Nothing is compared across languages but these neighbourhoods, so no dictionary is needed and no
script has an advantage. The names are those of Unicode's CLDR: translators wrote them, mostly from
English. They show how translators name a picture, not whole cultures.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.icons import LANGUAGES, Icons
from mmlib.runtime import derive_seed, make_generator
from mmlib.tokenizer import normalise_text

FAMILIES = {
    "en": "Germanic", "de": "Germanic", "es": "Romance", "fr": "Romance", "it": "Romance",
    "pt": "Romance", "ru": "Slavic", "fa": "Iranian", "tr": "Turkic", "id": "Austronesian",
    "zh": "Sinitic", "ja": "Japonic", "ko": "Koreanic", "ar": "Semitic",
}  # fmt: skip
SCRIPTS = {
    "en": "Latin", "de": "Latin", "es": "Latin", "fr": "Latin", "it": "Latin", "pt": "Latin",
    "tr": "Latin", "id": "Latin", "ru": "Cyrillic", "ar": "Arabic", "fa": "Arabic",
    "zh": "Han", "ja": "Japanese", "ko": "Hangul",
}  # fmt: skip
#: A name is familiar when it is this near (cosine) to three other names of its language.
FAMILIAR = 0.4


def one_of_each(icons: Icons) -> Tensor:
    """Rows (n,): the first concept of every twin group, so that no drawing counts twice."""
    first: dict[int, int] = {}
    for row, concept in enumerate(icons.concepts):
        first.setdefault(concept.twin_group, row)
    return torch.tensor(list(first.values()))


def pieces(name: str) -> Counter[str]:
    """What two names can share: whole words, and runs of 2 and 3 characters within a word.

    The start of a word is marked by ``^`` and its end by ``$``.

    >>> sorted(pieces("red"))
    ['^r', '^re', 'd$', 'ed', 'ed$', 're', 'red']
    """
    found: Counter[str] = Counter()
    for word in normalise_text(name).split():
        marked = f"^{word}$"
        runs = {n: [marked[i : i + n] for i in range(len(marked) - n + 1)] for n in (2, 3)}
        found.update({word, *runs[2], *runs[3]})
    return found


def name_vectors(names: Sequence[str]) -> Tensor:
    """TF-IDF vectors of names: rare pieces weigh more, pieces of one name only are dropped.

    Args:
        names: N names in one language.

    Returns:
        float32 (N, V), rows of length 1; a name that shares nothing with any other is 0.

    Raises:
        ValueError: fewer than 2 names.
    """
    if len(names) < 2:
        raise ValueError(f"{len(names)} names have no neighbours: give 2 or more")
    bags = [pieces(name) for name in names]
    spread = Counter(piece for bag in bags for piece in bag)
    column = {piece: i for i, piece in enumerate(p for p, n in spread.items() if n > 1)}
    weight = {piece: 1 + math.log((1 + len(names)) / (1 + spread[piece])) for piece in column}
    entries = [
        (row, column[piece], count * weight[piece])
        for row, bag in enumerate(bags)
        for piece, count in bag.items()
        if piece in column
    ]
    vectors = torch.zeros(len(names), max(1, len(column)))
    if entries:
        rows, columns, values = zip(*entries, strict=True)
        vectors[list(rows), list(columns)] = torch.tensor(values)
    return F.normalize(vectors, dim=1)


def name_structures(icons: Icons, languages: Sequence[str] = LANGUAGES) -> dict[str, Tensor]:
    """`name_vectors` for each language. Raises ValueError for a language without all names."""
    return {language: name_vectors(icons.names(language)) for language in languages}


def nearest(vectors: Tensor, k: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The k nearest other rows by cosine: indices and cosines, (N, k) each, near to far.

    The vectors may live on any device; the result, and so the generator, is on the CPU.
    Equal cosines are put in random order. In the order of the rows, names without any neighbour
    would all get the same ones, and two languages would agree about nothing.

    Raises:
        ValueError: k is not in [1, N - 1].
    """
    if not 1 <= k < len(vectors):
        raise ValueError(f"k={k} must be in [1, {len(vectors) - 1}]: the other rows")
    unit = F.normalize(vectors.cpu(), dim=1)
    cosines = (unit @ unit.T).fill_diagonal_(-2)  # (N, N)
    ties = torch.rand(cosines.shape, generator=generator)  # below 1, the step of what is rounded
    index = ((cosines * 1e5).round() + ties).topk(k, dim=1).indices
    return index, cosines.gather(1, index)


def common_neighbours(first: Tensor, second: Tensor) -> Tensor:
    """Share of common neighbours (N,) in [0, 1] of two lists of neighbours (N, k)."""
    if first.shape != second.shape:
        raise ValueError(
            f"neighbours {tuple(first.shape)} and {tuple(second.shape)} must have one shape (N, k)"
        )
    return (first[:, :, None] == second[:, None]).any(dim=2).float().mean(dim=1)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far S structures of the same N concepts agree.

    Attributes:
        names: of the structures.
        matrix: (S, S), share of common neighbours in [0, 1], mean over concepts; 1 with itself.
        shuffled: (S, S), the control: the names of the second are dealt out among the concepts.
        chance: k / (N - 1), what the control should be.
        concepts: (N,), mean over pairs of different structures.
        familiar: (S, N), cosine with the third-nearest name (the last one if k is below 3).
    """

    names: tuple[str, ...]
    matrix: Tensor
    shuffled: Tensor
    chance: float
    concepts: Tensor
    familiar: Tensor

    def grouped(self, label: Mapping[str, str]) -> tuple[float, float]:
        """Mean agreement of pairs with the same label and with different ones.

        Args:
            label: of each structure, such as `FAMILIES` or `SCRIPTS`.

        Raises:
            ValueError: a structure has no label, or all pairs are of one kind.
        """
        missing = [name for name in self.names if name not in label]
        if missing:
            raise ValueError(f"no label for {missing}: give one for each of {self.names}")
        kinds = [label[name] for name in self.names]
        same = torch.tensor([[a == b for b in kinds] for a in kinds])
        upper = torch.ones_like(same).triu(1)
        inside, outside = self.matrix[same & upper], self.matrix[~same & upper]
        if not len(inside) or not len(outside):
            raise ValueError(f"labels {sorted(set(kinds))} do not make two kinds of pairs")
        return float(inside.mean()), float(outside.mean())

    def ranked(self, familiar: float = FAMILIAR, share: float = 0.75) -> Tensor:
        """Rows, least agreed first, among concepts whose names are familiar in most languages.

        A name of one unusual word has no real neighbours in any language, and so no agreement
        either; it says nothing. `familiar` is the cosine that a name must have with its
        third-nearest, in at least `share` of the structures; 0 keeps every concept.
        """
        known = (self.familiar >= familiar).float().mean(dim=0) >= share
        rows = known.nonzero().flatten()
        return rows[self.concepts[rows].argsort(stable=True)]


def compare_structures(structures: Mapping[str, Tensor], seed: int, k: int = 10) -> Agreement:
    """Neighbourhoods of each structure, and how many neighbours each pair has in common.

    Args:
        structures: (N, D) vectors by name; D may differ. Besides languages, pictures fit, such as
            the embeddings of a trained tower.
        seed: of the order of equal neighbours and of the control.
        k: neighbours.

    Raises:
        ValueError: fewer than 2 structures, different N, k out of range.
    """
    sizes = {len(vectors) for vectors in structures.values()}
    if len(structures) < 2 or len(sizes) > 1:
        raise ValueError(
            f"need 2 structures or more of the same concepts, got {len(structures)} with "
            f"{sorted(sizes)} rows"
        )
    names, count = tuple(structures), sizes.pop()
    lists, cosines = zip(
        *(nearest(structures[n], k, make_generator(derive_seed(seed, "ties", n))) for n in names),
        strict=True,
    )
    deal = torch.randperm(count, generator=make_generator(derive_seed(seed, "deal")))
    dealt = [deal.argsort()[found[deal]] for found in lists]  # neighbours after dealing out names
    each = torch.stack(
        [torch.stack([common_neighbours(a, b) for b in lists]) for a in lists]
    )  # (S, S, N)
    upper = torch.ones(len(names), len(names), dtype=torch.bool).triu(1)
    control = [[common_neighbours(a, b).mean() for b in dealt] for a in lists]
    familiar = torch.stack([cosine[:, min(2, k - 1)] for cosine in cosines])
    return Agreement(
        names, each.mean(dim=2), torch.tensor(control), k / (count - 1), each[upper].mean(dim=0),
        familiar,
    )  # fmt: skip


def share_word(first: str, second: str, letters: int = 4) -> bool:
    """Whether two names have words that start with the same letters, accents put aside.

    >>> share_word("elephant", "éléphant"), share_word("dog", "chien")
    (True, False)
    """
    starts = []
    for name in (first, second):
        plain = unicodedata.normalize("NFKD", normalise_text(name))
        words = "".join(c for c in plain if not unicodedata.combining(c)).split()
        starts.append({word[:letters] for word in words if len(word) >= letters})
    return bool(starts[0] & starts[1])


def name_rows(
    icons: Icons, rows: Sequence[int] | Tensor, languages: Sequence[str]
) -> list[dict[str, str]]:
    """A table of names for a figure: the character, its name in each language, its keywords."""
    concepts = [icons.concepts[int(row)] for row in rows]
    return [
        {"char": c.char}
        | {language: c.names[language] for language in languages}
        | {"keywords": ", ".join(c.keywords[:6])}
        for c in concepts
    ]
