"""What the Compare page is made of: panels, their views, agreement, duel, photos under change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from dashboard import services, state
from dashboard.components import POLL_SECONDS, control, show_legend
from dashboard.jobs import Job
from dashboard.panels import Mode, Picture, Reading, show_panel
from dashboard.services import Question, Series
from dashboard.state import Choices, Photo
from xaicore import EXPLAINERS, ExplainerError, Explanation
from xaicore.comparison import (
    AGREE,
    CHANGES,
    RELATED,
    Duel,
    WinRate,
    agreement,
    agreement_sentence,
    chance_overlap,
    consensus,
    follows,
    only_areas,
    top_area,
    win_rate,
)
from xaicore.render import (
    Colour,
    Look,
    blend,
    common_scale,
    draw_areas,
    measure_scale,
    missing_evidence,
    resize_map,
    subdue,
)

LETTERS = "abcdef"
METHODS = ("lrp", "gradcam", "deeplift", "lime", "integrated-gradients", "occlusion")
COUNTS = (2, 3, 4, 5, 6)
COLUMNS = {2: 2, 3: 3, 4: 2, 5: 3, 6: 3}
PANEL_PIXELS = 270
TOOL_PIXELS = 220
VIEWS = {
    "overlays": "Overlays",
    "maps": "Maps alone",
    "difference": "Difference",
    "consensus": "Where all agree",
    "areas": "Top areas",
    "blink": "Blink",
    "slide": "Slider",
}
SEPARATE = ("overlays", "maps")
# Where colours stand for maps, not for evidence.
OWN_COLOURS = ("difference", "areas")
PAIRED = ("difference", "blink", "slide")
AREAS = (1, 2, 5, 10, 20, 30, 50)
FIRST_AREA = 10
SHARED = "shared"
ALL_CLASSES = -1
# Colours of panels whose method has given its own to another panel.
SPARE = ("#56B4E9", "#F0E442", "#D55E00", "#8C8C8C", "#FFFFFF")
PAPER = (0xFA, 0xF8, 0xF3)
# The neutral petrol of the theme: agreement is neither for nor against.
SHADE = "43, 95, 110"
MOST_SHADE = 0.6
DUEL_PIXELS = 240
# Share of full colour below which a map can hardly be seen.
FAINT = 0.25
FOLLOWING = ((0.8, "follows"), (0.5, "follows in part"), (-1.0, "does not follow"))


@dataclass(frozen=True)
class Panel:
    """One panel's question, and how it is called and coloured among the others."""

    letter: str
    question: Question
    label: str
    colour: str

    @property
    def rgb(self) -> Colour:
        return tuple(bytes.fromhex(self.colour[1:]))  # type: ignore[return-value]


@dataclass(frozen=True)
class Seen:
    """A panel's map on the common scale, float64 [H, W]; ``scale`` is the raw value of 1.

    ``reach`` is the 99th percentile of its |values|; ``missing`` says why there is nothing to see,
    where there is not.
    """

    panel: Panel
    explanation: Explanation
    values: np.ndarray
    scale: float
    reach: float
    missing: str

    @property
    def saliency(self) -> np.ndarray:
        return self.explanation.maps[0]

    @property
    def key(self) -> str:
        return f"{self.panel.question.key} {self.scale}"

    def reading(self) -> Reading:
        segments = self.explanation.extras.get("segments")
        blocks = None if segments is None else segments[0]
        return Reading(self.panel.label, self.panel.colour, self.values, self.scale, blocks)


@dataclass(frozen=True)
class Settings:
    """How the panels are looked at; ``share`` 0…1 is the top area; the pair are letters."""

    view: str
    share: float
    pair: tuple[str, str]
    look: Look


