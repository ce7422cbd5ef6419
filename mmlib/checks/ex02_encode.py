"""The check of exercise 2.5: `forward` trains the encoder, `encode` leaves no trace in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.checks.base import CheckFailed, attempt, exercise, expect, expect_close, expect_shape
from mmlib.runtime import make_generator


class Probe(nn.Module):
    """Passes its input on, notes whether gradients were on, and raises when `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = self.recording = False

    def forward(self, x: Tensor) -> Tensor:
        """The input, unchanged. Raises RuntimeError when `broken`."""
        self.recording = torch.is_grad_enabled()
        if self.broken:
            raise RuntimeError("this picture cannot be read")
        return x


class Backbone(nn.Module):
    """(B, 3, H, W) -> (B, 4), with BatchNorm and dropout: they act differently in each mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
        self.linear, self.probe, self.dropout = nn.Linear(24, 4), Probe(), nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, 4) of images (B, 3, H, W)."""
        maps = self.norm(self.conv(images)).sigmoid()  # (B, 6, H - 2, W - 2)
        features = self.linear(F.adaptive_avg_pool2d(maps, 2).flatten(1))  # (B, 4)
        return self.dropout(self.probe(features))


@exercise
def ex02_5(answer: Callable[[nn.Module], Any]) -> None:
    """``Trainable(backbone)``: `forward` trains the backbone, `encode` only reads it."""
    images = torch.rand(6, 3, 8, 8, generator=make_generator(209))
    # dropout and initial weights draw random numbers; an answer may switch gradients off
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(209)
        backbone = Backbone()
        model = attempt(answer, backbone)
        hint = "Trainable(backbone) should be a torch.nn.Module"
        expect(isinstance(model, nn.Module), hint)
        expect(callable(getattr(model, "encode", None)), "Trainable should have a method encode")
        hint = "the parameters of the backbone itself, no copies, should be those of your module"
        mine = {id(parameter) for parameter in model.parameters()}
        expect(all(id(parameter) in mine for parameter in backbone.parameters()), hint)
        _forward_trains(model, backbone, images)
        _encode_reads(model, backbone, images)
        _encode_restores(model, backbone, images)
        _encode_survives(model, backbone, images)


def _forward_trains(model: nn.Module, backbone: Backbone, images: Tensor) -> None:
    model.train()
    out = attempt(model, images)
    expect_shape(out, (6, 4), "forward should return what the backbone returns")
    expect(model.training and backbone.training, "forward should leave the mode as it is")
    hint = "in training mode forward should move the running statistics of BatchNorm"
    expect(backbone.norm.num_batches_tracked == 1, hint)
    _expect_gradients(out, backbone, "the model cannot learn: no gradient reaches {}")
    model.eval()
    out = attempt(model, images)
    expect(not (model.training or backbone.training), "forward should leave the mode as it is")
    expect_close(out, backbone(images), "forward should return what the backbone returns")
    hint = "eval mode is no reason to stop gradients in forward: none reaches {}"
    _expect_gradients(out, backbone, hint)


def _expect_gradients(out: Tensor, backbone: nn.Module, hint: str) -> None:
    """Each parameter of the backbone gets a finite gradient."""
    names, leaves = zip(*backbone.named_parameters(), strict=True)
    weights = torch.randn(out.shape, generator=make_generator(210))
    expect(out.requires_grad, hint.format("any parameter"))
    for name, leaf in backbone.named_parameters():
        expect(leaf.requires_grad, hint.format(name))
    found = torch.autograd.grad((out * weights).sum(), leaves, allow_unused=True)
    for name, grad in zip(names, found, strict=True):
        expect(grad is not None and bool(grad.isfinite().all()), hint.format(name))


def _encode_reads(model: nn.Module, backbone: Backbone, images: Tensor) -> None:
    wanted = backbone.eval()(images).detach()
    for mode in (False, True):
        model.train(mode)
        backbone.probe.recording = False
        before = {name: value.clone() for name, value in model.state_dict().items()}
        out = attempt(model.encode, images)
        expect_shape(out, (6, 4), "encode should return what the backbone returns")
        expect(not out.requires_grad, "features from encode should carry no gradient")
        hint = "encode should not even record gradients: that takes the memory of a training step"
        expect(not backbone.probe.recording, hint)
        hint = "in training mode encode should still give what eval mode gives"
        expect_close(out, wanted, hint)
        hint = "encode should change nothing in the model: a statistic of BatchNorm moved"
        after = model.state_dict()
        expect(all(torch.equal(value, after[name]) for name, value in before.items()), hint)
        hint = "a picture should get the same features alone and in a batch"
        expect_close(attempt(model.encode, images[:1]), wanted[:1], hint)


def _encode_restores(model: nn.Module, backbone: Backbone, images: Tensor) -> None:
    hint = "encode should leave the model in the mode that it found: {}"
    for mode, name in ((True, "training"), (False, "eval")):
        model.train(mode)
        attempt(model.encode, images)
        same = all(module.training == mode for module in model.modules())
        expect(same, hint.format(f"it was in {name} mode"))
    model.train()
    backbone.norm.eval()  # a frozen layer inside a model that trains
    attempt(model.encode, images)
    hint = "a layer that was frozen with .eval() trains after encode: each module has its own mode"
    expect(model.training and backbone.dropout.training and not backbone.norm.training, hint)
    model.train()
    backbone.probe.broken = True
    with contextlib.suppress(CheckFailed):
        attempt(model.encode, images)
    backbone.probe.broken = False
    hint = "when encode fails on a bad picture, the model should still get its mode back"
    expect(all(module.training for module in model.modules()), hint)
    expect(torch.is_grad_enabled(), "after encode gradients should be on again for everyone")


def _encode_survives(model: nn.Module, backbone: Backbone, images: Tensor) -> None:
    model.train()
    features = attempt(model.encode, images)
    head = torch.zeros(2, 4, requires_grad=True)
    try:
        F.linear(features, head).sum().backward()
    except RuntimeError:
        hint = "a new head cannot be trained on features from encode: torch refuses to use them"
        expect(False, hint)
    hint = "after encode the model cannot learn any more: no gradient reaches {}"
    _expect_gradients(attempt(model, images), backbone, hint)
