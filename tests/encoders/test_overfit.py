"""Every encoder can learn 32 pictures by heart: gradients reach what the feature depends on."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders import (
    CNNVisualEncoder,
    ImageEncoder,
    MultiScaleVisualEncoder,
    VisionTransformerEncoder,
)

ENCODERS = {
    "cnn tiny": (partial(CNNVisualEncoder, "tiny"), 40),
    "cnn small": (partial(CNNVisualEncoder, "small"), 40),
    "cnn group": (partial(CNNVisualEncoder, "tiny", norm="group"), 60),
    "cnn grid": (partial(CNNVisualEncoder, "tiny", pooling="grid"), 30),
    "lite0": (partial(CNNVisualEncoder, "efficientnet_lite0", pretrained=True), 40),
    "vit tiny": (partial(VisionTransformerEncoder, "tiny", patch_size=8), 40),
    "vit mean": (partial(VisionTransformerEncoder, "tiny", patch_size=8, pooling="mean"), 40),
    "multi tiny": (partial(MultiScaleVisualEncoder, "tiny", width=32), 80),
    "multi bare": (partial(MultiScaleVisualEncoder, "tiny", width=32, attention=()), 60),
}
PICTURES = 32


def pictures(generator: torch.Generator) -> Tensor:
    """32 coarse random patterns (32, 3, 32, 32), the same colours in other places."""
    cells = torch.rand(1, 3, 16, generator=generator).expand(PICTURES, 3, 16)
    orders = torch.rand(PICTURES, 16, generator=generator).argsort(dim=1)
    shuffled = cells.gather(2, orders[:, None].expand(-1, 3, -1)).unflatten(2, (4, 4))
    return F.interpolate(shuffled, scale_factor=8, mode="nearest")


def accuracy_after(encoder: ImageEncoder, steps: int, generator: torch.Generator) -> float:
    """Share of the pictures that encoder and a linear head name right in eval mode."""
    images, labels = pictures(generator), torch.arange(PICTURES)
    head = nn.Linear(encoder.feature_dim, PICTURES)
    nn.init.normal_(head.weight, 0, encoder.feature_dim**-0.5, generator=generator)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=2e-3)
    encoder.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 10) * (1 - step / steps)
        loss = F.cross_entropy(head(encoder(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (head(encoder.encode(images)).argmax(dim=1) == labels).float().mean().item()


@pytest.mark.parametrize("name", ENCODERS, ids=lambda name: name.replace(" ", "-"))
def test_32_pictures_by_heart(name: str) -> None:
    make, steps = ENCODERS[name]
    generator = torch.Generator().manual_seed(0)
    encoder = make(generator=generator)
    assert accuracy_after(encoder, steps, generator) == 1.0
