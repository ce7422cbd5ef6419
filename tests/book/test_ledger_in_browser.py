"""The ledger's filter, tiles and folds in Chromium: by keyboard, on a phone, without scripts."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from .browse import press, visit

LEDGER, RESULTS = "book/claims.html", "book/results.html"
CUT_OFF = "tile => tile.scrollWidth > tile.clientWidth || tile.scrollHeight > tile.clientHeight"


def shown(page: Page, kind: str) -> int:
    """How many entries of a kind can be seen."""
    return page.locator(f".mm-entry.mm-is-{kind}:visible").count()


def check_filter(page: Page) -> None:
    before = {kind: shown(page, kind) for kind in ("supported", "refuted", "mixed", "untested")}
    assert sum(before.values()) == 35
    box = page.get_by_role("checkbox", name=f"mixed ({before['mixed']})")
    press(box, "Space")
    assert shown(page, "mixed") == 0 and shown(page, "supported") == before["supported"]
    page.locator('a.mm-tile[href$="#claim-c4-4"]').click()
    expect(page.locator("#claim-c4-4")).to_be_in_viewport()
    assert shown(page, "mixed") == 1, "an entry that a link leads to is shown"
    press(box, "Space")
    assert shown(page, "mixed") == before["mixed"]


def test_the_filter_works_by_keyboard(browser: Browser, address: str) -> None:
    with visit(browser, address) as visitor:
        check_filter(visitor.open(LEDGER))
        assert not visitor.problems


def test_the_filter_needs_no_script(browser: Browser, address: str) -> None:
    with visit(browser, address, java_script_enabled=False) as visitor:
        check_filter(visitor.open(LEDGER))


def test_a_link_opens_the_fold_with_the_results(browser: Browser, address: str) -> None:
    with visit(browser, address, width=390) as visitor:
        page = visitor.open(RESULTS)
        assert page.locator("table:visible").count() == 0
        page = visitor.open(LEDGER)
        press(page.locator("#claim-c4-3").get_by_text("Stored results of C4.3"), "Enter")
        page.wait_for_url("**/results.html#results-c4-3")
        expect(page.locator("#results-c4-3 table")).to_be_in_viewport()
        press(page.locator("details:has(#results-c4-4) summary"), "Enter")
        expect(page.locator("#results-c4-4 table")).to_be_visible()
        assert not visitor.problems


def test_tiles_can_be_read_and_hit_on_a_phone(browser: Browser, address: str) -> None:
    with visit(browser, address, width=390) as visitor:
        for name in ("book/intro.html", LEDGER):
            page = visitor.open(name)
            tiles = page.locator("a.mm-tile")
            assert tiles.count() == 35
            boxes = [tile.bounding_box() for tile in tiles.all()]
            assert all(b and b["width"] >= 24 and b["height"] >= 40 for b in boxes)
            assert all(b and b["x"] >= 0 and b["x"] + b["width"] <= 390 for b in boxes)
            assert not [tile for tile in tiles.all() if tile.evaluate(CUT_OFF)]
