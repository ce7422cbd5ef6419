"""What one cell of a feature map sees: its receptive field, and how far attention reaches.

The receptive field is the region that can change the cell at all. The effective receptive field
(Luo et al. 2016) says how much each pixel does. Attention distance (Dosovitskiy et al. 2021,
figure 7) is its counterpart for a transformer: how far a head looks.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmlib.encoders.base import ImageEncoder
from mmlib.evaluate import evaluating
from mmlib.layers import Attention

PROBES = 4  # random pictures: what a ReLU blocks in one it lets through in another


def receptive_field(
    encoder: ImageEncoder, image_size: int, *, level: int = -1, seed: int = 0
) -> int:
    """Side in px of the region that can change the centre cell of a feature map.

    Measured: the box around all pixels with a gradient other than 0 in a few random pictures, in
    double precision on a copy of the encoder. It is cut off at the border, so a result equal to
    `image_size` means "this much or more"; layers that look at the whole picture (attention,
    GroupNorm, squeeze and excitation) always give `image_size`.

    Args:
        encoder: any image encoder.
        image_size: side of the square pictures in px, one that the encoder accepts.
        level: which of the encoder's feature maps; -1 is the last, coarsest one.
        seed: draws the pictures.

    Raises:
        ValueError: no gradient reaches the picture.
    """
    probe = copy.deepcopy(encoder).cpu().double()
    generator = torch.Generator().manual_seed(seed)
    reached = torch.zeros(image_size, image_size, dtype=torch.bool)
    for _ in range(PROBES):
        image = torch.rand(1, 3, image_size, image_size, generator=generator, dtype=torch.float64)
        reached |= _centre_gradient(probe, image, level, generator)[0] != 0
        if reached.all():
            break
    if not reached.any():
        raise ValueError("no pixel changes the centre cell: are the encoder's weights all 0?")
    sides = [places.nonzero() for places in (reached.any(dim=0), reached.any(dim=1))]
    return max(int(places.max() - places.min()) + 1 for places in sides)


def effective_receptive_field(
    encoder: ImageEncoder, images: Tensor, *, level: int = -1, seed: int = 0
) -> Tensor:
    """How much each pixel changes the centre cell of a feature map (Luo et al. 2016).

    The size of the gradient, summed over the colours and averaged over the pictures. The gradient
    is that of a random direction through the cell's channels, another one for each picture: the
    plain sum of the channels is a constant after a LayerNorm and has no gradient.

    Args:
        encoder: any image encoder; its mode, weights and gradients stay as they are.
        images: (B, 3, H, W) in [0, 1] on the encoder's device.
        level: which of the encoder's feature maps; -1 is the last, coarsest one.
        seed: draws the directions.

    Returns:
        (H, W) float32 on the CPU, at least 0, with the sum 1.

    Raises:
        ValueError: images that the encoder refuses, or no gradient reaches them.
    """
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(images.shape[-2:], dtype=torch.float64)
    for few in images.split(16):
        total += _centre_gradient(encoder, few, level, generator).double().sum(dim=0).cpu()
    if not total.sum() > 0:  # also false for NaN
        raise ValueError("no pixel changes the centre cell: are the encoder's weights all 0?")
    return (total / total.sum()).float()


def spread(field: Tensor, share: float = 0.5) -> float:
    """Diameter in px of the disc around the field's centre of mass that holds `share` of it.

    The centre of mass, not the cell's middle: strided convolutions move a field by some pixels.

    Args:
        field: (H, W), at least 0, such as an effective receptive field.
        share: above 0, at most 1.

    Raises:
        ValueError: another shape, negative or non-finite values, nothing in the field, a bad share.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share} must be above 0 and at most 1")
    mass = field.detach().cpu().double()
    if mass.ndim != 2 or not mass.isfinite().all() or mass.min() < 0 or mass.sum() <= 0:
        raise ValueError(
            f"field must be (H, W), finite, nowhere negative and not all 0; got shape "
            f"{tuple(mass.shape)}"
        )
    mass = mass / mass.sum()
    y, x = torch.meshgrid(*(torch.arange(float(n)) for n in mass.shape), indexing="ij")  # (H, W)
    distance = torch.hypot(y - (y * mass).sum(), x - (x * mass).sum()).flatten()
    order = distance.argsort()
    held = mass.flatten()[order].cumsum(0)
    index = min(int((held < share - 1e-12).sum()), len(held) - 1)
    return 2 * float(distance[order[index]])


