"""The laboratory for encoders: fair, reproducible, and able to learn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmlib.cost import count_flops
from mmlib.data.pictures import Labelled, motifs, texture_pictures
from mmlib.encoder_lab import (
    Budget,
    Classifier,
    EncoderSpec,
    accuracy,
    corrupted_accuracy,
    endless_rows,
    feature_cosine,
    latencies,
    study,
    train_classifier,
)

VIT = {"image_size": 16, "patch_size": 4, "width": 16, "depth": 1, "heads": 2}
CNN = {"stem": 8, "widths": (16,), "depths": (1,)}
SPECS = {
    "cnn": EncoderSpec("cnn", CNN, 4e-3),
    "vit": EncoderSpec("vit", VIT, 4e-3),
    "hybrid": EncoderSpec(
        "hybrid",
        {
            "hidden_dim": 16, "feature_dim": 8, "dropout": 0.0,
            "cnn_options": CNN, "vit_options": VIT,
        },
        4e-3,
    ),
    "multiscale": EncoderSpec(
        "multiscale", {"width": 16, "feature_dim": 8, "base_options": CNN}, 4e-3
    ),
}  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data() -> Labelled:
    return texture_pictures(motifs(3, generator()), 96, generator(1), canvas=16, copies=8)


@pytest.mark.parametrize("name", SPECS)
def test_training_learns_and_repeats_bit_for_bit(name: str, data: Labelled) -> None:
    budget, losses = Budget(40, 32), []
    model = train_classifier(SPECS[name], data, budget, 0, losses=losses)
    assert len(losses) == 40 and losses[-1] < losses[0]
    again = train_classifier(SPECS[name], data, budget, 0)
    other = train_classifier(SPECS[name], data, budget, 1)
    pairs = zip(model.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_the_cnn_learns_textures(data: Labelled) -> None:
    model = train_classifier(SPECS["cnn"], data, Budget(150, 32), 0)
    assert accuracy(model, data.images, data.labels) > 90
    fresh = texture_pictures(motifs(3, generator()), 96, generator(2), canvas=16, copies=8)
    assert accuracy(model, fresh.images, fresh.labels) > 60


def test_two_encoders_with_one_seed_see_the_same_pictures(data: Labelled) -> None:
    seen: dict[str, list[Tensor]] = {"cnn": [], "vit": []}
    for name, batches in seen.items():

        class Watching(Classifier):
            kept = batches

            def forward(self, images: Tensor) -> Tensor:
                self.kept.append(images)
                return super().forward(images)

        train_classifier(SPECS[name], data, Budget(4, 32), 3, model_class=Watching)
    assert len(seen["cnn"]) == 4
    assert all(torch.equal(a, b) for a, b in zip(seen["cnn"], seen["vit"], strict=True))


def test_rows_come_once_before_any_comes_twice() -> None:
    rows = endless_rows(10, 4, generator())
    drawn = torch.cat([next(rows) for _ in range(5)])
    assert drawn[:10].sort().values.tolist() == list(range(10))
    assert drawn[10:].sort().values.tolist() == list(range(10))
    few = endless_rows(3, 7, generator())  # a batch larger than the set
    assert next(few).bincount().tolist() == [3, 2, 2] or len(next(few)) == 7


def test_accuracy_takes_bytes_and_floats_and_restores_the_mode(data: Labelled) -> None:
    model = train_classifier(SPECS["cnn"], data, Budget(5, 32), 0)
    assert model.training
    by_bytes = accuracy(model, data.images, data.labels, batch_size=7)
    assert by_bytes == accuracy(model, data.floats(), data.labels)
    assert model.training

    class Known(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.eye(2)[(images.mean(dim=(1, 2, 3)) > 0.5).long()]

    pictures = torch.stack([torch.full((3, 4, 4), v) for v in (0.0, 0.2, 0.8, 1.0)])
    assert accuracy(Known(), pictures, torch.tensor([0, 1, 1, 1])) == 75


def test_a_run_that_diverges_is_an_error(data: Labelled) -> None:
    class Broken(Classifier):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) / 0

    with pytest.raises(ValueError, match="lower learning_rate"):
        train_classifier(SPECS["cnn"], data, Budget(2, 32), 0, model_class=Broken)


def test_a_study_is_ordered_by_name_and_seed(data: Labelled, capsys) -> None:
    trained = study({"a": SPECS["cnn"], "b": SPECS["vit"]}, data, Budget(3, 32), (4, 5))
    scores = trained.score(data)
    assert list(scores) == ["a", "b"] and all(len(values) == 2 for values in scores.values())
    alone = train_classifier(SPECS["vit"], data, Budget(3, 32), 5)
    assert scores["b"][1] == accuracy(alone, data.images, data.labels)
    assert "4 runs in" in capsys.readouterr().out


def test_a_study_takes_known_models_over(data: Labelled) -> None:
    budget = Budget(2, 32)
    base = study({"a": SPECS["cnn"]}, data, budget, (4, 5))
    both = study({"b": SPECS["vit"]}, data, budget, (4, 5), known=base)
    assert list(both.models) == ["a", "b"] and list(base.models) == ["a"]
    assert all(one is two for one, two in zip(both.models["a"], base.models["a"], strict=True))
    with pytest.raises(ValueError, match=r"known runs have seeds \(4, 5\), not \(4,\)"):
        study({"b": SPECS["vit"]}, data, budget, (4,), known=base)


def test_a_study_can_train_a_broken_variant(data: Labelled) -> None:
    class Halved(Classifier):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) / 2

    models = study({"a": SPECS["cnn"]}, data, Budget(1, 32), (0,), model_class=Halved).models
    assert [type(model) for model in models["a"]] == [Halved]


def test_cosine_and_corruption(data: Labelled) -> None:
    model = train_classifier(SPECS["cnn"], data, Budget(40, 32), 0)
    assert feature_cosine(model, data.images, data.images) == pytest.approx(1, abs=1e-5)
    inverted = 255 - data.images
    assert feature_cosine(model, data.images, inverted) < 0.99
    nothing = corrupted_accuracy(model, data, seed=0, severities=(0.0,))
    assert nothing == pytest.approx(accuracy(model, data.images, data.labels))
    assert corrupted_accuracy(model, data, seed=0, severities=(1.0,)) < nothing


def test_latencies_take_turns() -> None:
    order: list[str] = []

    class Named(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, images: Tensor) -> Tensor:
            assert not self.training
            order.append(self.name)
            return images

    encoders = {name: Named(name).train() for name in "ab"}
    times = latencies(encoders, torch.zeros(2, 3, 4, 4), rounds=2, repeats=3)  # type: ignore[arg-type]
    assert order == (["a"] * 5 + ["b"] * 5) * 2
    assert all(len(values) == 2 and min(values) > 0 for values in times.values())
    assert all(encoder.training for encoder in encoders.values())


def test_specs() -> None:
    wider = SPECS["cnn"].but(stem=16)
    assert count_flops(wider.build(), 16) > count_flops(SPECS["cnn"].build(), 16)
    assert SPECS["cnn"].options == CNN and wider.learning_rate == SPECS["cnn"].learning_rate
    slower = SPECS["cnn"].but(learning_rate=1e-4)
    assert slower.learning_rate == 1e-4 and slower.options == CNN
    other = SPECS["multiscale"].but(base_encoder="small", base_options={}).build()
    assert len(other.feature_maps(torch.zeros(1, 3, 32, 32))) == 3  # a base of three stages
    with pytest.raises(ValueError, match="family='mlp'.*'multiscale'"):
        EncoderSpec("mlp", {}, 1e-3)
    with pytest.raises(ValueError, match="learning_rate=0"):
        EncoderSpec("cnn", {}, 0)
    with pytest.raises(ValueError, match="steps=0"):
        Budget(0)
    with pytest.raises(ValueError, match="warmup"):
        Budget(1, warmup=1.0)
