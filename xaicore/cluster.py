"""The same evaluation on more than one machine, through Ray: photos sharded over actors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xaicore.classifier import load_classifier
from xaicore.evaluation import Chunk, Engine, EvaluationError, Found, Plan, in_flight, score_chunk

LOCAL = "local"
# Chunks an actor has waiting, so that it never idles.
AHEAD = 2


class Actor:
    """One classifier on one machine of the cluster; a lost one is started again with its work."""

    def __init__(self, weights: bytes, plan: Plan) -> None:
        self.classifier = load_classifier(weights)
        self.plan = plan

    def score(self, chunk: Chunk) -> Found:
        return score_chunk(self.classifier, self.plan, chunk, lambda: None)


def on_ray(address: str, weights: Path, plan: Plan, workers: int) -> Engine:
    """The engine that spreads chunks over ``workers`` actors of a Ray cluster.

    ``address`` is the cluster's, or "local" for one on this machine. Every actor takes a GPU where
    the cluster has one for each. Raises :class:`EvaluationError` where Ray is not installed or the
    cluster cannot be reached.
    """
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
        raise EvaluationError(
            f"There is no Ray cluster at {address}. Check the address."
        ) from error
    gpus = 1 if ray.cluster_resources().get("GPU", 0) >= workers else 0
    remote: Any = ray.remote(num_gpus=gpus, max_restarts=-1, max_task_retries=-1)(Actor)
    actors = [remote.remote(weights.read_bytes(), plan) for _ in range(workers)]

    def work(chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Found]]:
        started = 0

        def start(chunk: Chunk) -> Any:
            nonlocal started
            answer = actors[started % workers].score.remote(chunk)
            started += 1
            return lambda: (chunk, ray.get(answer))

        yield from in_flight(chunks, AHEAD * workers, start)

    return work
