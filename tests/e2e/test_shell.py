"""The dashboard opens, in each theme and on each width, without an error and without overflow."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_run

VIEWS = [View("light", 1440), View("dark", 390)]


@pytest.mark.parametrize("page", VIEWS, ids=str, indirect=True)
def test_opens_without_an_exception(page: Page) -> None:
    wait_until_run(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_role("heading").first).to_be_visible()


@pytest.mark.parametrize("page", VIEWS, ids=str, indirect=True)
def test_fits_the_width_of_the_window(page: Page) -> None:
    wait_until_run(page)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("(main) => main.scrollWidth - main.clientWidth") == 0
