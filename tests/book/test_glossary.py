"""The glossary: its data, the terms found in text, the links from chapters, the page."""

from __future__ import annotations

import json
import pickle
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from docutils import nodes
from mmlib_book.chapters import load_chapters
from mmlib_book.glossary import Recogniser, Term, load_glossary, prose, term_anchor, used_in
from mmlib_book.glossary_links import link_terms

from .pages import all_pages
from .sample import CHAPTER

Row = dict[str, Any]


def row(term: str, **fields: Any) -> Row:
    return {"term": term, "zh": "词", "pinyin": "ci", "says": "A word.", "chapter": 1, **fields}


def recogniser(*rows: Row) -> Recogniser:
    return Recogniser(tuple(Term(**{**row, "also": tuple(row.get("also", ()))}) for row in rows))


def found(text: str, *rows: Row) -> list[tuple[str, str]]:
    return [(text[a:b], term.term) for a, b, term in recogniser(*rows).find(text)]


ATTENTION = row("attention", also=["attentions"])
HEAD = row("attention head", also=["attention heads"])
CNN = row("convolutional network", also=["CNN", "CNNs"])


def test_the_longest_term_wins() -> None:
    text = "An attention head, then attention."
    assert found(text, ATTENTION, HEAD) == [
        ("attention head", "attention head"),
        ("attention", "attention"),
    ]


def test_only_whole_words_are_found() -> None:
    assert found("inattention, attentional, self-attention, attention-like", ATTENTION) == []
    assert found("(attention) 'attentions'", ATTENTION) == [
        ("attention", "attention"),
        ("attentions", "attention"),
    ]


def test_case_counts_only_for_spellings_with_a_capital() -> None:
    text = "Convolutional  network, CNN, cnn, Attention"
    assert [words for words, _ in found(text, CNN, ATTENTION)] == [
        "Convolutional  network",
        "CNN",
        "Attention",
    ]


def test_a_curly_apostrophe_is_an_apostrophe() -> None:
    assert found("CLIP\u2019s loss", row("loss", also=["CLIP's loss"])) == [
        ("CLIP\u2019s loss", "loss")
    ]


def test_an_anchor_is_plain() -> None:
    assert term_anchor("Spearman's L2 rank@k") == "term-spearman-s-l2-rank-k"


def test_prose_leaves_out_code_headings_and_addresses() -> None:
    text = (
        "# stride\n\na `stride` $stride$ <!-- stride --> [pad](stride.md)\n```\nstride\n```\nstride"
    )
    assert prose(text).count("stride") == 1


def document() -> nodes.document:
    from docutils.utils import new_document

    page = new_document("test")
    section = nodes.section("", nodes.title("", "Attention"))
    section += nodes.paragraph("", "", nodes.literal("", "attention"), nodes.Text(" in code"))
    section += nodes.literal_block("", "attention")
    link = nodes.reference("", "attention", refuri="elsewhere")
    section += nodes.paragraph("", "See ", nodes.Text("see "), link)
    cell = nodes.container("", nodes.paragraph("", "attention"), classes=["cell_output"])
    section += cell
    note = nodes.note("", nodes.paragraph("", "", nodes.strong("", "Here attention is meant.")))
    section += note
    section += nodes.paragraph("", "Again attention, and an attention head.")
    page += section
    return page


def linked(page: nodes.document) -> list[str]:
    return [n.astext() for n in page.findall(nodes.reference) if "mm-term" in n["classes"]]


def test_the_first_use_in_prose_becomes_a_link() -> None:
    page = document()
    before = page.astext()
    made = link_terms(page, recogniser(ATTENTION, HEAD), 1, lambda term: "#" + term.anchor)
    assert [term.term for term in made] == ["attention", "attention head"]
    assert linked(page) == ["attention", "attention head"]
    first = next(n for n in page.findall(nodes.reference) if "mm-term" in n["classes"])
    assert isinstance(first.parent, nodes.strong), "not in a title, code, link or output"
    assert first["refuri"] == "#term-attention"
    assert first["reftitle"] == "词: A word."
    assert page.astext() == before


def test_a_paragraph_gets_four_links_at_most_and_the_next_one_the_rest() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    page = document()
    page += nodes.paragraph("", "", nodes.Text("alpha beta "), nodes.strong("", "gamma delta"))
    page[-1] += nodes.Text(" epsilon zeta")
    page += nodes.paragraph("", "zeta alone")
    made = link_terms(page, recogniser(*(row(word) for word in words)), 1, lambda term: "#")
    assert [term.term for term in made] == ["alpha", "beta", "gamma", "delta", "zeta"]
    assert linked(page) == ["alpha", "beta", "gamma", "delta", "zeta"]


