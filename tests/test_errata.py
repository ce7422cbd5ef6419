"""For each entry of the errata page that is built: the fault is really gone here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmlib.clip import CLIPModel
from mmlib.encoders import CNNVisualEncoder, VisionTransformerEncoder
from mmlib.losses import clip_loss, multi_positive_clip_loss, softmax_loss
from mmlib.text import TextConfig, TextEncoder
from mmlib.tokenizer import EOT, SOT
from mmlib.train import CLIPTraining

VOCABULARY = 40


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def text_encoder(pooling: str = "eot") -> TextEncoder:
    config = TextConfig(VOCABULARY, context_length=12, width=32, depth=1, heads=2, pooling=pooling)
    return TextEncoder(config, generator=generator())


def clip_model() -> CLIPModel:
    image = CNNVisualEncoder("tiny", norm="batch", generator=generator())
    return CLIPModel(image, text_encoder(), embed_dim=16, generator=generator())


def batch(size: int) -> dict[str, Tensor]:
    tokens = torch.randint(3, VOCABULARY, (size, 6), generator=generator(1))
    tokens[:, 0], tokens[:, -1] = SOT, EOT
    return {"images": torch.rand(size, 3, 32, 32, generator=generator(2)), "text_tokens": tokens}


def training(model: CLIPModel, **options: Any) -> CLIPTraining:
    return CLIPTraining(model, torch.optim.AdamW(model.parameters(), lr=1e-3), **options)


@pytest.fixture(params=["cnn", "vit"])
def encoder(request: pytest.FixtureRequest) -> nn.Module:
    if request.param == "cnn":
        return CNNVisualEncoder("tiny", norm="batch", generator=generator())
    return VisionTransformerEncoder("tiny", image_size=32, generator=generator())


def test_an_encoder_is_a_module_that_learns(encoder: nn.Module) -> None:
    images = batch(4)["images"]
    assert encoder(images).requires_grad and not encoder.encode(images).requires_grad
    model = CLIPModel(encoder, text_encoder(), embed_dim=16)
    before = [parameter.detach().clone() for parameter in encoder.parameters()]
    training(model).train_step(batch(4))
    changed = [not torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True)]
    assert before and all(changed)


def test_every_encoder_says_how_wide_its_features_are(encoder: nn.Module) -> None:
    assert encoder(batch(2)["images"]).shape == (2, encoder.feature_dim)
    text = text_encoder()
    assert text(batch(2)["text_tokens"]).shape == (2, text.feature_dim)


def test_features_do_not_depend_on_the_neighbours(encoder: nn.Module) -> None:
    images = batch(4)["images"]
    encoder.train()
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    alone, together = encoder.encode(images[:1]), encoder.encode(images)[:1]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)
    assert encoder.training
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())


def test_the_temperature_starts_where_it_is_set() -> None:
    assert clip_model().scale.item() == pytest.approx(1 / 0.07, rel=1e-6)


@pytest.mark.parametrize("pooling", ["eot", "mean", "first"])
def test_every_way_to_pool_gives_one_vector_a_text(pooling: str) -> None:
    vectors = text_encoder(pooling)(batch(3)["text_tokens"])
    assert vectors.shape == (3, 32) and vectors.requires_grad


@pytest.mark.parametrize("pooling", ["eot", "mean", "first"])
def test_padding_does_not_change_the_meaning(pooling: str) -> None:
    encoder = text_encoder(pooling).eval()
    short = torch.tensor([[SOT, 5, 6, 7, EOT]])
    padded = torch.cat([short, torch.zeros(1, 4, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(encoder(short), encoder(padded), atol=1e-5, rtol=1e-5)


def test_the_temperature_has_a_limit() -> None:
    for cap, lowest, highest in ((100.0, 99.9, 100.1), (None, 101.0, float("inf"))):
        model = clip_model()
        with torch.no_grad():
            model.logit_scale.fill_(torch.log(torch.tensor(100.0)))
        optimizer = torch.optim.SGD([model.logit_scale], lr=1.0)
        step = CLIPTraining(
            model,
            optimizer,
            objective=lambda model, image, text, groups: -model.logit_scale,
            max_scale=cap,
        ).train_step
        step(batch(4))
        assert lowest < step(batch(4))["logit_scale"] < highest, cap


def test_equal_captions_have_a_floor_and_cost_nothing_more() -> None:
    groups = torch.arange(256) % 10
    perfect = nn.functional.one_hot(groups, 10).float()
    scale = torch.tensor(100.0)
    one_hot = clip_loss(perfect, perfect, scale)
    shared = multi_positive_clip_loss(perfect, perfect, scale, groups)
    floor = torch.log(torch.bincount(groups).float())[groups].mean().item()
    assert one_hot.item() == pytest.approx(floor, abs=1e-3) == pytest.approx(3.24, abs=0.005)
    assert shared.item() == pytest.approx(one_hot.item(), abs=1e-5)
    logits = perfect @ perfect.T
    accuracy = training(clip_model()).compute_accuracy
    assert accuracy(logits, logits) == pytest.approx(10 / 256)
    assert accuracy(logits, logits, groups) == 1


def test_different_captions_of_one_thing_are_not_pushed_apart() -> None:
    groups = torch.tensor([0, 0, 1, 1])
    logits = torch.where(groups[:, None] == groups[None], 100.0, 0.0).requires_grad_()
    rows = torch.arange(4)
    (pushed,) = torch.autograd.grad(softmax_loss(logits, rows).sum(), logits)
    (shared,) = torch.autograd.grad(softmax_loss(logits, rows, groups).sum(), logits)
    assert pushed[0, 1].item() == pytest.approx(0.5)
    assert shared.abs().max().item() < 1e-6


def test_a_batch_of_one_is_an_error() -> None:
    model = clip_model()
    with pytest.raises(ValueError, match="batch of one"):
        training(model).train_step(batch(1))
    with pytest.raises(ValueError, match="batch of one"):
        model.contrastive_loss(torch.ones(1, 1), torch.ones(1, 1))


def test_metrics_are_plain_numbers() -> None:
    metrics = training(clip_model()).train_step(batch(4))
    assert set(json.loads(json.dumps(metrics))) >= {"loss", "accuracy", "temperature"}


def test_a_model_that_knows_nothing_has_chance_accuracy() -> None:
    same = torch.zeros(8, 8)
    assert training(clip_model()).compute_accuracy(same, same) == pytest.approx(1 / 8)


def test_the_page_names_this_file(root: Path) -> None:
    assert "tests/test_errata.py" in (root / "book" / "errata.md").read_text(encoding="utf-8")
