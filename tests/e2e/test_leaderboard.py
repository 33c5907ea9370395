"""A person's walk over the Leaderboard page, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tools.browser import View, wait_until_settled
from xaicore.truth.verdict import LABELS

PATIENCE_MS = 600_000
PATH = "/leaderboard"
EVALUATE = f"{PATH}?board=Evaluate+my+photos"


@pytest.mark.parametrize(
    "page", [View(path=PATH), View("dark", 390, path=PATH)], ids=str, indirect=True
)
def test_the_results_are_shown_with_what_can_be_said_of_them(page: Page) -> None:
    expect(page.get_by_role("heading", name="Leaderboard")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name=re.compile(r"^On \d+ photos"))).to_be_visible(
        timeout=PATIENCE_MS
    )
    table = page.get_by_role("table").first
    for method in ("LRP", "Grad-CAM", "DeepLIFT", "LIME"):
        expect(table.get_by_text(method, exact=True)).to_be_visible()
    page.get_by_role("radio", name="The study").click()
    expect(page.get_by_text("Grad-CAM is the best on IC.").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize(
    "page", [View(path=PATH), View("dark", 390, path=PATH)], ids=str, indirect=True
)
def test_every_method_has_a_verdict(page: Page) -> None:
    verdict = page.get_by_test_id("stExpander").filter(has_text="The verdict")
    verdict.get_by_text("The verdict: how far to trust each method").click(timeout=PATIENCE_MS)
    table = verdict.get_by_role("table")
    for words in ("Verdict", *LABELS.values(), "LRP", "Grad-CAM", "DeepLIFT", "LIME"):
        expect(table.get_by_text(words, exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(verdict.get_by_text("✗ failed")).to_be_visible()


@pytest.mark.parametrize("page", [View(path=EVALUATE)], ids=str, indirect=True)
def test_the_samples_are_evaluated_while_the_page_is_away(page: Page, tmp_path: Path) -> None:
    start = page.get_by_role("button", name="Evaluate", exact=True)
    expect(start).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    for method in ("LRP", "DeepLIFT", "LIME"):
        page.get_by_test_id("stMain").get_by_role("button", name=method, exact=True).click()
        wait_until_settled(page)
    page.get_by_role("textbox", name="Title").fill("A test of the samples")
    page.get_by_role("textbox", name="Title").press("Enter")
    wait_until_settled(page)
    start.click()
    expect(page.get_by_text(re.compile("A test of the samples"))).not_to_have_count(0)
    page.goto("about:blank")
    page.goto(EVALUATE)
    expect(page.get_by_text("A test of the samples: done.")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Show it").first.click()
    expect(page.get_by_role("heading", name=re.compile("^On 5 photos"))).to_be_visible(
        timeout=PATIENCE_MS
    )
    wait_until_settled(page)
    page.get_by_role("button", name="Download").click()
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="LaTeX (booktabs)").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    columns = re.fullmatch(r"\\begin\{tabular\}\{l(r+)\}", lines[1])
    assert columns
    body = [line for line in lines if line.endswith(r"\\")]
    assert {line.count(" & ") for line in body} == {len(columns.group(1))}
    assert body[1].startswith("Grad-CAM & ")
    assert lines[-1] == r"\end{tabular}"