def test_a_term_may_be_linked_nowhere_or_in_some_chapters() -> None:
    for link, chapter, count in ((False, 1, 0), ((2,), 1, 0), ((2,), 2, 1)):
        page = document()
        rows = recogniser(row("attention", link=link))
        assert len(link_terms(page, rows, chapter, lambda term: "#")) == count, (link, chapter)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("a"), row("a")], "entry a: there are two of it"),
        ([row("a", also=["CNN"]), row("b", also=["cnn"])], "entry b: 'cnn' already stands for a"),
        ([row("a", also=["A"])], "entry a: 'A' already stands for a"),
        ([row("a", says="")], "entry a: says missing"),
        ([row("a", zh=None)], "entry a: zh missing"),
        ([row("a", colour="red")], "entry a: unknown field colour"),
        ([row("a", see=["b"])], "entry a: see names b"),
        ([row("a", see=["a"])], "entry a: see names a"),
        ([{"zh": "词"}], "term, pinyin, says, chapter missing"),
    ],
)
def test_wrong_data_is_named(rows: list[Row], message: str, tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    text = yaml.safe_dump(rows, allow_unicode=True)
    (tmp_path / "book" / "glossary.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        load_glossary(tmp_path)


@pytest.fixture(scope="session")
def terms(root: Path) -> list[Term]:
    return load_glossary(root)


def test_the_terms_are_chinese_and_explained_in_a_chapter(terms: list[Term], root: Path) -> None:
    chapters = {chapter.number for chapter in load_chapters(root)}
    for term in terms:
        assert re.search("[\u4e00-\u9fff]", term.zh), term.term
        assert re.fullmatch("[A-Za-z0-9@ü -]+", term.pinyin), term.term
        assert term.says.endswith("."), term.term
        assert term.chapter in chapters, term.term
    assert len({term.zh for term in terms}) == len(terms), "two terms have one Chinese name"


def test_every_term_is_used(terms: list[Term], root: Path) -> None:
    used = used_in(terms, load_chapters(root))
    others = [path for path in (root / "book").glob("*.md") if path.name != "glossary.md"]
    texts = [path.read_text(encoding="utf-8") for path in [*others, root / "book" / "claims.yml"]]
    on_pages = {term.term for _, _, term in Recogniser(tuple(terms)).find("\n\n".join(texts))}
    assert not [name for name, chapters in used.items() if not chapters and name not in on_pages]


def test_the_page_has_every_term_in_both_languages(site: Path, terms: list[Term]) -> None:
    text = unescape((site / "book" / "glossary.html").read_text(encoding="utf-8"))
    for term in terms:
        assert f'id="{term.anchor}"' in text, term.term
        assert f'<span class="mm-zh" lang="zh-Hans">{term.chinese}</span>' in text, term.term
        assert f'href="#{term.anchor}">{term.zh}</a>' in text, "not in the Chinese index"
    assert re.search('<a [^>]*href="#letter-zh"[^>]*>中文索引</a>', text)
    assert "](#" not in text and "{." not in text, "Markdown that was not understood"


def test_each_chapter_links_to_each_of_its_terms_once(site: Path, root: Path) -> None:
    pages = all_pages(site)
    anchors = pages[(site / "book" / "glossary.html").resolve()].ids
    for chapter in load_chapters(root):
        if chapter.notebook:
            text = (site / "notebooks" / f"{chapter.stem}.html").read_text(encoding="utf-8")
            links = re.findall(
                r'<a class="mm-term [^>]*href="\.\./book/glossary\.html#([^"]*)"', text
            )
            assert 15 <= len(links) <= 45, chapter.stem
            assert len(set(links)) == len(links)
            assert set(links) <= anchors
            assert not re.search(r"<h\d[^>]*>(?:(?!</h\d>).)*mm-term", text, re.S), chapter.stem


def test_the_search_finds_each_term_in_both_languages(site: Path, terms: list[Term]) -> None:
    script = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(script[script.index("{") : script.rindex("}") + 1])
    page = index["docnames"].index("book/glossary")
    anchors = all_pages(site)[(site / "book" / "glossary.html").resolve()].ids
    for term in terms:
        name = term.term.replace("'", "\u2019")  # quotation marks are set as a book sets them
        titles = index["alltitles"][f"{name} {term.chinese}"]
        assert [place[0] for place in titles] == [page], term.term
        ((number, anchor, _),) = index["indexentries"][term.zh.lower()]
        assert number == page and anchor in anchors, term.zh


def test_the_sample_chapter_ages_with_the_glossary(sample_book: Path) -> None:
    stored = (sample_book / "_build" / ".doctrees" / "environment.pickle").read_bytes()
    environment = pickle.loads(stored)
    assert "book/glossary.yml" in environment.dependencies[f"notebooks/{CHAPTER}"]


def test_a_fold_has_links_inside_and_none_in_its_title(sample_site: Path) -> None:
    text = (sample_site / "notebooks" / f"{CHAPTER}.html").read_text(encoding="utf-8")
    fold = re.search(r"<details(?:(?!</details>).)*Why is chance.*?</details>", text, re.S)
    assert fold
    title, inside = fold[0].split("</summary>")
    assert "mm-term" not in title
    assert 'href="../book/glossary.html#term-candidate"' in inside
