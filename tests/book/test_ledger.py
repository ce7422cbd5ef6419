"""The ledger, the stored results and the status page: every word and number has a stored source."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup, Tag

Content = dict[str, Any]
OWN_WORDS = re.compile(  # what the page says by itself; a group holds what it was given
    r"Measured\.?|Test\.|Effect|of \"(.+)\":|:|It is(?: the mean of)?|minus|"
    r"(?:minus (\S+))?, seed by seed\.|\.|·|[✓✗±?]|"
    r"To the experiment|Stored results of (C\d\.\d+) \(\d+\)"
)


def read_results(root: Path) -> dict[str, Content]:
    folder = root / "book" / "results"
    return {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


def read_claims(root: Path) -> dict[str, Content]:
    """The claims by id, with the stored sizes in the names of their effects."""
    from mmlib_book.claims import load_claims
    from mmlib_book.evidence import effect_names

    rows = yaml.safe_load((root / "book" / "claims.yml").read_text("utf-8"))
    stored = [name for content in read_results(root).values() for name in content["results"]]
    names = {claim.id: effect_names(claim, stored) for claim in load_claims(root)}
    told = {name: {"effect": list(effect)} for name, effect in names.items() if effect}
    return {row["id"]: {**row, **told.get(row["id"], {})} for row in rows}


@pytest.fixture(scope="module")
def judged(root: Path) -> dict[str, Content]:
    found = {}
    for content in read_results(root).values():
        for name, verdict in content["verdicts"].items():
            found[name] = {**verdict, "device": content["device"]}
    return found


@pytest.fixture(scope="module")
def entries(site: Path) -> dict[str, Tag]:
    page = BeautifulSoup((site / "book" / "claims.html").read_text("utf-8"), "html.parser")
    return {entry["id"]: entry for entry in page.select(".mm-entry")}


def plain(text: str) -> str:
    """Text as a browser shows it: the typographer's marks and spaces made plain."""
    marks = {"’": "'", "‘": "'", "“": '"', "”": '"'}
    return " ".join("".join(marks.get(letter, letter) for letter in text).split())


def written(effect: Content) -> str:
    low, high = effect["low"], effect["high"]
    share = f"{100 * effect['confidence']:.0f}%"
    return f"{effect['mean']:+.3g} ({low:+.3g} to {high:+.3g}, {share}, n = {effect['n']})"


def sources(claim: Content, verdict: Content | None) -> list[str]:
    """Everything that an entry may say about a claim, as the files say it."""
    known = [claim["id"], claim["says"], claim["test"], *map(str, claim.get("effect", []))]
    if verdict is None:
        return [*known, "not yet tested"]
    run = f"Tier {verdict['tier']}, {verdict['device']}."
    numbers = [f"{e:.4g}" for e in claim.get("effect", []) if not isinstance(e, str)]
    return [*known, *numbers, verdict["status"], verdict["text"], written(verdict["effect"]), run]


def strings(entry: Tag) -> Iterator[str]:
    yield from (plain(text) for text in entry.stripped_strings)


def test_nothing_in_the_ledger_is_without_a_source(
    root: Path, judged: dict[str, Content], entries: dict[str, Tag]
) -> None:
    claims = read_claims(root)
    assert set(entries) == {f"claim-{name.lower().replace('.', '-')}" for name in claims}
    for name, claim in claims.items():
        known = " | ".join(plain(text) for text in sources(claim, judged.get(name)))
        for text in strings(entries[f"claim-{name.lower().replace('.', '-')}"]):
            own = OWN_WORDS.fullmatch(text)
            given = [group for group in own.groups() if group] if own else [text]
            for piece in given:
                assert piece in known, f"{name} says {piece!r}: neither file holds that"


def test_each_statement_has_its_own_verdict(
    judged: dict[str, Content], entries: dict[str, Tag]
) -> None:
    count = 0
    for name, verdict in judged.items():
        entry = entries["claim-" + name.lower().replace(".", "-")]
        assert entry.select_one(".mm-verdict").text[2:] == verdict["status"]
        for item in entry.select(".mm-parts li"):
            said, effect, status = (child.text for child in item.find_all("span", recursive=False))
            assert f"{said}: {status[2:]} ({effect})" in verdict["text"], name
            count += 1
    assert count > 70


def test_everything_in_the_files_is_in_the_ledger(
    root: Path, judged: dict[str, Content], entries: dict[str, Tag]
) -> None:
    for name, claim in read_claims(root).items():
        shown = " ".join(strings(entries[f"claim-{name.lower().replace('.', '-')}"]))
        wanted = [claim["says"], claim["test"]]
        if verdict := judged.get(name):
            wanted += [verdict["status"], written(verdict["effect"]), verdict["device"]]
            wanted += re.split(r"[;:.()]+(?:\s|$)", verdict["text"])
        for text in wanted:
            for piece in re.split(r" \(|\)", text) if text not in shown else []:
                assert plain(piece) in shown, f"{name}: {piece!r} is stored and not shown"


def test_every_stored_result_is_on_its_page(site: Path, root: Path) -> None:
    page = BeautifulSoup((site / "book" / "results.html").read_text("utf-8"), "html.parser")
    rows = {row.th.contents[0]: [c.text for c in row("td")] for row in page.select("tbody tr")}
    count = 0
    for content in read_results(root).values():
        for name, result in content["results"].items():
            count += 1
            assert float(rows[name][0].replace(",", "")) == pytest.approx(result["mean"], rel=1e-3)
            assert rows[name][3:5] == [str(result["n"]), result["unit"]]
            assert len(rows[name][5].split(", ")) == result["n"]
    assert count == len(rows) > 600
    files = {Path(link["href"]).name for link in page.select("a.download")}
    assert files == {f"{stem}.json" for stem in read_results(root)}


