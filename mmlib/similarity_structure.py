"""Is the same near to the same in two spaces? Linear CKA and mutual nearest neighbours.

Both look only at relations *within* each space. The spaces may have different dimensions, and
nothing need ever have aligned them: the pixels of drawings can be compared with the spelling of
their names. Everything is computed in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.ranking import check_embeddings, normalize64, similarity_chunks

#: Measures over all pairs hold N x N numbers in float64: 128 MiB a table for this many rows.
MAX_ROWS = 4096
FLAT = 1e-12  # what is left of a table of numbers by rounding, relative to its size


def linear_cka(x: Tensor, y: Tensor, *, debiased: bool = False) -> float:
    """Linear centred kernel alignment: how alike the two tables of inner products are.

    1 when y is x turned, mirrored, shifted or scaled as a whole; not when single directions are
    stretched (Kornblith et al. 2019). Plain CKA lies in [0, 1] and is biased upwards: unrelated
    random features reach a large value unless N is much larger than their dimensions. The debiased
    form divides unbiased estimates of HSIC (Song et al. 2012), is about 0 for unrelated features
    and may be negative.

    Args:
        x: (N, D) floats, N from 3, debiased from 4, to 4096.
        y: (N, E) floats, rows in the same order.

    Raises:
        ValueError: not float matrices with the same N, NaN, N out of range, a space in which all
            rows are equal, or, debiased, equally far from each other: it has no structure.
    """
    x, y = _two_spaces(x, y, rows=4 if debiased else 3)
    a, b = _centred_gram("x", x, debiased), _centred_gram("y", y, debiased)  # (N, N) each, norm 1
    return max(-1.0, min(1.0, float((a * b).sum())))  # only rounding can leave [-1, 1]


def mutual_nearest_neighbours(x: Tensor, y: Tensor, k: int = 10) -> float:
    """Mean share in [0, 1] of each row's k nearest neighbours that are the same in both spaces.

    Nearest by cosine, the row itself left out (Huh et al. 2024, "The platonic representation
    hypothesis"). Cosines equal to 8 decimals are ties. The value is the expected share when each
    space breaks its ties at random, independently, so a collapsed space scores exactly
    `chance_overlap`, and a space with ties does not fully agree with itself.

    Args:
        x: (N, D) floats, 3 <= N <= 4096.
        y: (N, E) floats, rows in the same order.
        k: neighbours, from 1 to N - 2: with N - 1 every other row is one and any spaces agree.

    Raises:
        ValueError: not float matrices with the same N, NaN, a zero row, k out of range.
    """
    x, y = _two_spaces(x, y, rows=3)
    x, y = directions("x", x), directions("y", y)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(x) - 2:
        raise ValueError(f"k={k!r} must be an integer from 1 to {len(x) - 2} for {len(x)} rows")
    shared = 0.0
    chunks = zip(similarity_chunks(x, x, 512), similarity_chunks(y, y, 512), strict=True)
    for (rows, in_x), (_, in_y) in chunks:
        both = _membership(in_x, rows.start, k) * _membership(in_y, rows.start, k)
        shared += float(both.sum())
    return shared / (k * len(x))


def chance_overlap(n: int, k: int) -> float:
    """What `mutual_nearest_neighbours` gives on average for two unrelated spaces of n rows.

    Raises:
        ValueError: not integers with 1 <= k <= n - 1.
    """
    if any(isinstance(v, bool) or not isinstance(v, int) for v in (n, k)) or not 1 <= k <= n - 1:
        raise ValueError(f"k={k!r} must be an integer from 1 to n - 1, with n={n!r} rows")
    return k / (n - 1)


def wide(x: Tensor) -> Tensor:
    """The tensor in float64; from Apple's `mps`, which has none, on the CPU."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def check_cloud(name: str, x: Tensor, rows: int = 2) -> Tensor:
    """Return `x` if it is a float matrix (N, D) with `rows` to `MAX_ROWS` rows, else ValueError."""
    check_embeddings(name, x)
    if not rows <= len(x) <= MAX_ROWS:
        raise ValueError(
            f"{name} has {len(x)} rows; this measure needs {rows} to {MAX_ROWS}: give more, or a "
            "random part of them"
        )
    return x.detach()


def directions(name: str, x: Tensor, rows: int = 2) -> Tensor:
    """The rows of `x` (N, D) on the unit sphere, float64; ValueError as `check_cloud` or a zero."""
    zero = (check_cloud(name, x, rows) == 0).all(dim=1)
    if bool(zero.any()):
        raise ValueError(
            f"row {int(zero.nonzero()[0])} of {name} is all zeros and has no direction: leave it "
            "out, or look for what made it"
        )
    return normalize64(x.detach())


def centred(name: str, x: Tensor) -> Tensor:
    """Rows (N, D) minus their mean, float64; ValueError when all rows are equal."""
    x = wide(x)
    rows = x - x.mean(dim=0)
    if float(rows.abs().max()) <= FLAT * float(x.abs().max()):
        raise ValueError(f"all rows of {name} are equal: they have no structure to compare")
    return rows


def _two_spaces(x: Tensor, y: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Both spaces on the device of the first, or ValueError: they must have as many rows."""
    x, y = check_cloud("x", x, rows), check_cloud("y", y, rows)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows and y has {len(y)}: row i must be the same thing")
    return x, y.to(x.device)


def _centred_gram(name: str, x: Tensor, debiased: bool) -> Tensor:
    """Inner products (N, N) of all rows, centred in rows and columns, with Frobenius norm 1.

    Debiased, the diagonal is left out before centring and 0 after it (Szekely & Rizzo 2014): then
    the sum of the products of two such tables is Song's unbiased HSIC up to N (N - 3).
    """
    rows = centred(name, x)
    rows = rows / rows.abs().max()  # squares of very small or large values would leave the range
    table = rows @ rows.T  # the rows are centred, so the table is
    if debiased:
        n, size = len(table), table.norm()
        table.fill_diagonal_(0)
        sums = table.sum(dim=1, keepdim=True) / (n - 2)  # (N, 1)
        table = (table - sums - sums.T + sums.sum() / (n - 1)).fill_diagonal_(0)
        if float(table.norm() / size) < FLAT:
            raise ValueError(
                f"all rows of {name} are equally far from each other: the debiased form has no "
                "structure to compare"
            )
    return table / table.norm()


def _membership(cosines: Tensor, start: int, k: int) -> Tensor:
    """Chance (n, N) float64 that each row is among the k nearest of rows start, start + 1, ...

    Rows that tie for the last places share them.
    """
    own = torch.arange(len(cosines), device=cosines.device)
    cosines[own, start + own] = -torch.inf  # nobody is a neighbour of itself
    last = cosines.topk(k, dim=1).values[:, -1:]  # (n, 1)
    nearer, tied = cosines > last, cosines == last
    places = k - nearer.sum(dim=1, keepdim=True)
    return nearer.double() + tied * places / tied.sum(dim=1, keepdim=True)
