"""Which networks are explained rightly: ``python -m benchmarks.networks`` writes docs/networks.md.

Every classifier of torchvision and the smallest of every family of timm, with random weights: its
canonical form must answer as it does, relevance must be gradient × input where that is so by the
theory, contributions must add up. Each network has a process of its own, and the figures are kept
in runs/networks.jsonl: started again, it goes on where it stopped.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import re
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torchvision.models

from benchmarks import one_network
from benchmarks.networks_page import write_page

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "runs" / "networks.jsonl"
CHOSEN = ROOT / "runs" / "networks_of_timm.json"
SECONDS = 900
BYTES = 9 * 2**30
TOO_LARGE = "it needs more than 9 GB of memory"
PROCESSES = multiprocessing.get_context("forkserver")


def torchvision_names() -> list[str]:
    """All classifiers, the smallest first."""
    names = torchvision.models.list_models(module=torchvision.models)
    weights = torchvision.models.get_model_weights
    return sorted(names, key=lambda name: next(iter(weights(name))).meta["num_params"])


def timm_names() -> list[str]:
    """The smallest network of each family, by its number of weights."""
    if CHOSEN.exists():
        return json.loads(CHOSEN.read_text())
    import timm

    smallest: dict[str, tuple[int, str]] = {}
    for name in timm.list_models(exclude_filters="test_*"):
        try:
            with torch.device("meta"):
                net = timm.create_model(name, pretrained=False)
        except Exception:  # some make tensors of real values as they are built
            continue
        size = sum(weight.numel() for weight in net.parameters())
        family = family_of(name)
        smallest[family] = min(smallest.get(family, (size, name)), (size, name))
    names = [name for _, name in sorted(smallest.values())]
    CHOSEN.write_text(json.dumps(names))
    return names


def family_of(name: str) -> str:
    """A name up to its first size: 'resnet', 'tf_efficientnetv', 'convnext'."""
    name = re.sub(r"\d+", "", name)
    sizes = (
        r"_(atto|femto|pico|nano|xxs|xs|xx?small|tiny|small|base|[smltbx]|large|huge|giant)(_|$)"
    )
    return "_".join(re.split(sizes, name)[0].split("_")[:2])


def measure(source: str, name: str) -> dict[str, Any]:
    """Measure one network in a process of its own; what goes wrong is in ``failed``."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_measure, args=(source, name, sender))
    process.start()
    sender.close()
    row: dict[str, Any] = {"source": source, "name": name}
    try:
        if not receiver.poll(SECONDS):
            return {**row, "failed": f"it took more than {SECONDS} seconds"}
        return {**row, **receiver.recv()}
    except EOFError:
        return {**row, "failed": TOO_LARGE}
    finally:
        process.kill()
        process.join()


def _measure(source: str, name: str, sender: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
    os.nice(10)
    torch.set_num_threads(1)
    try:
        sender.send(one_network.measure(source, name))
    except Exception as error:  # whatever a network does must not stop the others
        memory = isinstance(error, MemoryError) or "alloc" in str(error)
        reason = TOO_LARGE if memory else f"{type(error).__name__}: {error}".splitlines()[0]
        sender.send({"failed": reason})


def kept() -> Iterator[dict[str, Any]]:
    if KEPT.exists():
        yield from map(json.loads, KEPT.read_text().splitlines())


def main() -> None:
    KEPT.parent.mkdir(exist_ok=True)
    PROCESSES.set_forkserver_preload(["benchmarks.one_network", "timm"])
    only = set(sys.argv[1:])
    done = {(row["source"], row["name"]) for row in kept()}
    timms = [("timm", name) for name in timm_names()]
    others = [("torchvision", name) for name in torchvision_names()]
    wanted = [pair for pairs in itertools.zip_longest(timms, others) for pair in pairs if pair]
    waiting = [pair for pair in wanted if pair not in done and (not only or only & set(pair))]
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1))) as pool, KEPT.open("a") as file:
        for future in as_completed(pool.submit(measure, *pair) for pair in waiting):
            file.write(json.dumps(future.result()) + "\n")
            file.flush()
    write_page(list(kept()), ROOT / "docs" / "networks.md")


if __name__ == "__main__":
    main()
