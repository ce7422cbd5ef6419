"""Fourteen real photographs that come inside scikit-image and scikit-learn. No network.

Only pictures whose licence the packages state; `Photos.sources` credits each.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mmlib.data.pretrained import INSTALL_HINT

SMALLEST_CROP = 0.7  # of the side
PUBLIC_DOMAIN, CC0, CC_BY = "public domain", "CC0", "CC BY 2.0"


@dataclass(frozen=True)
class PhotoSource:
    """Who made a photograph, under which licence, and the file in the installed package."""

    subject: str
    author: str
    licence: str
    package: str  # the name to import
    file: str  # inside the package


def _scikit_image(subject: str, author: str, licence: str, file: str) -> PhotoSource:
    return PhotoSource(subject, author, licence, "skimage", f"data/{file}")


def _scikit_learn(subject: str, author: str, licence: str, file: str) -> PhotoSource:
    return PhotoSource(subject, author, licence, "sklearn", f"datasets/images/{file}")


SOURCES: dict[str, PhotoSource] = {
    "astronaut": _scikit_image(
        "Eileen Collins in her orange suit", "NASA", PUBLIC_DOMAIN, "astronaut.png"
    ),
    "brick": _scikit_image("a brick wall (grey)", "CC0Textures", CC0, "brick.png"),
    "camera": _scikit_image("a man with a camera (grey)", "Lav Varshney", CC0, "camera.png"),
    "cat": _scikit_image("the face of Chelsea, a cat", "Stefan van der Walt", CC0, "chelsea.png"),
    "coffee": _scikit_image("a cup of coffee on a table", "Rachel Michetti", CC0, "coffee.png"),
    "coins": _scikit_image(
        "Greek coins from Pompeii (grey)",
        "Brooklyn Museum",
        "no known copyright restrictions",
        "coins.png",
    ),
    "flower": _scikit_learn("a dahlia", "vultilion on Flickr", CC_BY, "flower.jpg"),
    "galaxies": _scikit_image(
        "the Hubble eXtreme Deep Field", "NASA", PUBLIC_DOMAIN, "hubble_deep_field.jpg"
    ),
    "grass": _scikit_image("grass from above (grey)", "linolafett, DeviantArt", CC0, "grass.png"),
    "gravel": _scikit_image("gravel from above (grey)", "CC0Textures", CC0, "gravel.png"),
    "retina": _scikit_image("the back of a human eye", "Mikael Häggström", CC0, "retina.jpg"),
    "rocket": _scikit_image("a Falcon 9 at night", "SpaceX", PUBLIC_DOMAIN, "rocket.jpg"),
    "temple": _scikit_learn("a pavilion in China", "danielbuechele on Flickr", CC_BY, "china.jpg"),
    "tissue": _scikit_image(
        "stained colonic glands under a microscope",
        "Center for Microscopy And Molecular Imaging",
        "no known copyright restrictions",
        "ihc.png",
    ),
}


@dataclass(frozen=True)
class Photos:
    """N photographs: `names`, `images` float32 (N, 3, size, size) in [0, 1], `sources`."""

    names: tuple[str, ...]
    images: Tensor
    sources: tuple[PhotoSource, ...]

    def __len__(self) -> int:
        """The number of photographs."""
        return len(self.names)


def load_photos(size: int = 224, names: Sequence[str] | None = None) -> Photos:
    """Load photographs: the largest square in the middle, resized with antialiasing.

    Args:
        size: side of the result in px.
        names: some of `SOURCES`; None for all, in alphabetical order.

    Raises:
        ValueError: no size, no name, or an unknown one.
        ImportError: scikit-image or scikit-learn is not installed, or without its pictures.
    """
    chosen = tuple(SOURCES) if names is None else tuple(names)
    unknown = [name for name in chosen if name not in SOURCES]
    if unknown or not chosen:
        raise ValueError(f"names {unknown or chosen} are unknown: use some of {list(SOURCES)}")
    if size < 1:
        raise ValueError(f"size={size} must be at least 1 px")
    sources = tuple(SOURCES[name] for name in chosen)
    images = torch.stack([_square(_path(source), size) for source in sources])
    return Photos(chosen, images, sources)


def resized_crops(
    photos: Photos, n: int, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`n` random square crops of each photograph, to find a photograph by a part of it.

    A crop has 70 to 100 % of the side and lies anywhere; it is resized with antialiasing.

    Args:
        photos: N photographs.
        n: crops of each.
        size: side of the result in px.
        generator: draws sides and places.

    Returns:
        Images (N * n, 3, size, size) in [0, 1], crops of one photograph next to each other, and
        int64 labels (N * n,), the index of the photograph.

    Raises:
        ValueError: `n` or `size` below 1.
    """
    if n < 1 or size < 1:
        raise ValueError(f"n={n} and size={size} must be at least 1")
    full = photos.images.shape[-1]
    shape = len(photos) * n, 3
    draws = torch.rand(shape, generator=generator, device=generator.device).cpu()
    sides = (full * (SMALLEST_CROP + (1 - SMALLEST_CROP) * draws[:, 0])).ceil().long()
    corners = (draws[:, 1:] * (full - sides + 1)[:, None]).long()  # (N * n, 2)
    labels = torch.arange(len(photos)).repeat_interleave(n)
    crops = []
    for label, side, (top, left) in zip(labels, sides, corners, strict=True):
        crop = photos.images[label, :, top : top + side, left : left + side]
        crops.append(F.interpolate(crop[None], (size, size), mode="bilinear", antialias=True))
    return torch.cat(crops).clamp(0, 1), labels


def _path(source: PhotoSource) -> Path:
    """The file of a photograph, found without importing its package."""
    spec = importlib.util.find_spec(source.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / source.file
        if path.is_file():
            return path
    raise ImportError(
        f"{source.file} of the package {source.package} is not installed; {INSTALL_HINT}"
    )


def _square(path: Path, size: int) -> Tensor:
    """The largest square in the middle as float32 RGB (3, size, size) in [0, 1]."""
    with Image.open(path) as file:
        picture = file.convert("RGB")
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    box = (left, top, left + side, top + side)
    picture = picture.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255  # (3, size, size)
