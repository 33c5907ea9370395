"""The served dashboard and a browser to look at it with.

A test asks for ``page``; ``@pytest.mark.parametrize("page", [View("dark", 390)], indirect=True)``
chooses theme and width. A failed test leaves a picture in ``test-results``, and tells what the
server said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tools.browser import ROOT, Server, View, find_browser, launch, open_context, run_server

RESULTS = ROOT / "test-results"
# For machines that are busy with other work: a page may take long, but must come.
expect.set_options(timeout=300_000)
_FAILED = pytest.StashKey[bool]()
MOST_SHOWN = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
        if report.failed and isinstance(item, pytest.Function):
            server = item.funcargs.get("server")
            if isinstance(server, Server):
                report.sections.append(("The server's last lines", server.printed()[-MOST_SHOWN:]))
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        reason = (
            "No Chromium or Chrome was found. Install one (on Debian: apt install chromium), "
            "or set PETLENS_CHROMIUM to its path."
        )
        if os.environ.get("PETLENS_BROWSER") == "required":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = launch(playwright, executable)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(browser: Browser) -> Iterator[Server]:
    """The dashboard, served; it starts only when there is a browser to look at it."""
    with run_server() as server:
        yield server


@pytest.fixture(scope="session")
def address(server: Server) -> str:
    return server.address


def _is_foreign(asked: Request, address: str) -> bool:
    """Whether a page asks another host, or for a picture that Streamlit keeps as a file."""
    is_file = asked.resource_type == "image" and "/media/" in asked.url
    return is_file or not asked.url.startswith((address, "data:", "blob:"))


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """A fresh browser window on the dashboard, by default on its first page."""
    view: View = getattr(request, "param", View())
    context = open_context(browser, address, view)
    page = context.new_page()
    foreign: list[str] = []
    page.on(
        "request",
        lambda asked: foreign.append(asked.url) if _is_foreign(asked, address) else None,
    )
    page.goto(view.path)
    yield page
    if request.node.stash.get(_FAILED, False):
        RESULTS.mkdir(exist_ok=True)
        name = re.sub(r"[^\w-]+", "-", request.node.name).strip("-")
        page.screenshot(path=RESULTS / f"{name}.png")
    context.close()
    # Files of pictures end with the session that made them, so these must stand in the page.
    assert not foreign, "A page asks nobody but its server, and for no file of a picture."
