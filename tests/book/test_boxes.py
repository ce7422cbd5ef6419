"""Plain Markdown into boxes, without a build."""

from __future__ import annotations

import pytest

SAMPLES = {
    "plain text stays": "A line.\n\n> A quotation.\n>> nested\n",
    "list stays": "- a\n- b\n\n| a | b |\n|---|---|\n",
    "bold in text stays": "**Key idea.** but no quotation",
    "unknown word stays": "> **Remember.** not in the list",
    "details inside code stays": "~~~\n> **Note.** code\n~~~",
}


@pytest.mark.parametrize("markdown", SAMPLES.values(), ids=SAMPLES.keys())
def test_other_markdown_is_untouched(markdown: str) -> None:
    from mmlib_book.boxes import to_boxes

    assert to_boxes(markdown) == markdown


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Key idea", "tip mm-key"),
        ("Warning", "warning"),
        ("Note", "note"),
        ("Exercise 4.2", "important mm-exercise"),
    ],
)
def test_a_quotation_with_a_known_word_becomes_a_box(title: str, kind: str) -> None:
    from mmlib_book.boxes import to_boxes

    box = to_boxes(f"before\n> **{title}.** One.\n> Two.\n\nafter")
    assert f":::::{{admonition}} {title}\n:class: {kind}\n\nOne.\nTwo.\n:::::" in box
    assert box.startswith("before\n\n") and box.endswith("\n\nafter")


def test_a_part_of_a_claim_points_to_the_whole_claim() -> None:
    from mmlib_book.boxes import claims_in, to_boxes

    markdown = "> **Claim C4.1a.** Unseen styles."
    assert "(box-c4-1a)=" in to_boxes(markdown)
    assert "<claim-c4-1>" in to_boxes(markdown)
    assert claims_in(markdown) == ["C4.1a"]


def test_code_with_colons_and_backticks_survives_in_a_fold() -> None:
    from mmlib_book.boxes import to_boxes

    fold = to_boxes("<details><summary>Q</summary>\n\n```python\nx[::2]\n```\n\n</details>")
    assert fold == "::::::{dropdown} Q\n```python\nx[::2]\n```\n::::::"


def test_two_folds_stay_two() -> None:
    from mmlib_book.boxes import to_boxes

    one = "<details>\n<summary>A</summary>\n\na\n\n</details>\n"
    assert to_boxes(one + "\n" + one).count("{dropdown}") == 2


def test_addresses_must_be_web_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmlib_book.site import _address, theme_options

    monkeypatch.setenv("MMLIB_SITE_URL", "course.example.org")
    with pytest.raises(ValueError, match="no web address"):
        _address("MMLIB_SITE_URL")
    assert theme_options("", "main")["repository_url"] == ""
    assert theme_options("https://git.example.org/a/b", "main")["launch_buttons"] == {}
    assert "colab_url" in theme_options("https://github.com/a/b", "main")["launch_buttons"]


def test_mending_twice_changes_nothing_more() -> None:
    from mmlib_book.mend import mend

    page = '<th scope="col"></th><th>x</th><button class="btn search-button">i</button>'
    once = mend(page)
    assert once == (
        '<td scope="col"></td><th>x</th>'
        '<button class="btn search-button" aria-label="Search">i</button>'
    )
    assert mend(once) == once
