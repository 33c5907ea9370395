"""Photograph every page in light and dark, wide and narrow, into docs/screenshots."""

from __future__ import annotations

import sys

from playwright.sync_api import Page, sync_playwright

from dashboard.pages import PAGES
from tools.browser import (
    ROOT,
    ServerError,
    View,
    find_browser,
    launch,
    open_context,
    serve,
    wait_until_settled,
)

FOLDER = ROOT / "docs" / "screenshots"
# What a page shows last.
FINISHED = {
    "explain": "R²",
    "compare": "sample photos",
    "curves": "Done:",
    "leaderboard": "The same in words",
    "methods": "Its proof:",
}
LAST_SECONDS = 300
WIDTHS = {"wide": 1440, "narrow": 390}


def show_whole_page(page: Page, width: int) -> None:
    """Make the window as tall as what is in it: Streamlit scrolls inside the window."""
    height = page.evaluate("""document.querySelector('[data-testid="stMain"]').scrollHeight""")
    page.set_viewport_size({"width": width, "height": height})
    wait_until_settled(page)


def main() -> None:
    executable = find_browser()
    if executable is None:
        sys.exit(
            "No Chromium or Chrome was found. Install one, or set PETLENS_CHROMIUM to its path."
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    with serve() as address, sync_playwright() as playwright:
        browser = launch(playwright, executable)
        for shown in PAGES:
            for theme in ("light", "dark"):
                for size, width in WIDTHS.items():
                    context = open_context(browser, address, View(theme, width))
                    page = context.new_page()
                    page.goto(shown.address)
                    if shown.name in FINISHED:
                        page.get_by_text(FINISHED[shown.name]).first.wait_for(
                            timeout=LAST_SECONDS * 1000
                        )
                    wait_until_settled(page)
                    show_whole_page(page, width)
                    file = FOLDER / f"{shown.name}-{theme}-{size}.png"
                    page.screenshot(path=file)
                    context.close()
                    print(file.relative_to(ROOT))
        browser.close()


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        sys.exit(str(error))
