from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.losses import clip_loss, multi_positive_clip_loss
from tests.helpers import random_tokens, small_clip


def batch(n: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, 32, 32, generator=generator), random_tokens(n, generator)


def test_embeddings_are_normalised_float32() -> None:
    model, (images, tokens) = small_clip().eval(), batch()
    for embeddings in (model.encode_image(images), model.encode_text(tokens)):
        assert embeddings.shape == (6, 16) and embeddings.dtype == torch.float32
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(6))


def test_forward_and_loss_agree_with_the_pure_functions() -> None:
    model, (images, tokens) = small_clip().eval(), batch()
    image, text = model.encode_image(images), model.encode_text(tokens)
    per_image, per_text = model(images, tokens)
    torch.testing.assert_close(per_image, model.scale * image @ text.T)
    assert torch.equal(per_text, per_image.T)
    groups = torch.tensor([0, 1, 1, 2, 0, 3])
    plain = model.contrastive_loss(per_image, per_text)
    torch.testing.assert_close(plain, clip_loss(image, text, model.scale))
    grouped = model.contrastive_loss(per_image, per_text, groups)
    torch.testing.assert_close(grouped, multi_positive_clip_loss(image, text, model.scale, groups))
    assert not torch.allclose(plain, grouped)


def test_loss_has_two_directions() -> None:
    """Logits that are right for images and useless for texts: half of ln B is left."""
    logits = torch.diag(torch.full((4,), 50.0))
    loss = small_clip().contrastive_loss(logits, torch.zeros(4, 4))
    assert loss.item() == pytest.approx(math.log(4) / 2)


def test_images_and_texts_may_differ_in_number() -> None:
    model, (images, tokens) = small_clip().eval(), batch()
    per_image, per_text = model(images[:2], tokens)
    assert per_image.shape == (2, 6) and per_text.shape == (6, 2)


def test_temperature() -> None:
    model = small_clip()
    assert model.scale.item() == pytest.approx(1 / 0.07)
    assert model.logit_scale.item() == pytest.approx(2.6593, abs=1e-4)


def test_clamp_acts_on_the_parameter_and_comes_back() -> None:
    model, (images, tokens) = small_clip(), batch()
    with torch.no_grad():
        model.logit_scale.fill_(9.0)
    model.clamp_logit_scale_()
    assert model.scale.item() == pytest.approx(100, rel=1e-5)
    model.contrastive_loss(*model(images, tokens)).backward()
    assert model.logit_scale.grad is not None and model.logit_scale.grad.abs() > 0
    before = model.logit_scale.item()
    model.clamp_logit_scale_(1000)
    assert model.logit_scale.item() == before


def test_logit_bias_is_added() -> None:
    model, (images, tokens) = small_clip(logit_bias=-10.0).eval(), batch()
    plain = small_clip().eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(model(images, tokens)[0], plain(images, tokens)[0] - 10)
    assert "logit_bias" in dict(model.named_parameters())


def test_every_parameter_gets_a_finite_gradient() -> None:
    model, (images, tokens) = small_clip(), batch()
    model.contrastive_loss(*model(images, tokens)).backward()
    for name, parameter in model.named_parameters():
        if name == "text_encoder.pos_embed":  # the padding is never read
            assert parameter.grad is not None and (parameter.grad[:5].abs().sum(1) > 0).all()
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


class Constant(nn.Module):
    feature_dim = 4

    def __init__(self, value: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.value, self.dtype = value, dtype

    def forward(self, x: Tensor) -> Tensor:
        return torch.full((len(x), 4), self.value, dtype=self.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_zero_vector_is_no_nan(dtype: torch.dtype) -> None:
    model = CLIPModel(Constant(0, dtype), Constant(0, dtype), 8).to(dtype)
    logits, _ = model(torch.zeros(2, 3), torch.zeros(2, 3))
    assert torch.equal(logits, torch.zeros(2, 2)) and logits.dtype == torch.float32


def test_autocast_keeps_the_similarity_in_float32() -> None:
    model, (images, tokens) = small_clip().eval(), batch()
    with torch.autocast("cpu", torch.bfloat16):
        image, text = model.encode_image(images), model.encode_text(tokens)
        logits, _ = model(images, tokens)
    assert image.dtype == text.dtype == logits.dtype == torch.float32
    torch.testing.assert_close(image.norm(dim=1), torch.ones(6))
    torch.testing.assert_close(logits, model.scale * image @ text.T)


def test_any_module_with_a_feature_dim_fits() -> None:
    model = CLIPModel(Constant(1), Constant(2), 8, temperature=0.1)
    assert model(torch.zeros(3, 1), torch.zeros(2, 1))[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((nn.Linear(2, 2), Constant(1), 8), "Linear has no integer `feature_dim`"),
        ((Constant(1), Constant(1), 0), "embed_dim=0"),
        ((Constant(1), Constant(1), 8, 0.0), "temperature=0.0"),
        ((Constant(1), Constant(1), 8, -1.0), "temperature=-1.0"),
        ((Constant(1), Constant(1), 8, float("nan")), "temperature=nan"),
    ],
)
def test_bad_arguments(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CLIPModel(*arguments)


def test_bad_logits() -> None:
    model = small_clip()
    square = torch.zeros(4, 4)
    with pytest.raises(ValueError, match=r"square and alike.*\(4, 3\)"):
        model.contrastive_loss(torch.zeros(4, 3), torch.zeros(3, 4))
    with pytest.raises(ValueError, match="square and alike"):
        model.contrastive_loss(square, torch.zeros(3, 3))
    with pytest.raises(ValueError, match="batch of one"):
        model.contrastive_loss(square[:1, :1], square[:1, :1])
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        model.contrastive_loss(square, square, torch.arange(3))
