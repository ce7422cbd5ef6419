"""What every image encoder promises."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from mmlib.encoders import (
    CNNVisualEncoder,
    HybridVisualEncoder,
    ImageEncoder,
    MultiScaleVisualEncoder,
    VisionTransformerEncoder,
)


def images(n: int = 4, height: int = 32, width: int = 32) -> Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(0))


def settled_efficientnet(**options: Any) -> CNNVisualEncoder:
    """With the statistics of a batch in its BatchNorms.

    Before that each gate halves the signal, and float16 would round what is left to 0.
    """
    encoder = CNNVisualEncoder("efficientnet_b0", pooling="grid", **options)
    norms = [m for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain average of what was seen
    with torch.no_grad():
        encoder(images(4, 64, 64))
    for norm in norms:
        norm.momentum = 0.1
    return encoder


def multi(base_encoder: str, **options: Any) -> MultiScaleVisualEncoder:
    return MultiScaleVisualEncoder(base_encoder, width=32, feature_dim=24, reduction=4, **options)


ENCODERS = {
    "cnn tiny": partial(CNNVisualEncoder, "tiny"),
    "cnn small": partial(CNNVisualEncoder, "small"),
    "cnn group": partial(CNNVisualEncoder, "tiny", norm="group"),
    "cnn grid": partial(CNNVisualEncoder, "tiny", pooling="grid", grid=4),
    "lite0": partial(CNNVisualEncoder, "efficientnet_lite0"),
    "efficientnet": settled_efficientnet,
    "resnet50": partial(CNNVisualEncoder, "resnet50"),
    "vit tiny": partial(VisionTransformerEncoder, "tiny"),
    "vit small": partial(VisionTransformerEncoder, "small", depth=2),
    "vit mean": partial(VisionTransformerEncoder, pooling="mean", width=32),
    "vit clip": partial(VisionTransformerEncoder, pre_norm=True, patch_bias=False, width=32),
    "vit bag": partial(VisionTransformerEncoder, position="none", qkv_bias=False, width=32),
    "hybrid tiny": HybridVisualEncoder,
    "hybrid fine": partial(HybridVisualEncoder, vit_options={"patch_size": 2, "width": 32}),
    "multi tiny": partial(multi, "tiny"),
    "multi concat": partial(multi, "small", fusion="concat"),
    "multi learned": partial(multi, "small", fusion="learned", attention=()),
    "multi bottom-up": partial(multi, "small", fusion="sum", top_down=False, attention=["scale"]),
    "multi single": partial(multi, "small", levels=(-1,), attention=("channel", "spatial")),
    "multi lite0": partial(multi, "efficientnet_lite0", levels=(0, 2, 3)),
}


@pytest.fixture(params=ENCODERS, ids=lambda name: name.replace(" ", "-"))
def encoder(request: pytest.FixtureRequest) -> ImageEncoder:
    return ENCODERS[request.param](generator=torch.Generator().manual_seed(3))


def test_features_and_maps(encoder: ImageEncoder) -> None:
    features = encoder(images())
    assert features.shape == (4, encoder.feature_dim)
    assert features.dtype == torch.float32
    maps = encoder.feature_maps(images())
    sides = [m.shape[-1] for m in maps]
    assert all(m.ndim == 4 and len(m) == 4 for m in maps)
    assert sides == sorted(sides, reverse=True) and len(set(sides)) == len(sides)


@pytest.mark.parametrize("size", [(64, 64), (32, 48), (48, 32)])
def test_other_sizes(encoder: ImageEncoder, size: tuple[int, int]) -> None:
    assert encoder(images(2, *size)).shape == (2, encoder.feature_dim)
    for m in encoder.feature_maps(images(2, *size)):
        assert m.shape[-2] / m.shape[-1] == size[0] / size[1] or min(m.shape[-2:]) == 1


def test_every_parameter_gets_a_finite_gradient(encoder: ImageEncoder) -> None:
    weights = torch.randn(encoder.feature_dim, generator=torch.Generator().manual_seed(1))
    (encoder(images()).square() @ weights).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def test_alone_or_in_a_batch(encoder: ImageEncoder) -> None:
    batch = images()
    together = encoder.encode(batch)
    alone = torch.cat([encoder.encode(image[None]) for image in batch])
    scale = max(1.0, together.abs().max().item())  # an untrained resnet50 has features of 50
    torch.testing.assert_close(together / scale, alone / scale, atol=1e-5, rtol=1e-5)


def test_memory_format_of_the_images_does_not_matter(encoder: ImageEncoder) -> None:
    batch = images()
    channels_last = batch.contiguous(memory_format=torch.channels_last)
    before = channels_last.stride()
    torch.testing.assert_close(encoder.encode(channels_last), encoder.encode(batch))
    assert channels_last.stride() == before
    for m in encoder.eval().feature_maps(channels_last):
        assert m.stride(1) == 1 or m.shape[-2:].numel() == 1  # channels of a pixel side by side


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_half_precision_on_request(
    encoder: ImageEncoder, dtype: torch.dtype, tolerance: float
) -> None:
    batch = images()
    whole = encoder.encode(batch)
    half = copy.deepcopy(encoder).to(dtype)
    assert half.mean.dtype == half.std.dtype == dtype
    for inputs in (batch, batch.to(dtype)):  # float32 pictures need no conversion by the caller
        features = half.encode(inputs)
        assert features.dtype == dtype and features.isfinite().all()
        assert (features.float() - whole).norm() <= tolerance * whole.norm()
    assert {m.dtype for m in half.feature_maps(batch)} == {dtype}


def test_encode_restores_each_mode_and_keeps_no_graph(encoder: ImageEncoder) -> None:
    encoder.train()
    frozen = next(encoder.children()).eval()
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    features = encoder.encode(images())
    assert not features.requires_grad
    assert encoder.training and not frozen.training
    for name, buffer in encoder.named_buffers():  # the statistics of BatchNorm did not move
        assert torch.equal(buffer, before[name])
    torch.testing.assert_close(encoder.encode(images()), features)


def test_encode_restores_the_mode_after_an_error(encoder: ImageEncoder) -> None:
    encoder.train()
    with pytest.raises(ValueError, match="image"):
        encoder.encode(images(2, 33, 7))
    assert encoder.training


def test_weights_follow_the_generator_and_not_the_global_state() -> None:
    for make in ENCODERS.values():
        torch.manual_seed(0)
        first = make(generator=torch.Generator().manual_seed(5)).state_dict()
        torch.manual_seed(1)
        second = make(generator=torch.Generator().manual_seed(5)).state_dict()
        other = make(generator=torch.Generator().manual_seed(6)).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_encoder_normalises() -> None:
    for make in (ENCODERS["cnn tiny"], ENCODERS["vit tiny"]):
        generator = torch.Generator().manual_seed(0)
        plain = make(mean=(0, 0, 0), std=(1, 1, 1), generator=generator).eval()
        ours = make(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)).eval()
        ours.load_state_dict(plain.state_dict())  # the constants are no weights
        batch = images() * 0.1 + 0.4
        shifted = (batch - ours.mean) / ours.std
        assert shifted.min() >= 0 and shifted.max() <= 1
        torch.testing.assert_close(ours(batch), plain(shifted))


def test_float64_model_takes_float32_images() -> None:
    assert ENCODERS["vit mean"]().double()(images()).dtype == torch.float64


BAD_IMAGES = {
    "bytes": ((images() * 255).to(torch.uint8), "float in"),
    "0 to 255": (images() * 255, "divide bytes by 255"),
    "normalised": (images() * 2 - 1, "do not normalise"),
    "nan": (images() * float("nan"), "nan"),
    "grey": (images()[:, :1], r"\(4, 1, 32, 32\)"),
    "rgba": (torch.rand(4, 4, 32, 32), "alpha"),
    "channels last": (images().permute(0, 2, 3, 1), "permute"),
    "single": (images()[0], "unsqueeze"),
    "empty": (images()[:0], "non-empty"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
@pytest.mark.parametrize("name", ["cnn tiny", "vit tiny"])
def test_bad_images(name: str, kind: str) -> None:
    batch, message = BAD_IMAGES[kind]
    encoder = ENCODERS[name]()
    for call in (encoder, encoder.encode, encoder.feature_maps):
        with pytest.raises(ValueError, match=message):
            call(batch)


def test_images_must_be_a_tensor() -> None:
    with pytest.raises(TypeError, match="ndarray"):
        CNNVisualEncoder("tiny")(images().numpy())


def test_a_rounding_error_outside_the_range_passes() -> None:
    batch = images()
    batch[0, 0, 0, 0], batch[0, 0, 0, 1] = -5e-4, 1 + 5e-4
    assert CNNVisualEncoder("tiny")(batch).isfinite().all()


@pytest.mark.parametrize("make", [CNNVisualEncoder, VisionTransformerEncoder])
def test_unknown_preset_option_and_pretrained(make) -> None:
    with pytest.raises(ValueError, match=r"model_name='resnet5000'.*'tiny', 'small'"):
        make("resnet5000")
    with pytest.raises(ValueError, match=r"option='colour'.*'pooling'"):
        make("tiny", colour="red")
    with pytest.raises(ValueError, match=r"pretrained=True.*'tiny', 'small'"):
        make("tiny", pretrained=True)
