"""Laboratory of object size: what a place says, what a search finds, and what luck would."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.data.icons import Icons, load_icons
from mmlib.data.pictures import Labelled
from mmlib.data.sized import SizedPictures, sized_pictures
from mmlib.encoder_lab import Budget, Classifier, EncoderSpec, accuracy, study, train_classifier
from mmlib.encoders.gates import PARTS
from mmlib.encoders.multiscale import MultiScaleVisualEncoder
from mmlib.encoders.pyramid import FUSIONS
from mmlib.evaluate import binomial_interval
from mmlib.pyramid_lab import (
    PeakClassifier,
    PooledClassifier,
    accuracy_by_side,
    box_masks,
    pointing_game,
    pointing_luck,
    search_map,
    spatial_gates,
)
from mmlib.runtime import derive_seed, make_generator

SMALL = {
    "width": 8,
    "feature_dim": 6,
    "reduction": 2,
    "base_options": {"stem": 8, "widths": (8, 16), "depths": (1, 1)},
}
SPEC = EncoderSpec("multiscale", {**SMALL, "attention": ()}, 1e-2)
READINGS = [PooledClassifier, PeakClassifier]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def encoder(**options: object) -> MultiScaleVisualEncoder:
    return MultiScaleVisualEncoder("tiny", generator=generator(), **{**SMALL, **options})


def classifier(kind: type[Classifier], classes: int = 5, **options: object) -> Classifier:
    """In double precision, with a head whose words are loud enough to differ."""
    model = kind(encoder(**options), classes, generator(1)).double().eval()
    nn.init.normal_(model.head.weight, generator=generator(2))
    nn.init.normal_(model.head.bias, generator=generator(3))
    return model


@pytest.fixture(scope="module")
def icons() -> Icons:
    every = load_icons(16, ("openmoji", "twemoji"))
    rows = every.where(concrete=True, max_words=1, category="Animals & Nature")
    return every.subset(rows[:4])


@pytest.fixture(scope="module")
def data(icons: Icons) -> SizedPictures:
    return sized_pictures(icons, 240, generator(), sides=(10, 16), canvas=24)


def scenes(boxes: list[tuple[int, int, int]], size: int, classes: int = 3) -> SizedPictures:
    """Empty pictures with these boxes (row, column, side); labels 0, 1, 2, 0, ..."""
    count = len(boxes)
    images = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    return SizedPictures(images, torch.arange(count) % classes, classes, torch.tensor(boxes))


def peaks(places: list[tuple[int, int]], size: int) -> Tensor:
    """Maps (N, size, size) of small noise with one high pixel each."""
    maps = torch.rand(len(places), size, size, generator=generator(4))
    for number, place in enumerate(places):
        maps[number][place] = 2.0
    return maps


# What a place says


@pytest.mark.parametrize("attention", [(), PARTS])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_pooled_maps_average_to_the_logits(fusion: str, attention: tuple[str, ...]) -> None:
    model = classifier(PooledClassifier, fusion=fusion, attention=attention)
    images = torch.rand(3, 3, 27, 22, generator=generator(), dtype=torch.float64)
    (maps,), logits = model.class_maps(images), model(images)
    assert maps.shape == (3, 5, 7, 6) and maps.std(dim=(2, 3)).min() > 1e-3
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits, rtol=0, atol=1e-10)


def test_single_precision_is_enough() -> None:
    model = classifier(PooledClassifier).float()
    images = torch.rand(3, 3, 27, 22, generator=generator())
    difference = model.class_maps(images)[0].mean(dim=(2, 3)) - model(images)
    assert difference.abs().max() < 1e-5


@pytest.mark.parametrize("levels", [None, (1,)])
def test_peaks_by_hand(levels: tuple[int, ...] | None) -> None:
    """Each feature is the largest over places, then the mean over levels; maps are place by place.

    So logits are never above what the best places say together, and one place decides alone.
    """
    model = classifier(PeakClassifier, levels=levels)
    images = torch.rand(3, 3, 27, 22, generator=generator(), dtype=torch.float64)
    maps, pyramid = model.class_maps(images), model.encoder.feature_maps(images)
    sizes = [(7, 6), (4, 3)] if levels is None else [(4, 3)]
    assert [m.shape for m in maps] == [(3, 5, *size) for size in sizes]
    weight, bias = model.encoder.projection.weight, model.encoder.projection.bias
    peaks = []
    for level, said in zip(pyramid, maps, strict=True):
        features = torch.einsum("dc,bchw->bdhw", weight, level) + bias[:, None, None]
        features = features.clamp(min=0)  # (B, D, h, w)
        expected = torch.einsum("kd,bdhw->bkhw", model.head.weight, features)
        torch.testing.assert_close(said, expected + model.head.bias[:, None, None])
        peaks.append(features.flatten(2).amax(dim=2))
    torch.testing.assert_close(model(images), model.head(torch.stack(peaks).amax(dim=0)))


def test_a_peak_counts_alike_however_small_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell or a quarter of all cells: the peak says the same, the average does not."""
    peak, pooled = (classifier(kind, levels=(0,), attention=()) for kind in READINGS[::-1])
    strong = torch.randn(8, generator=generator(5), dtype=torch.float64)[:, None, None]
    logits = []
    for cells in (1, 4):
        level = torch.zeros(1, 8, 8, 8, dtype=torch.float64)
        level[0, :, :cells, :cells] = strong
        for model in (peak, pooled):
            monkeypatch.setattr(model.encoder, "feature_maps", lambda _, level=level: [level])
        with torch.no_grad():
            logits.append((peak(level), pooled.class_maps(level)[0].mean(dim=(2, 3))))
    (peak_1, pooled_1), (peak_16, pooled_16) = logits
    assert torch.equal(peak_1, peak_16)
    at_zero = pooled.head(pooled.encoder.projection.bias)
    torch.testing.assert_close(pooled_16 - at_zero, 16 * (pooled_1 - at_zero))


