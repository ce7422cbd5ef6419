"""Time: a still picture shows a state, a word such as ``growing`` tells a process.

    scores = compare_views(icons, TimeConfig(), seed=0)
    scores["ordered.direction"], scores["shuffled.direction"]  # percent; chance is 50

A clip and the same clip played backwards have opposite captions. Four views of the same clips
train the same model: all frames in order; all frames, shuffled anew for every clip; one frame,
taken at a random moment; the mean of all frames. Only the first carries the order. The name of the
object is the control: all four show it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.data.clips import MOTIONS, WORDS, ClipConfig, ClipGenerator
from mmlib.data.grammar import article
from mmlib.data.icons import Icons
from mmlib.evaluate import evaluating
from mmlib.gaps.clip_encoder import ClipEncoder
from mmlib.layers import check_choice, check_positive
from mmlib.pair_lab import PairBudget, train_pair
from mmlib.recipe import Variations
from mmlib.runtime import derive_seed, make_generator
from mmlib.text import TextConfig, TextEncoder, Tokenizer

VIEWS = ("ordered", "shuffled", "one", "bag")
#: Percent right by guessing. A model without order that reads the axis has 50 for the process.
CHANCE = {"process": 100 / 6, "direction": 50.0, "axis": 100 / 3}
OBJECTS = ("frog", "elephant", "whale", "banana", "strawberry", "airplane", "umbrella", "guitar")


@dataclass(frozen=True)
class TimeConfig(Variations):
    """What is shown and how long the models train.

    Attributes:
        image_size: side of a frame in pixels.
        frames: T, 2 or more.
        objects, styles: names of icons and of drawing styles.
        train_clips: drawn once and kept; a multiple of 3, one part for each axis of motion.
        test_clips: other clips of the same objects, tested forwards and backwards; a multiple of 3.
        batch_size, budget: the same for every view.
    """

    image_size: int = 20
    frames: int = 4
    objects: tuple[str, ...] = OBJECTS
    styles: tuple[str, ...] = ("openmoji",)
    train_clips: int = 1500
    test_clips: int = 300
    batch_size: int = 40
    budget: PairBudget = field(default_factory=lambda: PairBudget(steps=150, learning_rate=3e-3))

    def __post_init__(self) -> None:
        check_positive(batch_size=self.batch_size)
        if len(self.objects) < 2 or len(set(self.objects)) < len(self.objects):
            raise ValueError(f"objects {self.objects} must be two or more different names")
        _check_thirds("train_clips", self.train_clips)
        _check_thirds("test_clips", self.test_clips)
        self.clip_config(MOTIONS[:2])

    def clip_config(self, motions: tuple[str, ...]) -> ClipConfig:
        """The settings of the generator. Raises ValueError for a size or frames out of range."""
        return ClipConfig(self.image_size, self.frames, self.objects, motions, self.styles)


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips with what they show, on one device.

    Attributes:
        frames: uint8 (n, T, 3, H, H).
        objects: int64 (n,), indices of `names`.
        motions: int64 (n,), indices of `mmlib.data.clips.MOTIONS`.
        names: of the objects.
    """

    frames: Tensor
    objects: Tensor
    motions: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def captions(self) -> list[str]:
        """One sentence a clip: ``'a dog moving left'``."""
        every = all_captions(self.names)
        return [every[row] for row in (self.objects * len(MOTIONS) + self.motions).tolist()]

    def backwards(self) -> Clips:
        """The clips played backwards, with the captions that then are true."""
        return Clips(self.frames.flip(1), self.objects, self.motions ^ 1, self.names)

    def both_ways(self) -> Clips:
        """The clips, then the same clips backwards: both directions of an axis, equally often."""
        other = self.backwards()
        pairs = ((self.frames, other.frames), (self.objects, other.objects))
        frames, objects = (torch.cat(pair) for pair in pairs)
        return Clips(frames, objects, torch.cat([self.motions, other.motions]), self.names)


def _check_thirds(name: str, count: int) -> None:
    if count < 3 or count % 3:
        raise ValueError(
            f"{name}={count} must be a multiple of 3, 3 or more: each axis of motion gets a third"
        )


def all_captions(names: tuple[str, ...]) -> list[str]:
    """Every caption there can be, 6 for each object: row ``6 * object + motion``."""
    return [f"{article(name)} {word}" for name in names for word in WORDS]


