"""Golden matrices worked by hand, honest ties, honest errors."""

from __future__ import annotations

import math

import pytest
import torch

from mmlib.evaluate import (
    Ranks,
    cosine_similarity,
    evaluate_hard_negatives,
    evaluate_retrieval,
    evaluate_zero_shot,
    evaluating,
    hard_negatives,
    retrieval,
    winoground,
    zero_shot_accuracy,
    zero_shot_weights,
)
from tests.helpers import random_tokens, small_clip


def from_scores(scores: list[list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings whose cosines are proportional to `scores` within each row of the first."""
    matrix = torch.tensor(scores, dtype=torch.float32)
    return matrix, torch.eye(matrix.shape[1])


def test_ranks_of_a_matrix_worked_by_hand() -> None:
    scores = torch.tensor([[3.0, 2.0, 1.0], [2.0, 2.0, 1.0], [5.0, 5.0, 5.0]])
    ranks = Ranks.from_scores(scores, torch.eye(3, dtype=torch.bool))
    assert ranks.better.tolist() == [0, 0, 0]
    assert ranks.tied_wrong.tolist() == [0, 1, 2]
    assert ranks.hits(1).tolist() == pytest.approx([1, 1 / 2, 1 / 3], abs=1e-15)
    assert ranks.hits(2).tolist() == pytest.approx([1, 1, 2 / 3], abs=1e-15)
    assert ranks.hits(3).tolist() == [1, 1, 1]
    assert ranks.mean_rank().tolist() == [1, 1.5, 2]
    expected = [1, (1 + 1 / 2) / 2, (1 + 1 / 2 + 1 / 3) / 3]
    assert ranks.reciprocal_rank().tolist() == pytest.approx(expected, abs=1e-15)


def test_several_right_answers_in_a_tie_worked_by_hand() -> None:
    # One candidate above, then four tied of which two are right: of the 6 ways to place them,
    # 3 begin with a right one, 2 with wrong-right, 1 with wrong-wrong.
    scores = torch.tensor([[2.0, 1.0, 1.0, 1.0, 1.0]])
    relevant = torch.tensor([[False, True, True, False, False]])
    ranks = Ranks.from_scores(scores, relevant)
    assert [float(ranks.hits(k)) for k in range(1, 6)] == pytest.approx([0, 3 / 6, 5 / 6, 1, 1])
    assert float(ranks.mean_rank()) == pytest.approx((3 * 2 + 2 * 3 + 4) / 6)
    assert float(ranks.reciprocal_rank()) == pytest.approx((3 / 2 + 2 / 3 + 1 / 4) / 6)


def test_retrieval_with_several_captions_worked_by_hand() -> None:
    # Cosines, rows = images, columns = captions; captions 0 and 1 belong to image 0, 2 to image 1.
    text_emb = torch.eye(3)
    image_emb = torch.tensor([[0.1, 0.7, 0.7], [0.8, 0.6, 0.0]])
    report = retrieval(image_emb, text_emb, torch.tensor([0, 0, 1]), ks=(1, 2, 3))
    # image 0: captions 1 (right) and 2 (wrong) tie for the first place; image 1: its own is last.
    assert report.image_to_text.recall == pytest.approx({1: 0.25, 2: 0.5, 3: 1.0})
    assert report.image_to_text.ranks.tolist() == [1.5, 3.0]
    assert report.image_to_text.mrr == pytest.approx((0.75 + 1 / 3) / 2)
    # caption 0 prefers image 1 (wrong), caption 1 image 0 (right), caption 2 image 0 (wrong).
    assert report.text_to_image.recall == pytest.approx({1: 1 / 3, 2: 1.0, 3: 1.0})
    assert report.text_to_image.median_rank == 2.0
    # Blind: image 0 has two right captions among three, image 1 one; every caption 1 of 2 images.
    assert report.image_to_text.chance == pytest.approx({1: 0.5, 2: (1 + 2 / 3) / 2, 3: 1.0})
    assert report.text_to_image.chance == pytest.approx({1: 0.5, 2: 1.0, 3: 1.0})
    assert (report.image_to_text.queries, report.image_to_text.candidates) == (2, 3)
    assert report.rows()[0]["R@1"] == pytest.approx(25.0)


def test_images_of_one_group_share_their_captions() -> None:
    # Images 0 and 1 show the same thing; each prefers the other's caption.
    image_emb, text_emb = torch.eye(3)[[1, 0, 2]], torch.eye(3)
    strict = retrieval(image_emb, text_emb, ks=(1,))
    grouped = retrieval(image_emb, text_emb, image_groups=torch.tensor([7, 7, 9]), ks=(1,))
    assert strict.image_to_text.recall[1] == pytest.approx(1 / 3)
    assert grouped.image_to_text.recall[1] == grouped.text_to_image.recall[1] == 1.0
    assert grouped.image_to_text.chance[1] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    without_caption = retrieval(  # image 1 has none of its own, but its group does
        image_emb[:2], text_emb[:1], torch.tensor([0]), image_groups=torch.tensor([4, 4]), ks=(1,)
    )
    assert without_caption.image_to_text.recall[1] == 1.0


def test_zero_shot_worked_by_hand() -> None:
    image_emb, class_emb = from_scores([[3, 1, 0], [1, 1, 0], [0, 2, 1], [5, 0, 0]])
    report = zero_shot_accuracy(image_emb, class_emb, torch.tensor([0, 1, 2, 0]), top=(1, 2))
    assert report.hits.tolist() == [1.0, 0.5, 0.0, 1.0]
    assert report.top == {1: 0.625, 2: 1.0}
    assert report.accuracy == 0.625
    assert report.chance == pytest.approx({1: 1 / 3, 2: 2 / 3})
    assert report.per_class.tolist() == [1.0, 0.5, 0.0]
    assert report.mean_class_accuracy == 0.5
    assert report.predictions.tolist() == [0, 0, 1, 0]
    assert report.interval[0] < 0.625 < report.interval[1]
    assert report.rows()[1] == {"metric": "top-2", "accuracy": 100.0, "chance": 200 / 3}


def test_candidates_narrow_the_choice_and_the_chance() -> None:
    image_emb, class_emb = from_scores([[3, 1, 2], [4, 1, 2]])
    labels = torch.tensor([2, 2])
    assert zero_shot_accuracy(image_emb, class_emb, labels).accuracy == 0.0
    report = zero_shot_accuracy(image_emb, class_emb, labels, candidates=torch.tensor([2, 1]))
    assert report.accuracy == 1.0
    assert report.chance == {1: 0.5, 5: 1.0}
    assert report.predictions.tolist() == [2, 2]
    assert report.per_class_count.tolist() == [0, 0, 2]
    assert math.isnan(float(report.per_class[0]))
    with pytest.raises(ValueError, match="1 labels are not among the candidates"):
        zero_shot_accuracy(
            image_emb, class_emb, torch.tensor([0, 2]), candidates=torch.tensor([1, 2])
        )


@pytest.mark.parametrize("fill", [0.0, 0.3, -2.0])
def test_a_collapsed_model_scores_exactly_chance(fill: float) -> None:
    n, classes, dim = 45, 37, 19
    images, names = torch.full((n, dim), fill), torch.full((classes, dim), fill)
    labels = torch.arange(n) % classes
    report = zero_shot_accuracy(images, names, labels, top=(1, 5))
    assert report.top == pytest.approx({1: 1 / classes, 5: 5 / classes}, abs=1e-15)
    found = retrieval(images, torch.full((n, dim), fill), ks=(1, 5, 10))
    for side in (found.image_to_text, found.text_to_image):
        assert side.recall == pytest.approx({k: k / n for k in (1, 5, 10)}, abs=1e-15)
        assert side.recall == pytest.approx(side.chance, abs=1e-15)
        assert side.median_rank == (n + 1) / 2
        assert side.mrr == pytest.approx(sum(1 / rank for rank in range(1, n + 1)) / n)
    assert hard_negatives(images, images, images).accuracy == 0.5
    pairs = images[:44].view(22, 2, dim)
    score = winoground(pairs, pairs)
    assert (score.text, score.image, score.group) == pytest.approx((1 / 4, 1 / 4, 1 / 6))


def test_collapsed_random_direction_ties_in_every_chunk() -> None:
    """Equal rows must give equal cosines wherever they lie in the matrix product."""
    row = torch.randn(1, 200, generator=torch.Generator().manual_seed(0))
    other = torch.randn(1, 200, generator=torch.Generator().manual_seed(1))
    similarity = cosine_similarity(row.expand(67, -1), other.expand(131, -1))
    assert similarity.unique().numel() == 1
    assert similarity.dtype == torch.float64


def test_prompt_ensembling_normalises_twice() -> None:
    # A long and a short prompt count the same: (1, 0) and (0, 1), whatever their length.
    weights = zero_shot_weights(
        [torch.tensor([[100.0, 0.0], [0.0, 0.1]]), torch.tensor([[0, 3.0]])]
    )
    half = math.sqrt(0.5)
    assert weights.flatten().tolist() == pytest.approx([half, half, 0.0, 1.0])
    stacked = torch.randn(4, 3, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(zero_shot_weights(stacked), zero_shot_weights(list(stacked)))


def test_hard_negatives_worked_by_hand() -> None:
    images = torch.eye(2).repeat(2, 1)  # x, y, x, y
    right = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    wrong = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, -1.0], [0.0, 1.0]])
    report = hard_negatives(images, right, wrong, kinds=["order", "order", "colour", "colour"])
    assert report.hits.tolist() == [1.0, 0.5, 0.5, 0.0]
    assert (report.accuracy, report.chance) == (0.5, 0.5)
    assert report.margin == pytest.approx((1 + 0 + 0 - 1) / 4)
    assert [(row.group, row.n, row.accuracy, row.chance) for row in report.by_kind] == [
        ("order", 2, 0.75, 0.5),
        ("colour", 2, 0.25, 0.5),
    ]


def test_hard_negatives_among_several() -> None:
    image, right = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    tie, better, worse = [1.0, -1.0], [1.0, 0.1], [0.0, 1.0]
    one_tie = hard_negatives(image, right, torch.tensor([[tie, worse, worse]]))
    assert (one_tie.accuracy, one_tie.chance) == (0.5, 0.25)
    assert hard_negatives(image, right, torch.tensor([[tie, tie, worse]])).accuracy == (
        pytest.approx(1 / 3)
    )
    assert hard_negatives(image, right, torch.tensor([[worse, better]])).accuracy == 0.0


def test_winoground_worked_by_hand() -> None:
    texts = torch.eye(2).expand(3, 2, 2)
    images = torch.tensor(
        [
            [[1.0, 0.0], [0.0, 1.0]],  # all right
            [[0.8, 0.6], [0.9, 0.1]],  # image 1 prefers caption 0; caption 0 prefers image 1
            [[1.0, 0.9], [0.1, 1.0]],  # text right; caption 1 prefers image 1: image right too
        ]
    )
    score = winoground(images, texts)
    assert (score.text, score.image, score.group) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    # Both images prefer caption 0 by far, but each caption still prefers its own image.
    tilted = torch.tensor([[[0.9, 0.1], [0.8, 0.5]]])
    score = winoground(tilted, texts[:1])
    assert (score.text, score.image, score.group) == (0.0, 1.0, 0.0)


def test_bad_input_is_named() -> None:
    good, labels = torch.eye(3), torch.arange(3)
    nan = torch.tensor([[1.0, float("nan"), 0.0]]).expand(3, 3)
    cases = [
        (lambda: retrieval(nan, good), "image_emb holds NaN"),
        (lambda: retrieval(good, good / 0), "text_emb holds NaN"),
        (lambda: retrieval(good[:0], good), "image_emb is empty"),
        (lambda: retrieval(good[0], good), "image_emb must have 2 dimensions"),
        (lambda: retrieval(good.long(), good), "image_emb must be a float tensor"),
        (lambda: retrieval(good[:, :2], good), "image_emb has width 2 and text_emb 3"),
        (lambda: retrieval(good[:2], good), "2 images but 3 captions"),
        (lambda: retrieval(good, good, torch.tensor([0, 0, 1])), "image 2 has no caption"),
        (lambda: retrieval(good, good, torch.tensor([0, 1, 3])), r"must lie in 0\.\.2"),
        (lambda: retrieval(good, good, torch.tensor([0, 1])), "must have 3 entries, got 2"),
        (lambda: retrieval(good, good, labels.float()), "must be an integer tensor"),
        (lambda: retrieval(good, good, ks=(0,)), "cut-offs must be integers of at least 1"),
        (lambda: retrieval(good, good, ks=()), "cut-offs must be integers of at least 1"),
        (lambda: retrieval(good, good, chunk_size=0), "chunk_size must be at least 1"),
        (lambda: zero_shot_accuracy(good, good, labels + 1), r"labels must lie in 0\.\.2"),
        (lambda: zero_shot_accuracy(good, good, labels - 1), "got values from -1 to 1"),
        (lambda: zero_shot_accuracy(good, good, labels[:2]), "labels must have 3 entries"),
        (lambda: zero_shot_accuracy(good, good[:, :2], labels), "class_emb 2"),
        (lambda: zero_shot_accuracy(good, nan, labels), "class_emb holds NaN"),
        (lambda: zero_shot_weights([]), "text_embeddings is empty"),
        (lambda: zero_shot_weights([good, good[:0]]), r"text_embeddings\[1\] is empty"),
        (lambda: zero_shot_weights([good, good[:, :2]]), r"different widths: \[2, 3\]"),
        (lambda: zero_shot_weights([torch.tensor([[1.0], [-1.0]])]), "class 0 cancel out"),
        (lambda: hard_negatives(good, good, good[:2]), "needs positives of the same shape"),
        (lambda: hard_negatives(good, good, good, ["a"]), "3 hits but 1 groups"),
        (lambda: winoground(good[:, None], good[:, None]), r"must both be \(N, 2, D\)"),
        (lambda: Ranks.from_scores(good, good > 2), "query 0 has no right answer"),
        (lambda: Ranks.from_scores(good, good[:2] > 0), "differ in shape"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()


def test_half_precision_embeddings_are_compared_in_full_precision() -> None:
    # Cosines 1 and 0.99995 are the same number in float16; the right one must still win.
    image = torch.tensor([[1.0, 0.0]], dtype=torch.float16)
    names = torch.tensor([[1.0, 0.0], [1.0, 0.01]], dtype=torch.float16)
    assert zero_shot_accuracy(image, names, torch.tensor([0])).accuracy == 1.0


def test_the_wrappers_evaluate_the_whole_set_and_restore_each_mode() -> None:
    model = small_clip()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(11, 3, 16, 16, generator=generator)
    tokens = random_tokens(11, generator)
    model.train()
    model.text_encoder.eval()  # a frozen part of a model in training
    modes = [module.training for module in model.modules()]
    report = evaluate_retrieval(model, images, tokens, batch_size=4)
    assert [module.training for module in model.modules()] == modes
    with evaluating(model):
        assert not torch.is_grad_enabled()
        image_emb, text_emb = model.encode_image(images), model.encode_text(tokens)
    expected = retrieval(image_emb, text_emb)
    assert report.image_to_text.recall == expected.image_to_text.recall
    assert report.text_to_image.ranks.tolist() == expected.text_to_image.ranks.tolist()
    labels = torch.arange(11)
    named = evaluate_zero_shot(model, iter(images.split(3)), labels, tokens)
    assert named.top[1] == expected.image_to_text.recall[1]
    several = evaluate_zero_shot(model, images, labels, tokens[:, None].repeat(1, 2, 1))
    assert several.top == named.top
    pairs = evaluate_hard_negatives(model, images, tokens, tokens.roll(1, dims=0), batch_size=5)
    assert torch.equal(
        pairs.hits, hard_negatives(image_emb, text_emb, text_emb.roll(1, dims=0)).hits
    )


def test_the_mode_is_restored_after_an_error() -> None:
    model = small_clip().train()
    with pytest.raises(RuntimeError, match="stop"), evaluating(model):
        raise RuntimeError("stop")
    assert all(module.training for module in model.modules())
    assert torch.is_grad_enabled()


def test_the_wrappers_refuse_nothing_and_bad_batches() -> None:
    model = small_clip()
    images, tokens = torch.rand(2, 3, 16, 16), random_tokens(2, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="encode_image got no input"):
        evaluate_retrieval(model, images[:0], tokens)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        evaluate_retrieval(model, images, tokens, batch_size=0)
    with pytest.raises(ValueError, match="class 1 has no prompt"):
        evaluate_zero_shot(model, images, torch.arange(2), [tokens, tokens[:0]])
