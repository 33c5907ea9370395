"""Names from outside are text on every page: no mark of theirs is drawn, no address is asked.

That no page asks another host is asserted after every test that opens one.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch
import torchvision
from playwright.sync_api import Browser, FilePayload, Page, expect
from safetensors.torch import save

from dashboard.leaderboard.evaluate import list_samples
from dashboard.pages import PAGES
from tools.browser import View, open_context, run_server, wait_until_settled
from xaicore import PROTOCOLS, Classifier
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import Plan
from xaicore.evaluation.store import Store

PATIENCE_MS = 600_000
IMAGE = "![x](http://elsewhere.example/x.png)"
LABELS = [f"{IMAGE} <b>a</b>", "**b** :red[c] $d$"]
QUICK = "network=Bring+your+own&steps=16&lime-samples=50&lime-superpixels=10"
OWN = View(path=f"/?{QUICK}")


def hostile_network() -> FilePayload:
    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(num_classes=2).eval()
    settings = f'architecture = "squeezenet1_1"\nlabels = {LABELS!r}\nsize = 64\n'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.safetensors", save(net.state_dict()))
        archive.writestr("network.toml", settings)
    return FilePayload(name=f"{IMAGE}.zip", mimeType="application/zip", buffer=buffer.getvalue())


@pytest.mark.parametrize("page", [OWN], ids=str, indirect=True)
def test_a_network_s_labels_are_text_on_every_page(page: Page) -> None:
    expect(page.get_by_text("the bundled PetNet answers")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_test_id("stFileUploaderDropzoneInput").last.set_input_files(hostile_network())
    expect(page.get_by_text("Check-up")).to_be_visible(timeout=PATIENCE_MS)
    for shown in PAGES:
        page.get_by_role("link", name=shown.title, exact=True).click()
        page.wait_for_url(f"**{shown.address}?*")
        wait_until_settled(page)
        assert_nothing_is_drawn(page)
        if shown.name in ("explain", "curves"):
            assert any(label.lower() in texts(page) for label in LABELS)


def test_a_run_s_title_and_note_are_text(
    browser: Browser, classifier: Classifier, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    plan = Plan(("gradcam",), ("ad", "iic"), PROTOCOLS["gomez"], title=IMAGE)
    run = evaluate(classifier, list_samples()[:2], plan, Store(store))
    Store(store).annotate(run.id, LABELS[1])
    with run_server(XAICORE_STORE=store) as server:
        context = open_context(browser, server.address, View())
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/leaderboard?board=History")
        page.get_by_role("combobox", name="Run", exact=True).click(timeout=PATIENCE_MS)
        page.get_by_role("option", name=IMAGE).click()
        expect(page.get_by_text("Keep title and note")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("could not be read · weights")).to_be_visible(timeout=PATIENCE_MS)
        wait_until_settled(page)
        assert_nothing_is_drawn(page)
        assert IMAGE in texts(page)
        assert f"note: {LABELS[1]}".lower() in texts(page)
        assert all(url.startswith((server.address, "data:", "blob:")) for url in asked)
        context.close()


def texts(page: Page) -> str:
    """What the page says, without what is drawn nowhere."""
    return page.get_by_test_id("stMain").inner_text().replace("\u2060", "").lower()


def assert_nothing_is_drawn(page: Page) -> None:
    for mark in ("img[src*='elsewhere']", "a[href*='elsewhere']", "[data-testid=stMain] b"):
        expect(page.locator(mark)).to_have_count(0)
