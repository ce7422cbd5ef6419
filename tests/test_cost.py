from __future__ import annotations

import time

import pytest
import timm
import torch
import torchvision
from torch import nn

from mmlib.cost import block_flops, conv_flops, count_flops, count_parameters, latency
from mmlib.encoders import CNNVisualEncoder, HybridVisualEncoder, VisionTransformerEncoder
from mmlib.encoders.cnn import ResidualBlock
from mmlib.layers import Block

BASE = {"image_size": 224, "patch_size": 16, "width": 768, "depth": 12, "heads": 12}


class Tokens(nn.Module):
    """A transformer block on the pixels: every pixel is a token with its three channels."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.block(images.flatten(2).transpose(1, 2))  # (B, H * W, 3)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_residual_block_by_hand(stride: int) -> None:
    side = 16 // stride
    by_hand = conv_flops(3, 8, 3, side) + conv_flops(8, 8, 3, side) + conv_flops(3, 8, 1, side)
    assert count_flops(ResidualBlock(3, 8, stride, "batch"), 16) == by_hand


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_grouped_convolution_by_hand(groups: int) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 5, padding=2, groups=groups))
    by_hand = conv_flops(3, 8, 1, (6, 10)) + conv_flops(8, 4, 5, (6, 10), groups)
    assert count_flops(model, (6, 10)) == by_hand


@pytest.mark.parametrize("mlp_ratio", [4.0, 1.5])
def test_a_transformer_block_by_hand(mlp_ratio: float) -> None:
    block = Tokens(Block(3, 1, mlp_ratio))
    assert count_flops(block, (4, 5)) == block_flops(20, 3, mlp_ratio)


def test_a_whole_vit_by_hand() -> None:
    by_hand = conv_flops(3, 128, 4, 8) + 4 * block_flops(65, 128)
    assert count_flops(VisionTransformerEncoder("tiny"), 32) == by_hand


def test_the_numbers_are_products_and_sums() -> None:
    assert conv_flops(1, 1, 1, 1) == 2  # one multiplication, one addition
    assert conv_flops(3, 64, 7, 112) == 2 * 118_013_952  # the first layer of ResNet-50
    assert block_flops(1, 1, 1.0) == 2 * (4 + 2 + 2)


def test_resnet50_takes_what_torchvision_says() -> None:
    weights = torchvision.models.ResNet50_Weights.DEFAULT.meta
    flops = count_flops(torchvision.models.resnet50(), 224)
    assert flops == pytest.approx(2e9 * weights["_ops"], rel=0.01)
    assert flops == pytest.approx(2 * 4.09e9, rel=0.01)


def test_three_vit_base_agree_whatever_attention_they_use() -> None:
    with torch.device("meta"):
        ours = count_flops(VisionTransformerEncoder(**BASE), 224)
        timms = count_flops(timm.create_model("vit_base_patch16_224", num_classes=0), 224)
        theirs = torchvision.models.vit_b_16()
        theirs.heads = nn.Identity()
        assert ours == timms == count_flops(theirs, 224)
    assert ours == pytest.approx(2 * 17.5e9, rel=0.02)
    assert ours == conv_flops(3, 768, 16, 14) + 12 * block_flops(197, 768)


def test_a_big_model_is_counted_without_work() -> None:
    with torch.device("meta"):
        model = VisionTransformerEncoder(**BASE)
    start = time.perf_counter()
    assert count_flops(model, 448, batch=64) > 0  # would be 10 TFLOPs and gigabytes
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("make", [CNNVisualEncoder, VisionTransformerEncoder, HybridVisualEncoder])
def test_a_batch_gives_the_same_count(make: type[nn.Module]) -> None:
    counts = {count_flops(make("tiny"), 32, batch) for batch in (1, 2, 7)}
    assert len(counts) == 1


def test_a_hybrid_costs_its_parts() -> None:
    model = HybridVisualEncoder(hidden_dim=10, feature_dim=6)
    fusion = 2 * ((128 + 128) * 10 + 10 * 6)
    parts = count_flops(model.cnn_encoder, 32) + count_flops(model.vit_encoder, 32)
    assert count_flops(model, 32) == parts + fusion


def test_cost_grows_with_the_area_for_a_cnn_and_faster_for_a_vit() -> None:
    cnn, vit = CNNVisualEncoder("tiny"), VisionTransformerEncoder("tiny")
    assert count_flops(cnn, 64) == 4 * count_flops(cnn, 32) == 2 * count_flops(cnn, (32, 64))
    assert count_flops(vit, 64) > 4 * count_flops(vit, 32)


def test_counting_leaves_the_model_alone() -> None:
    model = CNNVisualEncoder("tiny").train()
    frozen = next(model.children()).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = {name: value for name, value in vars(model).items() if not name.startswith("_m")}
    count_flops(model, 32)
    with pytest.raises(ValueError, match="too small"):
        count_flops(model, 4)
    assert model.training and not frozen.training
    assert flags == {name: vars(model)[name] for name in flags}
    for name, value in model.state_dict().items():
        assert value.device.type == "cpu" and torch.equal(value, before[name])
    with pytest.raises(ValueError, match="divide bytes"):  # the range is still checked
        model(torch.full((1, 3, 32, 32), 255.0))


def test_half_precision_costs_the_same() -> None:
    model = HybridVisualEncoder()
    assert count_flops(model, 32) == count_flops(model.to(torch.bfloat16), 32)


@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "0"), (-8, "-8"), ((32, 0), "width=0"), ((8, 8, 8), "height, width"), (32.0, "32.0")],
)
def test_bad_sizes(size: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        count_flops(CNNVisualEncoder("tiny"), size)
    with pytest.raises(ValueError, match=message):
        conv_flops(3, 8, 3, size)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count_flops(CNNVisualEncoder("tiny"), 32, 0), "batch=0"),
        (lambda: conv_flops(3, 8, 3, 4, groups=2), "groups=2"),
        (lambda: conv_flops(0, 8, 3, 4), "in_channels=0"),
        (lambda: block_flops(4, 2.5), "width=2.5"),
        (lambda: block_flops(True, 8), "tokens=True"),
        (lambda: block_flops(4, 8, -1), "mlp_ratio=-1"),
    ],
)
def test_bad_numbers(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_count_parameters() -> None:
    first, second = nn.Linear(3, 4), nn.Linear(4, 2, bias=False)
    assert count_parameters(first) == 16
    assert count_parameters([first, second]) == count_parameters(nn.Sequential(first, second)) == 24
    first.weight.requires_grad_(False)
    assert count_parameters([first, second]) == 24
    assert count_parameters([first, second], trainable_only=True) == 12
    assert count_parameters([first, first]) == 16  # shared weights are there once
    assert count_parameters(iter([first, second])) == 24
    assert count_parameters(nn.ReLU()) == 0
    assert count_parameters(torchvision.models.resnet50()) == 25_557_032


def test_latency_gives_the_median_and_quartiles(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.004, 0.001, 0.002, 9.0, 0.003]
    clock = iter([moment for i, s in enumerate(seconds) for moment in (100 * i, 100 * i + s)])
    monkeypatch.setattr("mmlib.cost.time.perf_counter", lambda: next(clock))
    measured = latency(lambda: None, warmup=0, repeats=5)
    numbers = [measured.low_ms, measured.median_ms, measured.high_ms]
    assert numbers == pytest.approx([2, 3, 4]) and measured.repeats == 5
    assert str(measured) == "3 ms (quartiles 2 to 4, 5 runs)"


def test_latency_warms_up_and_then_times() -> None:
    calls = []
    measured = latency(lambda: calls.append(time.perf_counter()), warmup=2, repeats=4)
    assert len(calls) == 6 and measured.repeats == 4
    assert 0 <= measured.low_ms <= measured.median_ms <= measured.high_ms


def test_latency_sees_how_long_a_call_takes() -> None:
    assert 5 <= latency(lambda: time.sleep(0.005), warmup=0, repeats=3).median_ms < 500


def test_latency_waits_for_the_gpu_before_each_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: events.append(str(device)))
    latency(lambda: events.append("call"), warmup=1, repeats=3, device="cuda:0")
    assert events == ["call"] + 3 * ["cuda:0", "call", "cuda:0"]


def test_latency_finds_the_gpu_in_use_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[object] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    latency(lambda: None, repeats=3)
    assert not waits or torch.cuda.is_initialized()
    waits.clear()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    latency(lambda: None, repeats=3)
    assert len(waits) == 6


@pytest.mark.parametrize(
    "bad", [{"repeats": 2}, {"repeats": 0}, {"repeats": 5.0}, {"warmup": -1}, {"warmup": 0.5}]
)
def test_latency_refuses_bad_numbers_before_it_calls(bad: dict[str, float]) -> None:
    name, value = next(iter(bad.items()))
    with pytest.raises(ValueError, match=f"{name}={value}"):
        latency(lambda: pytest.fail("called"), **bad)


def test_latency_lets_an_error_through() -> None:
    with pytest.raises(ZeroDivisionError):
        latency(lambda: 1 / 0)
