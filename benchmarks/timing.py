"""Time several ways of doing the same work, side by side."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Row:
    """One line of the results: what was compared, the median ratio and its quartiles."""

    what: str
    ratio: float
    low: float
    high: float
    claim: str

    def markdown(self) -> str:
        return f"| {self.what} | {self.ratio:.2f} | {self.low:.2f}–{self.high:.2f} | {self.claim} |"


def side_by_side(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every piece of work in every round; the pieces take turns within a round."""
    for run in work.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            seconds[name].append(_seconds(run))
    return seconds


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(
    what: str, seconds: Mapping[str, list[float]], top: str, bottom: str, claim: str
) -> Row:
    """The ratio of two pieces of work, round by round."""
    ratios = [a / b for a, b in zip(seconds[top], seconds[bottom], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Row(what, middle, low, high, claim)


def machine(device: torch.device) -> str:
    """The processor or GPU that the figures were taken on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