def see(panel: Panel, explanation: Explanation, look: Look, scale: float | None = None) -> Seen:
    """Put a map on a scale: 1 is ``scale``, by default the 99th percentile of its own |values|."""
    saliency = explanation.maps[0]
    missing = missing_evidence(saliency, look)
    if missing:
        return Seen(panel, explanation, np.zeros(saliency.shape), 1.0, 0.0, missing)
    own = measure_scale(saliency, look)
    scale = scale or own
    return Seen(panel, explanation, look.apply(saliency) / scale, scale, own / scale, "")


@st.fragment
def board(choices: Choices) -> None:
    """Everything that is compared; a change here does not run the rest of the page."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = _choose_count()
        _presets(choices)
    view, share = _choose_view()
    tools = st.container()
    cells = _cells(count)
    panels = _choose_panels(choices, cells, count)
    with tools:
        pair = _choose_pair(panels)
    settings = Settings(view, share, pair, choices.look)
    seen = _follow_panels(panels, cells, settings)
    peers = [one for one in seen if one.panel.question.photo == panels[0].question.photo]
    if view not in SEPARATE:
        _stage(peers, settings)
    if view not in OWN_COLOURS:
        targets = {panel.question.target for panel in panels}
        show_legend(choices.look, choices.label if targets == {choices.target} else "the class")
    st.caption(_scale_sentence(panels))
    _agreement_section(peers, settings)
    _duel_section(peers, settings)
    _change_section(peers, settings)


def _scale_sentence(panels: Sequence[Panel]) -> str:
    """What full colour stands for."""
    methods = [panel.question.explainer for panel in panels]
    told = (
        "One scale for all: each map is divided by the 99th percentile of its own absolute "
        "values, and full colour is ±1 in every panel."
    )
    if len(set(methods)) == len(methods):
        return told
    return (
        f"{told} Panels of one method share the largest of theirs, so that between them the same "
        "colour is the same raw value."
    )


def _choose_count() -> int:
    return st.segmented_control(
        "Panels",
        COUNTS,
        default=COUNTS[0],
        required=True,
        key=state.PANELS,
        bind="query-params",
    )


def _presets(choices: Choices) -> None:
    """Buttons that set the panels for what is compared most often."""
    classifier = choices.network.classifier
    likely = services.predict(classifier, choices.photo).argsort()[::-1][:2]
    seen_as = {
        name: int(services.predict(classifier, photo).argmax())
        for name, photo in services.load_samples().items()
    }
    plain = {"class": ALL_CLASSES, "photo": SHARED}
    sets = {
        "Four methods": [{"method": name, **plain} for name in METHODS[:4]],
        "Class against class": [{"method": "lrp", **plain, "class": int(c)} for c in likely],
        "One method, several photos": [
            {"method": "lrp", "class": c, "photo": name} for name, c in seen_as.items()
        ],
    }
    with st.popover("Start from", icon=":material/grid_view:"):
        for words, panels in sets.items():
            values: dict[str, Any] = {state.PANELS: len(panels)}
            for letter, what in zip(LETTERS, panels, strict=False):
                for name, value in what.items():
                    network = choices.network.key if name == "class" else ""
                    values[state.panel_key(letter, name, network)] = value
            st.button(words, on_click=state.reset, args=(values,), width="stretch")


def _choose_view() -> tuple[str, float]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "View",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            default="overlays",
            required=True,
            key=state.VIEW,
            bind="query-params",
            wrap=True,
        )
        area = st.select_slider(
            "Top area",
            AREAS,
            FIRST_AREA,
            format_func=lambda percent: f"{percent}%",
            help="How much of the photo counts as what a map finds most important: for the "
            "outlines, the overlap and the duel.",
            key=state.AREA,
            bind="query-params",
            width=TOOL_PIXELS,
        )
    return view, area / 100


def _cells(count: int) -> list[DeltaGenerator]:
    grid = st.grid(COLUMNS[count], min_column_width=PANEL_PIXELS, gap="medium")
    return [grid.cell() for _ in range(count)]


def _choose_panels(choices: Choices, cells: Sequence[DeltaGenerator], count: int) -> list[Panel]:
    """Method, parameters, class and photo of each panel, chosen above it."""
    questions = []
    for letter, cell in zip(LETTERS[:count], cells, strict=True):
        with cell, st.container(horizontal=True, vertical_alignment="bottom"):
            questions.append(_choose_question(choices, letter))
    labels = _labels(choices, questions)
    colours = _colours(questions)
    return [
        Panel(*parts) for parts in zip(LETTERS[:count], questions, labels, colours, strict=True)
    ]


def _choose_question(choices: Choices, letter: str) -> Question:
    classifier, network = choices.network.classifier, choices.network.key
    name = st.selectbox(
        f"Method of panel {letter.upper()}",
        list(EXPLAINERS),
        list(EXPLAINERS).index(METHODS[LETTERS.index(letter)]),
        format_func=lambda name: EXPLAINERS[name].label,
        key=state.panel_key(letter, "method"),
        bind="query-params",
    )
    with st.popover("Tune", icon=":material/tune:", key=state.panel_key(letter, "tune")):
        target = _choose_class(choices, letter)
        photo = _choose_photo(choices, letter)
        parameters = {}
        for parameter in EXPLAINERS[name].parameters:
            own = network if parameter.name == "layer" else ""
            key = state.panel_key(letter, f"{name}-{parameter.name}", own)
            parameters[parameter.name] = control(key, services.offered(classifier, parameter))
    return Question(classifier, photo, name, parameters, target, choices.score)


def _choose_class(choices: Choices, letter: str) -> int:
    labels = choices.network.classifier.labels
    chosen = st.selectbox(
        "Class",
        [ALL_CLASSES, *range(len(labels))],
        format_func=lambda index: "As in the sidebar" if index < 0 else labels[index].capitalize(),
        key=state.panel_key(letter, "class", choices.network.key),
        bind="query-params",
    )
    return choices.target if chosen == ALL_CLASSES else chosen


def _choose_photo(choices: Choices, letter: str) -> Photo:
    samples = services.load_samples()
    chosen = st.selectbox(
        "Photo",
        [SHARED, *samples],
        format_func=lambda name: samples[name].title if name in samples else "As in the sidebar",
        key=state.panel_key(letter, "photo"),
        bind="query-params",
    )
    return samples.get(chosen, choices.photo)


def _labels(choices: Choices, questions: Sequence[Question]) -> list[str]:
    """Each panel's method, and what else sets it apart."""
    labels = []
    for question in questions:
        explainer = EXPLAINERS[question.explainer]
        parts = [explainer.label]
        if len({other.target for other in questions}) > 1:
            parts.append(choices.network.classifier.labels[question.target])
        if len({other.photo for other in questions}) > 1:
            parts.append(question.photo.title)
        if sum(other.explainer == question.explainer for other in questions) > 1:
            parts += _tuned(question)
        labels.append(" · ".join(parts))
    return [
        f"{label} ({letter.upper()})" if labels.count(label) > 1 else label
        for letter, label in zip(LETTERS, labels, strict=False)
    ]


