"""Pieces for exercise checks: test a property, and give a hint that does not tell the answer.

A check is a function decorated with ``@exercise``. It receives the learner's answer, calls
``expect...`` for each property, and says that it passed in one line::

    @exercise
    def ex04_1(answer: Callable[[Tensor], Tensor]) -> None:
        images = torch.rand(5, 8, generator=make_generator(0))
        out = attempt(answer, images)
        expect_shape(out, (5, 8), "normalising keeps the shape")
        expect_close(out.norm(dim=1), torch.ones(5), "every row should have length 1")
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


class CheckFailed(AssertionError):
    """An answer misses a property. A notebook shows the hint alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"Not yet: {self}"]


def exercise(
    check: Callable[Concatenate[Any, P], None],
) -> Callable[Concatenate[Any, P], None]:
    """Make a check of a function: it refuses an unfilled stub and reports success in one line."""

    @functools.wraps(check)
    def run(answer: Any, *args: P.args, **kwargs: P.kwargs) -> None:
        __tracebackhide__ = True
        if answer is None or answer is Ellipsis or answer is NotImplemented:
            raise CheckFailed("there is no answer yet: fill in the stub and run its cell first")
        check(answer, *args, **kwargs)
        print(f"{check.__name__}: passed")

    return run


def expect(condition: bool | Tensor, hint: str) -> None:
    """Raise ``CheckFailed`` with the hint unless the condition holds."""
    if not bool(condition):
        raise CheckFailed(hint)


def expect_shape(value: Any, shape: Sequence[int | None], hint: str) -> None:
    """The value must be a tensor of this shape; None in the shape matches any length."""
    if not isinstance(value, Tensor):
        raise CheckFailed(f"{hint} (expected a tensor, got {type(value).__name__})")
    sizes = tuple(value.shape)
    same = len(sizes) == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(sizes, shape, strict=True)
    )
    if not same:
        wanted = tuple("any" if size is None else size for size in shape)
        raise CheckFailed(f"{hint} (expected shape {wanted}, got {sizes})")


def expect_close(
    value: Any, wanted: Tensor | float, hint: str, *, atol: float = 1e-5, rtol: float = 1e-4
) -> None:
    """The value must equal ``wanted`` up to rounding; the hint never shows what is wanted.

    Compared in float64, so that the answer's own precision is not held against it twice.
    """
    try:
        mine = torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise CheckFailed(f"{hint} (expected numbers, got {type(value).__name__})") from None
    target = torch.as_tensor(wanted).detach().to("cpu", torch.float64)
    if mine.shape != target.shape:
        shapes = f"expected shape {tuple(target.shape)}, got {tuple(mine.shape)}"
        raise CheckFailed(f"{hint} ({shapes})")
    if not torch.isfinite(mine).all():
        raise CheckFailed(f"{hint} (there are values that are not finite)")
    if not torch.allclose(mine, target, atol=atol, rtol=rtol):
        raise CheckFailed(hint)


def expect_raises(
    kind: type[Exception], hint: str, function: Callable[..., Any], *args: Any
) -> None:
    """Calling the function must raise an exception of this kind."""
    try:
        function(*args)
    except kind:
        return
    except Exception as error:
        raise CheckFailed(f"{hint} (it raised {type(error).__name__}: {error})") from None
    raise CheckFailed(f"{hint} (nothing was raised)")


def attempt(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the learner's function; an exception inside it becomes a hint with its line.

    Raises:
        CheckFailed: it is no function, it raised, or it returned nothing.
    """
    if not callable(function):
        raise CheckFailed(f"pass the function itself, not {type(function).__name__}")
    try:
        result = function(*args, **kwargs)
    except NotImplementedError:
        raise CheckFailed("the stub still raises NotImplementedError: fill it in first") from None
    except Exception as error:
        raise CheckFailed(_describe(error)) from None
    if result is None or result is Ellipsis:
        raise CheckFailed("your function returned nothing: does it end with a return statement?")
    return result


def _describe(error: Exception) -> str:
    """The exception with the line of the learner's code that raised it, if it got that far."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first one is attempt's own
    place = f", in line {frames[0].lineno}: {frames[0].line}" if frames and frames[0].line else ""
    return f"your code raised {type(error).__name__}: {error}{place}"
