"""What the study's results section says, in our words, each statement judged by evidence.

A judgement is in three values: what is not told apart makes a statement neither true nor false, and
that carries over to statements made of others (Kleene's strong logic).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xaicore.formatting import join
from xaicore.leaderboard.study.evidence import Evidence
from xaicore.leaderboard.study.printed import METHODS, METRICS
from xaicore.leaderboard.tables import label_of
from xaicore.metrics import METRICS as ENTRIES

HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not hold", "cannot be told"

# True, False, or None for what cannot be told.
Truth = bool | None


@dataclass(frozen=True)
class Verdict:
    """Whether a statement holds, and the figures that say so."""

    verdict: str
    because: str


@dataclass(frozen=True)
class Statement:
    """A statement of the study, the metrics it speaks of, and how it is judged."""

    sentence: str
    metrics: tuple[str, ...]
    judge: Callable[[Evidence], Verdict]


def both(truths: Iterable[Truth]) -> Truth:
    """True if all are, False if any is not, else None."""
    found = set(truths)
    return False if False in found else None if None in found else True


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def is_best(evidence: Evidence, method: str, metric: str) -> Truth:
    """Whether a method is told to be better than each of the other three."""
    return both(
        evidence.told(metric, {method: 1, other: -1}) for other in METHODS if other != method
    )


def is_worst(evidence: Evidence, method: str, metric: str) -> Truth:
    """Whether each of the other three is told to be better than a method."""
    return both(
        evidence.told(metric, {other: 1, method: -1}) for other in METHODS if other != method
    )


def is_last_by_far(evidence: Evidence, method: str, metric: str) -> Truth:
    """Whether a method is the worst, and farther from the next than that is from the best."""
    worst = is_worst(evidence, method, metric)
    if not worst:
        return worst
    means = evidence.means(metric)
    others = sorted(
        (name for name in METHODS if name != method),
        key=lambda name: evidence.reading.sign(metric) * means[name],
    )
    following, best = others[0], others[-1]
    return evidence.told(metric, {following: 2, method: -1, best: -1})


def is_good(evidence: Evidence, method: str, metric: str) -> Truth:
    """Whether a method is told to be better than every map that knows nothing.

    False where any such map is told to be better; nothing is told where none was scored.
    """
    if not evidence.blind:
        return None
    return both(evidence.told(metric, {method: 1, blind: -1}) for blind in evidence.blind)


def judge_place(
    evidence: Evidence, method: str, metric: str, place: Callable[[Evidence, str, str], Truth]
) -> Verdict:
    """Whether a method has a place on a metric."""
    return Verdict(_name(place(evidence, method, metric)), _say_figures(evidence, metric))


def judge_none_good(evidence: Evidence, metrics: Sequence[str]) -> Verdict:
    """Whether no method is good on any of these metrics."""
    if not evidence.blind:
        return Verdict(
            CANNOT_TELL,
            "Good is what is better than every map that knows nothing, and none was scored.",
        )
    good = {
        (name, metric): is_good(evidence, name, metric) for metric in metrics for name in METHODS
    }
    words = [
        _say_good(metric, {name: good[name, metric] for name in METHODS}) for metric in metrics
    ]
    return Verdict(_name(both(negated(truth) for truth in good.values())), " ".join(words))


def judge_count(
    evidence: Evidence,
    method: str,
    metrics: Sequence[str],
    place: Callable[[Evidence, str, str], Truth],
    ahead: int = 0,
) -> Verdict:
    """Whether a method has a place on just these metrics, and ``ahead`` others have it on more.

    All the rest must have it on fewer.
    """
    held = {name: [place(evidence, name, metric) for metric in METRICS] for name in METHODS}
    own = both(
        truth if metric in metrics else negated(truth)
        for metric, truth in zip(METRICS, held[method], strict=True)
    )
    others = [name for name in METHODS if name != method]
    more = _is_count([_has_more(held[name], held[method]) for name in others], ahead)
    fewer = _is_count([_has_more(held[method], held[name]) for name in others], len(others) - ahead)
    return Verdict(_name(both([own, more, fewer])), _say_places(held, place))


def _has_more(truths: Sequence[Truth], others: Sequence[Truth]) -> Truth:
    """Whether more of the one are true than of the other, as far as that is told."""
    if truths.count(True) > others.count(True) + others.count(None):
        return True
    return False if truths.count(True) + truths.count(None) <= others.count(True) else None


def _is_count(truths: Sequence[Truth], count: int) -> Truth:
    """Whether just so many are true, as far as that is told."""
    least, most = truths.count(True), truths.count(True) + truths.count(None)
    if least == most:
        return least == count
    return None if least <= count <= most else False


def _name(truth: Truth) -> str:
    return CANNOT_TELL if truth is None else HOLDS if truth else DOES_NOT


def _say_figures(evidence: Evidence, metric: str) -> str:
    figures = evidence.figures(metric)
    if not figures:
        return "There is no figure to judge by."
    missing = [label_of(name) for name in METHODS if name not in evidence.means(metric)]
    without = f" There is none for {join(missing)}." if missing else ""
    end = "highest" if evidence.reading.sign(metric) > 0 else "lowest"
    return f"{figures}; the {end} is the best.{without}"


def _say_good(metric: str, good: dict[str, Truth]) -> str:
    words = {
        True: "better than all maps that know nothing",
        False: "worse than at least one",
        None: "not told apart from at least one",
    }
    said = [
        f"{words[truth]}: {join([label_of(n) for n, found in good.items() if found is truth])}"
        for truth in words
        if truth in good.values()
    ]
    return f"{ENTRIES[metric].label}: {'; '.join(said)}."


def _say_places(held: dict[str, list[Truth]], place: Callable[[Evidence, str, str], Truth]) -> str:
    """Who has the place on which metric, and where that cannot be told."""
    by_metric = {
        metric: next((name for name in METHODS if held[name][index]), None)
        for index, metric in enumerate(METRICS)
    }
    said = [
        f"{label_of(name)} on {join([ENTRIES[m].label for m, n in by_metric.items() if n == name])}"
        for name in METHODS
        if name in by_metric.values()
    ]
    untold = [ENTRIES[metric].label for metric, name in by_metric.items() if name is None]
    word = "Best" if place is is_best else "Worst"
    parts = [f"{word}: {'; '.join(said)}."] if said else []
    if untold:
        parts.append(f"Nobody is told to be it on {join(untold)}.")
    return " ".join(parts)


def _place(
    sentence: str, method: str, metric: str, place: Callable[[Evidence, str, str], Truth]
) -> Statement:
    return Statement(
        sentence, (metric,), lambda evidence: judge_place(evidence, method, metric, place)
    )


def _count(
    sentence: str,
    method: str,
    metrics: Sequence[str],
    place: Callable[[Evidence, str, str], Truth],
    ahead: int = 0,
) -> Statement:
    return Statement(
        sentence, METRICS, lambda evidence: judge_count(evidence, method, metrics, place, ahead)
    )


STATEMENTS = (
    _place("Grad-CAM is the best on IAUC.", "gradcam", "iauc", is_best),
    _place("DeepLIFT is the worst on IAUC.", "deeplift", "iauc", is_worst),
    _place("LIME is the best on DAUC.", "lime", "dauc", is_best),
    _place("LRP is the worst on DAUC, by far.", "lrp", "dauc", is_last_by_far),
    _place("Grad-CAM is the best on IC.", "gradcam", "ic", is_best),
    _place("DeepLIFT is the best on DC.", "deeplift", "dc", is_best),
    _place("LIME is the best on AD.", "lime", "ad", is_best),
    _place("LIME is the best on IIC.", "lime", "iic", is_best),
    Statement(
        "No method is good on AD or IIC.",
        ("ad", "iic"),
        lambda evidence: judge_none_good(evidence, ("ad", "iic")),
    ),
    _count(
        "LIME is the best on three of the six metrics (DAUC, AD, IIC), more than any other.",
        "lime",
        ("dauc", "ad", "iic"),
        is_best,
    ),
    _count(
        "Grad-CAM comes second, the best on two (IAUC, IC).", "gradcam", ("iauc", "ic"), is_best, 1
    ),
    _count(
        "LRP is the worst of all, the worst on three (DAUC, DC, AD).",
        "lrp",
        ("dauc", "dc", "ad"),
        is_worst,
    ),
)