def _tuned(question: Question) -> list[str]:
    """The parameters that are not as they come."""
    offered = [
        services.offered(question.classifier, entry)
        for entry in EXPLAINERS[question.explainer].parameters
    ]
    return [
        f"{entry.label} {_plain(question.parameters[entry.name])}"
        for entry in offered
        if question.parameters[entry.name] != entry.default
    ]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _colours(questions: Sequence[Question]) -> list[str]:
    """Each method's own colour, and a spare one where it is taken."""
    spare = iter(SPARE)
    colours: list[str] = []
    for question in questions:
        own = EXPLAINERS[question.explainer].colour
        colours.append(own if own not in colours else next(c for c in spare if c not in colours))
    return colours


def _choose_pair(panels: Sequence[Panel]) -> tuple[str, str]:
    """Which two are set against each other, where there are more than two."""
    letters = [panel.letter for panel in panels]
    if len(letters) == 2:
        return letters[0], letters[1]
    with st.container(horizontal=True):
        first, second = (
            st.segmented_control(
                words,
                letters,
                format_func=str.upper,
                default=letter,
                required=True,
                key=key,
                bind="query-params",
            )
            for words, letter, key in (
                ("First of the pair", letters[0], state.FIRST),
                ("Second of the pair", letters[1], state.SECOND),
            )
        )
    return first, second


