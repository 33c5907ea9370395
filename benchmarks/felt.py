"""How long a person waits, in a real browser on this machine, alone and among twenty."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from dataclasses import dataclass

from playwright.async_api import Browser, Locator, Page, async_playwright

from tools.browser import BROWSER_FLAGS, find_browser, serve

QUICK = "/?lime-samples=50&lime-superpixels=10"
SESSIONS = 20
MOVES_ALONE = 20
MOVES_EACH = 8
PAGES = {
    "Compare": "Do the maps agree?",
    "Curves": "Do the maps show",
    "Leaderboard": "Leaderboard",
    "Methods": "Methods",
    "Explain": "This looks like",
}
PATIENCE_MS = 180_000
_OTHER_PICTURE = """(before) => {
    const image = document.querySelector('img[alt*="by LRP, laid over the photo"]');
    return image && image.complete && image.currentSrc !== before;
}"""


@dataclass(frozen=True)
class Wait:
    """What was waited for, and the milliseconds it took, sorted."""

    what: str
    milliseconds: list[float]
    aim: str

    def markdown(self) -> str:
        middle = statistics.median(self.milliseconds)
        late = self.milliseconds[int(0.95 * (len(self.milliseconds) - 1))]
        return (
            f"| {self.what} | {len(self.milliseconds)} | {middle:.0f} | {late:.0f} | {self.aim} |"
        )


def run() -> list[Wait]:
    """Serve the dashboard and wait; needs Chromium."""
    with serve() as address:
        return asyncio.run(_run(address))


async def _run(address: str) -> list[Wait]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_browser(), args=[*BROWSER_FLAGS, "--no-sandbox"]
        )
        warm = await _open(browser, address, QUICK)
        await _wait_for_lime(warm)
        alone = await _move(warm, random.Random(0), MOVES_ALONE, {})
        pages = await _switch(warm)
        await warm.context.close()
        visit = await _visit(browser, address)
        first = await _first_lime(browser, address)
        together, seen = await _crowd(browser, address)
        await browser.close()
    wrong = sum(len(pictures) > 1 for pictures in seen.values())
    return [
        Wait("slider release to new LRP overlay", sorted(alone), "p95 at most 500"),
        Wait("page switch to its heading", sorted(pages), "at most 700"),
        Wait("first visit to the LRP map, server warm", sorted(visit), "at most 2,000"),
        Wait("LIME, 1,000 samples: first picture", sorted(first), "at most 1,000"),
        Wait(
            f"{SESSIONS} sessions at once: slider to overlay ({wrong} wrong pictures)",
            sorted(together),
            "no wrong picture",
        ),
    ]


async def _open(browser: Browser, address: str, path: str) -> Page:
    context = await browser.new_context(base_url=address, reduced_motion="reduce")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(path)
    return page


async def _wait_for_lime(page: Page) -> None:
    await page.get_by_text("R²").wait_for()


def _overlay(page: Page) -> Locator:
    return page.get_by_role("img", name="by LRP, laid over the photo")


async def _move(
    page: Page, chance: random.Random, moves: int, seen: dict[str, set[str]]
) -> list[float]:
    """Move α up or down one stop at a time; keep which picture was seen at which α."""
    await page.get_by_text("Tune", exact=True).first.click()
    slider = page.get_by_role("slider", name="α")
    await slider.wait_for()
    waits = []
    for _ in range(moves):
        before = await _overlay(page).evaluate("image => image.currentSrc")
        at = float(await slider.input_value())
        key = "ArrowRight" if at < 1.5 or (at < 3 and chance.random() < 0.5) else "ArrowLeft"
        started = time.perf_counter()
        await slider.press(key)
        await page.wait_for_function(_OTHER_PICTURE, arg=before, polling=10)
        waits.append(1000 * (time.perf_counter() - started))
        picture = await _overlay(page).evaluate("image => image.currentSrc")
        seen.setdefault(await slider.input_value(), set()).add(picture)
    return waits


async def _switch(page: Page) -> list[float]:
    """From page to page, twice round: the first visit of each is left out."""
    waits = []
    for turn in range(3):
        for name, heading in PAGES.items():
            started = time.perf_counter()
            await page.get_by_role("link", name=name, exact=True).click()
            await page.get_by_role("heading", name=heading).first.wait_for()
            if turn:
                waits.append(1000 * (time.perf_counter() - started))
            await page.wait_for_timeout(1500)
    return waits


async def _visit(browser: Browser, address: str) -> list[float]:
    waits = []
    for _ in range(5):
        started = time.perf_counter()
        page = await _open(browser, address, QUICK)
        await _overlay(page).wait_for()
        waits.append(1000 * (time.perf_counter() - started))
        await page.context.close()
    return waits


async def _first_lime(browser: Browser, address: str) -> list[float]:
    """From a new seed to the first map that is not the bare photo."""
    page = await _open(browser, address, "/")
    await _wait_for_lime(page)
    waits = []
    await page.get_by_text("Tune", exact=True).last.click()
    seed = page.get_by_role("spinbutton", name="Seed")
    for number in range(1, 6):
        started = time.perf_counter()
        await seed.fill(str(number))
        await seed.press("Enter")
        await page.get_by_text("of 1,000").wait_for()
        waits.append(1000 * (time.perf_counter() - started))
        await _wait_for_lime(page)
    await page.context.close()
    return waits


async def _crowd(browser: Browser, address: str) -> tuple[list[float], dict[str, set[str]]]:
    pages = [await _open(browser, address, QUICK) for _ in range(SESSIONS)]
    for page in pages:
        await _wait_for_lime(page)
    seen: dict[str, set[str]] = {}
    waits = await asyncio.gather(
        *(_move(page, random.Random(n), MOVES_EACH, seen) for n, page in enumerate(pages))
    )
    return [wait for one in waits for wait in one], seen
