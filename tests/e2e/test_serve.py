"""The server: on a network of the process that serves it, and when it is told to stop."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tools.browser import View, open_context, run_server, serve_script, wait_until_settled
from xaicore.evaluation.store import Store

PATIENCE_MS = 600_000
# Five on a machine at rest; this one may be busy.
STOP_SECONDS = 15
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_that_is_told_to_stop_ends_with_its_evaluation_stopped(
    browser: Browser, tmp_path: Path, number: signal.Signals
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with run_server(XAICORE_STORE=url) as server:
        contexts = [open_context(browser, server.address, View(path="/")) for _ in range(3)]
        for context in contexts:
            context.new_page().goto("/leaderboard?board=Evaluate+my+photos")
        page = contexts[0].pages[0]
        start = page.get_by_role("button", name="Evaluate", exact=True)
        expect(start).to_be_visible(timeout=PATIENCE_MS)
        wait_until_settled(page)
        start.click()
        expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE_MS)
        while not Store(url).runs():
            page.wait_for_timeout(100)
        server.process.send_signal(number)
        # Far below what the evaluation would take.
        assert server.process.wait(STOP_SECONDS) == 0
        assert "Aborted" not in server.printed()
        for context in contexts:
            context.close()
    assert [run.status for run in Store(url).runs()] == ["stopped"]
