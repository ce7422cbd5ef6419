"""Scenes as a reader uses them: batches, held-out compositions, seeds, and what is refused."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from mmlib.data.compositions import SPLITS, Compositions, pick
from mmlib.data.icons import Icons, load_icons
from mmlib.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DEFAULT_OBJECTS,
    KINDS,
    NEGATIVES,
    Facts,
    SceneConfig,
    SceneGenerator,
    usable_objects,
)
from mmlib.runtime import make_generator


@pytest.fixture(scope="module")
def icons() -> Icons:
    return load_icons(32)


@pytest.fixture(scope="module")
def scenes(icons) -> SceneGenerator:
    return SceneGenerator(icons, SceneConfig(image_size=32))


def test_a_batch_holds_pictures_captions_and_the_truth(scenes):
    batch = scenes.batch(64, make_generator(0))
    assert len(batch) == len(batch.captions) == 64
    assert batch.images.shape == (64, 3, 32, 32) and batch.images.dtype == torch.float32
    assert batch.images.min() >= 0 and batch.images.max() <= 1
    assert batch.groups.shape == (64,) and batch.groups.dtype == torch.int64
    truth = batch.truth
    assert truth.objects.shape == truth.colours.shape == (64, 5)
    assert truth.boxes.shape == (64, 5, 4)
    assert truth.counts.shape == truth.relation.shape == truth.kind.shape == (64,)
    assert set(truth.kind.tolist()) == set(range(len(KINDS)))
    with pytest.raises(FrozenInstanceError):
        batch.images = batch.images


def test_the_defaults_are_52_objects_8_colours_and_every_kind(icons, scenes):
    assert scenes.names == DEFAULT_OBJECTS and len(DEFAULT_OBJECTS) == 52
    assert [icons.concepts[i].name for i in scenes.icon_indices] == list(DEFAULT_OBJECTS)
    assert scenes.colours == tuple(COLOURS) and len(COLOURS) == 8
    assert scenes.styles == icons.styles
    assert scenes.config.kinds == KINDS


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("split", ["seen", "unseen"])
def test_the_same_seed_gives_the_same_batch_bit_for_bit(icons, background, split):
    config = SceneConfig(image_size=24, background=background, noise=0.1)
    one, two = (
        SceneGenerator(icons, config).batch(50, make_generator(5), split=split) for _ in "ab"
    )
    assert torch.equal(one.images, two.images)
    assert one.captions == two.captions and torch.equal(one.groups, two.groups)
    for kind in NEGATIVES:
        assert one.negatives(kind).captions == two.negatives(kind).captions
    other = SceneGenerator(icons, config).batch(50, make_generator(6), split=split)
    assert not torch.equal(one.images, other.images)


def test_the_global_random_state_is_neither_used_nor_moved(scenes):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = scenes.batch(16, make_generator(0)).images
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(scenes.batch(16, make_generator(0)).images, one)


def test_drawing_on_goes_on(scenes):
    generator = make_generator(0)
    first, second = scenes.batch(32, generator), scenes.batch(32, generator)
    assert first.captions != second.captions


def compositions_of(truth: Facts) -> dict[str, set]:
    found: dict[str, set] = {"relation": set(), "colour": set(), "count": set()}
    for kind, objects, colours, count in zip(
        truth.kind.tolist(), truth.objects.tolist(), truth.colours.tolist(),
        truth.counts.tolist(), strict=True,
    ):  # fmt: skip
        if KINDS[kind] == "relation":
            found["relation"].add(frozenset(objects[:2]))
        if KINDS[kind] == "colour":
            found["colour"] |= set(zip(objects[:2], colours[:2], strict=True))
        if KINDS[kind] == "count":
            found["count"].add((objects[0], count))
    return found


@pytest.fixture(scope="module")
def both(icons):
    small = SceneGenerator(icons, SceneConfig(image_size=16))
    return {split: small.batch(5000, make_generator(2), split=split) for split in SPLITS}


def test_no_held_out_composition_is_ever_seen(both):
    seen, unseen = compositions_of(both["seen"].truth), compositions_of(both["unseen"].truth)
    for kind in seen:
        assert seen[kind] and unseen[kind]
        assert not seen[kind] & unseen[kind], kind
    assert "single" not in {KINDS[k] for k in both["unseen"].truth.kind.tolist()}


def test_no_minimal_pair_leaves_its_split(both):
    seen, unseen = compositions_of(both["seen"].truth), compositions_of(both["unseen"].truth)
    for kind in NEGATIVES:
        for split, others in (("seen", unseen), ("unseen", seen)):
            facts = both[split].negatives(kind).facts
            stated = compositions_of(facts)
            for name in stated:
                assert not stated[name] & others[name], (kind, split, name)


def test_a_pair_held_out_of_relations_is_in_no_seen_picture_at_all(both, scenes):
    truth = both["seen"].truth
    pairs = {frozenset(o[:2]) for o in truth.objects.tolist() if o[1] >= 0 and o[0] != o[1]}
    held = compositions_of(both["unseen"].truth)["relation"]
    assert not pairs & held
    colour = both["unseen"].truth
    of_colour = colour.objects[colour.kind == KINDS.index("colour"), :2]
    assert not {frozenset(o) for o in of_colour.tolist()} & held  # one thing is new, not two


def test_every_object_colour_number_and_relation_is_seen(both, scenes):
    truth = both["seen"].truth
    for kind in range(len(KINDS)):
        assert set(truth.objects[truth.kind == kind, 0].tolist()) == set(range(len(scenes.names)))
    assert set(truth.colours.flatten().tolist()) == {-1, *range(8)}
    assert set(truth.counts[truth.kind == KINDS.index("count")].tolist()) == {1, 2, 3, 4, 5}
    assert set(truth.relation.tolist()) == {-1, 0, 1, 2, 3}


def test_the_held_out_parts_have_the_stated_size_and_do_not_move(scenes):
    table = scenes.compositions
    assert torch.equal(table.pair_held, table.pair_held.T)
    assert 0.11 < table.pair_held.float().mean() < 0.19
    assert (table.colour_held.sum(1) == 2).all() and (table.count_held.sum(1) == 2).all()
    assert [scenes.colours[i] for i in table.colour_held[0].nonzero()] == ["red", "blue"]
    assert [i + 1 for i in table.count_held[0].nonzero().flatten().tolist()] == [3, 5]
    partners = [scenes.names[i] for i in table.pair_held[0].nonzero()]
    assert " ".join(partners) == (
        "octopus snake pizza rocket tent violin hammer balloon sunflower camera"
    )


def test_what_is_held_out_does_not_depend_on_the_other_objects(icons, scenes):
    some = DEFAULT_OBJECTS[30:3:-2]
    table = SceneGenerator(icons, SceneConfig(image_size=32, objects=some)).compositions
    rows = torch.tensor([DEFAULT_OBJECTS.index(name) for name in some])
    assert torch.equal(table.pair_held, scenes.compositions.pair_held[rows][:, rows])
    assert torch.equal(table.colour_held, scenes.compositions.colour_held[rows])
    assert torch.equal(table.count_held, scenes.compositions.count_held[rows])


def test_twins_never_meet_nor_stand_in_for_each_other():
    keys = [f"{i:X}" for i in range(12)]
    twins = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    table = Compositions(keys, twins, 8)
    group = torch.tensor(twins)
    uniform = torch.rand(500, generator=make_generator(0), dtype=torch.float64)
    for kind in ("relation", "colour"):
        drawn = table.draw_objects(kind, "seen", uniform)
        assert (group[drawn[:, 0]] != group[drawn[:, 1]]).all()


def test_pick_chooses_every_allowed_column_evenly_and_no_other():
    allowed = torch.tensor([[False, True, True, False, True]]).expand(3000, -1)
    chosen = pick(allowed, torch.rand(3000, generator=make_generator(0)))
    counts = chosen.bincount(minlength=5)
    assert counts[[0, 3]].sum() == 0
    assert (counts[[1, 2, 4]] - 1000).abs().max() < 5 * 26
    edge = torch.tensor([0.0, 1 - 1e-7])
    assert pick(allowed[:2], edge).tolist() == [1, 4]


def test_usable_objects_gives_captions_that_can_be_read_in_one_way(icons):
    rows = usable_objects(icons, icons.where(concrete=True, max_words=2))
    names = [icons.concepts[i].name for i in rows]
    assert len(names) == len(set(names)) > 400
    assert len({icons.concepts[i].twin_group for i in rows}) == len(rows)
    assert "red apple" not in names and "bow and arrow" not in names
    batch = SceneGenerator(icons, SceneConfig(image_size=16, objects=rows)).batch(
        64, make_generator(0)
    )
    assert len(batch.captions) == 64


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_size": 8}, "image_size 8"),
        ({"image_size": 32.0}, "image_size 32.0"),
        ({"image_size": True}, "image_size True"),
        ({"background": "forest"}, "unknown background 'forest': choose from white"),
        ({"noise": 0.7}, "noise 0.7 is out of range"),
        ({"noise": -0.1}, "noise -0.1"),
        ({"noise": float("nan")}, "noise nan"),
        ({"kinds": ("single", "relations")}, "unknown kind 'relations'"),
        ({"kinds": ()}, "at least one"),
        ({"kinds": ("count", "count")}, "only once"),
        ({"colours": ("red", "mauve")}, "unknown colour 'mauve': choose from red, blue"),
        ({"colours": ("red", "blue", "green")}, "3 colours are too few"),
    ],
)
def test_a_wrong_config_is_refused_by_name(values, message):
    with pytest.raises(ValueError, match=message):
        SceneConfig(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objects": ("dog", "elefant")}, "no icon named 'elefant': did you mean elephant"),
        ({"objects": ("dog", "dog")}, "'dog' is given twice"),
        ({"objects": (10**6,)}, "object 1000000 is out of range"),
        ({"objects": (-1,)}, "object -1 is out of range"),
        ({"objects": ("dog", "cat", "red apple")}, "'red apple' cannot stand in a caption"),
        ({"objects": ("dog",)}, "1 objects are too few"),
        ({"styles": ("oil",)}, "unknown style 'oil': choose from openmoji"),
        ({"image_size": 64}, "icons of 32 px are too small"),
    ],
)
def test_a_generator_that_cannot_be_is_refused_by_name(icons, values, message):
    with pytest.raises(ValueError, match=message):
        SceneGenerator(icons, SceneConfig(**{"image_size": 32, **values}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"n": 0}, "a batch of 0 scenes"),
        ({"n": 2.5}, "a batch of 2.5 scenes"),
        ({"n": 4, "kind": "relations"}, "unknown kind 'relations'"),
        ({"n": 4, "split": "test"}, "unknown split 'test': choose from seen, unseen"),
        ({"n": 4, "kind": "single", "split": "unseen"}, "no unseen scenes of kind 'single'"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_by_name(scenes, call, message):
    with pytest.raises(ValueError, match=message):
        scenes.batch(**call, generator=make_generator(0))


def test_an_object_that_a_style_does_not_draw_is_refused(icons):
    missing = (~icons.has).nonzero()
    if not len(missing):
        pytest.fail("every style draws every icon: this test needs another icon set")
    style, thing = missing[0].tolist()
    config = SceneConfig(image_size=32, objects=(thing,), kinds=("single",))
    with pytest.raises(ValueError, match=f"is not drawn in style '{icons.styles[style]}'"):
        SceneGenerator(icons, config)


def test_a_fraction_of_an_object_is_refused(icons):
    with pytest.raises(TypeError, match="integer"):
        SceneGenerator(icons, SceneConfig(image_size=32, objects=(2.7, 3)))


def test_an_unknown_negative_is_refused(scenes):
    with pytest.raises(ValueError, match="unknown kind of negative 'colours'.*order, relation"):
        scenes.batch(4, make_generator(0)).negatives("colours")


def test_negatives_that_apply_to_no_scene_are_empty(scenes):
    pairs = scenes.batch(8, make_generator(0), "single").negatives("order")
    assert pairs.captions == [] and len(pairs.rows) == 0 and len(pairs.groups) == 0
