"""Chapter 4's exercises: solutions, other right ways, usual mistakes; run by `test_all`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmlib import check
from mmlib.checks import ex04

Answer = Callable[..., Any]


# The solutions, as the chapter prints them.
def logits(image, text, log_scale):
    image = F.normalize(image.float(), dim=-1)  # (B, D), rows of length 1
    text = F.normalize(text.float(), dim=-1)  # (C, D)
    return log_scale.exp() * image @ text.T  # (B, C)


def clip_loss(logits):
    pairs = torch.arange(len(logits), device=logits.device)  # row i belongs to column i
    rows = F.cross_entropy(logits, pairs)  # each image chooses a text
    columns = F.cross_entropy(logits.T, pairs)  # each text chooses an image
    return (rows + columns) / 2


def targets(groups):
    same = (groups[:, None] == groups[None, :]).float()  # (B, B)
    return same / same.sum(dim=1, keepdim=True)  # (B, B)


def class_embeddings(text):
    prompts = F.normalize(text, dim=-1)  # (C, K, D), each prompt has one vote
    return F.normalize(prompts.mean(dim=1), dim=-1)  # (C, D)


def recall_at_k(similarity, k):
    right = similarity.diagonal()[:, None]  # (N, 1)
    better = (similarity > right).sum(dim=1)  # (N,)
    tied = (similarity == right).sum(dim=1)  # (N,), the right one included
    places = (k - better).clamp(min=0)  # places among the first k left for the tied ones
    return (places / tied).clamp(max=1).mean().item()


SOLUTIONS: dict[str, Answer] = {
    "ex04_1": logits,
    "ex04_2": clip_loss,
    "ex04_3": targets,
    "ex04_4": class_embeddings,
    "ex04_5": recall_at_k,
}


# Other right ways to write the same, by exercise.
def naive_cosine(image, text, log_scale):
    image, text = image.float(), text.float()
    lengths = image.norm(dim=1)[:, None] * text.norm(dim=1)[None, :]
    return torch.exp(log_scale) * (image @ text.T / lengths)


def loss_from_logsumexp(logits):
    both = logits.logsumexp(dim=0) + logits.logsumexp(dim=1) - 2 * logits.diagonal()
    return both.mean() / 2


def targets_from_unique(groups):
    onehot = F.one_hot(groups.unique(return_inverse=True)[1]).double()  # (B, G)
    return (onehot / onehot.sum(dim=0)) @ onehot.T


def prompts_summed(text):
    total = (text / text.norm(dim=2, keepdim=True)).sum(dim=1)
    return total / total.norm(dim=1, keepdim=True)


def recall_by_loop(similarity, k):
    total = 0.0
    for row, scores in enumerate(similarity.tolist()):
        better = sum(score > scores[row] for score in scores)
        places = sum(
            better <= rank < k for rank in range(better, better + scores.count(scores[row]))
        )
        total += places / scores.count(scores[row])
    return torch.tensor(total / len(similarity))


ALTERNATIVES: list[tuple[str, Answer]] = [
    ("ex04_1", naive_cosine),
    ("ex04_1", lambda i, t, s: torch.einsum("bd,cd->bc", *map(unit32, (i, t))) * s.exp()),
    ("ex04_2", loss_from_logsumexp),
    ("ex04_2", lambda x: -(x.log_softmax(0) + x.log_softmax(1)).diagonal().mean() / 2),
    ("ex04_3", targets_from_unique),
    ("ex04_4", prompts_summed),
    ("ex04_5", recall_by_loop),
]


def unit(x: Tensor, dim: int = -1) -> Tensor:
    return F.normalize(x, dim=dim)


def unit32(x: Tensor) -> Tensor:
    return unit(x.float())


def in_place_logits(image, text, log_scale):
    image /= image.norm(dim=1, keepdim=True)
    text /= text.norm(dim=1, keepdim=True)
    return log_scale.exp() * image @ text.T


def naive_softmax_loss(logits):
    grown = logits.exp()
    rows = -(grown.diagonal() / grown.sum(dim=1)).log().mean()
    columns = -(grown.diagonal() / grown.sum(dim=0)).log().mean()
    return (rows + columns) / 2


def log_of_softmax(logits, eps=0.0):
    rows = (logits.softmax(dim=1).diagonal() + eps).log().mean()
    columns = (logits.softmax(dim=0).diagonal() + eps).log().mean()
    return -(rows + columns) / 2


def entropy(x: Tensor, **options: Any) -> Tensor:
    return F.cross_entropy(x, torch.arange(len(x)), **options)


def detached_loss(x):
    return clip_loss(x.detach())


def same(groups: Tensor) -> Tensor:
    return (groups[:, None] == groups[None, :]).float()


def with_itself_favoured(groups):
    mixed = same(groups) + torch.eye(len(groups))
    return mixed / mixed.sum(dim=1, keepdim=True)


def without_itself(groups):
    others = same(groups) - torch.eye(len(groups))
    return others / others.sum(dim=1, keepdim=True).clamp(min=1)


def only_neighbours(groups):
    near = (torch.arange(len(groups))[:, None] - torch.arange(len(groups))).abs() <= 2
    mixed = same(groups) * near
    return mixed / mixed.sum(dim=1, keepdim=True)


def ids_as_classes(groups):
    onehot = F.one_hot(groups).float()
    return onehot @ onehot.T / (onehot @ onehot.T).sum(dim=1, keepdim=True)


def first_of_the_group(groups):
    return F.one_hot(same(groups).argmax(dim=1), len(groups)).float()


def in_place_prompts(text):
    text /= text.norm(dim=-1, keepdim=True)
    return unit(text.mean(dim=1))


def recall(similarity, k, count):
    """Recall when `count(similarity, right)` says which entries stand before the right one."""
    right = similarity.diagonal()[:, None]
    return float((count(similarity, right).sum(dim=1) < k).float().mean())


def recall_by_mean_rank(similarity, k):
    right = similarity.diagonal()[:, None]
    rank = 1 + (similarity > right).sum(dim=1) + ((similarity == right).sum(dim=1) - 1) / 2
    return float((rank <= k).float().mean())


def recall_by_topk(similarity, k):
    order = similarity.argsort(dim=1, descending=True, stable=True)[:, :k]
    return float((order == torch.arange(len(order))[:, None]).any(dim=1).float().mean())


def recall_with_noise(similarity, k):
    noise = torch.rand(similarity.shape, generator=torch.Generator().manual_seed(0))
    return recall_at_k(similarity + 1e-3 * noise, k)


def recall_shared_over_all(similarity, k):
    """Right for collapse, wrong elsewhere: the chance of a tie ignores how many are better."""
    right = similarity.diagonal()[:, None]
    better, tied = (similarity > right).sum(dim=1), (similarity == right).sum(dim=1)
    return float(torch.where(better < k, (k / tied).clamp(max=1), 0.0).mean())


WRONG: list[tuple[str, str, Answer]] = [
    ("ex04_1", "no normalisation", lambda i, t, s: s.exp() * i.float() @ t.float().T),
    ("ex04_1", "only images normalised", lambda i, t, s: s.exp() * unit32(i) @ t.float().T),
    ("ex04_1", "only texts normalised", lambda i, t, s: s.exp() * i.float() @ unit32(t).T),
    ("ex04_1", "wrong dim", lambda i, t, s: s.exp() * unit(i.float(), 0) @ unit(t.float(), 0).T),
    ("ex04_1", "length of the batch", lambda i, t, s: s.exp() * (i / i.norm()) @ (t / t.norm()).T),
    ("ex04_1", "L1 norm", lambda i, t, s: s.exp() * F.normalize(i.float(), p=1) @ unit32(t).T),
    ("ex04_1", "forgot exp", lambda i, t, s: s * unit32(i) @ unit32(t).T),
    ("ex04_1", "added the scale", lambda i, t, s: s.exp() - 1 + unit32(i) @ unit32(t).T),
    ("ex04_1", "divided by the scale", lambda i, t, s: unit32(i) @ unit32(t).T / s.exp()),
    ("ex04_1", "fixed temperature", lambda i, t, s: unit32(i) @ unit32(t).T / 0.07),
    ("ex04_1", "no scale", lambda i, t, s: unit32(i) @ unit32(t).T),
    ("ex04_1", "scale as a number", lambda i, t, s: s.exp().item() * unit32(i) @ unit32(t).T),
    ("ex04_1", "transposed", lambda i, t, s: s.exp() * unit32(t) @ unit32(i).T),
    ("ex04_1", "softmax too soon", lambda i, t, s: logits(i, t, s).softmax(dim=1)),
    ("ex04_1", "half precision", lambda i, t, s: s.exp() * unit(i) @ unit(t).T),
    ("ex04_1", "raised too late", lambda i, t, s: s.exp() * (unit(i) @ unit(t).T).float()),
    ("ex04_1", "in place", in_place_logits),
    ("ex04_2", "images to texts only", entropy),
    ("ex04_2", "texts to images only", lambda x: entropy(x.T)),
    ("ex04_2", "same direction twice", lambda x: (entropy(x) + entropy(x.T.T)) / 2),
    ("ex04_2", "transposed logits averaged", lambda x: entropy((x + x.T) / 2)),
    ("ex04_2", "sum of both directions", lambda x: entropy(x) + entropy(x.T)),
    ("ex04_2", "sum over rows", lambda x: (entropy(x, reduction="sum") + entropy(x.T)) / 2),
    ("ex04_2", "not reduced", lambda x: entropy(x, reduction="none")),
    ("ex04_2", "exp overflows", naive_softmax_loss),
    ("ex04_2", "log of softmax", log_of_softmax),
    ("ex04_2", "log of softmax and epsilon", lambda x: log_of_softmax(x, 1e-8)),
    ("ex04_2", "softmax twice", lambda x: clip_loss(x.softmax(dim=1))),
    ("ex04_2", "temperature again", lambda x: clip_loss(x / 0.07)),
    ("ex04_2", "clamped logits", lambda x: clip_loss(x.clamp(max=50))),
    ("ex04_2", "one softmax over the table", lambda x: x.flatten().logsumexp(0) - x.diag().mean()),
    ("ex04_2", "sigmoid", lambda x: F.binary_cross_entropy_with_logits(x, torch.eye(len(x)))),
    ("ex04_2", "detached", detached_loss),
    ("ex04_2", "sign", lambda x: -clip_loss(x)),
    ("ex04_3", "not normalised", same),
    ("ex04_3", "booleans", lambda g: g[:, None] == g[None, :]),
    ("ex04_3", "one-hot", lambda g: torch.eye(len(g))),
    ("ex04_3", "softmax of zeros and ones", lambda g: same(g).softmax(dim=1)),
    ("ex04_3", "sums to 1 as a whole", lambda g: same(g) / same(g).sum()),
    ("ex04_3", "divided by B", lambda g: same(g) / len(g)),
    ("ex04_3", "divided by the largest group", lambda g: same(g) / same(g).sum(dim=1).max()),
    ("ex04_3", "itself favoured", with_itself_favoured),
    ("ex04_3", "without itself", without_itself),
    ("ex04_3", "first of the group", first_of_the_group),
    ("ex04_3", "neighbours only", only_neighbours),
    ("ex04_3", "ids as classes", ids_as_classes),
    ("ex04_3", "class targets", lambda g: F.one_hot(g % 10, 10).float()),
    ("ex04_4", "mean only", lambda t: t.mean(dim=1)),
    ("ex04_4", "normalised after the mean only", lambda t: unit(t.mean(dim=1))),
    ("ex04_4", "normalised before the mean only", lambda t: unit(t).mean(dim=1)),
    ("ex04_4", "sum, not normalised again", lambda t: unit(t).sum(dim=1)),
    ("ex04_4", "first prompt only", lambda t: unit(t[:, 0])),
    (
        "ex04_4",
        "last two dims together",
        lambda t: unit((t / t.norm(dim=(1, 2))[:, None, None]).mean(1)),
    ),
    ("ex04_4", "normalised over prompts", lambda t: unit(unit(t, 1).mean(dim=1))),
    ("ex04_4", "normalised over classes", lambda t: unit(unit(t).mean(dim=1), 0)),
    ("ex04_4", "mean over classes", lambda t: unit(unit(t).mean(dim=0))),
    ("ex04_4", "prompts kept", lambda t: unit(unit(t).mean(dim=1, keepdim=True))),
    ("ex04_4", "largest entry", lambda t: unit(unit(t).amax(dim=1))),
    ("ex04_4", "median", lambda t: unit(unit(t).median(dim=1).values)),
    ("ex04_4", "L1 norm", lambda t: F.normalize(unit(t).mean(dim=1), p=1, dim=-1)),
    ("ex04_4", "centred over classes", lambda t: unit(unit(t).mean(1) - unit(t).mean((0, 1)))),
    ("ex04_4", "in place", in_place_prompts),
    ("ex04_5", "strict", lambda s, k: recall(s, k, torch.gt)),
    ("ex04_5", "ties are wrong", lambda s, k: recall(s, k + 1, torch.ge)),
    ("ex04_5", "one place off", lambda s, k: recall_at_k(s, k - 1)),
    ("ex04_5", "counts itself as better", lambda s, k: recall(s, k, torch.ge)),
    ("ex04_5", "by columns", lambda s, k: recall_at_k(s.T, k)),
    ("ex04_5", "percent", lambda s, k: 100 * recall_at_k(s, k)),
    ("ex04_5", "count", lambda s, k: len(s) * recall_at_k(s, k)),
    ("ex04_5", "ignores k", lambda s, k: recall_at_k(s, 1)),
    ("ex04_5", "mean rank", recall_by_mean_rank),
    ("ex04_5", "ties by index", recall_by_topk),
    ("ex04_5", "ties by noise", recall_with_noise),
    ("ex04_5", "tie share ignores better ones", recall_shared_over_all),
    ("ex04_5", "threshold", lambda s, k: float((s.diagonal() > 0.5).float().mean())),
    ("ex04_5", "precision", lambda s, k: recall_at_k(s, k) / k),
    ("ex04_5", "exactly at k", lambda s, k: recall_at_k(s, k) - (k > 1 and recall_at_k(s, k - 1))),
]


#: name, answer, what its hint must say
HINTS: list[tuple[str, Answer, str]] = [
    ("ex04_1", lambda i, t, s: s * unit32(i) @ unit32(t).T, "log_scale = 0"),
    ("ex04_1", lambda i, t, s: unit32(i) @ unit32(t).T, "logarithm of the scale"),
    ("ex04_2", entropy, "by hand"),
    ("ex04_2", naive_softmax_loss, "overflows"),
    ("ex04_3", same, "sum to 1"),
    ("ex04_4", lambda t: unit(t.mean(dim=1)), "outvote"),
    ("ex04_5", lambda s, k: recall(s, k, torch.gt), "collapsed"),
]


#: Answers that make torch raise by themselves: one_hot takes no negative ids, and says so
CRASHES: tuple[Answer, ...] = (ids_as_classes,)


def test_a_crash_becomes_a_hint() -> None:
    with pytest.raises(check.CheckFailed, match="your code raised TypeError"):
        check.ex04_2(lambda logits, labels: logits)


def test_the_source_of_the_checks_holds_no_solution() -> None:
    source = inspect.getsource(ex04)
    for telling in ("cross_entropy", "log_softmax", "logsumexp", "normalize(", "groups[:, None]"):
        assert telling not in source
    assert "> right" not in source and "tied.sum" not in source
