"""Laws of compositing, spelling and twins."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlib.data.drawings import premultiply
from mmlib.data.render import render
from mmlib.data.twins import group_twins, near_identical, role, split_of
from mmlib.data.vocabulary import plain_codepoints

steady = settings(deadline=None)  # a busy machine is no failure
seeds = st.integers(0, 2**31)
codepoint = st.integers(1, 0x1FFFF).map(lambda number: f"{number:04X}")


def sprites(seed: int, batch: int = 3, size: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    straight = torch.randint(256, (batch, 4, size, size), generator=generator, dtype=torch.uint8)
    return premultiply(straight)


def backgrounds(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_premultiplying_rounds_every_colour_and_opacity_exactly():
    colour, alpha = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    rgba = torch.stack([colour, colour, colour, alpha]).to(torch.uint8)
    result = premultiply(rgba)
    exact = (colour.double() * alpha / 255).round()
    assert torch.equal(result[0].double(), exact)
    assert torch.equal(result[3], rgba[3])
    assert (result[:3] <= result[3]).all()


@steady
@given(seeds)
def test_a_rendered_image_is_in_range_and_float32(seed):
    image = render(sprites(seed), backgrounds(seed, 3, 3, 4, 4).double())
    assert image.dtype == torch.float32
    assert image.shape == (3, 3, 4, 4)
    assert image.min() >= 0
    assert image.max() <= 1


@steady
@given(seeds)
def test_opaque_hides_the_background_and_transparent_shows_it(seed):
    rgba, background = sprites(seed), backgrounds(seed, 3, 3, 4, 4)
    opaque = rgba.clone()
    opaque[:, 3] = 255
    assert torch.equal(render(opaque, background), opaque[:, :3].float() / 255)
    assert torch.equal(render(torch.zeros_like(rgba), background), background)


@steady
@given(seeds)
def test_rendering_is_affine_in_the_background(seed):
    rgba = sprites(seed)
    one, other = backgrounds(seed, 3, 3, 1, 1), backgrounds(seed + 1, 3, 3, 1, 1)
    mixed = render(rgba, 0.25 * one + 0.75 * other)
    torch.testing.assert_close(
        mixed, 0.25 * render(rgba, one) + 0.75 * render(rgba, other), rtol=0, atol=1e-6
    )


@steady
@given(seeds)
def test_an_image_does_not_depend_on_its_batch_mates(seed):
    rgba, background = sprites(seed), backgrounds(seed, 3, 3, 1, 1)
    together = render(rgba, background)
    for row in range(3):
        assert torch.equal(together[row : row + 1], render(rgba[row : row + 1], background[[row]]))
    shared = render(rgba, background[:1])
    assert torch.equal(shared, render(rgba, background[:1].expand(3, -1, -1, -1)))


@steady
@given(seeds)
def test_rendering_leaves_its_arguments_alone(seed):
    rgba, background = sprites(seed), backgrounds(seed, 3, 3, 4, 4)
    before = rgba.clone(), background.clone()
    render(rgba, background)
    assert torch.equal(rgba, before[0])
    assert torch.equal(background, before[1])


@pytest.mark.parametrize(
    ("rgba", "background", "message"),
    [
        (torch.zeros(2, 4, 4, 4), torch.zeros(2, 3, 1, 1), "rgba is torch.float32"),
        (torch.zeros(2, 3, 4, 4).byte(), torch.zeros(2, 3, 1, 1), r"\(2, 3, 4, 4\): expected"),
        (torch.zeros(4, 4, 4).byte(), torch.zeros(1, 3, 1, 1), "expected premultiplied uint8"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.zeros(2, 3, 1, 1).byte(), "torch.uint8: expected"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.zeros(3, 3, 1, 1), "background has shape"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.zeros(2, 3, 8, 8), "background has shape"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.zeros(2, 3), "background has shape"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.full((2, 3, 1, 1), 255.0), "divide by 255"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.full((2, 3, 1, 1), -0.1), "from -0.1"),
        (torch.zeros(2, 4, 4, 4).byte(), torch.full((2, 3, 1, 1), torch.nan), "nan"),
    ],
)
def test_wrong_pictures_are_refused(rgba, background, message):
    with pytest.raises(ValueError, match=message):
        render(rgba, background)


def test_an_empty_batch_renders_to_an_empty_batch():
    image = render(torch.zeros(0, 4, 4, 4).byte(), torch.zeros(0, 3, 1, 1))
    assert image.shape == (0, 3, 4, 4)


@steady
@given(st.lists(codepoint, min_size=1, max_size=5))
def test_one_spelling_for_every_file_name(parts):
    plain = plain_codepoints("-".join(parts))
    assert plain == plain_codepoints(plain)
    assert plain == plain_codepoints("-".join(parts).lower())
    assert plain == plain_codepoints("-".join([*parts, "FE0F"]))


@steady
@given(st.lists(codepoint, min_size=1, max_size=3), st.sampled_from(["2640", "2642"]))
def test_a_gender_sign_does_not_change_the_role(parts, gender):
    plain = "-".join(parts)
    assert role(plain) == role(f"{plain}-200D-{gender}")


names = st.lists(codepoint, min_size=2, max_size=12, unique=True)


@steady
@given(names, st.data())
def test_twin_groups_are_a_partition_that_ignores_the_order_of_pairs(codepoints, data):
    row = st.integers(0, len(codepoints) - 1)
    pairs = data.draw(st.lists(st.tuples(row, row), max_size=10))
    groups = group_twins(codepoints, pairs)
    assert all(groups[a] == groups[b] for a, b in pairs)
    assert all(groups[group] == group and group <= row for row, group in enumerate(groups))
    shuffled = [(b, a) for a, b in data.draw(st.permutations(pairs))]
    assert group_twins(codepoints, shuffled) == groups


@steady
@given(names)
def test_without_pairs_only_roles_join(codepoints):
    groups = group_twins(codepoints, [])
    for a, one in enumerate(codepoints):
        for b, other in enumerate(codepoints):
            assert (groups[a] == groups[b]) == (role(one) == role(other))


@steady
@given(seeds)
def test_near_identical_finds_copies_and_nothing_else(seed):
    generator = torch.Generator().manual_seed(seed)
    rgba = torch.randint(256, (6, 4, 8, 8), generator=generator, dtype=torch.uint8)
    rgba[4] = rgba[1]
    rgba[5] = 0
    has = torch.tensor([True] * 5 + [False])
    assert near_identical(rgba, has) == [(1, 4)]
    assert near_identical(rgba, ~has) == []


def test_the_split_is_stable_and_has_its_share():
    sides = [split_of(f"{number:X}") for number in range(20_000)]
    assert sides == [split_of(f"{number:X}") for number in range(20_000)]
    assert abs(sides.count("unseen") / len(sides) - 0.15) < 0.01
