"""The pieces that exercise checks are built from: hints, never answers, never long tracebacks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from mmlib import check
from mmlib.checks.base import (
    CheckFailed,
    attempt,
    exercise,
    expect,
    expect_close,
    expect_raises,
    expect_shape,
)


@exercise
def ex99_1(answer: Any) -> None:
    """A check for these tests: double a vector."""
    out = attempt(answer, torch.arange(3.0))
    expect_shape(out, (3,), "one number in, one number out")
    expect_close(out, torch.tensor([0.0, 2.0, 4.0]), "is every number doubled?")


def test_a_right_answer_passes_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ex99_1(lambda x: 2 * x) is None  # type: ignore[func-returns-value]
    assert capsys.readouterr().out == "ex99_1: passed\n"
    assert ex99_1.__doc__ == "A check for these tests: double a vector."


def stub(x: torch.Tensor) -> torch.Tensor:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "fill in the stub"),
        (..., "fill in the stub"),
        (stub, "fill it in"),
        (3, "pass the function itself"),
        (lambda x: None, "returned nothing"),
        (lambda x: x / 0 if False else 1 // 0, "ZeroDivisionError"),
        (lambda x: x[:2], "one number in, one number out .expected shape .3,., got .2,"),
        (lambda x: [0, 2, 4], "expected a tensor, got list"),
        (lambda x: x, "is every number doubled"),
        (lambda x: x * float("nan"), "not finite"),
    ],
)
def test_wrong_answers_get_a_hint(
    answer: Any, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckFailed, match=hint) as caught:
        ex99_1(answer)
    assert "4." not in str(caught.value)  # the answer is not shown
    assert capsys.readouterr().out == ""


def test_an_exception_in_the_answer_names_its_line() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        return x.no_such_method()  # type: ignore[no-any-return, operator]

    with pytest.raises(CheckFailed, match="AttributeError.*in line.*x.no_such_method"):
        attempt(broken, torch.ones(1))


def test_expectations() -> None:
    expect(torch.tensor(True), "fine")
    expect_shape(torch.ones(2, 5), (2, None), "any width")
    expect_close(1.0, 1.0 + 1e-7, "rounding is no mistake")
    expect_close(torch.ones(2, dtype=torch.bfloat16), torch.ones(2), "precision is no mistake")
    expect_raises(ValueError, "text is no number", int, "a")
    with pytest.raises(CheckFailed, match="^why$"):
        expect(False, "why")
    with pytest.raises(CheckFailed, match="expected shape .2, 'any'., got .3, 5"):
        expect_shape(torch.ones(3, 5), (2, None), "rows")
    with pytest.raises(CheckFailed, match="expected shape .2,., got .3,"):
        expect_close(torch.ones(3), torch.ones(2), "length")
    with pytest.raises(CheckFailed, match="expected numbers, got str"):
        expect_close("abc", 1.0, "a number")
    with pytest.raises(CheckFailed, match="nothing was raised"):
        expect_raises(ValueError, "refuse it", int, "1")
    with pytest.raises(CheckFailed, match="it raised TypeError"):
        expect_raises(ValueError, "refuse it", int, None)


def test_a_notebook_shows_the_hint_alone(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    try:
        shell.run_cell(
            "from mmlib.checks.base import expect\nexpect(False, 'look at the norm')",
            store_history=False,
        )
    finally:
        InteractiveShell.clear_instance()
    assert capsys.readouterr().out.strip() == "Not yet: look at the norm"


def test_a_mistyped_check_is_answered_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match="there is no check 'ex99_7'; there are: "):
        check.ex99_7  # noqa: B018
    assert all(hasattr(check, name) for name in check.available())
