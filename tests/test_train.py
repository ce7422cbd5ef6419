"""Training: steps, the loop, resuming, and bad input."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from mmlib.clip import CLIPModel
from mmlib.losses import clip_loss
from mmlib.optim import make_optimizer
from mmlib.train import CLIPTraining, FitConfig, fit
from tests.helpers import FixedPairs, small_clip


def make(seed: int = 0, rate: float = 2e-3, **options: object) -> CLIPTraining:
    model = small_clip(seed, logit_bias=options.pop("logit_bias", None))  # type: ignore[arg-type]
    return CLIPTraining(model, make_optimizer(model, rate), **options)  # type: ignore[arg-type]


def weights(model: CLIPModel) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


def test_a_step_returns_numbers_and_changes_every_trainable_weight() -> None:
    trainer = make()
    before = weights(trainer.model)
    values = trainer.train_step(next(FixedPairs(16, 16)))
    assert {"loss", "accuracy", "temperature", "logit_scale", "grad_norm"} == set(values)
    assert all(isinstance(v, float) and math.isfinite(v) for v in values.values())
    assert values["temperature"] == pytest.approx(1 / values["logit_scale"])
    for name, parameter in trainer.model.named_parameters():
        used = "token_embed" in name or "pos_embed" in name  # rows that no token used stay
        assert used or not torch.equal(parameter, before[name]), f"{name} did not move"


def test_32_pairs_are_overfitted_to_perfect_retrieval() -> None:
    trainer = make()
    data = FixedPairs(32, 32)
    list(fit(trainer, data, FitConfig(steps=150, progress=False)))
    trainer.model.eval()
    with torch.no_grad():
        logits, logits_t = trainer.model(data.images, data.tokens)
    labels = torch.arange(32)
    assert (logits.argmax(1) == labels).all()
    assert (logits_t.argmax(1) == labels).all()


def test_the_loss_is_the_library_s_loss_and_groups_count() -> None:
    trainer = make(rate=1e-12)
    batch = next(FixedPairs(8, 8))
    trainer.model.train()
    image = trainer.model.encode_image(batch["images"])
    text = trainer.model.encode_text(batch["text_tokens"])
    expected = clip_loss(image, text, trainer.model.scale).item()
    assert trainer.train_step(batch)["loss"] == pytest.approx(expected, abs=1e-5)
    everything_matches = batch | {"groups": torch.zeros(8, dtype=torch.long)}
    assert trainer.train_step(everything_matches)["accuracy"] == 1.0


def test_the_temperature_is_capped_after_the_step_but_not_for_the_sigmoid_loss() -> None:
    batch = next(FixedPairs(8, 8))
    for objective, bias, capped in [("softmax", None, True), ("sigmoid", -10.0, False)]:
        trainer = make(objective=objective, logit_bias=bias)
        with torch.no_grad():
            trainer.model.logit_scale.fill_(math.log(150))
        scale = trainer.train_step(batch)["logit_scale"]
        assert (scale == pytest.approx(100.0)) is capped
        assert capped or scale > 140


def test_clipping_bounds_the_step_and_reports_the_norm_before() -> None:
    trainer = make(max_norm=1e-3)
    norm = trainer.train_step(next(FixedPairs(16, 16)))["grad_norm"]
    after = torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])
    assert norm > 1e-3
    assert after.norm().item() == pytest.approx(1e-3, rel=1e-2)


def test_accuracy_is_a_plain_number() -> None:
    trainer = make()
    logits = torch.eye(4)
    value = trainer.compute_accuracy(logits, logits.T)
    assert isinstance(value, float) and value == 1.0
    assert trainer.compute_accuracy(logits.flip(0), logits.flip(0).T) == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "has no \\['images'\\]"),
        ({"images": torch.rand(3, 3, 16, 16)}, "3 images but 8 texts"),
        ({"images": torch.rand(8, 4, 16, 16)}, "4"),
        ({"images": torch.zeros(8, 3, 16, 16, dtype=torch.uint8)}, "uint8"),
        ({"text_tokens": torch.zeros(8, 6, dtype=torch.long)}, "no end token"),
        ({"groups": torch.zeros(3, dtype=torch.long)}, "groups"),
    ],
)
def test_a_wrong_batch_is_named(change: dict[str, torch.Tensor | None], message: str) -> None:
    batch: dict[str, torch.Tensor] = dict(next(FixedPairs(8, 8)))
    for key, value in change.items():
        if value is None:
            del batch[key]
        else:
            batch[key] = value
    with pytest.raises(ValueError, match=message):
        make().train_step(batch)


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch of one"):
        make().train_step(next(FixedPairs(8, 1)))


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match="max_norm must be positive"):
        make(max_norm=0.0)
    with pytest.raises(ValueError, match="unknown objective 'hinge'"):
        make(objective="hinge")
    with pytest.raises(ValueError, match="needs a bias"):
        make(objective="sigmoid").train_step(next(FixedPairs(8, 8)))
    for bad in ({"steps": 0}, {"steps": 5, "warmup": 5}, {"steps": 5, "log_every": 0}):
        with pytest.raises(ValueError, match="must be"):
            FitConfig(**bad)


def run(steps: int, path: Path | None = None, stop_after: int | None = None) -> CLIPModel:
    trainer, data = make(), FixedPairs(32, 8)
    config = FitConfig(steps, warmup=2, log_every=2, save_every=2, progress=False)
    for record in fit(trainer, data, config, checkpoint=path, generators={"data": data.generator}):
        if stop_after is not None and record["step"] >= stop_after:
            break
    return trainer.model


def test_the_same_seed_trains_bit_equal() -> None:
    first, second = weights(run(6)), weights(run(6))
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_a_resumed_run_equals_a_straight_one(tmp_path: Path) -> None:
    straight = weights(run(8))
    path = tmp_path / "run.safetensors"
    run(8, path, stop_after=4)
    resumed = weights(run(8, path))
    assert all(torch.equal(straight[k], resumed[k]) for k in straight)


def test_a_checkpoint_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    run(8, path, stop_after=4)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="belongs to a run of 8 steps"):
        run(10, path)
    assert path.read_bytes() == before


def test_records_hold_means_and_a_last_one_always_comes() -> None:
    trainer, data = make(), FixedPairs(16, 8)
    records = list(fit(trainer, data, FitConfig(7, log_every=3, progress=False)))
    assert [r["step"] for r in records] == [3, 6, 7]
    assert all(r["pairs_per_second"] > 0 for r in records)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    trainer, data = make(), FixedPairs(16, 8)
    with torch.no_grad():
        trainer.model.visual_projection.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="loss is nan"):
        list(fit(trainer, data, FitConfig(3, progress=False)))


def test_progress_leaves_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    list(fit(make(), FixedPairs(16, 8), FitConfig(4, log_every=1)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 and "step 4/4" in lines[0]
