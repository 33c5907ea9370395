"""What is computed for one visitor is remembered, and joined, for all."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import xaicore
from dashboard.shared.jobs import Job, Seat
from dashboard.shared.maps import MapRequest, offered
from dashboard.shared.memory import Memory
from dashboard.shared.photos import Photo, load_samples, picture_of, predict
from dashboard.shared.turns import Kind
from tests.networks.transformers import Tokens, lively
from xaicore import EXPLAINERS, Classifier, ExplainerError, PetlensError, PhotoError, load_photo
from xaicore.progress import Progress

PATIENCE = 120
FEW_SAMPLES = {"superpixels": 10, "samples": 50}


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the methods that were really run."""
    calls: list[str] = []
    real = xaicore.explain

    def counted(classifier: Any, batch: Any, name: str, *rest: Any, **settings: Any) -> Any:
        calls.append(name)
        return real(classifier, batch, name, *rest, **settings)

    monkeypatch.setattr(xaicore, "explain", counted)
    return calls


@dataclass
class Held:
    """A request whose work waits until it is let go, and counts how often it was begun."""

    key: str = "held"
    kind: Kind = Kind.SLOW_MAP
    size: int = 4
    begun: list[int] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def prepare(self) -> Callable[[Progress], np.ndarray]:
        def perform(progress: Progress) -> np.ndarray:
            self.begun.append(threading.get_ident())
            while not self.go_on.wait(0.01):
                progress(1, 2)
            progress(2, 2)
            return np.ones(self.size)

        return perform


def test_samples_are_readable_photos_with_their_credit() -> None:
    samples = load_samples()
    assert next(iter(samples)) == "kitten-with-yarn"
    assert samples["kitten-with-yarn"].credit == "Loliloli, public domain"
    for photo in samples.values():
        assert photo.alt.endswith(".")
        assert max(picture_of(photo).size) == 640


def test_probabilities_are_the_classifier_s(classifier: Classifier, kitten: Photo) -> None:
    expected = classifier.predict(classifier.preprocess([load_photo(kitten.data)]))[0]
    np.testing.assert_array_equal(predict(classifier, kitten), expected)


def test_an_unreadable_photo_is_refused_every_time() -> None:
    broken = Photo(b"not a picture", "Broken", "Broken.")
    for _ in range(2):
        with pytest.raises(PhotoError, match="not a picture"):
            picture_of(broken)