def draw_clips(icons: Icons, config: TimeConfig, count: int, generator: torch.Generator) -> Clips:
    """Draw clips on the device of the icons: a third on each axis, the rest at random.

    Each axis has a generator of its own: `ClipGenerator` would hold out one axis for each object,
    and then the object alone would tell something about its motion. The generator lives on the CPU,
    so that a seed is the same clips on every device.

    Raises:
        ValueError: a count that is no multiple of 3, an unknown object or style.
    """
    _check_thirds("count", count)
    device, parts = icons.rgba.device, []
    for axis in range(0, len(MOTIONS), 2):
        motions = config.clip_config(MOTIONS[axis : axis + 2])
        parts.append(ClipGenerator(icons, motions, device).batch(count // 3, generator))
    frames = torch.cat([part.frames for part in parts]).mul_(255).round_().to(torch.uint8)
    objects = torch.cat([part.objects for part in parts]).to(device)
    codes = torch.cat([part.motions for part in parts]).to(device)
    return Clips(frames, objects, codes, config.objects)


def view_frames(frames: Tensor, view: str, generator: torch.Generator) -> Tensor:
    """What a view lets the model see of clips (n, T, 3, H, H).

    Args:
        frames: the clips.
        view: ``ordered`` and ``bag`` change nothing; ``shuffled`` permutes each clip by itself;
            ``one`` keeps one frame, at a random moment. (The frame in the middle would not do: of
            four frames the third is nearer to the end and betrays the direction.)
        generator: of the permutations and moments.

    Returns:
        (n, T, 3, H, H), or (n, 1, 3, H, H) for ``one``.

    Raises:
        ValueError: unknown view.
    """
    check_choice("view", view, VIEWS)
    if view in ("ordered", "bag"):
        return frames
    keys = torch.rand(frames.shape[:2], generator=generator, device=frames.device)
    order = keys.argsort(dim=1)[:, : 1 if view == "one" else None]  # (n, t)
    rows = torch.arange(len(frames), device=frames.device)[:, None]
    return frames[rows, order]


def train_view(clips: Clips, view: str, config: TimeConfig, seed: int) -> CLIPModel:
    """Align what one view shows of the clips with their captions, on the device of the clips.

    Raises:
        ValueError: unknown view; clips with another number of frames.
    """
    check_choice("view", view, VIEWS)
    device = clips.frames.device
    tokens, vocabulary = caption_tokens(clips.names)
    tokens = tokens.to(device)
    caption = clips.objects * len(MOTIONS) + clips.motions  # (n,)

    def build(generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
        order = "bag" if view == "bag" else "ordered"
        text = TextConfig(vocabulary, tokens.shape[1], width=64, depth=1, pooling="mean")
        return ClipEncoder(config.frames, order, generator=generator), TextEncoder(
            text, generator=generator
        )

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        size = (config.batch_size,)
        rows = torch.randint(len(clips), size, generator=generator, device=device)
        seen = view_frames(clips.frames[rows], view, generator)
        return seen.float() / 255, tokens[caption[rows]], caption[rows]

    return train_pair(build, draw, config.budget, seed, device)


def caption_tokens(names: tuple[str, ...]) -> tuple[Tensor, int]:
    """Tokens (captions, L) of every caption of these objects, and the size of the vocabulary."""
    captions = all_captions(names)
    tokenizer = Tokenizer.train(captions, 512)
    tokens = tokenizer.encode(captions, 24)
    return tokens[:, : int((tokens != tokenizer.pad_id).sum(dim=1).max())], tokenizer.vocab_size


def score_view(model: CLIPModel, clips: Clips, view: str, seed: int) -> dict[str, float]:
    """Percent right by kind of word.

    Returns:
        ``process``: the motion among all 6, with the right object. ``direction``: against the
        opposite only, equal scores count half. ``axis``: is the best motion on the right axis.
        ``state``: the object among all, with the right motion.
    """
    device = clips.frames.device
    tokens = caption_tokens(clips.names)[0].to(device)
    seen = view_frames(clips.frames, view, make_generator(derive_seed(seed, "view"), device))
    with evaluating(model):
        image = torch.cat([model.encode_image(part.float() / 255) for part in seen.split(256)])
        scores = image @ model.encode_text(tokens).T  # (n, captions)
    scores = scores.unflatten(1, (len(clips.names), len(MOTIONS)))  # (n, objects, motions)
    rows = torch.arange(len(clips), device=device)
    motion, thing = scores[rows, clips.objects], scores[rows, :, clips.motions]
    best = motion.argmax(dim=1)
    true, opposite = motion[rows, clips.motions], motion[rows, clips.motions ^ 1]
    right = {
        "process": best == clips.motions,
        "direction": (true > opposite) + 0.5 * (true == opposite),
        "axis": best // 2 == clips.motions // 2,
        "state": thing.argmax(dim=1) == clips.objects,
    }
    return {name: 100 * hits.double().mean().item() for name, hits in right.items()}


def compare_views(
    icons: Icons, config: TimeConfig, seed: int, views: tuple[str, ...] = VIEWS
) -> dict[str, float]:
    """Train one model for each view of the same clips and test it.

    Returns:
        ``"<view>.<measure>"`` in percent, see `score_view`; the test clips are shown both ways,
        so an order-free model has 50 for the direction. ``"<view>.reversed"`` is the direction
        when the frames are played backwards and the caption stays. For ``ordered`` and ``bag`` it
        is 100 minus the direction by arithmetic, because the test holds every clip both ways: it
        shows what the words mean, but is no further evidence.

    Raises:
        ValueError: unknown view, object or style.
    """
    for view in views:
        check_choice("view", view, VIEWS)
    train = draw_clips(icons, config, config.train_clips, _stream(seed, "train"))
    test = draw_clips(icons, config, config.test_clips, _stream(seed, "test")).both_ways()
    lied = Clips(test.frames.flip(1), test.objects, test.motions, test.names)
    found: dict[str, float] = {}
    for view in views:
        model = train_view(train, view, config, seed)
        scores = score_view(model, test, view, seed)
        scores["reversed"] = score_view(model, lied, view, seed)["direction"]
        found |= {f"{view}.{name}": value for name, value in scores.items()}
    return found


def _stream(seed: int, name: str) -> torch.Generator:
    return make_generator(derive_seed(seed, "clips", name))


def example_clips(icons: Icons, config: TimeConfig, seed: int) -> Clips:
    """Six clips for a figure, one of each motion; the second of a pair is the first backwards."""
    clips = draw_clips(icons, config, 3, _stream(seed, "example"))
    both = clips.both_ways()
    order = both.motions.argsort()
    return Clips(both.frames[order], both.objects[order], both.motions[order], both.names)
