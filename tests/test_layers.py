from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from mmlib.layers import MLP, Attention, Block, PatchEmbedding, init_transformer_, quick_gelu


def tokens(n: int = 5, dim: int = 8) -> torch.Tensor:
    return torch.randn(2, n, dim, generator=torch.Generator().manual_seed(0))


def test_attention_equals_the_formula() -> None:
    attention = Attention(8, 2)
    x = tokens()
    q, k, v = attention.qkv(x).chunk(3, dim=-1)
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        weights = (q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(4)).softmax(dim=-1)
        heads.append(weights @ v[..., part])
    want = attention.proj(torch.cat(heads, dim=-1))
    torch.testing.assert_close(attention(x), want)


def test_causal_attention_ignores_later_tokens() -> None:
    attention = Attention(8, 2, causal=True)
    x = tokens()
    changed = x.clone()
    changed[:, 3:] += 1
    torch.testing.assert_close(attention(changed)[:, :3], attention(x)[:, :3])
    assert not torch.allclose(attention(changed)[:, 3:], attention(x)[:, 3:])


def test_attention_mask_hides_tokens() -> None:
    attention = Attention(8, 2)
    x = tokens()
    seen = torch.tensor([True, True, True, False, False])
    got = attention(x, seen[None, None, None])[:, :3]
    torch.testing.assert_close(got, attention(x[:, :3]))


def test_mlp_is_exact_gelu() -> None:
    mlp = MLP(8, 16)
    x = tokens()
    hidden = mlp.fc1(x)
    exact = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    torch.testing.assert_close(mlp(x), mlp.fc2(exact))
    assert not torch.allclose(F.gelu(hidden, approximate="tanh"), exact, atol=1e-6)


def test_quick_gelu() -> None:
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(quick_gelu(x), x / (1 + torch.exp(-1.702 * x)))


def test_block_is_pre_norm_with_eps_1e_6() -> None:
    block = Block(8, 2)
    assert block.norm1.eps == block.norm2.eps == 1e-6
    x = tokens()
    y = x + block.attn(F.layer_norm(x, (8,), eps=1e-6))
    torch.testing.assert_close(block(x), y + block.mlp(F.layer_norm(y, (8,), eps=1e-6)))


def test_inner_names_are_fixed() -> None:
    parts = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    want = [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]
    assert sorted(Block(8, 2).state_dict()) == sorted(want)


def test_patches_keep_their_place() -> None:
    embed = PatchEmbedding(4, 6)
    images = torch.rand(1, 3, 8, 12)
    out = embed(images)
    assert out.shape == (1, 6, 2, 3)
    patch = images[0, :, 4:8, 8:12].flatten()
    want = embed.proj.weight.flatten(1) @ patch + embed.proj.bias
    torch.testing.assert_close(out[0, :, 1, 2], want)


def test_init_scales_branches_with_depth_and_follows_the_generator() -> None:
    def stack(depth: int, seed: int) -> torch.nn.ModuleList:
        blocks = torch.nn.ModuleList(Block(64, 4) for _ in range(depth))
        init_transformer_(blocks, torch.Generator().manual_seed(seed))
        return blocks

    deep, same, other = stack(8, 0), stack(8, 0), stack(8, 1)
    assert deep[0].attn.qkv.weight.std().item() == pytest.approx(64**-0.5, rel=0.05)
    assert deep[7].attn.proj.weight.std().item() == pytest.approx((64 * 16) ** -0.5, rel=0.05)
    assert torch.equal(deep[3].mlp.fc1.weight, same[3].mlp.fc1.weight)
    assert not torch.equal(deep[3].mlp.fc1.weight, other[3].mlp.fc1.weight)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Attention(8, 3), "heads=3 must divide dim=8"),
        (lambda: Attention(8, 0), "heads=0"),
        (lambda: MLP(8, 16, "swish"), "activation='swish'.*quick_gelu"),
        (lambda: PatchEmbedding(0, 8), "patch_size=0"),
        (lambda: PatchEmbedding(4, 8)(torch.rand(1, 3, 10, 8)), "10x8.*patch_size=4"),
    ],
)
def test_bad_values_are_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
