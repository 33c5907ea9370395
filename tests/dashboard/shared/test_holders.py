"""What is made of a visitor's own photo or network is kept with that visitor, and gone with it."""

from __future__ import annotations

import gc
import io
import weakref
from functools import partial

import pytest
from PIL import Image

import xaicore
from dashboard.shared.holders import Holder, get_shared, holder_of, keep_with
from dashboard.shared.maps import MapRequest
from dashboard.shared.photos import Photo, picture_of, predict
from tests.dashboard.walk import jobs_of, visit
from xaicore import Classifier


@pytest.fixture(autouse=True)
def nothing_shared() -> None:
    get_shared.clear()


def all_shared() -> str:
    """The keys of everything that all visitors share."""
    shared = get_shared()
    return f"{list(shared._kept)} {list(shared.memory._answers)}"


def look(classifier: Classifier, photo: Photo) -> None:
    """What a page does: picture, verdict, map."""
    picture_of(photo)
    predict(classifier, photo)
    request = MapRequest(classifier, photo, "gradcam", {}, 0)
    request.holder.memory.answer(request)


def noise() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 80).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def test_a_sample_s_answers_are_shared(classifier: Classifier, kitten: Photo) -> None:
    look(classifier, kitten)
    assert kitten.hash in all_shared()
    assert classifier.fingerprint in all_shared()


def test_an_own_photo_s_answers_are_kept_apart_and_go(classifier: Classifier) -> None:
    holder = Holder()
    photo = Photo(noise(), "Mine", "A photo.", holder=holder)
    look(classifier, photo)
    assert photo.hash not in all_shared()
    assert len(holder._kept) == 3
    assert len(holder.memory._answers) == 1
    gone = weakref.ref(holder)
    del holder, photo
    gc.collect()
    assert gone() is None


def test_an_own_network_s_answers_of_a_sample_are_kept_apart(kitten: Photo) -> None:
    classifier, holder = xaicore.load_classifier(), Holder()
    keep_with(classifier, holder)
    look(classifier, kitten)
    assert classifier.fingerprint not in all_shared()
    assert holder_of(None, classifier) is holder
    assert len(holder.memory._answers) == 1
    gone = weakref.ref(classifier)
    del classifier
    gc.collect()
    assert gone() is None


def test_what_was_used_last_is_kept() -> None:
    holder, made = Holder(most=2), []

    def make(key: str) -> str:
        made.append(key)
        return key

    for key in ("a", "b", "a", "c", "a", "b"):
        assert holder.keep(key, partial(make, key)) == key
    assert made == ["a", "b", "c", "b"]


@pytest.mark.usefixtures("small_network")
def test_a_page_keeps_an_upload_with_its_session() -> None:
    app = visit("explain")
    app.query_params["lime-samples"] = "50"
    app.run()
    app.segmented_control(key="source").set_value("upload").run()
    data = noise()
    app.file_uploader(key="upload").set_value(("mine.png", data, "image/png")).run()
    assert not app.exception
    own = Photo(data, "", "")
    assert own.hash not in all_shared()
    assert any(own.hash in str(key) for key in app.session_state["holder"]._kept)
    for job in jobs_of(app):
        job.cancel()
        job.wait(60)
