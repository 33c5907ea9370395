"""Which score to believe, in a real browser, light and dark, wide and narrow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_settled
from xaicore import METRICS

BELIEVE = "/leaderboard?board=Which+score+to+believe"


@pytest.mark.parametrize(
    "page", [View(path=BELIEVE), View("dark", 390, path=BELIEVE)], ids=str, indirect=True
)
def test_the_tab_says_of_each_of_the_six_metrics_what_it_is_worth(page: Page) -> None:
    sentence = page.get_by_role("heading", name=re.compile(r"networks whose reasons are known"))
    expect(sentence).to_be_visible()
    table = page.get_by_role("table").filter(has_text="Prefers the right map")
    for metric in METRICS.values():
        if not metric.extra:
            row = table.get_by_role("row", name=re.compile(rf"^{metric.label} [↑↓]"))
            expect(row).to_contain_text(re.compile(r"[✓?✗] (believe|with care|do not)"))
    wait_until_settled(page)
    page.get_by_text("How this was measured").click()
    expect(page.get_by_text("Catches a broken explainer.")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
