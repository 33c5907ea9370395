"""Networks are made ready for LRP and DeepLIFT beside the page, once, and are let go."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import xaicore
from dashboard.shared import maps, preparing
from dashboard.shared.jobs import Job, Seat
from dashboard.shared.maps import MapRequest, obtain
from dashboard.shared.photos import Photo
from dashboard.shared.preparing import Preparing
from xaicore import Classifier, Explanation
from xaicore.networks import classifier as classifier_module
from xaicore.networks.canonical import canonicalize

PATIENCE = 120


class Slowly:
    """Rewrites networks, each as soon as it is let go, and keeps on which threads it does."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.threads: list[str] = []

    def __call__(self, net: nn.Module, example: torch.Tensor) -> Any:
        self.threads.append(threading.current_thread().name)
        assert self.go_on.wait(PATIENCE)
        return canonicalize(net, example)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Slowly:
    held = Slowly()
    monkeypatch.setattr(classifier_module, "canonicalize", held)
    return held


def another(seed: int = 3) -> Classifier:
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    )
    for weight in net.parameters():
        weight.data = torch.randn(weight.shape, generator=generator)
    return Classifier(net, size=16, device="cpu")


def test_a_card_waits_for_what_others_need_not(
    slowly: Slowly, kitten: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, ready = another(), Preparing()
    monkeypatch.setattr(preparing, "_get_preparing", lambda: ready)
    seats: dict[str, Any] = {}
    monkeypatch.setattr(maps.state, "seat", lambda _, place: seats.setdefault(place, Seat()))

    def ask(method: str) -> Explanation | Job[Any]:
        return obtain(MapRequest(classifier, kitten, method, {}, 1), "maps", method)

    waiting = ask("lrp")
    assert isinstance(waiting, Job)
    assert waiting.running
    assert ask("deeplift") is waiting
    assert isinstance(ask("gradcam"), Explanation)
    slowly.go_on.set()
    assert waiting.wait(PATIENCE)
    assert not waiting.error
    found = ask("lrp")
    assert isinstance(found, Explanation)
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    np.testing.assert_array_equal(found.maps, xaicore.explain(classifier, batch, "lrp", [1]).maps)
    assert len(slowly.threads) == 1
    assert slowly.threads[0].startswith("preparing")


def test_those_who_ask_share_one_job_and_equal_networks_one_form(slowly: Slowly) -> None:
    ready, first, equal = Preparing(), another(), another()
    job = ready.follow(first)
    assert job is not None
    assert ready.follow(first) is job
    later = ready.follow(equal)
    slowly.go_on.set()
    for one in (job, later):
        assert one is not None
        assert one.wait(PATIENCE)
    assert ready.follow(first) is None
    assert first.canonical is equal.canonical
    assert len(slowly.threads) == 1


def test_a_network_is_let_go_once_it_is_ready() -> None:
    ready, classifier = Preparing(), another()
    job = ready.follow(classifier)
    assert job is not None
    assert job.wait(PATIENCE)
    held = weakref.ref(classifier)
    del classifier
    # A thread lets go of its work a moment after it is done, surely before it takes more.
    other = another(seed=4)
    after = ready.follow(other)
    assert after is not None
    assert after.wait(PATIENCE)
    gc.collect()
    assert held() is None
