"""What a step of training minimises: a name, or a function of the embeddings of one batch."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from mmlib import losses
from mmlib.clip import CLIPModel

#: model, image (B, D), text (B, D), groups (B,) or None -> scalar
Objective = Callable[[CLIPModel, Tensor, Tensor, Tensor | None], Tensor]


def softmax_objective(
    model: CLIPModel, image: Tensor, text: Tensor, groups: Tensor | None
) -> Tensor:
    """CLIP's loss; pairs of one group all match when the batch says which they are."""
    if groups is None:
        return losses.clip_loss(image, text, model.scale)
    return losses.multi_positive_clip_loss(image, text, model.scale, groups)


def one_hot_objective(
    model: CLIPModel, image: Tensor, text: Tensor, groups: Tensor | None
) -> Tensor:
    """CLIP's loss with one match a row, whatever the groups say (the article's form)."""
    return losses.clip_loss(image, text, model.scale)


def sigmoid_objective(
    model: CLIPModel, image: Tensor, text: Tensor, groups: Tensor | None
) -> Tensor:
    """SigLIP's loss; the model needs a `logit_bias`."""
    if model.logit_bias is None:
        raise ValueError("the sigmoid loss needs a bias: build CLIPModel(..., logit_bias=-10.0)")
    return losses.siglip_loss(image, text, model.scale, model.logit_bias, groups)


OBJECTIVES: dict[str, Objective] = {
    "softmax": softmax_objective,
    "one_hot": one_hot_objective,
    "sigmoid": sigmoid_objective,
}


def pick_objective(choice: str | Objective) -> Objective:
    """The objective of that name, or the function itself.

    Raises:
        ValueError: there is no such name.
    """
    if callable(choice):
        return choice
    if choice not in OBJECTIVES:
        raise ValueError(
            f"unknown objective {choice!r}: use one of {sorted(OBJECTIVES)}, or a function "
            "(model, image, text, groups) -> loss"
        )
    return OBJECTIVES[choice]
