"""Shift and patch shuffle: exact copies of pixels, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmlib.perturb import shift, shuffle_patches

DTYPES = [torch.float32, torch.float16, torch.float64, torch.uint8, torch.int64]


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(batch: int = 3, height: int = 12, width: int = 8) -> Tensor:
    """Every pixel of every picture and channel has a number of its own."""
    return torch.arange(batch * 3 * height * width, dtype=torch.float32).view(batch, 3, height, -1)


def cells_of(images: Tensor, grid: int) -> Tensor:
    """The cells one by one, cut out with plain slices: (B, g * g, C, h, w)."""
    h, w = images.shape[-2] // grid, images.shape[-1] // grid
    rows = [
        images[..., r * h : (r + 1) * h, c * w : (c + 1) * w]
        for r in range(grid)
        for c in range(grid)
    ]
    return torch.stack(rows, dim=1)


def test_shift_by_hand() -> None:
    row = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    assert shift(row, 1).tolist() == [[[[1, 1, 2], [4, 4, 5]]]]  # to the right
    assert shift(row, -2).tolist() == [[[[3, 3, 3], [6, 6, 6]]]]
    assert shift(row, 0, 1).tolist() == [[[[1, 2, 3], [1, 2, 3]]]]  # down
    assert shift(row, 1, -1).tolist() == [[[[4, 4, 5], [4, 4, 5]]]]
    assert shift(row, 1, -1, fill=0.0).tolist() == [[[[0, 4, 5], [0, 0, 0]]]]


@settings(deadline=None, max_examples=40)
@given(dx=st.integers(-7, 7), dy=st.integers(-11, 11))
def test_a_shift_moves_what_stays_inside(dx: int, dy: int) -> None:
    images = pictures()
    before = images.clone()
    moved = shift(images, dx, dy)
    filled = shift(images, dx, dy, fill=-1.0)
    assert torch.equal(images, before)
    for y in range(12):
        for x in range(8):
            inside = 0 <= y - dy < 12 and 0 <= x - dx < 8
            nearest = images[..., min(max(y - dy, 0), 11), min(max(x - dx, 0), 7)]
            assert torch.equal(moved[..., y, x], nearest)
            assert torch.equal(filled[..., y, x], nearest if inside else torch.full((3, 3), -1.0))


@settings(deadline=None, max_examples=40)
@given(dx=st.integers(-3, 3), dy=st.integers(-5, 5))
def test_there_and_back_restores_the_interior(dx: int, dy: int) -> None:
    images = pictures()
    back = shift(shift(images, dx, dy), -dx, -dy)
    interior = (..., slice(abs(dy), 12 - abs(dy)), slice(abs(dx), 8 - abs(dx)))
    assert torch.equal(back[interior], images[interior])


def test_a_shift_by_nothing_is_a_copy() -> None:
    images = pictures()
    same = shift(images, 0)
    assert torch.equal(same, images) and same.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_dtype_stays(dtype: torch.dtype) -> None:
    images = pictures().remainder(251).to(dtype)
    for changed in (shift(images, 2, 1, fill=7), shuffle_patches(images, 2, draws(0))):
        assert changed.dtype == dtype and changed.shape == images.shape


@settings(deadline=None, max_examples=40)
@given(grid=st.sampled_from([1, 2, 3, 4, 6]), seed=st.integers(0, 2**31), batch=st.integers(1, 4))
def test_a_shuffle_permutes_whole_cells(grid: int, seed: int, batch: int) -> None:
    images = pictures(batch, 12, 24)
    before = images.clone()
    shuffled = shuffle_patches(images, grid, draws(seed))
    assert torch.equal(images, before)
    for was, now in zip(cells_of(images, grid), cells_of(shuffled, grid), strict=True):
        # Cells can be told apart by their first pixel: sorting by it must bring back the order.
        order = now[:, 0, 0, 0].argsort()
        assert torch.equal(now[order], was[was[:, 0, 0, 0].argsort()])
    same_pixels = shuffled.flatten(2).sort().values, images.flatten(2).sort().values
    assert torch.equal(*same_pixels)


def test_every_picture_has_an_order_of_its_own_that_follows_the_seed() -> None:
    images = pictures(1, 12, 12).expand(6, -1, -1, -1)
    first = shuffle_patches(images, 4, draws(0))
    assert torch.equal(first, shuffle_patches(images, 4, draws(0)))
    assert not torch.equal(first, shuffle_patches(images, 4, draws(1)))
    assert len({tuple(picture.flatten().tolist()) for picture in first}) == 6


def test_each_order_is_equally_likely() -> None:
    images = torch.arange(4.0).view(1, 1, 2, 2).expand(24_000, 1, 2, 2)
    _, counts = shuffle_patches(images, 2, draws(0)).flatten(1).unique(dim=0, return_counts=True)
    assert len(counts) == 24  # all of 4! orders
    assert (counts - 1000).abs().max() < 5 * 1000**0.5


def test_one_cell_changes_nothing() -> None:
    assert torch.equal(shuffle_patches(pictures(), 1, draws(0)), pictures())


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "not a batch": (lambda: shift(pictures()[0], 1), r"\(B, C, H, W\), got \(3, 12, 8\)"),
    "no picture": (lambda: shift(pictures()[:0], 1), r"got \(0, 3, 12, 8\)"),
    "half a pixel": (lambda: shift(pictures(), 1.5), r"dx=1\.5 must be whole pixels"),  # type: ignore[arg-type]
    "too far": (lambda: shift(pictures(), 8), "dx=8 must be .* side of 8 px"),
    "too far up": (lambda: shift(pictures(), 0, -12), "dy=-12 must be .* side of 12 px"),
    "grid": (lambda: shuffle_patches(pictures(), 5, draws(0)), "grid=5 must .* 12x8"),
    "one side": (lambda: shuffle_patches(pictures(), 3, draws(0)), "grid=3 must .* 12x8"),
    "no grid": (lambda: shuffle_patches(pictures(), 0, draws(0)), "grid=0 must be 1 or more"),
    "shuffle no batch": (lambda: shuffle_patches(pictures()[0], 2, draws(0)), "must be a batch"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_calls(case: str) -> None:
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()
