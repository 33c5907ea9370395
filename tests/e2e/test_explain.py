"""A person's walk over the Explain page, in a real browser."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

import xaicore
from tests.conftest import SAMPLES
from tools.browser import View, pixels_of, wait_until_settled
from xaicore import METRICS
from xaicore.evaluation.store import MapKey, Store
from xaicore.evaluation.traces import find_trace
from xaicore.metrics import USUAL, choose_metrics

METHODS = ("LRP", "Grad-CAM", "DeepLIFT", "LIME")
# For machines that are busy with other work.
PATIENCE_MS = 600_000
# What a map's card says until it is done.
AT_WORK = re.compile(r"^(Working, or waiting|[\d,]+ of [\d,]+$)")

# A LIME that is soon done.
QUICK = View(path="/?lime-samples=50&lime-superpixels=10")
pytestmark = pytest.mark.parametrize("page", [QUICK], ids=str, indirect=True)


def overlay(page: Page, method: str) -> Locator:
    return page.get_by_role("img", name=f"by {method}, laid over the photo")


def overlay_pixels(page: Page) -> dict[str, np.ndarray]:
    """Each method's overlay as the browser holds it."""
    return {method: pixels_of(overlay(page, method)) for method in METHODS}


def wait_for_maps(page: Page) -> None:
    """Wait until LIME, the last, has its proof, and not that of the map before it."""
    proof = page.get_by_text("superpixels", exact=False).filter(has_text="R²")
    expect(proof).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    # While a map is made, what stood below the one before it may still be there.
    expect(page.get_by_text(AT_WORK)).to_have_count(0, timeout=PATIENCE_MS)
    expect(proof).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)


def upload(page: Page, file: FilePayload) -> None:
    page.get_by_role("radio", name="Upload").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)


def phone_photo() -> bytes:
    """A photo taken upright with a phone: stored lying, with EXIF orientation 6; top red."""
    stored = Image.new("RGB", (400, 300), (40, 60, 200))
    # Orientation 6 turns the stored left side to the top.
    stored.paste((200, 40, 40), (0, 0, 200, 300))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_sample_is_explained_by_four_maps(page: Page) -> None:
    wait_for_maps(page)
    page.get_by_role("combobox", name="Sample photo").click()
    page.get_by_role("option", name="German shepherd").click()
    expect(page.get_by_role("heading", name="This looks like a dog")).to_be_visible(
        timeout=PATIENCE_MS
    )
    own = "by LIME, laid over the photo. A German shepherd"
    expect(page.get_by_role("img", name=own)).to_be_visible(timeout=PATIENCE_MS)
    wait_for_maps(page)
    photo = pixels_of(page.get_by_role("img", name="A German shepherd stands").nth(1))
    for method, pixels in overlay_pixels(page).items():
        # The photo is sent at its own, smaller width.
        same_size = np.asarray(Image.fromarray(photo).resize(pixels.shape[1::-1]))
        difference = np.abs(pixels.astype(int) - same_size).max(2)
        assert np.median(difference) < 40 < difference.max(), method


def test_alpha_changes_the_overlay_of_lrp_only(page: Page) -> None:
    wait_for_maps(page)
    before = overlay_pixels(page)
    page.get_by_text("Tune", exact=True).first.click()
    slider = page.get_by_role("slider", name="α")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowRight")
    expect(page.get_by_text("β = α − 1 = 2.0")).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    after = overlay_pixels(page)
    changed = [m for m in METHODS if not np.array_equal(before[m], after[m])]
    assert changed == ["LRP"]


def test_a_broken_file_gets_a_sentence_and_the_page_stays(page: Page) -> None:
    wait_for_maps(page)
    broken = FilePayload(name="cat.jpg", mimeType="image/jpeg", buffer=b"milk, eggs, cat food")
    upload(page, broken)
    expect(page.get_by_role("alert")).to_contain_text("not a picture", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name="This looks like a cat")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert set(overlay_pixels(page)) == set(METHODS)


