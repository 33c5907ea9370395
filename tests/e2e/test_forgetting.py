"""A map while the network forgets, in a real browser: on Methods, and on Compare a panel."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_run, wait_until_settled

# For machines that are busy with other work.
PATIENCE_MS = 600_000
FIRST = re.compile(r"The network as it is\.")
LAST = re.compile(r"Last 10 of 10 layers random: .*0\.\d\d.* (like the first map|opposite)\.")
METHODS = "/methods?chapter=Metrics&metric=Randomisation"


@pytest.mark.parametrize(
    "page", [View(path=METHODS), View("dark", 390, path=METHODS)], indirect=True
)
def test_methods_shows_petnet_forgetting(page: Page) -> None:
    expect(page.get_by_role("img", name=LAST)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name=FIRST)).to_be_visible()
    expect(page.get_by_text(re.compile("LRP (hardly )?follows the network"))).to_be_visible()
    wait_until_settled(page)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("(main) => main.scrollWidth - main.clientWidth") == 0
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize("page", [View(path="/compare")], ids=str, indirect=True)
def test_compare_opens_a_strip_a_panel(page: Page) -> None:
    wait_until_run(page)
    page.get_by_text("Let the network forget").click(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name=LAST)).to_have_count(2, timeout=PATIENCE_MS)
    for method in ("LRP", "Grad-CAM"):
        said = page.get_by_text(re.compile(f"{method} (hardly )?follows the network"))
        expect(said).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