def test_a_peak_classifier_uses_the_pyramid_alone() -> None:
    images = torch.rand(2, 3, 24, 24, generator=generator(), dtype=torch.float64)
    plain, gated = (
        classifier(PeakClassifier, attention=attention, fusion=fusion)(images)
        for attention, fusion in (((), "mean"), (PARTS, "concat"))
    )
    assert torch.equal(plain, gated)


# Accuracy by side


def test_accuracy_by_side_is_the_accuracy_of_each_part(data: SizedPictures) -> None:
    models = study({"it": SPEC}, data, Budget(5, 32), (0, 1)).models
    table = accuracy_by_side({**models, "none": []}, data)
    assert list(table) == ["it", "none"] and table["none"] == []
    for model, row in zip(models["it"], table["it"], strict=True):
        parts = [data.of_side(side) for side in (10, 16)]
        assert row == [accuracy(model, part.images, part.labels) for part in parts]
        whole = accuracy(model, data.images, data.labels)
        assert sum(row) / 2 == pytest.approx(whole)  # sides are equally frequent


# The search


class Known(nn.Module):
    """A model whose maps are read from the picture: class k looks at colour k, on two levels."""

    def class_maps(self, images: Tensor) -> list[Tensor]:
        coarse = F.avg_pool2d(images, 4)
        return [images - 0.1, coarse]


def test_the_search_map_is_the_best_level_of_the_wanted_class() -> None:
    places = [(5 * i % 16, 3 * i % 16) for i in range(130)]  # more than one batch
    game = scenes([(*place, 1) for place in places], 16)
    for number, place in enumerate(places):
        game.images[number, int(game.labels[number])][place] = 255
    maps = search_map(Known(), game)  # type: ignore[arg-type]
    assert maps.shape == (130, 16, 16)
    assert pointing_game(maps, game) == 100
    floats = game.floats()[torch.arange(130), game.labels]  # (N, H, W)
    coarse = F.interpolate(F.avg_pool2d(floats, 4)[:, None], (16, 16), mode="bilinear")[:, 0]
    torch.testing.assert_close(maps, torch.maximum(floats - 0.1, coarse))
    other = replace(game, labels=(game.labels + 1) % 3)
    assert pointing_game(search_map(Known(), other), game) < 20  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", READINGS)
