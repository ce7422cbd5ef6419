from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlib.text import FeatureTable, TextConfig, TextEncoder

LENGTH, EOT = 8, 2
POOLINGS = ("eot", "mean", "first")


def encoder(pooling: str = "eot", seed: int = 0) -> TextEncoder:
    config = TextConfig(30, LENGTH, 16, 2, 2, pooling=pooling)
    return TextEncoder(config, generator=torch.Generator().manual_seed(seed))


def tokens() -> Tensor:
    return torch.tensor(
        [[1, 5, 6, 7, 2, 0, 0, 0], [1, 9, 2, 0, 0, 0, 0, 0], [1, 5, 6, 7, 8, 9, 10, 2]]
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_follows_the_end_token_never_counts(pooling: str) -> None:
    model = encoder(pooling)
    clean, noisy = tokens(), tokens()
    noisy[0, 5:] = torch.tensor([7, 2, 11])
    noisy[1, 3:] = 29
    torch.testing.assert_close(model(noisy), model(clean))
    torch.testing.assert_close(model(clean[1:2, :3]), model(clean)[1:2], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_order_and_every_word_count(pooling: str) -> None:
    model = encoder(pooling)
    swapped, other = tokens(), tokens()
    swapped[0, 1:3] = torch.tensor([6, 5])
    other[0, 3] = 8
    features = model(tokens())[0]
    assert features.shape == (16,) == (model.feature_dim,)
    assert (model(swapped)[0] - features).abs().max() > 1e-3
    assert (model(other)[0] - features).abs().max() > 1e-3


@pytest.mark.parametrize("pooling", POOLINGS)
def test_alone_or_in_a_batch(pooling: str) -> None:
    model = encoder(pooling)
    alone = torch.cat([model(row[None]) for row in tokens()])
    torch.testing.assert_close(model(tokens()), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_parameter_gets_a_finite_gradient(pooling: str) -> None:
    model = encoder(pooling)
    (model(tokens()).square() @ torch.arange(16.0)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_pooled_position_is_the_first_end_token() -> None:
    """Also where the end token is not the largest id, and where it is repeated."""
    model = encoder()
    row = torch.tensor([[1, 29, 5, 2, 28, 2, 0, 0]])
    torch.testing.assert_close(model(row), model(row[:, :4]), atol=1e-5, rtol=1e-5)


def test_names_are_fixed() -> None:
    names = set(encoder().state_dict())
    assert {"token_embed.weight", "pos_embed", "norm.weight", "blocks.1.attn.qkv.bias"} <= names


def test_weights_follow_the_generator() -> None:
    a, b, c = encoder(seed=1), encoder(seed=1), encoder(seed=2)
    assert torch.equal(a(tokens()), b(tokens()))
    assert not torch.equal(a(tokens()), c(tokens()))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_row_without_end_token_is_refused(pooling: str) -> None:
    rows = tokens()
    rows[1] = 5
    with pytest.raises(ValueError, match=r"rows \[1\] have no end token \(id 2\)"):
        encoder(pooling)(rows)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_bad_row_is_refused_at_every_call_on_a_cpu(pooling: str) -> None:
    model = encoder(pooling)
    model(tokens())
    with pytest.raises(ValueError, match="no end token"):
        model(tokens()[:, :2])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_another_device_is_waited_for_only_once(pooling: str) -> None:
    """A meta tensor has no values: whatever asks for one raises."""
    model = encoder(pooling).to("meta")
    rows = tokens().to("meta")
    with pytest.raises(RuntimeError, match="meta tensor"):
        model(rows)  # the first call looks at the tokens
    model._ends_checked = True
    assert model(rows).shape == (3, 16)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (tokens().float(), "torch.float32"),
        (tokens()[0], r"\(8,\)"),
        (torch.full((1, LENGTH + 1), EOT), "9 tokens are more than context_length=8"),
    ],
)
def test_bad_tokens(rows: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoder()(rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "last"}, "pooling='last'.*'eot', 'mean', 'first'"),
        ({"heads": 3}, "heads=3 must divide width=128"),
        ({"depth": 0}, "depth=0"),
        ({"activation": "relu"}, "activation='relu'"),
    ],
)
def test_bad_config(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextConfig(30, **options)


def test_feature_table() -> None:
    features = torch.randn(5, 3)
    table = FeatureTable(features)
    ids = torch.tensor([4, 0, 4])
    assert table.feature_dim == 3 and not list(table.parameters())
    assert torch.equal(table(ids), features[ids])
    assert torch.equal(table(ids[:, None]), features[ids])
    features.zero_()
    assert table(ids).abs().sum() > 0  # it holds its own copy


def test_feature_table_bad_input() -> None:
    table = FeatureTable(torch.randn(5, 3))
    with pytest.raises(ValueError, match=r"ids must be integers.*\(2, 4\)"):
        table(torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="float32"):
        table(torch.zeros(2))
    with pytest.raises(IndexError):
        table(torch.tensor([5]))
    with pytest.raises(ValueError, match=r"features must be floating \(N, D\)"):
        FeatureTable(torch.zeros(3, dtype=torch.int64))