def test_an_answer_is_the_package_s_and_computed_once(
    memory: Memory, classifier: Classifier, kitten: Photo, count_calls: list[str]
) -> None:
    request = MapRequest(classifier, kitten, "lrp", {"alpha": 3.0}, class_index=1)
    first, second = memory.answer(request), memory.answer(request)
    batch = classifier.preprocess([load_photo(kitten.data)])
    expected = xaicore.EXPLAINERS["lrp"]
    direct = xaicore.explainers.base.run(expected, classifier, batch, [1], alpha=3.0)
    np.testing.assert_allclose(first.maps, direct.maps, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(first.maps, second.maps)
    assert count_calls == ["lrp"]


def test_every_part_of_a_request_makes_another_key(
    classifier: Classifier, kitten: Photo, shepherd: Photo
) -> None:
    another = copy.deepcopy(classifier)
    another.fingerprint = "another"
    request = MapRequest(classifier, kitten, "lrp", {"alpha": 2.0}, class_index=0)
    others = [
        replace(request, photo=shepherd),
        replace(request, explainer="deeplift"),
        replace(request, parameters={"alpha": 2.1}),
        replace(request, class_index=1),
        replace(request, score="margin"),
        replace(request, classifier=another),
    ]
    keys = {asked.key for asked in [request, *others]}
    assert len(keys) == 7
    same_photo = replace(kitten, title="Another title")
    assert replace(request, photo=same_photo).key == request.key


def test_a_refusal_is_passed_on(memory: Memory, classifier: Classifier, kitten: Photo) -> None:
    with pytest.raises(ExplainerError, match="choose a number from 1 to 4"):
        memory.answer(MapRequest(classifier, kitten, "lrp", {"alpha": 9.0}, class_index=0))


def test_a_slow_answer_comes_from_a_job_and_then_from_memory(
    memory: Memory, classifier: Classifier, kitten: Photo, count_calls: list[str]
) -> None:
    seat = Seat()
    request = MapRequest(classifier, kitten, "lime", FEW_SAMPLES, class_index=0)
    job = memory.follow(request, seat)
    assert isinstance(job, Job)
    assert job.wait(PATIENCE)
    answer = memory.follow(request, seat)
    assert isinstance(answer, xaicore.Explanation)
    assert answer.settings["parameters"]["samples"] == 50
    again = memory.follow(request, Seat())
    assert isinstance(again, xaicore.Explanation)
    np.testing.assert_array_equal(again.maps, answer.maps)
    assert count_calls == ["lime"]


def test_a_new_request_cancels_the_old_job(
    memory: Memory,
    classifier: Classifier,
    kitten: Photo,
    shepherd: Photo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(xaicore, "explain", lambda *_, **__: go_on.wait(PATIENCE))
    seat = Seat()
    old = memory.follow(MapRequest(classifier, kitten, "lime", FEW_SAMPLES, class_index=0), seat)
    same = memory.follow(MapRequest(classifier, kitten, "lime", FEW_SAMPLES, class_index=0), seat)
    assert same is old
    assert isinstance(old, Job)
    assert not old.cancelled
    new = memory.follow(MapRequest(classifier, shepherd, "lime", FEW_SAMPLES, class_index=0), seat)
    go_on.set()
    assert isinstance(new, Job)
    assert old.cancelled
    assert not new.cancelled
    assert seat.job is new
    assert new.wait(PATIENCE)


def test_a_cancelled_job_is_started_anew_when_asked_again(
    memory: Memory, classifier: Classifier, kitten: Photo
) -> None:
    seat = Seat()
    request = MapRequest(classifier, kitten, "lime", FEW_SAMPLES, class_index=0)
    old = memory.follow(request, seat)
    assert isinstance(old, Job)
    old.cancel()
    new = memory.follow(request, seat)
    assert isinstance(new, Job)
    assert new is not old
    assert new.wait(PATIENCE)
    assert new.result is not None


def test_twenty_visitors_who_ask_the_same_cause_one_computation(memory: Memory) -> None:
    request, seats = Held(), [Seat() for _ in range(20)]
    jobs = {memory.follow(request, seat) for seat in seats}
    assert len(jobs) == 1
    request.go_on.set()
    (job,) = jobs
    assert isinstance(job, Job)
    assert job.wait(PATIENCE)
    for seat in seats:
        np.testing.assert_array_equal(memory.follow(request, seat), np.ones(4))
    assert len(request.begun) == 1


def test_one_who_needs_the_answer_at_once_joins_too(memory: Memory) -> None:
    request = Held()
    memory.follow(request, Seat())
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(memory.answer, request) for _ in range(20)]
        request.go_on.set()
        for answer in answers:
            np.testing.assert_array_equal(answer.result(PATIENCE), np.ones(4))
    assert len(request.begun) == 1


def test_the_work_goes_on_while_anybody_waits_and_stops_when_all_have_left(memory: Memory) -> None:
    request, first, second = Held(), Seat(), Seat()
    job = memory.follow(request, first)
    assert memory.follow(request, second) is job
    assert isinstance(job, Job)
    first.leave()
    assert not job.cancelled
    second.leave()
    assert job.cancelled
    assert job.wait(PATIENCE)
    assert (job.result, job.error) == (None, "")


def test_a_cancelled_join_is_made_by_the_one_who_still_waits(memory: Memory) -> None:
    request, seat = Held(), Seat()
    job = memory.follow(request, seat)
    assert isinstance(job, Job)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(memory.answer, request)
        while not request.begun:
            pass
        job.cancel()
        assert job.wait(PATIENCE)
        request.go_on.set()
        np.testing.assert_array_equal(answer.result(PATIENCE), np.ones(4))


class Failing:
    """A request that cannot be met."""

    key = "failing"
    kind = Kind.SLOW_MAP
    tried = 0

    def prepare(self) -> Callable[[Progress], np.ndarray]:
        self.tried += 1
        raise PetlensError("There is no such map.")


def test_what_failed_is_said_and_not_tried_again_at_every_look(memory: Memory) -> None:
    request, seat = Failing(), Seat()
    for _ in range(3):
        job = memory.follow(request, seat)
        assert isinstance(job, Job)
        assert job.wait(PATIENCE)
        assert job.error == "There is no such map."
    assert request.tried == 1
    # Whoever asks anew may have better luck.
    memory.follow(request, Seat())
    assert request.tried == 2
    with pytest.raises(PetlensError, match="no such map"):
        memory.answer(request)


def test_the_answers_used_last_are_kept_within_bounds() -> None:
    memory = Memory(most_bytes=10 * 8)
    requests = [Held(str(number), size=4) for number in range(3)]
    for request in requests:
        request.go_on.set()
    memory.answer(requests[0])
    memory.answer(requests[1])
    assert memory.recall(requests[0]) is not None
    memory.answer(requests[2])
    known = [memory.recall(request) is not None for request in requests]
    assert known == [True, False, True]


def test_answers_are_shared_and_cannot_be_spoilt(
    memory: Memory, classifier: Classifier, kitten: Photo
) -> None:
    answer = memory.answer(MapRequest(classifier, kitten, "gradcam", {}, class_index=0))
    with pytest.raises(ValueError, match="read-only"):
        answer.maps[0] = 0


def test_layers_on_offer_are_those_that_hold_a_map(classifier: Classifier) -> None:
    (layer,) = (offered(classifier, p) for p in EXPLAINERS["gradcam"].parameters)
    assert layer.default == classifier.target_layer
    assert layer.choices[0] == "model.0"
    assert layer.choices[-1] == classifier.target_layer
    tokens = Classifier(lively(Tokens(before=1)), size=32, device="cpu")
    other = offered(tokens, EXPLAINERS["gradcam"].parameters[0])
    blocks = [f"blocks.{block}.norm{norm}" for block in (0, 1) for norm in (1, 2)]
    assert other.choices == ("patches", *blocks, "norm")
    assert other.default == "blocks.1.norm1"
    alpha = EXPLAINERS["lrp"].parameters[1]
    assert offered(classifier, alpha) is alpha
