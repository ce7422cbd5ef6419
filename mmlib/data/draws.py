"""Random rows: every sample of a batch gets its own numbers, whatever its batch mates are."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_rows(
    n: int, columns: dict[str, int], generator: torch.Generator
) -> tuple[int, dict[str, Tensor]]:
    """One seed, and a table of uniform float64 numbers with one row for each sample, on the CPU.

    On a CPU generator the first rows of a table do not depend on ``n``.
    """
    device = generator.device
    seed = int(torch.randint(2**62, (1,), generator=generator, device=device))
    shape = n, sum(columns.values())
    table = torch.rand(shape, generator=generator, device=device, dtype=torch.float64).cpu()
    return seed, dict(zip(columns, table.split(list(columns.values()), 1), strict=True))