def _follow_panels(
    panels: Sequence[Panel], cells: Sequence[DeltaGenerator], settings: Settings
) -> list[Seen]:
    """Show each panel's map, or how far it is; give those that are finished."""
    answers = [_answer(panel, panel.letter) for panel in panels]
    scales = _share_scales(panels, answers, settings.look)
    seen = []
    for panel, answer, cell in zip(panels, answers, cells, strict=True):
        scale = scales.get(panel.question.explainer)
        with cell:
            polling = isinstance(answer, Job) and answer.running
            draw = st.fragment(_panel, run_every=POLL_SECONDS if polling else None)
            draw(panel, settings, scale, polling)
        if isinstance(answer, Explanation):
            seen.append(see(panel, answer, settings.look, scale))
    return seen


def _share_scales(panels: Sequence[Panel], answers: Sequence[Any], look: Look) -> dict[str, float]:
    """The raw value of full colour by method: its finished maps share it."""
    maps: dict[str, list[np.ndarray]] = {}
    for panel, answer in zip(panels, answers, strict=True):
        if isinstance(answer, Explanation):
            maps.setdefault(panel.question.explainer, []).append(answer.maps[0])
    return {name: common_scale(some, look) for name, some in maps.items()}


def _answer(panel: Panel, place: str) -> Explanation | Job[Explanation] | str:
    """The map, the job that makes it, or a sentence on what went wrong."""
    try:
        if EXPLAINERS[panel.question.explainer].slow:
            answer = services.follow(panel.question, state.panel_jobs(place))
            return answer.error if isinstance(answer, Job) and answer.error else answer
        return services.explain(panel.question)
    except ExplainerError as error:
        return str(error)


def _panel(panel: Panel, settings: Settings, scale: float | None, polling: bool) -> None:
    """A panel's picture; a poll that finds it finished has the page stop polling."""
    answer = _answer(panel, panel.letter)
    if polling and not isinstance(answer, Job):
        st.rerun()
    if isinstance(answer, str):
        st.error(answer)
        return
    explanation = _partial(answer) if isinstance(answer, Job) else answer
    if settings.view in SEPARATE:
        # A map that is not finished keeps to itself.
        unfinished = isinstance(answer, Job)
        _picture(panel, explanation, settings, None if unfinished else scale, unfinished)
    else:
        # Takes the place of the last view's picture at once, not when the run has ended.
        st.empty()
    if isinstance(answer, Job):
        share = answer.done / answer.total if answer.total else 0.0
        words = f"{answer.done:,} of {answer.total:,}" if answer.total else "Waiting for its turn"
        st.progress(share, text=f"{panel.label}: {words}")


def _partial(job: Job[Explanation]) -> Explanation | None:
    if job.partial is None:
        return None
    return Explanation(job.partial, np.zeros(1), {}, {})


def _picture(
    panel: Panel,
    explanation: Explanation | None,
    settings: Settings,
    scale: float | None,
    unfinished: bool,
) -> None:
    photo = panel.question.photo
    picture = services.picture(photo)
    if explanation is None:
        st.image(picture, width="stretch", alt=photo.alt)
        return
    seen = see(panel, explanation, settings.look, scale)
    source = services.data_url(
        # A map that is not finished is another one at every look.
        f"{seen.key} {settings.look} {settings.view} {seen.values.sum() if unfinished else ''}",
        partial(_overlay, picture, seen.values, settings),
    )
    words = "The map" if settings.view == "maps" else "The map over the photo"
    show_panel(
        state.panel_key(panel.letter, "panel"),
        f"{words}, {panel.label}. {photo.alt}",
        picture.width / picture.height,
        [Picture(source, panel.label)],
        [seen.reading()],
    )
    if seen.missing:
        st.caption(f":material/visibility_off: {seen.missing}")
    elif seen.reach < FAINT:
        st.caption(
            f":material/visibility_off: Faint beside the other {_method(panel)} maps: its 99th "
            f"percentile is {seen.reach:.1%} of full colour."
        )


