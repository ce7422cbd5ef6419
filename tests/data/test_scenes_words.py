"""The words of scenes: articles, plurals, captions and meanings, on hand-written cases."""

import pytest
import torch

from mmlib.data.grammar import (
    KINDS,
    SLOTS,
    Facts,
    Vocabulary,
    article,
    check_names,
    plural,
    speakable,
)


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("dog", "a dog"), ("apple", "an apple"), ("unicorn", "a unicorn"), ("ukulele", "a ukulele"),
        ("umbrella", "an umbrella"), ("hourglass", "an hourglass"), ("ewe", "an ewe"),
        ("house", "a house"), ("Ice cream", "an Ice cream"),
        ("one-piece swimsuit", "a one-piece swimsuit"),
    ],
)  # fmt: skip
def test_articles(noun, expected):
    assert article(noun) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("dog", "dogs"), ("fox", "foxes"), ("octopus", "octopuses"), ("butterfly", "butterflies"),
        ("donkey", "donkeys"), ("peach", "peaches"), ("paintbrush", "paintbrushes"),
        ("glass", "glasses"), ("scissors", "scissors"), ("mouse", "mice"), ("knife", "knives"),
        ("mango", "mangos"), ("tomato", "tomatoes"), ("hot dog", "hot dogs"),
        ("maple leaf", "maple leaves"), ("tropical fish", "tropical fish"), ("bus", "buses"),
        ("cactus", "cactuses"), ("roll of paper", "roll of papers"),
    ],
)  # fmt: skip
def test_plurals(noun, expected):
    assert plural(noun) == expected


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("dog", True), ("hot dog", True), ("T-shirt", True), ("piñata", True), ("orange", False),
        ("red apple", False), ("bow and arrow", False), ("left arrow", False),
        ("one-piece swimsuit", False), ("roll of paper", False), ("", False), (" dog", False),
        ("dog, cat", False),
    ],
)  # fmt: skip
def test_names_that_can_be_spoken(name, good):
    assert speakable(name) is good


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["dog", "blue book"], "'blue book' cannot stand in a caption"),
        (["dog", "cat", "dog"], "share the name 'dog'"),
        (["glass", "glasses"], "share the plural 'glasses'"),
        (["dog", ""], "object '' cannot"),
    ],
)
def test_names_with_two_readings_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        check_names(names)


def facts(kind, first, second=-1, one=-1, two=-1, count=1, relation=-1) -> Facts:
    objects = torch.full((1, SLOTS), -1)
    objects[0, : max(count, 1)] = first
    colours = torch.full((1, SLOTS), -1)
    if second >= 0:
        objects[0, 1], count = second, 2
    colours[0, 0], colours[0, 1] = one, two
    return Facts(
        torch.tensor([KINDS.index(kind)]), objects, colours,
        torch.tensor([count]), torch.tensor([relation]),
    )  # fmt: skip


WORDS = Vocabulary(["dog", "owl", "mouse"], ["red", "orange"])
CASES = {
    "a dog": facts("single", 0),
    "an owl": facts("single", 1),
    "one dog": facts("count", 0, count=1),
    "three mice": facts("count", 2, count=3),
    "five owls": facts("count", 1, count=5),
    "an owl left of a dog": facts("relation", 1, 0, relation=0),
    "a dog right of an owl": facts("relation", 0, 1, relation=1),
    "a dog left of an owl": facts("relation", 0, 1, relation=0),
    "a mouse above a dog": facts("relation", 2, 0, relation=2),
    "a dog below a mouse": facts("relation", 0, 2, relation=3),
    "a red owl and an orange mouse": facts("colour", 1, 2, 0, 1, relation=0),
    "an orange mouse and a red owl": facts("colour", 2, 1, 1, 0, relation=3),
    "an orange owl and a red mouse": facts("colour", 1, 2, 1, 0, relation=0),
}


@pytest.mark.parametrize("caption", CASES)
def test_captions(caption):
    assert WORDS.captions(CASES[caption]) == [caption]


def test_captions_share_a_meaning_exactly_when_they_say_the_same():
    meaning = {caption: int(WORDS.meanings(case)) for caption, case in CASES.items()}
    same = [
        {"a dog", "one dog"},
        {"an owl left of a dog", "a dog right of an owl"},
        {"a mouse above a dog", "a dog below a mouse"},
        {"a red owl and an orange mouse", "an orange mouse and a red owl"},
    ]
    for one in CASES:
        for two in CASES:
            alike = one == two or any({one, two} <= group for group in same)
            assert (meaning[one] == meaning[two]) is alike, (one, two)


def test_no_two_meanings_of_a_small_world_collide():
    codes = {}
    for first in range(3):
        for count in range(1, SLOTS + 1):
            case = facts("count", first, count=count)
            codes[int(WORDS.meanings(case))] = WORDS.captions(case)
        for second in {0, 1, 2} - {first}:
            for relation in (0, 2):
                case = facts("relation", first, second, relation=relation)
                codes[int(WORDS.meanings(case))] = WORDS.captions(case)
            case = facts("colour", first, second, 0, 1)
            codes[int(WORDS.meanings(case))] = WORDS.captions(case)
    assert len(codes) == 3 * SLOTS + 6 * 2 + 6
    assert min(codes) >= 0
