"""Whatever a link says of any widget, the page opens and says nothing of it."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.pages import PAGES
from tools.visitor import Visitor

# Of every page: the widgets that a link can set.
NAMES = {
    "explain": "network class evidence score opacity smoothing sample more lrp-alpha lrp-epsilon "
    "lrp-composite lrp-bias lime-samples lime-best gradcam-layer",
    "compare": "panels view area first second change forgetting a-method a-class a-photo "
    "a-lrp-alpha",
    "curves": "steps fill blur kernel sigma ties",
    "leaderboard": "run part other-run board across up distribution reading evaluate",
    "methods": "chapter lesson metric lesson-method lesson-step lesson-class lesson-lrp-alpha",
}
WORDS = ["", "=", "=x", "=-1", "=1e999", "=nan", "=null", "=%00", "=%ff", "=%5B%22a%22%5D"]
LONG, AGAIN = "=" + "x" * 100_000, "=1&{name}=&{name}=x"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_that_says_nothing_sensible_opens_the_page(address, page):
    names = NAMES[page.name].split()
    words = [*WORDS, LONG, AGAIN]
    # All widgets at once, each with every word in turn; older links name what no page has.
    links = ["&".join(name + w.format(name=name) for name in [*names, "gone"]) for w in words]
    turns = itertools.cycle(words)
    links += [f"{name}{next(turns).format(name=name)}" for name in names]
    # On a thread of its own: the browser's library runs a loop on this one.
    with ThreadPoolExecutor(1) as pool:
        errors = pool.submit(asyncio.run, open_all(address, page.name, links)).result()
    assert errors == {}


async def open_all(address, page, links):
    """The errors that a page shows, by the link."""
    found = {}
    for link in links:
        async with Visitor(address) as visitor:
            await visitor.open(link, page)
            if visitor.errors:
                found[link[:100]] = visitor.errors
    return found
