"""What is known of how one photo's maps stand the test: their traces, and the controls'.

Methods come first, so that a page is soon of use. The controls follow one kind at a time: whoever
asks for a map meanwhile waits for one kind, not for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from dashboard.shared import state
from dashboard.shared.jobs import Job
from dashboard.shared.maps import MapRequest, kept_parameters, obtain, request_map
from dashboard.shared.photos import to_batch
from dashboard.shared.state import Choices
from dashboard.shared.traces import TraceRequest
from xaicore import CONTROLS, EXPLAINERS, Control, Explanation, Metric
from xaicore.identity import canonical
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace

FLIPPED = CONTROLS["flipped"]
# Those that are made without a map to test, and so are the same for all methods.
SHARED = tuple(control for control in CONTROLS.values() if control.blind and not control.derived)
# How many maps that know nothing each method is compared with.
CONTROL_COUNT = sum(control.draws for control in SHARED) + FLIPPED.draws


@dataclass
class CurveResults:
    """What is known so far, by method or by control.

    ``maps`` float32 [1, h, w]; ``doing`` says what is being worked on, empty where nothing is, and
    ``share`` how much of it is done, 0…1; ``errors`` what failed, in sentences.
    """

    maps: dict[str, np.ndarray] = field(default_factory=dict)
    traces: dict[str, PerturbationTrace] = field(default_factory=dict)
    shared: dict[str, PerturbationTrace] = field(default_factory=dict)
    flipped: dict[str, PerturbationTrace] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    doing: str = ""
    share: float = 0.0

    @property
    def count(self) -> int:
        """Rises with everything that comes to be known."""
        tested = len(self.traces) + len(self.shared) + len(self.flipped)
        return len(self.maps) + tested + len(self.errors)

    @property
    def controls(self) -> dict[str, PerturbationTrace]:
        """The traces of all maps that know nothing, by what they are called."""
        flipped = {f"{FLIPPED.label} {EXPLAINERS[n].label}": t for n, t in self.flipped.items()}
        return {CONTROLS[name].label: trace for name, trace in self.shared.items()} | flipped

    def control_scores(self, metric: Metric, name: str) -> np.ndarray | None:
        """What a method's map is compared with: scores of maps that know nothing, float64 [n].

        None before all of them are tested.
        """
        if len(self.shared) < len(SHARED) or name not in self.flipped:
            return None
        controls = [*self.shared.values(), self.flipped[name]]
        return np.concatenate([metric.compute(trace) for trace in controls])

    def note(self, name: str, words: str, job: Job) -> None:
        """Keep what went wrong with a job, or, of the first that still runs, how far it is."""
        if job.error:
            self.errors[name] = job.error
        elif not self.doing:
            self.doing, self.share = words, job.share


def request_maps(choices: Choices) -> dict[str, MapRequest]:
    """The map that each method is asked for, by its name, with the settings it has on Explain."""
    return {
        explainer.name: request_map(
            choices, explainer.name, kept_parameters(explainer, choices.network)
        )
        for explainer in choices.explainers
    }


def key_of(choices: Choices, protocol: PerturbationProtocol) -> str:
    """Everything that the results depend on, as one string."""
    maps = [request.key for request in request_maps(choices).values()]
    return canonical([maps, protocol.settings])


def find_results(choices: Choices, protocol: PerturbationProtocol, work: bool) -> CurveResults:
    """Gather what is known; have what is not be worked on in the background, if ``work``."""
    search = _Search(choices, protocol, work)
    search.find_maps()
    search.find_traces()
    if work:
        # After the tests of the quick maps, which slow ones would hold up.
        search.follow_slow()
    if search.results.traces and not search.results.doing:
        search.find_controls()
    if work:
        state.leave_traces(but=search.wanted)
    return search.results


class _Search:
    """One look at all that one photo's curves are made of."""

    def __init__(self, choices: Choices, protocol: PerturbationProtocol, work: bool) -> None:
        self.choices = choices
        self.protocol = protocol
        self.work = work
        self.results = CurveResults()
        self.wanted: set[str] = set()
        self.requests = request_maps(choices)

    def find_maps(self) -> None:
        """Take every map that is remembered or can be made at once."""
        for name, request in self.requests.items():
            at_once = self.work and not EXPLAINERS[name].slow
            found = (
                obtain(request, state.MAPS, name)
                if at_once
                else request.holder.memory.recall(request)
            )
            if isinstance(found, Explanation):
                self.results.maps[name] = found.maps
            elif found:
                self.results.note(name, f"Explaining with {EXPLAINERS[name].label}", found)

    def find_traces(self) -> None:
        """Take the trace of every map there is, or have it be made."""
        for name, maps in self.results.maps.items():
            found = self._find(self._request(maps))
            if isinstance(found, PerturbationTrace):
                self.results.traces[name] = found
            elif found:
                self.results.note(name, f"Testing the map of {EXPLAINERS[name].label}", found)

    def follow_slow(self) -> None:
        """Have the slow methods' missing maps be made."""
        for name, request in self.requests.items():
            if EXPLAINERS[name].slow and name not in self.results.maps:
                found = obtain(request, state.MAPS, name)
                if isinstance(found, Job):
                    self.results.note(name, f"Explaining with {EXPLAINERS[name].label}", found)

    def find_controls(self) -> None:
        """Take the traces of the controls, up to the first that is still to be made."""
        kinds = list(self._controls())
        total = sum(control.draws for control, _, _, _ in kinds)
        done = 0
        for control, name, request, place in kinds:
            found = self._find(request)
            if isinstance(found, PerturbationTrace):
                place[name] = found
            elif found:
                tested = done + int(found.share * control.draws)
                words = f"Testing map {tested + 1} of {total} that know nothing"
                self.results.note(control.label, words, found)
            if self.results.doing:
                self.results.share = tested / total
                return
            done += control.draws

    def _controls(
        self,
    ) -> Iterator[tuple[Control, str, TraceRequest, dict[str, PerturbationTrace]]]:
        """Each control, its name among the results, its maps to test, the place of their trace."""
        some = next(iter(self.results.maps.values()))
        for control in SHARED:
            yield control, control.name, self._draw(control, some), self.results.shared
        for name in self.results.traces:
            request = self._draw(FLIPPED, self.results.maps[name])
            yield FLIPPED, name, request, self.results.flipped

    def _draw(self, control: Control, maps: np.ndarray) -> TraceRequest:
        """All draws of a control beside a map [1, h, w], to be tested."""
        batch = to_batch(self.choices.network.classifier, self.choices.photo)
        drawn = [control.make(batch, maps, draw) for draw in range(control.draws)]
        return self._request(np.concatenate(drawn))

    def _request(self, maps: np.ndarray) -> TraceRequest:
        classifier, photo = self.choices.network.classifier, self.choices.photo
        return TraceRequest(classifier, photo, self.choices.class_index, self.protocol, maps)

    def _find(self, request: TraceRequest) -> PerturbationTrace | Job[PerturbationTrace] | None:
        """The trace, or the job that makes it; none if it may not be worked on."""
        self.wanted.add(request.key)
        if not self.work:
            return request.holder.memory.recall(request)
        return request.holder.memory.follow(request, state.seat(state.TRACES, request.key))
