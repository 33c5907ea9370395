"""A person's walk over the Methods page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_settled
from xaicore import EXPLAINERS, METRICS
from xaicore.truth.verdict import LABELS

PATIENCE_MS = 600_000
VIEWS = [View(path="/methods"), View("dark", 390, path="/methods")]


def cut_pictures(page: Page) -> int:
    """How many pictures run past the column that the page's title stands in."""
    return page.get_by_test_id("stMain").evaluate(
        """main => {
            const edge = main.querySelector('h1').getBoundingClientRect().right + 1;
            const all = [...main.querySelectorAll('img')];
            return all.filter((one) => one.getBoundingClientRect().right > edge).length;
        }"""
    )


def cut_formulas(page: Page) -> int:
    """How many formulas are wider than their place."""
    return page.locator(".katex-display").evaluate_all(
        """all => all.filter((one) => [...one.querySelectorAll('.base')].some((part) =>
            part.getBoundingClientRect().right > one.getBoundingClientRect().right + 1)).length"""
    )


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


@pytest.mark.parametrize("page", [View(width=390, path="/methods")], ids=str, indirect=True)
def test_nothing_is_cut_on_a_phone(page: Page) -> None:
    methods = [explainer.label for explainer in EXPLAINERS.values()]
    metrics = [*(metric.label for metric in METRICS.values()), "Focus"]
    for label in [*methods, "Metrics", *metrics, "Maps that know nothing"]:
        page.get_by_role("radio", name=label, exact=True).click(timeout=PATIENCE_MS)
        heading = metrics[0] if label == "Metrics" else label
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible(
            timeout=PATIENCE_MS
        )
        wait_until_settled(page, 0.3)
        expect(page.locator(".katex-display")).to_have_count(1)
        assert cut_formulas(page) == 0, label
        assert cut_pictures(page) == 0, label


@pytest.mark.parametrize("page", VIEWS, ids=str, indirect=True)
def test_a_method_has_its_verdict(page: Page) -> None:
    verdict = page.get_by_test_id("stExpander").filter(has_text="Verdict: how far to trust it")
    expect(verdict).to_be_visible(timeout=PATIENCE_MS)
    for label in LABELS.values():
        expect(verdict.get_by_role("listitem").filter(has_text=label)).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