def test_a_search_leaves_the_model_as_it_was(kind: type[Classifier]) -> None:
    game = scenes([(0, 0, 4), (3, 3, 4)], 24)
    game.images.random_(0, 256, generator=generator(6))
    model = kind(encoder(), 3, generator()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    maps = search_map(model, game)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert maps.shape == (2, 24, 24) and not maps.requires_grad and model.training
    single = search_map(model, Labelled(game.images[1:], game.labels[1:], 3))  # needs no boxes
    torch.testing.assert_close(single[0], maps[1])
    with pytest.raises(ValueError, match="knows 4 classes, the scenes have 3"):
        search_map(kind(encoder(), 4, generator()), game)


def test_a_trained_search_finds_what_it_is_asked_for(icons: Icons) -> None:
    """Trained on single objects, it tells the wanted one from three others in a larger picture."""
    two = icons.subset([0, 2])
    train = sized_pictures(two, 400, generator(1), sides=(16,), canvas=24)
    model = train_classifier(SPEC, train, Budget(150, 32), 0, model_class=PeakClassifier)
    game = sized_pictures(two, 100, generator(2), sides=(16,), canvas=64, distractors=3)
    found = pointing_game(search_map(model, game), game)
    assert found > 30  # 62; luck is 6
    assert pointing_luck(game) == 100 * 16**2 / 64**2
    wrong = replace(game, labels=1 - game.labels)
    assert pointing_game(search_map(model, wrong), game) < 15  # 4


# The pointing game


def test_a_hit_is_a_highest_pixel_in_the_box() -> None:
    game = scenes([(2, 3, 2)] * 6, 8)  # rows 2 and 3, columns 3 and 4
    maps = peaks([(2, 3), (3, 4), (1, 3), (4, 3), (2, 2), (2, 5)], 8)
    assert pointing_game(maps, game) == pytest.approx(100 * 2 / 6)
    assert pointing_game(maps, game, margin=1) == 100
    far = peaks([(0, 3), (5, 3), (2, 1), (2, 6), (1, 2), (4, 5)], 8)
    assert pointing_game(far, game, margin=1) == pytest.approx(100 * 2 / 6)  # corners count
    assert pointing_game(-maps, game) < 100  # the lowest pixel is no answer


def test_a_map_without_an_opinion_scores_luck() -> None:
    game = scenes([(0, 0, 3), (4, 2, 2), (1, 1, 6)], 8)
    for margin in (0, 2):
        flat = pointing_game(torch.zeros(3, 8, 8), game, margin)
        assert flat == pytest.approx(pointing_luck(game, margin), rel=1e-6)


def test_coarse_maps_play_alike_at_all_four_borders() -> None:
    """The outermost half cell of an enlarged map is flat: a tie, which no corner may win."""
    maps = torch.zeros(1, 1, 4, 4)
    maps[..., 0, 0] = 1.0
    large = F.interpolate(maps, (32, 32), mode="bilinear")[0]  # highest in rows, columns 0 to 3
    assert pointing_game(large, scenes([(2, 2, 8)], 32)) == pytest.approx(100 * 4 / 16)
    flipped = large.flip(1, 2)
    assert pointing_game(flipped, scenes([(22, 22, 8)], 32)) == pytest.approx(100 * 4 / 16)


@pytest.mark.parametrize("margin", [0, 3])
def test_random_maps_score_luck(icons: Icons, margin: int) -> None:
    game = sized_pictures(icons, 1500, generator(5), sides=(4, 9), canvas=20)
    maps = torch.rand(1500, 20, 20, generator=generator(6))
    hits = pointing_game(maps, game, margin) / 100 * 1500
    low, high = binomial_interval(hits, 1500, z=3)
    assert low < pointing_luck(game, margin) / 100 < high


def test_luck_counts_what_lies_in_the_picture() -> None:
    assert pointing_luck(scenes([(0, 0, 2)], 10)) == pytest.approx(4)
    assert pointing_luck(scenes([(0, 0, 2)], 10), margin=1) == pytest.approx(9)  # cut at 2 edges
    assert pointing_luck(scenes([(4, 4, 2)], 10), margin=1) == pytest.approx(16)
    assert pointing_luck(scenes([(4, 4, 2)], 10), margin=20) == 100
    assert pointing_luck(scenes([(0, 0, 10), (3, 3, 1)], 10)) == pytest.approx(50.5)


def test_bad_games_are_refused() -> None:
    game = scenes([(0, 0, 2)] * 2, 10)
    for play in (pointing_luck, box_masks, lambda *a: pointing_game(torch.rand(2, 10, 10), *a)):
        with pytest.raises(ValueError, match="margin=-1 px must be 0 or more"):
            play(game, -1)
    for maps in (torch.rand(2, 5, 5), torch.rand(1, 10, 10), torch.full((2, 10, 10), math.nan)):
        with pytest.raises(ValueError, match="must be numbers, one for each pixel"):
            pointing_game(maps, game)


def test_masks_are_the_boxes() -> None:
    boxes = [(0, 0, 1), (3, 5, 4), (0, 2, 8), (7, 0, 3)]
    masks = box_masks(scenes(boxes, 10))
    expected = torch.zeros(4, 10, 10, dtype=torch.bool)
    for mask, (top, left, side) in zip(expected, boxes, strict=True):
        mask[top : top + side, left : left + side] = True
    assert masks.dtype == torch.bool and torch.equal(masks, expected)


# What the spatial gate sees


@pytest.mark.parametrize("attention", [("spatial",), PARTS])
def test_spatial_gates_are_those_of_the_forward_pass(attention: tuple[str, ...]) -> None:
    net = encoder(attention=attention).train()
    images = torch.rand(3, 3, 24, 30, generator=generator())
    seen: list[Tensor] = []
    handle = net.attention.spatial.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    net.encode(images)
    handle.remove()
    pooled = torch.stack([seen[0].mean(dim=1), seen[0].amax(dim=1)], dim=1)  # (B, 2, h, w)
    gate = torch.sigmoid(F.conv2d(pooled, net.attention.spatial.conv.weight, padding=3))
    gates = spatial_gates(net, images)
    assert gates.shape == (3, 24, 30) and gate.shape == (3, 1, 6, 8)
    assert 0 < gates.min() < gates.max() < 1
    large = F.interpolate(gate, (24, 30), mode="bilinear")[:, 0]
    torch.testing.assert_close(gates, large)
    assert net.training and not gates.requires_grad


def test_no_gate_no_picture() -> None:
    with pytest.raises(ValueError, match="no spatial attention: name 'spatial'"):
        spatial_gates(encoder(attention=("channel", "scale")), torch.rand(1, 3, 24, 24))


# Both readings learn, and repeat


@pytest.mark.parametrize("kind", READINGS)
def test_training_learns_and_repeats_bit_for_bit(
    kind: type[Classifier], data: SizedPictures
) -> None:
    budget, losses = Budget(60, 32), []
    model = train_classifier(SPEC, data, budget, 0, model_class=kind, losses=losses)
    assert isinstance(model, kind)
    assert sum(losses[-10:]) / 10 < 0.9 * losses[0]
    assert losses[0] == pytest.approx(math.log(4), abs=0.05)  # a fresh head knows nothing
    (again, other) = study({"it": SPEC}, data, budget, (0, 1), model_class=kind).models["it"]
    images = data.floats()[:8]
    assert torch.equal(model(images), again(images))
    assert not torch.equal(model(images), other(images))


def test_both_readings_start_from_the_same_encoder_and_train_what_they_read(
    data: SizedPictures,
) -> None:
    spec = SPEC.but(attention=PARTS)
    fresh = spec.build(make_generator(derive_seed(0, "weights"))).state_dict()
    for kind, idle in ((PooledClassifier, ()), (PeakClassifier, ("attention",))):
        model = train_classifier(spec, data, Budget(3, 16), 0, model_class=kind)
        for name, weight in model.encoder.named_parameters():
            moved = not torch.equal(weight, fresh[name])
            assert moved != name.startswith(idle) or "scale_weights" in name, (kind, name)
