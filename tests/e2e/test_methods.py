"""A person's walk over the Methods page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_settled

PATIENCE_MS = 600_000
VIEWS = [View(path="/methods"), View("dark", 390, path="/methods")]


@pytest.mark.parametrize("page", VIEWS, ids=str, indirect=True)
def test_a_parameter_is_tried_and_a_metric_read(page: Page) -> None:
    picture = page.get_by_role("img", name="by LRP, laid over the photo")
    expect(picture).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    before = picture.evaluate("image => image.currentSrc")
    slider = page.get_by_role("slider", name="α")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowRight")
    expect(page.get_by_text("β = α − 1 = 2.0")).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    assert picture.evaluate("image => image.currentSrc") != before
    expect(page.get_by_text("10.1371/journal.pone.0130140")).to_be_visible()

    page.get_by_role("radio", name="Metrics").click()
    page.get_by_role("radio", name="DAUC").click()
    expect(page.get_by_role("heading", name="DAUC")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("petsiuk2018rise")).to_be_visible()
    wait_until_settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
