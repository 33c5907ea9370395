"""No page has a serious fault that axe can find, in either theme, wide or narrow."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from dashboard.pages import PAGES
from tools.browser import View, wait_until_settled

QUICK = "lime-samples=50&lime-superpixels=10"
FIRST = [f"{page.address}?steps=16&{QUICK}" for page in PAGES]
FURTHER = [
    "/leaderboard?board=The+study",
    "/leaderboard?board=Which+score+to+believe",
    "/leaderboard?board=Evaluate+my+photos",
    "/methods?chapter=Metrics",
]
VIEWS = [
    View("light" if number % 2 else "dark", 1440 if number % 4 < 2 else 390, path=path)
    for number, path in enumerate([*FIRST, *FURTHER, *FIRST])
]
SERIOUS = ("serious", "critical")
# Streamlit's tables and formulas scroll sideways on a phone; browsers let the keyboard reach them.
NOT_OURS = ("scrollable-region-focusable",)


@pytest.mark.parametrize("page", VIEWS, ids=lambda view: f"{view}{view.path}", indirect=True)
def test_axe_finds_nothing_serious(page: Page) -> None:
    wait_until_settled(page)
    found = Axe().run(page).response["violations"]
    serious = {
        violation["id"]: [node["target"] for node in violation["nodes"]][:5]
        for violation in found
        if violation["impact"] in SERIOUS and violation["id"] not in NOT_OURS
    }
    assert serious == {}