def test_a_link_in_each_judged_entry_leads_to_its_results(
    site: Path, judged: dict[str, Content], entries: dict[str, Tag]
) -> None:
    page = BeautifulSoup((site / "book" / "results.html").read_text("utf-8"), "html.parser")
    for name in judged:
        anchor = "results-" + name.lower().replace(".", "-")
        entry = entries["claim-" + name.lower().replace(".", "-")]
        [link] = entry.select(f'a[href="results.html#{anchor}"]')
        fold = page.find(id=anchor)
        assert fold.parent.name == "details" and fold.find_parent("details").summary
        assert f"({len(fold.select('tbody tr'))})" in link.text


def test_tiles_show_every_claim(site: Path, root: Path, judged: dict[str, Content]) -> None:
    from mmlib_book.tiles import verdict_tiles

    page = BeautifulSoup(verdict_tiles(root), "html.parser")
    claims, tiles = read_claims(root), page.select("a.mm-tile")
    assert len(tiles) == len(claims) == 35
    for claim, tile in zip(claims.values(), tiles, strict=True):
        status = judged.get(claim["id"], {"status": "not yet tested"})["status"]
        assert tile["aria-label"] == f"{claim['id']}, {status}: {claim['says']}"
        assert tile["href"] == "claims.html#claim-" + claim["id"].lower().replace(".", "-")
        assert tile.text.endswith(claim["id"])
    legend = [int(n) for n in re.findall(r"\d+", page.select_one(".mm-legend").text)]
    assert sum(legend) == len(claims)
    ledger = (site / "book" / "claims.html").read_text("utf-8")
    assert ledger.count('class="mm-tile mm-is-') == len(claims)


@pytest.fixture
def book(root: Path, tmp_path: Path) -> Path:
    """A copy of what the three pages are made from."""
    for name in ("book/results", "notebooks"):
        shutil.copytree(root / name, tmp_path / name)
    for name in ("chapters.yml", "claims.yml"):
        shutil.copy(root / "book" / name, tmp_path / "book" / name)
    return tmp_path


def change(book: Path, edit: Callable[[Content], object], chapter: str = "04_clip") -> None:
    path = book / "book" / "results" / f"{chapter}.json"
    content = json.loads(path.read_text("utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def set_verdict(name: str, **changes: Any) -> Callable[[Content], object]:
    return lambda content: content["verdicts"][name].update(changes)


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (set_verdict("C4.3", status="supported"), "3 supported, 5 mixed"),
        (set_verdict("C4.3", text="first: mixed (+1.5); second: refuted (-2)"), "second</span>"),
        (set_verdict("C4.3", text="another sentence"), "another sentence"),
        (set_verdict("C4.3", tier="gpu"), "Tier gpu, "),
        (lambda c: c["verdicts"]["C4.3"]["effect"].update(mean=7.25), "+7.25 ("),
        (lambda c: c["verdicts"]["C4.3"]["effect"].update(low=-99.5), "-99.5 to "),
        (lambda c: c.update(device="Another device"), "Tier cpu, Another device."),
    ],
    ids=["status", "statements", "text", "tier", "effect", "interval", "device"],
)
def test_a_changed_verdict_changes_the_ledger(
    book: Path, edit: Callable[[Content], object], shown: str
) -> None:
    from mmlib_book.ledger import ledger

    before = ledger(book)
    assert shown not in before
    change(book, edit)
    assert shown in ledger(book)


def test_an_effect_that_its_results_do_not_give_names_no_results(book: Path) -> None:
    from mmlib_book.ledger import ledger

    trace = "<code>c43.softmax.b80</code> minus <code>c43.softmax.b16</code>"
    assert trace in ledger(book)
    change(book, lambda c: c["results"]["c43.softmax.b80"]["values"].reverse())
    assert trace not in ledger(book)


def test_a_changed_result_changes_the_page_of_results(book: Path) -> None:
    from mmlib_book.stored import stored_results

    before = stored_results(book)
    assert "<td>71.25</td>" not in before and "0: 12.34, " not in before
    change(book, lambda c: c["results"]["lab.base"].update(mean=71.25))
    assert stored_results(book).count("<td>71.25</td>") == 5, "a row under each of five claims"
    change(book, lambda c: c["results"]["lab.base"]["values"].__setitem__(0, 12.34))
    assert "0: 12.34, " in stored_results(book)


def test_an_unknown_claim_is_refused(book: Path) -> None:
    from mmlib_book.ledger import ledger
    from mmlib_book.stored import stored_results
    from mmlib_book.tiles import verdict_tiles

    change(book, lambda c: c["verdicts"].update({"C4.77": c["verdicts"]["C4.3"]}))
    for make in (ledger, stored_results, verdict_tiles):
        with pytest.raises(ValueError, match=r"does not list the judged claims C4\.77"):
            make(book)


def test_a_verdict_without_results_is_refused(book: Path) -> None:
    from mmlib_book.ledger import ledger

    def forget(content: Content) -> None:
        kept = {k: r for k, r in content["results"].items() if not k.startswith("c43.")}
        content["results"] = kept

    change(book, forget)
    with pytest.raises(ValueError, match=r"C4\.3 is judged, but no stored result belongs to it"):
        ledger(book)
    change(book, set_verdict("C4.3", status="not tested at this scale", effect=None))
    assert "not tested at this scale" in ledger(book), "what was not tested needs no result"
