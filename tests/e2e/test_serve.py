"""The dashboard opens on a network of the process that serves it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tools.browser import View, open_context, serve_script

PATIENCE_MS = 600_000
SCRIPT = """
import sys
import torch
from torch import nn
import xaicore
from dashboard.serve import serve

torch.manual_seed(0)
layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)]
serve(xaicore.Classifier(nn.Sequential(*layers), ["owl", "elk"], 64), "Forest", int(sys.argv[1]))
"""


def test_a_served_network_is_the_first_that_a_visitor_sees(
    browser: Browser, tmp_path: Path
) -> None:
    script = tmp_path / "forest.py"
    script.write_text(SCRIPT)
    with serve_script(script) as address:
        context = open_context(browser, address, View(path="/"))
        page = context.new_page()
        page.goto("/?lime-samples=50&lime-superpixels=10")
        heading = page.get_by_role("heading", name="This looks like an")
        expect(heading).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("It only knows owl and elk")).to_be_visible()
        expect(page.get_by_role("combobox", name="Network")).to_have_value("Forest")
        context.close()
