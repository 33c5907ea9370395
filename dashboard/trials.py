"""What is known of how one photo's maps stand the test: their traces, and the controls'.

Methods come first, so that a page is soon of use. The controls follow one kind at a time: whoever
asks for a map meanwhile waits for one kind, not for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from dashboard import services, state
from dashboard.components import kept_parameters
from dashboard.jobs import Job
from dashboard.services import Question, Trial
from dashboard.state import Choices
from xaicore import CONTROLS, EXPLAINERS, Control, ExplainerError, Metric, Protocol
from xaicore.metrics.base import Trace

FLIPPED = CONTROLS["flipped"]
# Those that are made without a map to test, and so are the same for all methods.
SHARED = tuple(control for control in CONTROLS.values() if control.blind and not control.derived)
# How many maps that know nothing each method is compared with.
CONTROL_COUNT = sum(control.draws for control in SHARED) + FLIPPED.draws


@dataclass
class Known:
    """What is known so far, by method or by control.

    ``maps`` float32 [1, h, w]; ``doing`` says what is being worked on, empty where nothing is, and
    ``share`` how much of it is done, 0…1; ``errors`` what failed, in sentences.
    """

    maps: dict[str, np.ndarray] = field(default_factory=dict)
    traces: dict[str, Trace] = field(default_factory=dict)
    shared: dict[str, Trace] = field(default_factory=dict)
    flipped: dict[str, Trace] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    doing: str = ""
    share: float = 0.0

    @property
    def count(self) -> int:
        """Rises with everything that comes to be known."""
        tested = len(self.traces) + len(self.shared) + len(self.flipped)
        return len(self.maps) + tested + len(self.errors)

    @property
    def controls(self) -> dict[str, Trace]:
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
            self.doing, self.share = words, _share(job)


def ask(choices: Choices) -> dict[str, Question]:
    """The map that each method is asked for, by its name."""
    return {
        explainer.name: Question(
            choices.network.classifier,
            choices.photo,
            explainer.name,
            kept_parameters(explainer, choices.network),
            choices.target,
            choices.score,
        )
        for explainer in choices.explainers
    }


def key_of(choices: Choices, protocol: Protocol) -> str:
    """Everything that is known depends on, as one string."""
    return json.dumps([[q.key for q in ask(choices).values()], protocol.settings])


def look_up(choices: Choices, protocol: Protocol, work: bool = True) -> Known:
    """Gather what is known; have what is not be worked on in the background, if ``work``."""
    search = _Search(choices, protocol, work)
    search.find_maps()
    search.find_traces()
    if work:
        # After the trials of the quick maps, which slow ones would hold up.
        search.follow_slow()
    if search.known.traces and not search.known.doing:
        search.find_controls()
    if work:
        state.drop_trials(but=search.wanted)
    return search.known


class _Search:
    """One look at all that one photo's curves are made of."""

    def __init__(self, choices: Choices, protocol: Protocol, work: bool) -> None:
        self.choices = choices
        self.protocol = protocol
        self.work = work
        self.known = Known()
        self.wanted: set[str] = set()
        self.questions = ask(choices)

    def find_maps(self) -> None:
        """Take every map that is remembered or can be made at once."""
        for name, question in self.questions.items():
            at_once = self.work and not EXPLAINERS[name].slow
            try:
                found = services.explain(question) if at_once else services.recall(question)
            except ExplainerError as error:
                self.known.errors[name] = str(error)
                continue
            if found:
                self.known.maps[name] = found.maps

    def find_traces(self) -> None:
        """Take the trace of every map there is, or have it be made."""
        for name, maps in self.known.maps.items():
            answer = self._find(self._trial(self.questions[name].key, maps))
            if isinstance(answer, Trace):
                self.known.traces[name] = answer
            elif answer:
                self.known.note(name, f"Testing the map of {EXPLAINERS[name].label}", answer)

    def follow_slow(self) -> None:
        """Have the slow methods' missing maps be made."""
        for name, question in self.questions.items():
            if EXPLAINERS[name].slow and name not in self.known.maps:
                answer = services.follow(question, state.jobs())
                if isinstance(answer, Job):
                    self.known.note(name, f"Explaining with {EXPLAINERS[name].label}", answer)

    def find_controls(self) -> None:
        """Take the traces of the controls, up to the first that is still to be made."""
        kinds = list(self._controls())
        total = sum(control.draws for control, _, _, _ in kinds)
        done = 0
        for control, name, trial, place in kinds:
            answer = self._find(trial)
            if isinstance(answer, Trace):
                place[name] = answer
            elif answer:
                tested = done + int(_share(answer) * control.draws)
                words = f"Testing map {tested + 1} of {total} that know nothing"
                self.known.note(control.label, words, answer)
            if self.known.doing:
                self.known.share = tested / total
                return
            done += control.draws

    def _controls(self) -> Iterator[tuple[Control, str, Trial, dict[str, Trace]]]:
        """Each control with its name among what is known, its trial, and the place of its trace."""
        some = next(iter(self.known.maps.values()))
        for control in SHARED:
            yield control, control.name, self._controlled(control, some, ""), self.known.shared
        for name in self.known.traces:
            source, maps = self.questions[name].key, self.known.maps[name]
            yield FLIPPED, name, self._controlled(FLIPPED, maps, source), self.known.flipped

    def _controlled(self, control: Control, maps: np.ndarray, source: str) -> Trial:
        classifier, photo = self.choices.network.classifier, self.choices.photo
        drawn = services.draw_control(control, classifier, photo, maps)
        return self._trial(json.dumps([control.name, source]), drawn)

    def _trial(self, source: str, maps: np.ndarray) -> Trial:
        classifier, photo = self.choices.network.classifier, self.choices.photo
        return Trial(classifier, photo, self.choices.target, self.protocol, source, maps)

    def _find(self, trial: Trial) -> Trace | Job[Trace] | None:
        """The trace, or the job that makes it; none if it may not be worked on."""
        self.wanted.add(trial.key)
        if not self.work:
            return services.recall_trace(trial)
        return services.follow_trial(trial, state.trials())


def _share(job: Job) -> float:
    return job.done / job.total if job.total else 0.0