def attention_maps(vit: ImageEncoder, images: Tensor) -> list[Tensor]:
    """Who looks at whom in each attention layer of a transformer, first layer first.

    `Attention` never makes this matrix (its kernel keeps only the result), so it is computed again
    from the input of each layer: softmax(q k^T / sqrt(d)).

    Args:
        vit: an image encoder with `mmlib.layers.Attention` layers; its mode stays as it is.
        images: (B, 3, H, W) in [0, 1] on the encoder's device.

    Returns:
        (B, heads, N, N) for each layer, row = the token that looks; each row sums to 1. N counts
        the class token, the first one, where there is one.

    Raises:
        ValueError: an encoder without such layers, or images that it refuses.
    """
    layers = [module for module in vit.modules() if isinstance(module, Attention)]
    if not layers:
        raise ValueError(f"{type(vit).__name__} has no mmlib.layers.Attention: give a transformer")
    calls: list[tuple[Attention, Tensor]] = []

    def remember(layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, Attention)
        calls.append((layer, args[0]))

    handles = [layer.register_forward_pre_hook(remember) for layer in layers]
    try:
        vit.encode(images)
    finally:
        for handle in handles:
            handle.remove()
    return [attention_weights(layer, tokens) for layer, tokens in calls]


@torch.no_grad()
def attention_weights(layer: Attention, tokens: Tensor) -> Tensor:
    """The weights softmax(q k^T / sqrt(d)) of one layer: (B, N, C) -> (B, heads, N, N).

    At least float32, each row sums to 1; a causal layer looks at earlier tokens only.
    """
    q, k, _ = layer.qkv(tokens).unflatten(2, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5  # (B, h, N, N)
    if layer.causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    return scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32))


def attention_distance(maps: Sequence[Tensor], grid: tuple[int, int], patch_size: float) -> Tensor:
    """Mean distance in px between a patch and what it looks at (Dosovitskiy et al. 2021, fig. 7).

    Weighted by attention, averaged over the patches and the pictures. A class token is left out,
    as the one that looks and as what is looked at, and the rest of each row scaled back to 1.

    Args:
        maps: (B, heads, N, N) for each layer, of `attention_maps`.
        grid: patches along the height and the width of the picture.
        patch_size: side of a patch in px.

    Returns:
        (depth, heads), float64 on the CPU.

    Raises:
        ValueError: no map, or one whose N is neither h * w nor h * w + 1.
    """
    patches = grid[0] * grid[1]
    distance = _patch_distances(grid) * patch_size  # (h * w, h * w)
    layers = []
    for weights in maps:
        tokens = weights.shape[-1]
        if weights.ndim != 4 or weights.shape[-2] != tokens or tokens - patches not in (0, 1):
            raise ValueError(
                f"a map has shape {tuple(weights.shape)}: a grid of {grid[0]} x {grid[1]} patches "
                f"needs (B, heads, N, N) with N = {patches}, or {patches + 1} with a class token"
            )
        rows = weights[..., -patches:, -patches:].detach().cpu().double()
        rows = rows / rows.sum(dim=-1, keepdim=True)  # (B, heads, h * w, h * w)
        layers.append((rows * distance).sum(dim=-1).mean(dim=(0, 2)))  # (heads,)
    if not layers:
        raise ValueError("maps is empty: give the maps of one layer or more")
    return torch.stack(layers)


def _patch_distances(grid: tuple[int, int]) -> Tensor:
    """Distances between the middles of all patches, in patches: (h * w, h * w)."""
    y, x = torch.meshgrid(*(torch.arange(n).double() for n in grid), indexing="ij")
    places = torch.stack([y.flatten(), x.flatten()], dim=1)  # (h * w, 2)
    return (places[:, None] - places).norm(dim=-1)


def _centre_gradient(
    encoder: ImageEncoder, images: Tensor, level: int, generator: torch.Generator
) -> Tensor:
    """|d (direction . centre cell) / d pixel|, summed over the colours: (B, H, W)."""
    images = images.detach().clone().requires_grad_()
    with evaluating(encoder), torch.enable_grad():
        maps = encoder.feature_maps(images)
        if not -len(maps) <= level < len(maps):
            raise ValueError(f"level={level} is none of the {len(maps)} maps of the encoder")
        cells = maps[level]  # (B, C, h, w)
        centre = cells[..., cells.shape[-2] // 2, cells.shape[-1] // 2]  # (B, C)
        direction = torch.randn(centre.shape, generator=generator).to(centre)
        if not centre.requires_grad:
            raise ValueError(f"{type(encoder).__name__}.feature_maps keeps no gradient")
        (gradient,) = torch.autograd.grad((centre * direction).sum(), images)
    return gradient.abs().sum(dim=1)