def _method(panel: Panel) -> str:
    return EXPLAINERS[panel.question.explainer].label


def _overlay(picture: Image.Image, values: np.ndarray, settings: Settings) -> Image.Image:
    """A map over its photo, or on paper."""
    alone = settings.view == "maps"
    ground = Image.new("RGB", picture.size, PAPER) if alone else picture
    return blend(ground, resize_map(values, picture.size), 1.0 if alone else settings.look.opacity)


def _stage(peers: Sequence[Seen], settings: Settings) -> None:
    """The view that brings maps of one photo together."""
    pair = _find_pair(peers, settings)
    if len(peers) < 2 or (settings.view in PAIRED and not pair):
        st.info("This view needs two different finished maps of one photo.")
        return
    members = pair if pair and settings.view in PAIRED else peers
    photo = peers[0].panel.question.photo
    picture = services.picture(photo)
    pictures, words = _DRAW[settings.view](picture, members, settings)
    show_panel(
        "stage",
        f"{VIEWS[settings.view]}: {', '.join(one.panel.label for one in members)}. {photo.alt}",
        picture.width / picture.height,
        pictures,
        [one.reading() for one in peers],
        _MODES.get(settings.view, "still"),
    )
    st.caption(words)


def _find_pair(peers: Sequence[Seen], settings: Settings) -> tuple[Seen, Seen] | None:
    by_letter = {one.panel.letter: one for one in peers}
    first, second = settings.pair
    if first == second or first not in by_letter or second not in by_letter:
        return None
    return by_letter[first], by_letter[second]


def _draw_difference(
    picture: Image.Image, pair: Sequence[Seen], settings: Settings
) -> tuple[list[Picture], str]:
    a, b = pair
    strength = resize_map(a.values - b.values, picture.size)
    drawn = partial(blend, subdue(picture), strength, 1.0, (b.panel.rgb, a.panel.rgb))
    words = (
        f"In each map's colour where its value is the higher one: {a.panel.label} or "
        f"{b.panel.label}. Full colour is a difference of 1 on the common scale."
    )
    return _drawn_once(drawn, pair, settings), words


def _draw_consensus(
    picture: Image.Image, peers: Sequence[Seen], settings: Settings
) -> tuple[list[Picture], str]:
    strength = resize_map(consensus([one.values for one in peers]), picture.size)
    drawn = partial(blend, picture, strength, settings.look.opacity)
    words = (
        "Only where all maps speak for the class, or all against it: the weakest of their values."
    )
    return _drawn_once(drawn, peers, settings), words


def _draw_areas(
    picture: Image.Image, peers: Sequence[Seen], settings: Settings
) -> tuple[list[Picture], str]:
    some = [one for one in peers if not one.missing]
    areas = [top_area(one.values, settings.share) for one in some]
    drawn = partial(draw_areas, picture, areas, [one.panel.rgb for one in some])
    words = (
        f"Each outline holds the {settings.share:.0%} of the photo that its map puts first. "
        "Smoothing, in the sidebar, makes the outlines of grainy maps calmer."
    )
    return _drawn_once(drawn, peers, settings), words


def _draw_both(
    picture: Image.Image, pair: Sequence[Seen], settings: Settings
) -> tuple[list[Picture], str]:
    pictures = [
        Picture(
            services.data_url(
                f"{one.key} {settings.look}", partial(_overlay, picture, one.values, settings)
            ),
            one.panel.label,
        )
        for one in pair
    ]
    slides = settings.view == "slide"
    words = "Left of the line the first map, right of it the second." if slides else ""
    return pictures, words or "The two maps by turns: what moves is where they differ."


