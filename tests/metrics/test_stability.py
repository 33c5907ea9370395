"""How much a map changes with a photo that the network sees alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max

from tests.metrics.conftest import make_batch, make_classifier, make_maps
from xaicore import CONTROLS, METRICS, Classifier, score_maps
from xaicore.metrics.base import PerturbationTrace
from xaicore.metrics.remaking import by_control, by_method
from xaicore.metrics.stability import COPIES, REACH, TOLERANCE, change, changed_copies
from xaicore.metrics.tracing import REMADE
from xaicore.progress import no_progress


def still_classifier() -> Classifier:
    """So flat that no small change moves its answer by a hundredth."""
    return make_classifier(gain=0.01)


def gradient_times_input(
    classifier: Classifier, batch: torch.Tensor, targets: torch.Tensor
) -> np.ndarray:
    # captum asks without gradients.
    with torch.enable_grad():
        photos = batch.clone().requires_grad_()
        scores = classifier.net(photos).gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(scores, photos)
    return (gradient * photos).sum(1).detach().numpy()


def test_a_map_that_is_always_the_same_changes_by_nothing() -> None:
    remake = by_control(CONTROLS["gaussian"])
    assert remake
    found = change(remake, still_classifier(), make_batch(1, 16, 16), 0)
    assert len(found.changes) == COPIES
    assert found.score == 0


def test_a_random_map_is_drawn_anew_for_every_photo() -> None:
    """Two independent uniform maps differ by √(1/6) where one measures √(1/3)."""
    remake = by_control(CONTROLS["random"])
    assert remake
    found = change(remake, make_classifier(size=64, gain=0.01), make_batch(1, 64, 64), 0)
    assert found.score == pytest.approx(math.sqrt(1 / 2), rel=0.05)


def test_a_linear_network_by_hand(linear: Classifier) -> None:
    """There a map of w·x changes exactly as the photo does, weighed by w."""
    photo = torch.zeros(1, 3, 4, 4)
    photo[:, :, 2:] = 40.0
    weights = linear.net.get_parameter("2.weight")[0].view(3, 4, 4).detach().numpy()
    found = change(gradient_times_input, linear, photo, 0)
    copies = changed_copies(linear, photo, 0).numpy()
    before = (weights * photo[0].numpy()).sum(0)
    moved = [np.linalg.norm((weights * copy).sum(0) - before) for copy in copies]
    expected = np.array(moved) / np.linalg.norm(before)
    np.testing.assert_allclose(found.changes, expected, rtol=1e-4)
    assert found.score == pytest.approx(expected.max(), rel=1e-4)


def test_it_is_captum_s_sensitivity_where_every_change_counts() -> None:
    classifier, photo = still_classifier(), make_batch(1, 16, 16)
    copies = changed_copies(classifier, photo, 0)

    def explain_all(given: torch.Tensor | tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        photos = given if isinstance(given, torch.Tensor) else given[0]
        targets = torch.zeros(len(photos), dtype=torch.int64)
        return (torch.from_numpy(gradient_times_input(classifier, photos, targets)),)

    theirs = sensitivity_max(
        explain_all, photo, perturb_func=lambda photos: copies, n_perturb_samples=COPIES
    )
    found = change(gradient_times_input, classifier, photo, 0)
    assert len(found.changes) == COPIES
    assert found.score == pytest.approx(theirs.item(), rel=1e-5)


def test_only_changes_that_leave_the_answer_alone_count() -> None:
    classifier, photo = make_classifier(gain=3.0), make_batch(1, 16, 16, seed=2)
    copies = changed_copies(classifier, photo, 0)
    target = int(classifier.predict(photo).argmax())
    before = classifier.predict(photo)[0, target]
    after = classifier.predict(copies)[:, target]
    alike = np.abs(after - before) <= TOLERANCE * before
    assert 0 < alike.sum() < COPIES
    found = change(gradient_times_input, classifier, photo, target)
    np.testing.assert_allclose(found.photos[1:], copies[torch.from_numpy(alike)], atol=1e-6)


def test_where_no_change_leaves_it_alone_there_is_no_figure() -> None:
    classifier, photo = make_classifier(gain=1e5), make_batch(1, 16, 16)
    last = classifier.net.get_parameter("6.bias")
    with torch.no_grad():
        scores = classifier.net(photo)[0]
        # On the edge between both classes every change decides.
        last.add_(torch.tensor([0.0, float(scores[0] - scores[1])]))
    found = change(gradient_times_input, classifier, photo, 0)
    assert len(found.changes) == 0
    assert math.isnan(found.score)


def test_a_map_of_nothing_has_no_figure() -> None:
    def nothing(_: Classifier, batch: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
        return np.zeros((len(batch), 16, 16), dtype=np.float32)

    assert math.isnan(change(nothing, still_classifier(), make_batch(1, 16, 16), 0).score)


def test_colours_move_as_far_as_they_may_and_the_same_for_one_seed() -> None:
    classifier, photo = make_classifier(), make_batch(1, 16, 16)
    copies = changed_copies(classifier, photo, 1)
    moved = (classifier.denormalise(copies) - classifier.denormalise(photo)).abs()
    assert moved.max().item() == pytest.approx(REACH, rel=0.02)
    assert torch.equal(copies, changed_copies(classifier, photo, 1))
    assert not torch.equal(copies, changed_copies(classifier, photo, 2))


def test_photos_are_scored_one_by_one() -> None:
    classifier, batch = still_classifier(), make_batch(3, 16, 16)
    remake = by_method("integrated-gradients", steps=16)
    classes = classifier.predicted(batch)
    rows = score_maps(
        classifier, batch, make_maps(3, 16, 16), classes, ["stability"], remake=remake
    )
    together = REMADE["changed"](remake, classifier, batch, classes, 0, no_progress)
    np.testing.assert_allclose(rows["stability"], together, rtol=1e-5)
    for place in range(3):
        alone = change(remake, classifier, batch[[place]], int(classes[place])).score
        assert together[place] == pytest.approx(alone, rel=1e-4)


def test_a_figure_that_is_missing_is_explained() -> None:
    trace = PerturbationTrace(
        np.zeros(2), np.zeros((1, 1)), np.zeros(1), changed=np.array([np.nan]),
        randomised=np.array([np.nan]),
    )  # fmt: skip
    assert "No small change" in METRICS["stability"].caveat(trace)
    assert "same everywhere" in METRICS["randomisation"].caveat(trace)