def test_a_rotated_phone_photo_stands_upright(page: Page) -> None:
    wait_for_maps(page)
    upload(page, FilePayload(name="phone.jpg", mimeType="image/jpeg", buffer=phone_photo()))
    shown = page.get_by_role("img", name="The photo you uploaded.", exact=True).nth(1)
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    wait_for_maps(page)
    pixels = pixels_of(shown)
    height, width = pixels.shape[:2]
    assert width / height == pytest.approx(3 / 4, abs=0.01)
    red, _, blue = pixels[height // 6, width // 2].astype(int)
    assert red > 150 > 80 > blue
    red, _, blue = pixels[height * 5 // 6, width // 2].astype(int)
    assert blue > 150 > 80 > red
    assert pixels_of(overlay(page, "LRP")).shape == (640, 480, 3)


def test_all_maps_and_settings_are_downloaded(page: Page, tmp_path: Path) -> None:
    wait_for_maps(page)
    page.get_by_role("button", name="Download").click()
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="All maps and settings (NPZ)").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    with np.load(file, allow_pickle=False) as kept:
        settings = json.loads(str(kept["settings"]))
        assert list(settings) == ["lrp", "gradcam", "deeplift", "lime"]
        assert settings["lrp"]["parameters"]["alpha"] == 2.0
        for name in settings:
            assert kept[f"{name}_maps"].shape == (1, 128, 128)
            assert np.ptp(kept[f"{name}_maps"]) > 0
        assert kept["lime_segments"].shape == (1, 128, 128)


def test_an_overlay_is_downloaded_as_a_picture(page: Page, tmp_path: Path) -> None:
    wait_for_maps(page)
    page.get_by_role("button", name="Download").click()
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Grad-CAM overlay (PNG)").click()
    file = tmp_path / "overlay.png"
    download.value.save_as(file)
    with Image.open(file) as picture:
        assert (picture.format, picture.size) == ("PNG", (640, 480))


def kept_traces() -> dict[str, MapKey]:
    """Every trace that the store of the served dashboard holds, by digest."""
    with sa.create_engine(os.environ["XAICORE_STORE"]).connect() as connection:
        rows = connection.exec_driver_sql(
            "select id, network, photo, settings from maps where explainer = 'trace'"
        )
        return {id: MapKey(network, photo, "trace", text) for id, network, photo, text in rows}


def test_a_report_tells_the_truth_of_the_maps_that_are_shown(page: Page, tmp_path: Path) -> None:
    page.goto("/?lrp-alpha=3&lime-samples=50&lime-superpixels=10")
    wait_for_maps(page)
    page.get_by_text("Tune", exact=True).first.click()
    expect(page.get_by_text("β = α − 1 = 2.0")).to_be_visible(timeout=PATIENCE_MS)
    known = kept_traces()
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Report").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    report = page.context.new_page()
    report.goto(file.as_uri())
    classifier = xaicore.load_classifier()
    batch = classifier.preprocess([xaicore.load_photo(SAMPLES / "kitten-with-yarn.jpg")])
    scores = {}
    for alpha in (2.0, 3.0):
        maps = xaicore.explain(classifier, batch, "lrp", alpha=alpha).maps
        scores[alpha] = xaicore.score_maps(classifier, batch, maps, metrics=USUAL).iloc[0]
    for metric in choose_metrics(USUAL):
        row = report.get_by_role("row", name=re.compile(rf"^{metric.label} (higher|lower) is"))
        told = row.get_by_role("cell").nth(1).inner_text().replace("−", "-")
        # Another number of threads adds up in another order.
        assert float(told) == pytest.approx(scores[3.0][metric.name], abs=0.003), metric.name
    assert scores[2.0]["dauc"] != pytest.approx(scores[3.0]["dauc"], abs=0.003)
    store = Store()
    new = [find_trace(store, key) for id, key in kept_traces().items() if id not in known]
    areas = [METRICS["dauc"].compute(trace)[0] for trace in new if trace]
    assert len(areas) <= len(METHODS)
    assert all(area != pytest.approx(scores[2.0]["dauc"], abs=1e-4) for area in areas)
    assert any(area == pytest.approx(scores[3.0]["dauc"], abs=0.003) for area in areas)
