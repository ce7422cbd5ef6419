"""One language or fourteen: the same small model, the same steps, other names for the pictures.

    task = LanguageTask(icons, LanguageConfig(), seed=0)
    space = task.embed(task.train("all"))
    task.accuracy(space, "en"), task.accuracy(space, "en", held_out=True)   # percent, 64 candidates

A quarter of all names is never trained, other concepts in each language. A model of
one language has never seen the pictures of its held-out names. A model of all languages has seen
them with the names of other languages: what it gets right there, it carries over from them. The
candidates of a held-out name are held-out names too, so that nothing is found by elimination.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmlib.augment.image import IconAugmentation
from mmlib.clip import CLIPModel
from mmlib.data.icons import LANGUAGES, Icons
from mmlib.encoders import CNNVisualEncoder
from mmlib.evaluate import embed_images, embed_texts
from mmlib.gaps.languages import SCRIPTS, one_of_each, share_word
from mmlib.layers import check_choice, check_positive
from mmlib.pair_lab import PairBudget, train_pair
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator
from mmlib.text import TextConfig, TextEncoder, Tokenizer
from mmlib.tokenizer import normalise_text

CONTEXT = 16  # tokens of a name, start and end included; few names are longer and lose their end


@dataclass(frozen=True)
class LanguageConfig(Variations):
    """What is named, and how long the models train.

    Attributes:
        candidates: names that a picture is compared with, 2 or more; there are four times as many
            concepts, and the names of a quarter of them are held out in each language.
        languages: those of the model ``all``.
        style: of the drawings.
        vocabulary: of the tokenizer, learnt from the trained names of all languages for all models.
        batch_size, budget: the same for every model.
    """

    candidates: int = 64
    languages: tuple[str, ...] = LANGUAGES
    style: str = "openmoji"
    vocabulary: int = 1024
    batch_size: int = 64
    budget: PairBudget = field(default_factory=lambda: PairBudget(steps=250))

    def __post_init__(self) -> None:
        check_positive(batch_size=self.batch_size)
        if self.candidates < 2:
            raise ValueError(f"candidates={self.candidates} must be 2 or more")
        if len(self.languages) < 2 or len(set(self.languages)) < len(self.languages):
            raise ValueError(f"languages {self.languages} must be two or more, each once")
        for language in self.languages:
            check_choice("language", language, LANGUAGES)

    @property
    def concepts(self) -> int:
        """How many concepts there are."""
        return 4 * self.candidates

    @property
    def chance(self) -> float:
        """Percent right by guessing."""
        return 100 / self.candidates


def usable_concepts(icons: Icons, config: LanguageConfig) -> Tensor:
    """Rows (n,): concrete, drawn, one of each twin group, with a name of their own everywhere.

    Of concepts that share a name in some language the first is kept.
    """
    wanted = set(icons.where(concrete=True, max_words=2, styles=(config.style,)).tolist())
    taken: set[tuple[str, str]] = set()
    rows = []
    for row in one_of_each(icons).tolist():
        names = {(lang, normalise_text(icons.concepts[row].names[lang])) for lang in LANGUAGES}
        if row in wanted and not names & taken:
            taken |= names
            rows.append(row)
    return torch.tensor(rows)


class Space(NamedTuple):
    """Embeddings of length 1: pictures (N, D), and names (L, N, D) by language."""

    pictures: Tensor
    names: Tensor


class LanguageTask:
    """Pictures, their names in every language, and which names are never trained.

    Attributes:
        icons: the 4 * candidates concepts of this seed.
        tokens: int64 (L, N, length), the names in `config.languages`, on the device of the icons.
        held_out: bool (L, N) on the CPU, `candidates` in each row.

    Raises:
        ValueError: too few concepts, an unknown style.
    """

    def __init__(self, icons: Icons, config: LanguageConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        rows = usable_concepts(icons, config)
        if len(rows) < config.concepts:
            raise ValueError(
                f"candidates={config.candidates} needs {config.concepts} concepts, there are "
                f"{len(rows)}: take at most {len(rows) // 4}"
            )
        chosen = torch.randperm(len(rows), generator=self._stream("concepts"))[: config.concepts]
        self.icons = icons.subset(rows[chosen])
        shape = (len(config.languages), config.concepts)
        order = torch.rand(shape, generator=self._stream("held out")).argsort(dim=1)
        self.held_out = order.argsort(dim=1) < config.candidates  # (L, N)
        names = [self.icons.names(language) for language in config.languages]
        trained = [
            name
            for row, held in zip(names, self.held_out.tolist(), strict=True)
            for name, out in zip(row, held, strict=True)
            if not out
        ]
        self.tokenizer = Tokenizer.train(trained, config.vocabulary)
        self.drawings = self.icons.rgba[self.icons.style_index(config.style)]  # (N, 4, H, W)
        self.device = self.drawings.device
        tokens = torch.stack([self.tokenizer.encode(row, CONTEXT) for row in names])
        self.tokens = tokens.to(self.device)

    def _stream(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        return make_generator(derive_seed(self.seed, "languages", name), device)

    def language_index(self, language: str) -> int:
        """The row of a language. Raises ValueError when the task does not have it."""
        check_choice("language", language, self.config.languages)
        return self.config.languages.index(language)

    def train(self, diet: str, steps: int | None = None) -> CLIPModel:
        """Align pictures with names that are not held out.

        Args:
            diet: one language, or ``all``: each picture of a batch in a language drawn for it.
            steps: instead of those of the budget; 0 gives the untrained model.

        Raises:
            ValueError: unknown diet.
        """
        rows = [self.language_index(diet)] if diet != "all" else range(len(self.config.languages))
        cells = (~self.held_out[list(rows)]).nonzero()  # (cells, 2): language, concept
        cells[:, 0] = torch.tensor(list(rows))[cells[:, 0]]
        cells = cells.to(self.device)
        vary = IconAugmentation()

        def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
            text = TextConfig(
                self.tokenizer.vocab_size, CONTEXT, width=64, depth=1, mlp_ratio=2, pooling="mean"
            )
            image = CNNVisualEncoder(
                "tiny", stem=16, widths=(32, 64), depths=(1, 1), pooling="grid", generator=generator
            )
            return image, TextEncoder(text, generator=generator)

        def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
            size = (self.config.batch_size,)
            drawn = torch.randint(len(cells), size, generator=generator, device=self.device)
            language, concept = cells[drawn].T
            pictures = vary(self.drawings[concept], generator)
            return pictures, self.tokens[language, concept], concept

        budget = self.config.budget if steps is None else self.config.budget.but(steps=steps)
        return train_pair(build, draw, budget, self.seed, self.device)

    def embed(self, model: CLIPModel) -> Space:
        """Every picture once, freshly varied, and every name, on the CPU."""
        varied = IconAugmentation()(self.drawings, self._stream("test pictures", self.device))
        names = embed_texts(model, self.tokens.flatten(0, 1)).unflatten(0, self.tokens.shape[:2])
        return Space(embed_images(model, varied).cpu(), names.cpu())

    def accuracy(self, space: Space, language: str, *, held_out: bool = False) -> float:
        """Percent of pictures that find their name in a language.

        The names that may be trained in this language are tested in three groups, the held-out
        ones in one, so that there are `candidates` names each time.
        """
        row = self.language_index(language)
        which = (self.held_out[row] == held_out).nonzero().flatten()
        return self._matched(space.pictures, space.names[row], which)

    def translation(self, space: Space, source: str, target: str) -> float:
        """Percent of names in `source` that find the name in `target`, by text embeddings alone.

        No pair of names is ever trained: pictures are the only bridge. Only names that may be
        trained in both languages are tested, among `candidates` names.
        """
        first, second = self.language_index(source), self.language_index(target)
        which = (~self.held_out[first] & ~self.held_out[second]).nonzero().flatten()
        return self._matched(space.names[first], space.names[second], which)

    @cached_property
    def cognates(self) -> Tensor:
        """(L, N) bool: the concept has a trained name that looks alike in another Latin language.

        Looks alike: see `share_word`. Always False in languages of another script.
        """
        latin = [r for r, name in enumerate(self.config.languages) if SCRIPTS[name] == "Latin"]
        names = [self.icons.names(language) for language in self.config.languages]
        alike = torch.zeros_like(self.held_out)
        for row, other in itertools.permutations(latin, 2):
            pairs = zip(names[row], names[other], strict=True)
            alike[row] |= torch.tensor([share_word(*p) for p in pairs]) & ~self.held_out[other]
        return alike

    def held_out_by_cognate(self, space: Space) -> tuple[float, float]:
        """Percent of pictures that find their held-out name, in Latin-script languages.

        Returns:
            Where a trained name of the same concept looks alike, and where none does. The
            candidates are those of `accuracy`; nan where there is no such name.
        """
        alike, right = self.cognates, torch.zeros_like(self.held_out)
        for row in range(len(right)):
            which = self.held_out[row].nonzero().flatten()
            right[row, which] = self._hits(space.pictures, space.names[row], which)
        latin = torch.tensor([SCRIPTS[name] == "Latin" for name in self.config.languages])
        asked = self.held_out & latin[:, None]  # (L, N)
        with_alike, without = (right[asked & kind].double().mean() for kind in (alike, ~alike))
        return 100 * float(with_alike), 100 * float(without)

    def _matched(self, queries: Tensor, names: Tensor, which: Tensor) -> float:
        """Percent of rows `which` whose best name is their own."""
        return 100 * float(self._hits(queries, names, which).double().mean())

    def _hits(self, queries: Tensor, names: Tensor, which: Tensor) -> Tensor:
        """Bool (m,): is the best name its own? In full groups of candidates; the rest is left."""
        size = self.config.candidates
        groups = [group for group in which.split(size) if len(group) == size]
        best = [(queries[group] @ names[group].T).argmax(dim=1) for group in groups]
        return torch.cat([found == torch.arange(size) for found in best])


def compare_diets(
    icons: Icons, config: LanguageConfig, seed: int, diets: tuple[str, ...] = ("en", "zh", "all")
) -> dict[str, float]:
    """Train one model on each diet, and two more as controls, and test all of them.

    Returns:
        In percent: ``"<diet>.<language>"`` picture to name; ``"<diet>.<language>.held_out"`` names
        never trained; ``"<diet>.<a>-<b>"`` translation from the first language into every other;
        ``"<diet>.cognate"`` and ``"<diet>.no cognate"``, see `held_out_by_cognate`.
        Two controls are named like diets: ``untrained``, where translation works by spelling
        alone, and ``short``, the first diet with as many steps as ``all`` spends on one language.

    Raises:
        ValueError: no diet or an unknown one, too few concepts.
    """
    if not diets:
        raise ValueError("diets is empty: name a language, or 'all'")
    for diet in diets:
        check_choice("diet", diet, (*config.languages, "all"))
    task = LanguageTask(icons, config, seed)
    found: dict[str, float] = {}
    short = max(1, config.budget.steps // len(config.languages))
    controls = {"untrained": 0, "short": short}
    for diet in (*diets, *controls):
        model = task.train(diet) if diet in diets else task.train(diets[0], controls[diet])
        space = task.embed(model)
        found[f"{diet}.cognate"], found[f"{diet}.no cognate"] = task.held_out_by_cognate(space)
        for language in config.languages:
            found[f"{diet}.{language}"] = task.accuracy(space, language)
            found[f"{diet}.{language}.held_out"] = task.accuracy(space, language, held_out=True)
            if language != config.languages[0]:
                pair = f"{config.languages[0]}-{language}"
                found[f"{diet}.{pair}"] = task.translation(space, config.languages[0], language)
    return found
