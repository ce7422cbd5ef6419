"""Laws of scenes: every caption is true, every minimal pair is false, and nothing leaks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.data.icons import load_icons
from mmlib.data.scenes import KINDS, NEGATIVES, RELATIONS, SceneConfig, SceneGenerator
from mmlib.data.sprites import axis_weights, place_sprites
from mmlib.runtime import make_generator
from tests.scene_reader import Claim, holds, read, sprites, true_relation

SEEDS = st.integers(0, 2**40)
SPLIT = st.sampled_from(["seen", "unseen"])


@pytest.fixture(scope="module")
def scenes() -> SceneGenerator:
    return SceneGenerator(load_icons(32), SceneConfig(image_size=32))


@pytest.fixture(scope="module")
def small() -> SceneGenerator:
    return SceneGenerator(load_icons(32), SceneConfig(image_size=16))


@pytest.fixture(scope="module")
def many(small):
    return {kind: small.batch(3000, make_generator(7), kind) for kind in KINDS}


@settings(max_examples=20, deadline=None)
@given(SEEDS, SPLIT)
def test_every_caption_is_read_back_as_the_truth(scenes, seed, split):
    batch = scenes.batch(32, make_generator(seed), split=split)
    truth = batch.truth
    for row, caption in enumerate(batch.captions):
        claim = read(caption, scenes.names, scenes.colours)
        drawn = sprites(truth, row, scenes.names, scenes.colours)
        assert claim.kind == KINDS[truth.kind[row]]
        assert claim.count == truth.counts[row] == len(drawn)
        assert holds(claim, drawn), caption
        if len(claim.things) == 2:
            lies = true_relation(drawn[0][2], drawn[1][2])
            assert lies == RELATIONS[truth.relation[row]]
            assert claim.relation in (None, lies)


def changes(one: Claim, two: Claim) -> set[str]:
    """What differs between two claims of one kind."""
    found = set()
    names, others = ([name for name, _ in claim.things] for claim in (one, two))
    if set(names) != set(others):
        found.add("object")
        assert sum(a != b for a, b in zip(names, others, strict=True)) == 1
    elif names != others:
        found.add("order")
    if [colour for _, colour in one.things] != [colour for _, colour in two.things]:
        found.add("colour")
        assert {colour for _, colour in one.things} == {colour for _, colour in two.things}
    if one.count != two.count:
        found.add("count")
    if one.relation != two.relation:
        found.add("relation")
        assert {one.relation, two.relation} in ({"left of", "right of"}, {"above", "below"})
    return found


@settings(max_examples=20, deadline=None)
@given(SEEDS, SPLIT, st.sampled_from(NEGATIVES))
def test_every_minimal_pair_is_false_and_one_edit_away(scenes, seed, split, kind):
    batch = scenes.batch(32, make_generator(seed), split=split)
    pairs = batch.negatives(kind)
    assert len(pairs.rows) == len(pairs.captions) == len(pairs.facts) == len(pairs.groups)
    assert (pairs.groups != batch.groups[pairs.rows]).all()
    for row, false in zip(pairs.rows.tolist(), pairs.captions, strict=True):
        true = batch.captions[row]
        drawn = sprites(batch.truth, row, scenes.names, scenes.colours)
        said = read(true, scenes.names, scenes.colours)
        claim = read(false, scenes.names, scenes.colours)
        assert not holds(claim, drawn), (true, false)
        assert claim.kind == said.kind and changes(said, claim) == {kind}, (true, false)


@settings(max_examples=10, deadline=None)
@given(SEEDS, SPLIT, st.sampled_from(NEGATIVES))
def test_the_counterpart_picture_makes_the_pair_true_and_the_caption_false(
    scenes, seed, split, kind
):
    batch = scenes.batch(32, make_generator(seed), split=split)
    pairs = batch.negatives(kind)
    if not len(pairs.rows):
        return
    other = scenes.picture(pairs.facts, make_generator(seed + 1))
    assert other.captions == pairs.captions
    assert torch.equal(other.groups, pairs.groups)
    for row, scene in enumerate(pairs.rows.tolist()):
        drawn = sprites(other.truth, row, scenes.names, scenes.colours)
        assert holds(read(other.captions[row], scenes.names, scenes.colours), drawn)
        assert not holds(read(batch.captions[scene], scenes.names, scenes.colours), drawn)


@settings(max_examples=20, deadline=None)
@given(SEEDS, SPLIT)
def test_one_group_is_one_meaning(scenes, seed, split):
    batch = scenes.batch(64, make_generator(seed), split=split)
    turned = {"left of": "right of", "below": "above"}
    meanings = []
    for caption in batch.captions:
        claim = read(caption, scenes.names, scenes.colours)
        things, relation = claim.things, claim.relation
        if relation in turned:
            things, relation = things[::-1], turned[relation]
        if claim.kind == "colour":
            things = tuple(sorted(things))
        meanings.append((things, claim.count, relation))
    codes = [meanings.index(m) for m in meanings]
    same = torch.tensor(codes)[:, None] == torch.tensor(codes)[None, :]
    assert torch.equal(batch.groups[:, None] == batch.groups[None, :], same)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 40), SPLIT)
def test_a_scene_does_not_depend_on_its_batch_mates(scenes, seed, n, split):
    whole = scenes.batch(40, make_generator(seed), split=split)
    part = scenes.batch(n, make_generator(seed), split=split)
    assert part.captions == whole.captions[:n]
    assert torch.equal(part.groups, whole.groups[:n])
    for name, column in vars(part.truth).items():
        assert torch.equal(column, getattr(whole.truth, name)[:n]), name
    assert torch.allclose(part.images, whole.images[:n], atol=1e-6)
    for kind in NEGATIVES:
        few, all_of_them = part.negatives(kind), whole.negatives(kind)
        assert few.captions == all_of_them.captions[: len(few.captions)]


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(KINDS))
def test_sprites_lie_inside_the_image_and_apart(scenes, seed, kind):
    boxes = scenes.batch(32, make_generator(seed), kind).truth.boxes
    used = boxes[..., 2] > boxes[..., 0]
    assert (boxes >= 0).all() and (boxes <= 32 + 1e-4).all()
    corner, end = boxes[..., :2], boxes[..., 2:]
    overlap = torch.minimum(end[:, :, None], end[:, None]) - torch.maximum(
        corner[:, :, None], corner[:, None]
    )
    area = overlap.clamp(min=0).prod(-1)
    area = area * used[:, :, None] * used[:, None] * ~torch.eye(5, dtype=torch.bool)
    assert area.max() < 1e-3


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 19),
    st.floats(3, 13),
    st.sampled_from([8, 16, 64]),
)
def test_weights_cover_each_pixel_by_the_part_that_the_sprite_covers(start, size, source):
    weights = axis_weights(
        torch.tensor(start, dtype=torch.float64), torch.tensor(size).double(), 32, source
    )
    pixel = torch.arange(32).double()
    covered = (torch.minimum(pixel + 1, torch.tensor(start + size)) - pixel.clamp(min=start)).clamp(
        min=0
    )
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(1), covered, atol=1e-6)
    assert torch.allclose(weights.sum(0), torch.full((source,), size / source).double(), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 20), st.floats(0, 20), st.floats(4, 12), SEEDS)
def test_a_sprite_has_the_same_ink_wherever_it_stands(left, top, size, seed):
    tile = torch.rand(1, 1, 16, 4, 16, generator=make_generator(seed), dtype=torch.float64)
    box = torch.tensor([left, top, left + size, top + size], dtype=torch.float64)
    canvas = place_sprites(tile, box.expand(1, 1, 4), 32)
    expected = tile.sum((2, 4)).flatten() * (size / 16) ** 2
    assert torch.allclose(canvas.sum((0, 2, 3)), expected, rtol=1e-6)
    assert canvas.max() <= tile.max() + 1e-9


def assert_even(counts: torch.Tensor) -> None:
    """A chi-square statistic within five standard deviations of what even chances give."""
    expected = counts.sum() / counts.numel()
    statistic = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.numel() - 1
    assert statistic < freedom + 5 * (2 * freedom) ** 0.5


def assert_unrelated(value: torch.Tensor, label: torch.Tensor) -> None:
    """No class of the label has another mean value: all within five standard errors."""
    spread = value.double().std()
    for code in label.unique():
        part = value[label == code].double()
        assert abs(part.mean() - value.double().mean()) < 5 * spread / len(part) ** 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_place_and_size_say_nothing_about_the_object(many, kind):
    truth = many[kind].truth
    for slot in range(1 if kind == "single" else 2):
        there = truth.objects[:, slot] >= 0
        box, thing = truth.boxes[there, slot], truth.objects[there, slot]
        for side in (box[:, 0] + box[:, 2], box[:, 1] + box[:, 3], box[:, 2] - box[:, 0]):
            assert_unrelated(side, thing)


def test_place_and_order_say_nothing_about_the_colour(many):
    truth = many["colour"].truth
    for slot in range(2):
        box, colour = truth.boxes[:, slot], truth.colours[:, slot]
        for side in (box[:, 0] + box[:, 2], box[:, 1] + box[:, 3], box[:, 2] - box[:, 0]):
            assert_unrelated(side, colour)
            assert_unrelated(side, truth.objects[:, 1 - slot])
    assert_even(truth.relation.bincount(minlength=4).double())
    pairs = truth.colours[:, 0] * 8 + truth.colours[:, 1]
    forth = pairs.bincount(minlength=64).double().view(8, 8)
    assert ((forth - forth.T).abs() < 5 * (forth + forth.T + 1).sqrt()).all()


def test_size_and_place_say_nothing_about_the_number(many):
    truth = many["count"].truth
    assert set(truth.counts.tolist()) == {1, 2, 3, 4, 5}
    box = truth.boxes[:, 0]
    for side in (box[:, 0], box[:, 1], box[:, 2] - box[:, 0]):
        assert_unrelated(side, truth.counts)


def test_relations_are_even_and_each_order_is_as_likely_as_the_other(many):
    truth = many["relation"].truth
    assert_even(truth.relation.bincount(minlength=4).double())
    first_is_earlier = truth.objects[:, 0] < truth.objects[:, 1]
    assert_even(first_is_earlier.long().bincount(minlength=2).double())
    for axis in range(2):
        box = truth.boxes[:, 0, axis] + truth.boxes[:, 0, axis + 2]
        across = (truth.relation // 2) != axis  # where this axis is not the label
        assert_unrelated(box[across], truth.relation[across])


@pytest.mark.parametrize("background", ["plain", "gradient", "texture"])
def test_the_background_says_nothing_about_the_label(background):
    scenes = SceneGenerator(load_icons(32), SceneConfig(image_size=24, background=background))
    batch = scenes.batch(2000, make_generator(3))
    pixel = torch.arange(24) + 0.5
    box = batch.truth.boxes
    inside = (pixel > box[..., :1] - 0.5) & (pixel < box[..., 2:3] + 0.5)  # (n, 5, 24) columns
    across = (pixel > box[..., 1:2] - 0.5) & (pixel < box[..., 3:4] + 0.5)  # rows
    covered = (across[..., :, None] & inside[..., None, :]).any(1)  # (n, 24, 24)
    free = ~covered[:, None]
    level = (batch.images * free).sum((2, 3)) / free.sum((2, 3))  # (n, 3)
    assert level.min() > 0.74 and level.std(0).min() > 0.01
    for channel in level.unbind(1):
        for label in (batch.truth.kind, batch.truth.objects[:, 0], batch.truth.styles):
            assert_unrelated(channel, label)
        there = batch.truth.colours[:, 0] >= 0
        assert_unrelated(channel[there], batch.truth.colours[there, 0])
        assert_unrelated(channel, batch.truth.counts)


def test_kinds_styles_and_objects_are_evenly_mixed(small):
    batch = small.batch(8000, make_generator(11))
    assert_even(batch.truth.kind.bincount(minlength=4).double())
    assert_even(batch.truth.styles.bincount(minlength=4).double())
    single = batch.truth.objects[batch.truth.kind == 0, 0]
    assert_even(single.bincount(minlength=len(small.names)).double())
    together = batch.truth.kind * 4 + batch.truth.styles
    assert_even(together.bincount(minlength=16).double())
