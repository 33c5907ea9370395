"""A person's walk over the Compare page, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tools.browser import View, wait_until_run, wait_until_settled

# For machines that are busy with other work.
PATIENCE_MS = 600_000
READING = re.compile(r"value.*raw.*pixel \d+, \d+")


def readings(page: Page) -> Locator:
    return page.locator(".panel figcaption")


def point(page: Page, panel: Locator, across: float, down: float) -> None:
    """Move the pointer over a panel, to shares of its width and height."""
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


@pytest.mark.parametrize(
    "page",
    [View("light", path="/compare"), View("dark", 390, path="/compare")],
    ids=str,
    indirect=True,
)
def test_two_panels_are_read_together(page: Page) -> None:
    wait_until_run(page)
    first = page.get_by_role("img", name="The map over the photo, LRP.")
    second = page.get_by_role("img", name="The map over the photo, Grad-CAM.")
    expect(second).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    point(page, first, 0.4, 0.5)
    named = [re.compile(f"^{name}.*{READING.pattern}", re.DOTALL) for name in ("LRP", "Grad-CAM")]
    expect(readings(page)).to_have_text(named)
    place = readings(page).nth(0).inner_text().split("pixel")[1]
    assert readings(page).nth(1).inner_text().endswith(place)
    # With the keyboard, a pixel further right.
    first.focus()
    first.press("ArrowRight")
    column = int(place.split(",")[0])
    expect(readings(page).nth(1)).to_contain_text(f"pixel {column + 1},")
    # Zooming into one zooms into both.
    before = second.evaluate("canvas => canvas.toDataURL()")
    first.press("+")
    page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before", arg=[second.element_handle(), before]
    )
    main = page.get_by_test_id("stMain")
    assert main.evaluate("(main) => main.scrollWidth - main.clientWidth") == 0
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize("page", [View(path="/compare")], ids=str, indirect=True)
def test_method_view_and_duel(page: Page) -> None:
    wait_until_run(page)
    page.get_by_role("combobox", name="Method of panel B").click()
    page.get_by_role("option", name="DeepLIFT").click()
    deeplift = page.get_by_role("img", name="The map over the photo, DeepLIFT.")
    expect(deeplift).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile("(LRP|DeepLIFT) wins on this photo"))).to_be_visible(
        timeout=PATIENCE_MS
    )
    expect(page.get_by_text(re.compile("LRP and DeepLIFT (agree|look|contra)"))).to_be_visible()
    page.get_by_role("radio", name="Difference").click()
    stage = page.get_by_role("img", name="Difference: LRP, DeepLIFT.")
    expect(stage).to_be_visible(timeout=PATIENCE_MS)
    expect(deeplift).to_have_count(0)
    wait_until_settled(page)
    point(page, stage, 0.5, 0.5)
    # What nobody sees any more may stay in the page for a while.
    expect(page.locator(".panel .reading").filter(visible=True)).to_have_text(
        [re.compile("LRP.*value"), re.compile("DeepLIFT.*value")]
    )
    page.get_by_role("radio", name="Slider").click()
    page.get_by_role("slider", name="Where one picture ends").fill("20")
    expect(page.get_by_role("img", name="Slider: LRP, DeepLIFT.")).to_be_visible()
