"""The same evaluation on more than one machine, through Ray: photos sharded over actors."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from xaicore.evaluation.chunk import Chunk, ChunkScores, score_chunk
from xaicore.evaluation.evaluate import in_flight
from xaicore.evaluation.plan import EvaluationError, Plan
from xaicore.networks.classifier import load_classifier
from xaicore.progress import Progress, no_progress

LOCAL = "local"
HOST_AND_PORT = re.compile(r"(ray://)?(?P<host>[^/:]+):(?P<port>\d+)")
CONNECT_SECONDS = 5.0
# Chunks an actor has waiting, so that it never idles.
AHEAD = 2
# How often progress is called while an answer is waited for.
LOOK_UP_SECONDS = 0.5


class Actor:
    """One classifier on one machine of the cluster; a lost one is started again with its work."""

    def __init__(self, weights: bytes, plan: Plan) -> None:
        self.classifier = load_classifier(weights)
        self.plan = plan

    def score(self, chunk: Chunk) -> ChunkScores:
        return score_chunk(self.classifier, self.plan, chunk, no_progress)


class RayEngine:
    """Spreads chunks over actors; ``weights`` stays here, so that a lost actor can start again."""

    def __init__(self, ray: Any, weights: bytes, plan: Plan, workers: int) -> None:
        self.ray = ray
        self.weights = ray.put(weights)
        gpus = 1 if ray.cluster_resources().get("GPU", 0) >= workers else 0
        remote = ray.remote(num_gpus=gpus, max_restarts=-1, max_task_retries=-1)(Actor)
        self.actors = [remote.remote(self.weights, plan) for _ in range(workers)]
        self.turn = itertools.cycle(self.actors)

    def __call__(
        self, chunks: Iterable[Chunk], progress: Progress
    ) -> Iterator[tuple[Chunk, ChunkScores]]:
        try:
            yield from in_flight(
                chunks, AHEAD * len(self.actors), lambda chunk: self._start(chunk, progress)
            )
        finally:
            for actor in self.actors:
                self.ray.kill(actor)

    def _start(self, chunk: Chunk, progress: Progress) -> Callable[[], tuple[Chunk, ChunkScores]]:
        answer = next(self.turn).score.remote(chunk)

        def wait() -> tuple[Chunk, ChunkScores]:
            while not self.ray.wait([answer], timeout=LOOK_UP_SECONDS)[0]:
                progress(0, 0)
            return chunk, self.ray.get(answer)

        return wait


def on_ray(address: str, weights: Path, plan: Plan, workers: int) -> RayEngine:
    """The engine that spreads chunks over ``workers`` actors of a Ray cluster.

    ``address`` is the cluster's, or "local" for one on this machine. Every actor takes a GPU where
    the cluster has one for each. Raises :class:`EvaluationError` where Ray is not installed or the
    cluster cannot be reached.
    """
    missing = EvaluationError(f"There is no Ray cluster at {address}. Check the address.")
    if not _answers(address):
        raise missing
    try:
        import ray
    except ImportError as error:
        raise EvaluationError(
            "Ray is not installed. Install it with: pip install 'petlens[ray]'"
        ) from error
    try:
        if not ray.is_initialized():
            ray.init(None if address == LOCAL else address, include_dashboard=False)
    except (ConnectionError, ValueError) as error:
        raise missing from error
    return RayEngine(ray, weights.read_bytes(), plan, workers)


def _answers(address: str) -> bool:
    """Whether something listens there, where a host and a port are named: Ray tries for minutes."""
    named = HOST_AND_PORT.fullmatch(address)
    if not named:
        return True
    try:
        socket.create_connection((named["host"], int(named["port"])), CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True
