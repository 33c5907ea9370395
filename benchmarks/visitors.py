"""Many visitors of one server: its memory, its pictures, and a slider beside an evaluation.

``python -m benchmarks.visitors`` writes benchmarks/VISITORS.md; half an hour. The visitors speak to
the server as pages do, without browsers, which would take the processor from it.
"""

from __future__ import annotations

import asyncio
import datetime
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import psutil
import torch

from benchmarks.timing import machine
from dashboard.leaderboard import keys
from tools.browser import ROOT, Server, run_server
from tools.visitor import Visitor

SAMPLES = sorted(file.stem for file in (ROOT / "assets" / "samples").glob("*.jpg"))
PAGES = ("", "compare", "curves", "leaderboard", "methods")
STAGES = (0, 50, 100, 200)
AT_A_TIME = 4
# Streamlit keeps a session for two minutes after its page was closed.
KEPT_SECONDS = 130
CROWD, CROWD_SECONDS = 20, 600
MOVES = 40
LRP = "by LRP, laid over the photo"
QUICK = {"lime-samples": 50, "lime-superpixels": 10, "steps": 16}


def query(rng: random.Random) -> str:
    """A link with settings by chance, of which a thousand are different."""
    chosen = {
        "sample": rng.choice(SAMPLES),
        "lrp-alpha": round(rng.uniform(1, 4), 1),
        "opacity": rng.randrange(0, 101, 5),
    }
    return urlencode(QUICK | chosen)


@asynccontextmanager
async def visitor(server: Server, link: str = "", page: str = "") -> AsyncIterator[Visitor]:
    """A visitor on a page that has come to rest."""
    async with Visitor(server.address) as one:
        await one.open(link, page)
        await one.rest()
        yield one


def megabytes(server: Server) -> float:
    """What the server's process holds in memory."""
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


async def measure_memory(server: Server) -> dict[int, float]:
    """Megabytes after so many visitors who each saw two pages and left."""
    rng, turns = random.Random(0), asyncio.Semaphore(AT_A_TIME)

    async def visit(link: str, page: str) -> None:
        async with turns, visitor(server, link) as one:
            await one.open(link, page)
            await one.rest()

    found, came = {}, 0
    await visit(query(rng), "compare")
    for visitors in STAGES:
        links = [(query(rng), rng.choice(PAGES)) for _ in range(visitors - came)]
        await asyncio.gather(*(visit(*link) for link in links))
        came = visitors
        # Streamlit forgets sessions that have ended when the next one begins.
        await asyncio.sleep(KEPT_SECONDS)
        await visit(query(rng), "")
        found[visitors] = megabytes(server)
    return found


async def measure_crowd(server: Server) -> tuple[int, int, int, int]:
    """Visits, pictures, pictures that another visitor saw otherwise, and errors, in ten minutes."""
    seen: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    visits, errors = 0, []
    end = time.monotonic() + CROWD_SECONDS

    async def visit(number: int) -> None:
        nonlocal visits
        rng = random.Random(number)
        while time.monotonic() < end:
            link, page = query(rng), rng.choice(PAGES)
            async with visitor(server, link, page) as one:
                # Of the pictures of one place the last is that of the finished work.
                for words, addresses in one.pictures.items():
                    seen[link, page, words].add(addresses[-1])
                errors.extend(one.errors)
            visits += 1

    await asyncio.gather(*(visit(number % (CROWD // 2)) for number in range(CROWD)))
    wrong = sum(len(addresses) > 1 for addresses in seen.values())
    return visits, len(seen), wrong, len(errors)


async def measure_slider(server: Server) -> tuple[list[float], list[float]]:
    """Seconds from a slider's move to its map: alone, and beside an evaluation."""
    async with visitor(server, urlencode(QUICK)) as mover:
        alone = [await move(mover, number) for number in range(MOVES)]
        form = urlencode({keys.VIEW: "Evaluate my photos"})
        async with visitor(server, form, "leaderboard") as teacher:
            await teacher.press(keys.EVALUATE_START)
            beside = [await move(mover, MOVES + number) for number in range(MOVES)]
    return alone, beside


async def move(mover: Visitor, number: int) -> float:
    """Seconds from one move to the new map; no two numbers give the same."""
    started = time.perf_counter()
    await mover.move("lrp-alpha", 1.01 + 0.03 * number, LRP)
    return time.perf_counter() - started


def report(server: Server) -> list[str]:
    """The lines of the results."""
    alone, beside = asyncio.run(measure_slider(server))
    memory = asyncio.run(measure_memory(server))
    visits, pictures, wrong, errors = asyncio.run(measure_crowd(server))
    slower = statistics.median(beside) / statistics.median(alone)
    growth = memory[STAGES[-1]] / memory[STAGES[-2]] - 1
    return [
        "# Many visitors",
        "",
        f"Measured by `python -m benchmarks.visitors` on {machine(torch.device('cpu'))} · "
        f"{datetime.date.today()}. The visitors speak to the server as pages do, without browsers.",
        "",
        "| visitors so far | MB that the server holds |",
        "|---|---|",
        *(f"| {visitors} | {held:.0f} |" for visitors, held in memory.items()),
        "",
        f"From {STAGES[-2]} to {STAGES[-1]} visitors: {growth:+.1%} (aim: at most +10 %).",
        "",
        f"{CROWD} visitors at once for {CROWD_SECONDS // 60} minutes: {visits} visits, {errors} "
        f"errors, and of {pictures} pictures {wrong} that two visitors saw otherwise (aim: none).",
        "",
        f"A slider of LRP to its new map: {statistics.median(alone) * 1000:.0f} ms alone and "
        f"{statistics.median(beside) * 1000:.0f} ms beside an evaluation, the middle of {MOVES} "
        f"moves; {slower:.1f} times as long (aim: at most 2).",
        "",
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{Path(folder, 'store.db')}"
        with run_server(XAICORE_STORE=store) as server:
            text = "\n".join(report(server))
    Path(__file__).with_name("VISITORS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
