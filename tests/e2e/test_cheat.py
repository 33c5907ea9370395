"""The network that cheats is caught: a walk with it, in a real browser, light and dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_settled
from xaicore.truth.verdict import LABELS

PATIENCE_MS = 600_000
QUICK = "/?lime-samples=50&lime-superpixels=10"
VIEWS = [View(path=QUICK), View("dark", 390, path=QUICK)]


def choose(page: Page, box: str, option: str) -> None:
    page.get_by_role("combobox", name=box).click(timeout=PATIENCE_MS)
    page.get_by_role("option", name=option, exact=True).click()
    wait_until_settled(page)


def choose_in_sidebar(page: Page, **options: str) -> None:
    """Choose in boxes of the sidebar, which is shut on a phone."""
    door = page.get_by_test_id("stExpandSidebarButton")
    wait_until_settled(page)
    if door.is_visible():
        door.click()
    for box, option in options.items():
        choose(page, box.replace("_", " "), option)


@pytest.mark.parametrize("page", VIEWS, ids=str, indirect=True)
def test_a_kitten_with_a_mark_is_a_dog_and_the_methods_are_judged(page: Page) -> None:
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_be_visible(timeout=PATIENCE_MS)
    choose_in_sidebar(page, Sample_photo="Kitten with a mark")
    expect(heading).to_have_text("This looks like a cat", timeout=PATIENCE_MS)
    choose_in_sidebar(page, Network="PetNet that cheats")
    expect(heading).to_have_text("This looks like a dog", timeout=PATIENCE_MS)
    choose_in_sidebar(page, Sample_photo="Kitten with yarn")
    expect(heading).to_have_text("This looks like a cat", timeout=PATIENCE_MS)

    page.get_by_role("link", name=re.compile("Methods")).first.click()
    verdict = page.get_by_test_id("stExpander").filter(has_text="Verdict: how far to trust it")
    expect(verdict).to_be_visible(timeout=PATIENCE_MS)
    for label in LABELS.values():
        expect(verdict.get_by_role("listitem").filter(has_text=label)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
