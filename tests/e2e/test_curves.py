"""A person's walk over the Curves page, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Download, Page, expect

import xaicore
from tools.browser import ROOT, View, pixels_of, wait_until_settled
from xaicore import EXPLAINERS, METRICS, Protocol
from xaicore.metrics.base import PerturbationTrace
from xaicore.metrics.perturbation import trace_maps

STEPS = 16
FIRST_STEP = 2
FEW_SAMPLES = {"samples": 50, "superpixels": 10}
PATH = f"/curves?steps={STEPS}&lime-samples=50&lime-superpixels=10"
LIGHT = View(path=PATH)
VIEWS = [LIGHT, View("dark", 390, path=PATH)]
KITTEN = ROOT / "assets" / "samples" / "kitten-with-yarn.jpg"
# For machines that are busy with other work.
PATIENCE_MS = 600_000


@pytest.fixture(scope="session")
def traces() -> dict[str, PerturbationTrace]:
    """What the package itself says of the page's first photo."""
    classifier = xaicore.load_classifier()
    batch = classifier.preprocess([xaicore.load_photo(KITTEN)])
    target = classifier.predicted(batch).tolist()
    found = {}
    for explainer in (entry for entry in EXPLAINERS.values() if not entry.extra):
        parameters = FEW_SAMPLES if explainer.name == "lime" else {}
        maps = xaicore.explain(classifier, batch, explainer.name, target, **parameters).maps
        found[explainer.label] = trace_maps(classifier, batch, maps, target, Protocol(STEPS))
    return found


def wait_for_curves(page: Page) -> None:
    expect(page.get_by_text("Done:")).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)


def scrub(page: Page, step: int) -> None:
    """Move the slider, from wherever it is, with the keyboard."""
    slider = page.get_by_role("slider", name="Step")
    slider.focus()
    way = step - int(slider.input_value())
    for _ in range(abs(way)):
        slider.press("ArrowRight" if way > 0 else "ArrowLeft")
    expect(page.get_by_text(f"Step {step} of {STEPS}")).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)


def picture(page: Page, method: str, word: str, step: int) -> np.ndarray:
    name = f"{method}'s most salient pixels {word}, at step {step}."
    return pixels_of(page.get_by_role("img", name=name))


def probabilities(page: Page, word: str) -> list[float]:
    """What is written under the pictures, method by method."""
    found = page.get_by_text(re.compile(rf"^{word}: \d\.\d+$")).all_inner_texts()
    return [float(text.removeprefix(f"{word}: ")) for text in found]


def save(download: Download, folder: Path) -> Path:
    file = folder / download.suggested_filename
    download.save_as(file)
    return file


@pytest.mark.parametrize("page", VIEWS, ids=str, indirect=True)
def test_all_is_shown_and_fits_the_window(page: Page) -> None:
    wait_for_curves(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("figure", name="Deletion, most salient first")).to_be_visible()
    expect(page.get_by_role("figure", name="Insertion, most salient first")).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("(main) => main.scrollWidth - main.clientWidth") == 0


@pytest.mark.parametrize("page", [LIGHT], ids=str, indirect=True)
def test_scrubbing_moves_pictures_and_probabilities(
    page: Page, traces: dict[str, PerturbationTrace]
) -> None:
    wait_for_curves(page)
    before = {m: picture(page, m, "removed", FIRST_STEP) for m in traces}
    for step in (FIRST_STEP, 9):
        scrub(page, step)
        for word, curve in (("removed", "deletion"), ("restored", "insertion")):
            expected = [getattr(trace, curve)[0, step] for trace in traces.values()]
            assert probabilities(page, word) == pytest.approx(expected, abs=0.002)
    for method, old in before.items():
        new = picture(page, method, "removed", 9)
        # Seven of sixteen parts of the pixels went in between.
        changed = (np.abs(new.astype(int) - old).max(2) > 8).mean()
        assert 0.25 < changed < 0.5, method
    scrub(page, STEPS)
    same = [picture(page, method, "removed", STEPS) for method in traces]
    assert all(np.ptp(pixels.reshape(-1, 3), axis=0).max() == 0 for pixels in same)


@pytest.mark.parametrize("page", [LIGHT], ids=str, indirect=True)
def test_the_cards_say_what_score_maps_says(
    page: Page, traces: dict[str, PerturbationTrace]
) -> None:
    wait_for_curves(page)
    tables = page.get_by_test_id("stTable")
    study = [metric for metric in METRICS.values() if not metric.extra]
    expect(tables).to_have_count(len(study))
    for place, metric in enumerate(study):
        rows = tables.nth(place).get_by_role("row").filter(has=page.get_by_role("cell"))
        for (method, trace), row in zip(traces.items(), rows.all(), strict=True):
            label, value, _ = row.get_by_role("cell").all_inner_texts()
            assert label == method
            assert float(value.replace("−", "-")) == pytest.approx(
                metric.compute(trace)[0], abs=0.002
            ), metric.name


@pytest.mark.parametrize("page", [LIGHT], ids=str, indirect=True)
def test_a_click_on_a_curve_goes_to_its_step(page: Page) -> None:
    wait_for_curves(page)
    chart = page.get_by_role("figure", name="Deletion, most salient first")
    before = page.get_by_role("img", name="The pixels that LRP moves").get_attribute("alt")
    assert before == f"The pixels that LRP moves at step {FIRST_STEP}."
    # The points of the first curve come first.
    chart.locator(".scatterlayer .points path").nth(11).click(force=True)
    expect(page.get_by_role("slider", name="Step")).to_have_value("11", timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name="The pixels that LRP moves at step 11.")).to_be_visible()


@pytest.mark.parametrize("page", [LIGHT], ids=str, indirect=True)
def test_nothing_moves_until_it_is_asked_to_and_play_ends(page: Page) -> None:
    wait_for_curves(page)
    slider = page.get_by_role("slider", name="Step")
    expect(slider).to_have_value(str(FIRST_STEP))
    page.get_by_text("Play", exact=True).click()
    expect(slider).to_have_value(str(STEPS), timeout=PATIENCE_MS)
    expect(page.get_by_role("switch", name="Play")).not_to_be_checked(timeout=PATIENCE_MS)
    wait_until_settled(page)
    expect(slider).to_have_value(str(STEPS))


@pytest.mark.parametrize("page", [LIGHT], ids=str, indirect=True)
def test_curves_and_charts_are_taken_away(page: Page, tmp_path: Path) -> None:
    wait_for_curves(page)
    camera = page.get_by_role("button", name=re.compile("^Download plot"))
    with page.expect_download() as download:
        camera.first.click()
    with Image.open(save(download.value, tmp_path)) as chart:
        assert chart.format == "PNG"
        assert chart.width > 600
    page.get_by_role("button", name="Download", exact=True).click()
    page.get_by_role("radio", name="SVG").click()
    wait_until_settled(page)
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Curves as numbers (CSV)").click()
    table = pd.read_csv(save(download.value, tmp_path))
    assert {"LRP", "Grad-CAM", "DeepLIFT", "LIME", "Random"} <= set(table["map"])
    assert set(table["curve"]) == {"deletion", "insertion"}
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Charts as a page (HTML)").click()
    assert "LRP DAUC" in save(download.value, tmp_path).read_text(encoding="utf-8")
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        camera.first.click()
    assert save(download.value, tmp_path).read_text(encoding="utf-8").startswith("<svg")