def _drawn_once(
    draw: Callable[[], Image.Image], seen: Sequence[Seen], settings: Settings
) -> list[Picture]:
    key = " ".join([str(settings), *(one.key + one.panel.colour for one in seen)])
    return [Picture(services.data_url(key, draw), VIEWS[settings.view])]


_DRAW = {
    "difference": _draw_difference,
    "consensus": _draw_consensus,
    "areas": _draw_areas,
    "blink": _draw_both,
    "slide": _draw_both,
}
_MODES: dict[str, Mode] = {"blink": "blink", "slide": "slide"}


def _agreement_section(peers: Sequence[Seen], settings: Settings) -> None:
    """Every pair of maps in numbers, and all of them in one sentence."""
    st.header("Agreement", anchor=False)
    if len(peers) < 2:
        st.markdown("Two finished maps of one photo are needed to say so.")
        return
    found = agreement([one.saliency for one in peers], settings.share)
    st.markdown(f"**{agreement_sentence([one.panel.label for one in peers], found.correlations)}**")
    tables = st.grid(2, min_column_width=PANEL_PIXELS)
    with tables.cell():
        st.markdown("Rank correlation of all pixels")
        _matrix(peers, found.correlations, "Rank correlation of every pair of maps.")
        st.caption(
            f"1 is the same order, −1 the opposite. From {AGREE} on maps are said to agree, "
            f"from {RELATED} on in part."
        )
    with tables.cell():
        st.markdown(f"Overlap of the top {settings.share:.0%} (IoU)")
        _matrix(peers, found.overlaps, "Overlap of every pair of top areas.")
        st.caption(
            f"1 is the same area, 0 none in common. Two areas drawn blindly share "
            f"{chance_overlap(settings.share):.2f}."
        )


def _matrix(peers: Sequence[Seen], values: np.ndarray, alt: str) -> None:
    letters = [one.panel.letter.upper() for one in peers]
    rows = [f"{letter} · {one.panel.label}" for letter, one in zip(letters, peers, strict=True)]
    table = pd.DataFrame(values, pd.Index(rows, name="Map"), letters)
    st.table(table.style.format(_number).map(_shade), alt=alt)


def _number(value: float) -> str:
    # Adding 0 takes the sign off a rounded −0.
    return "–" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _shade(value: float) -> str:
    strength = 0.0 if math.isnan(value) else MOST_SHADE * max(0.0, value)
    return f"background-color: rgba({SHADE}, {strength:.2f})"


@st.fragment
def _duel_section(peers: Sequence[Seen], settings: Settings) -> None:
    """Two maps against each other, refereed by the network."""
    st.header("Duel", anchor=False)
    st.markdown(
        "From the photo are deleted what only the one map, and then what only the other, finds "
        "most important: equal areas. The map wins whose area the network misses more."
    )
    pair = _find_pair(peers, settings)
    if not pair or pair[0].panel.question.target != pair[1].panel.question.target:
        st.info("A duel needs two different finished maps of one photo and one class.")
        return
    empty = [one.panel.label for one in pair if np.ptp(one.saliency) == 0]
    if empty:
        st.info(f"No duel: the map of {' and of '.join(empty)} is the same everywhere.")
        return
    _photo_duel(pair, settings)
    _series_duel(pair, settings)


