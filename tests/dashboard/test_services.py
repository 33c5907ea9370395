"""What the pages ask of xaicore, and what is remembered of it."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xaicore
from dashboard import services
from dashboard.jobs import Job
from dashboard.services import Question
from dashboard.state import Pending, Photo
from xaicore import EXPLAINERS, Classifier, ExplainerError, PhotoError, load_photo

PATIENCE = 120
FEW_SAMPLES = {"superpixels": 10, "samples": 50}


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


def test_samples_are_readable_photos_with_their_credit() -> None:
    samples = services.load_samples()
    assert next(iter(samples)) == "kitten-with-yarn"
    assert samples["kitten-with-yarn"].credit == "Loliloli, public domain"
    for photo in samples.values():
        assert photo.alt.endswith(".")
        assert max(services.picture(photo).size) == 640


def test_probabilities_are_the_classifier_s(classifier: Classifier, kitten: Photo) -> None:
    expected = classifier.predict(classifier.preprocess([load_photo(kitten.data)]))[0]
    np.testing.assert_array_equal(services.predict(classifier, kitten), expected)


def test_an_unreadable_photo_is_refused_every_time() -> None:
    broken = Photo(b"not a picture", "Broken", "Broken.")
    for _ in range(2):
        with pytest.raises(PhotoError, match="not a picture"):
            services.picture(broken)


def test_an_answer_is_the_package_s_and_computed_once(
    classifier: Classifier, kitten: Photo, count_calls: list[str]
) -> None:
    question = Question(classifier, kitten, "lrp", {"alpha": 3.0}, target=1)
    first, second = services.explain(question), services.explain(question)
    batch = classifier.preprocess([load_photo(kitten.data)])
    expected = xaicore.EXPLAINERS["lrp"]
    direct = xaicore.explainers.base.run(expected, classifier, batch, [1], alpha=3.0)
    np.testing.assert_allclose(first.maps, direct.maps, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(first.maps, second.maps)
    assert count_calls == ["lrp"]


def test_every_part_of_a_question_makes_another_key(
    classifier: Classifier, kitten: Photo, shepherd: Photo
) -> None:
    another = copy.deepcopy(classifier)
    another.fingerprint = "another"
    question = Question(classifier, kitten, "lrp", {"alpha": 2.0}, target=0)
    others = [
        replace(question, photo=shepherd),
        replace(question, explainer="deeplift"),
        replace(question, parameters={"alpha": 2.1}),
        replace(question, target=1),
        replace(question, score="margin"),
        replace(question, classifier=another),
    ]
    keys = {asked.key for asked in [question, *others]}
    assert len(keys) == 7
    same_photo = replace(kitten, title="Another title")
    assert replace(question, photo=same_photo).key == question.key


def test_a_refusal_is_passed_on(classifier: Classifier, kitten: Photo) -> None:
    with pytest.raises(ExplainerError, match="choose a number from 1 to 4"):
        services.explain(Question(classifier, kitten, "lrp", {"alpha": 9.0}, target=0))


def test_a_slow_answer_comes_from_a_job_and_then_from_memory(
    classifier: Classifier, kitten: Photo, count_calls: list[str]
) -> None:
    jobs: dict[str, Pending] = {}
    question = Question(classifier, kitten, "lime", FEW_SAMPLES, target=0)
    job = services.follow(question, jobs)
    assert isinstance(job, Job)
    assert job.wait(PATIENCE)
    answer = services.follow(question, jobs)
    assert isinstance(answer, xaicore.Explanation)
    assert answer.settings["parameters"]["samples"] == 50
    again = services.follow(question, {})
    assert isinstance(again, xaicore.Explanation)
    np.testing.assert_array_equal(again.maps, answer.maps)
    assert count_calls == ["lime"]


def test_a_new_question_cancels_the_old_job(
    classifier: Classifier, kitten: Photo, shepherd: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(xaicore, "explain", lambda *_, **__: go_on.wait(PATIENCE))
    jobs: dict[str, Pending] = {}
    old = services.follow(Question(classifier, kitten, "lime", FEW_SAMPLES, target=0), jobs)
    same = services.follow(Question(classifier, kitten, "lime", FEW_SAMPLES, target=0), jobs)
    assert same is old
    assert isinstance(old, Job)
    assert not old.cancelled
    new = services.follow(Question(classifier, shepherd, "lime", FEW_SAMPLES, target=0), jobs)
    go_on.set()
    assert isinstance(new, Job)
    assert old.cancelled
    assert not new.cancelled
    assert jobs["lime"].job is new
    assert new.wait(PATIENCE)


def test_a_cancelled_job_is_started_anew_when_asked_again(
    classifier: Classifier, kitten: Photo
) -> None:
    jobs: dict[str, Pending] = {}
    question = Question(classifier, kitten, "lime", FEW_SAMPLES, target=0)
    old = services.follow(question, jobs)
    assert isinstance(old, Job)
    old.cancel()
    new = services.follow(question, jobs)
    assert isinstance(new, Job)
    assert new is not old
    assert new.wait(PATIENCE)
    assert new.result is not None


def test_layers_on_offer_are_the_network_s_convolutions(classifier: Classifier) -> None:
    (layer,) = (services.offered(classifier, p) for p in EXPLAINERS["gradcam"].parameters)
    assert layer.default == classifier.target_layer
    assert layer.choices[0] == "model.0"
    assert layer.choices[-1] == classifier.target_layer
    alpha = EXPLAINERS["lrp"].parameters[1]
    assert services.offered(classifier, alpha) is alpha
