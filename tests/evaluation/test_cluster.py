"""The same evaluation on a Ray cluster of two actors, one of which is lost on the way."""

from __future__ import annotations

import builtins
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.evaluation.test_evaluate import make_photo
from xaicore.evaluation.chunk import Chunk, ChunkScores
from xaicore.evaluation.cluster import on_ray
from xaicore.evaluation.evaluate import Engine, evaluate, local_engine
from xaicore.evaluation.plan import EvaluationError, Plan
from xaicore.evaluation.results import results_of
from xaicore.evaluation.store import Store
from xaicore.metrics.base import Protocol
from xaicore.networks.classifier import load_classifier, weights_of
from xaicore.networks.petnet import PetNet
from xaicore.networks.petnet_facts import BUNDLED_WEIGHTS
from xaicore.progress import Progress
from xaicore.training.dataset import PhotoBytes

PLAN = Plan(methods=("gradcam",), metrics=("iauc", "ad"), protocol=Protocol(steps=8), mosaics=1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "petnet.safetensors"
    path.write_bytes(weights_of(PetNet()))
    return path


@pytest.fixture
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'petlens[ray]')")
    # Both actors fit on any machine: Ray counts cores, not work.
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def actor_processes() -> list[int]:
    """Ids of the actors' processes, by the names that Ray gives them."""
    titles = {
        int(file.parent.name): file.read_bytes()
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if file.exists()
    }
    return [process for process, title in titles.items() if title.startswith(b"ray::Actor")]


def losing_an_actor(engine: Engine, kill: Callable[[], None]) -> Engine:
    """The engine, with one of its workers killed after the first answer."""

    def work(chunks: Iterable[Chunk], progress: Progress) -> Iterator[tuple[Chunk, ChunkScores]]:
        for number, answer in enumerate(engine(chunks, progress)):
            if number == 0:
                kill()
            yield answer

    return work


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds Ray's processes under /proc")
def test_a_cluster_that_loses_a_worker_finds_what_one_machine_finds(
    ray: Any, weights: Path, tmp_path: Path
) -> None:
    classifier = load_classifier(weights, "cpu")
    labels = ("cat", "dog")
    files = [PhotoBytes(make_photo(seed), str(seed), labels[seed % 2]) for seed in range(24)]
    alone = Store(f"sqlite:///{tmp_path / 'alone.db'}")
    expected = results_of(
        alone, evaluate(classifier, files, PLAN, alone, engine=local_engine(classifier, PLAN))
    )
    lost: list[int] = []

    def kill() -> None:
        lost.append(actor_processes()[0])
        os.kill(lost[0], signal.SIGKILL)

    store = Store(f"sqlite:///{tmp_path / 'ray.db'}")
    engine = losing_an_actor(on_ray("local", weights, PLAN, workers=2), kill)
    found = results_of(store, evaluate(classifier, files, PLAN, store, engine=engine))
    assert lost
    columns = found.rows.columns.drop("seconds")
    pd.testing.assert_frame_equal(found.rows[columns], expected.rows[columns], atol=1e-5)
    pd.testing.assert_frame_equal(found.focus, expected.focus, atol=1e-5)


def test_without_ray_a_sentence_says_what_to_do(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(EvaluationError, match=r"petlens\[ray\]"):
        on_ray("local", weights, PLAN, 1)


@pytest.mark.parametrize("address", ["{host}", "ray://{host}", "127.0.0.1:99999"])
def test_an_address_where_nothing_listens_is_refused_at_once(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    address = address.format(host=host)
    with pytest.raises(EvaluationError, match=f"There is no Ray cluster at {address}"):
        on_ray(address, BUNDLED_WEIGHTS, Plan(), 1)