def _photo_duel(pair: tuple[Seen, Seen], settings: Settings) -> None:
    question = pair[0].panel.question
    classifier = question.classifier
    maps = (pair[0].saliency, pair[1].saliency)
    found = services.fight(question, maps, settings.share)
    label = classifier.labels[question.target]
    before, *without = (float(p[0]) for p in (found.before, found.without_a, found.without_b))
    st.markdown(_duel_sentence(found, pair, label))
    if not found.area[0]:
        return
    size = services.picture(question.photo).size
    areas = only_areas(*maps, settings.share)
    grid = st.grid(3, min_column_width=DUEL_PIXELS // 2, width=3 * DUEL_PIXELS)
    with grid.cell():
        st.image(services.picture(question.photo), alt=question.photo.alt, width="stretch")
        st.caption(f"The whole photo: {before:.1%} {label}")
    for one, area, left in zip(pair, areas, without, strict=True):
        with grid.cell():
            picture = services.photo_without(classifier, question.photo, area, size)
            words = f"Without what only {one.panel.label} found"
            st.image(picture, alt=f"{words}. {question.photo.alt}", width="stretch")
            st.caption(f"{words}: {left:.1%} {label}")


def _duel_sentence(found: Duel, pair: tuple[Seen, Seen], label: str) -> str:
    """How a duel over one photo went."""
    a, b = (one.panel.label for one in pair)
    if not found.area[0]:
        return f"{a} and {b} find the same pixels most important: there is nothing to duel over."
    outcome = {
        1: f"**{a} wins on this photo, by {_points(found)}.**",
        -1: f"**{b} wins on this photo, by {_points(found)}.**",
        0: "**It is a draw on this photo.**",
    }[int(found.winners[0])]
    missed = min(found.without_a[0], found.without_b[0]) < found.before[0]
    return (
        f"{outcome} Without the {found.area[0]:,} pixels that only {a} found, the probability of "
        f"{label} goes from {found.before[0]:.1%} to {found.without_a[0]:.1%}; without the "
        f"{found.area[0]:,} that only {b} found, to {found.without_b[0]:.1%}."
        f"{'' if missed else ' The network misses neither.'}"
    )


def _points(found: Duel) -> str:
    """How far apart the two probabilities are."""
    # Of the figures as they are printed.
    a, b = (round(100 * float(p[0]), 1) for p in (found.without_a, found.without_b))
    return f"{abs(a - b):.1f} percentage points" if a != b else "less than 0.1 percentage points"


def _series_duel(pair: tuple[Seen, Seen], settings: Settings) -> None:
    """The same duel over all sample photos; slow methods on request only."""
    count = len(services.load_samples())
    slow = any(EXPLAINERS[one.panel.question.explainer].slow for one in pair)
    if slow and not st.toggle(f"Also over the {count} sample photos", key=state.SAMPLES):
        return
    answers = _follow_series(pair)
    polling = any(isinstance(answer, Job) and answer.running for answer in answers)
    draw = st.fragment(_series, run_every=POLL_SECONDS if polling else None)
    draw(pair, settings, polling)


def _follow_series(pair: tuple[Seen, Seen]) -> list[np.ndarray | Job[np.ndarray]]:
    answers = []
    for place, one in zip(("series-a", "series-b"), pair, strict=True):
        q = one.panel.question
        series = Series(q.classifier, q.explainer, q.parameters, q.score)
        answers.append(services.follow_series(series, state.panel_jobs(place)))
    return answers


def _series(pair: tuple[Seen, Seen], settings: Settings, polling: bool) -> None:
    """The win rate over the samples, or how far it is."""
    answers = _follow_series(pair)
    jobs = [answer for answer in answers if isinstance(answer, Job)]
    if polling and not any(job.running for job in jobs):
        st.rerun()
    for job in jobs:
        if job.error:
            st.error(job.error)
            return
    if jobs:
        done, total = sum(job.done for job in jobs), sum(job.total for job in jobs)
        st.progress(done / total if total else 0.0, text="Explaining the sample photos")
        return
    a, b = (answer for answer in answers if isinstance(answer, np.ndarray))
    classifier = pair[0].panel.question.classifier
    found = services.fight_series(classifier, a, b, settings.share)
    names = (pair[0].panel.label, pair[1].panel.label)
    st.markdown(_rate_sentence(win_rate(found.winners), names))


def _rate_sentence(rate: WinRate, names: tuple[str, str]) -> str:
    """How duels over many photos went, and whether that says anything."""
    a, b = names
    count = rate.wins + rate.losses + rate.draws
    counted = f"Over the {count} sample photos, each for the class the network predicts: "
    counted += f"{a} wins {rate.wins}, {b} wins {rate.losses}"
    counted += f", {rate.draws} drawn." if rate.draws else "."
    if math.isnan(rate.rate):
        return f"{counted} No photo was decided."
    told = (
        "so they cannot be told apart on so few"
        if rate.low <= 0.5 <= rate.high
        else (f"so {a if rate.rate > 0.5 else b} is ahead")
    )
    return (
        f"{counted} The win rate of {a} is {rate.rate:.0%} (95% interval {rate.low:.0%} to "
        f"{rate.high:.0%}), {told}."
    )


@st.fragment
def _change_section(peers: Sequence[Seen], settings: Settings) -> None:
    """The same photo, changed a little: a good map follows."""
    st.header("Does the map follow the photo?", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.segmented_control(
            "Change",
            list(CHANGES),
            format_func=lambda name: CHANGES[name].label,
            default=next(iter(CHANGES)),
            required=True,
            key=state.CHANGE,
            bind="query-params",
        )
        change = CHANGES[name]
        amount = 0.0
        if change.amount:
            with st.container(width=TOOL_PIXELS):
                amount = control(state.panel_key(state.CHANGE, name), change.amount)
    if not peers:
        return
    question = peers[0].panel.question
    changed = services.changed_photo(question.classifier, question.photo, change, amount)
    label = question.classifier.labels[question.target]
    before, after = (
        services.predict(question.classifier, photo)[question.target]
        for photo in (question.photo, changed)
    )
    st.markdown(
        f"{change.summary} The network now says {label} at {after:.1%}, before {before:.1%}."
    )
    width = len(peers) * DUEL_PIXELS
    grid = st.grid(len(peers), min_column_width=DUEL_PIXELS // 2, width=width)
    for one in peers:
        moved = replace(one.panel, question=replace(one.panel.question, photo=changed))
        with grid.cell():
            answer = _answer(moved, f"{state.CHANGE}-{one.panel.letter}")
            polling = isinstance(answer, Job) and answer.running
            draw = st.fragment(_changed, run_every=POLL_SECONDS if polling else None)
            draw(one, moved, change.follow(one.saliency, amount), settings, polling)


def _changed(
    one: Seen, moved: Panel, expected: np.ndarray, settings: Settings, polling: bool
) -> None:
    """The changed photo's map, and how well it is the one expected."""
    answer = _answer(moved, f"{state.CHANGE}-{moved.letter}")
    if polling and not isinstance(answer, Job):
        st.rerun()
    if isinstance(answer, str):
        st.error(answer)
        return
    size = services.picture(one.panel.question.photo).size
    picture = services.picture(moved.question.photo).resize(size)
    if isinstance(answer, Explanation):
        # One method on two photos: equal colours stay equal raw values.
        seen = see(moved, answer, settings.look, None if one.missing else one.scale)
        picture = _overlay(picture, seen.values, replace(settings, view="overlays"))
    words = f"The changed photo's map, {moved.label}."
    st.image(picture, width="stretch", alt=f"{words} {moved.question.photo.alt}")
    if isinstance(answer, Job):
        share = answer.done / answer.total if answer.total else 0.0
        st.progress(share, text=f"{moved.label}, on the changed photo")
        return
    correlation = follows(expected, answer.maps[0])
    st.markdown(f"**{moved.label}** {_follow_words(correlation)}")


def _follow_words(correlation: float) -> str:
    if math.isnan(correlation):
        return "is the same everywhere: there is nothing to follow."
    words = next(words for least, words in FOLLOWING if correlation >= least)
    return f"{words}: rank correlation {_number(correlation)}."
