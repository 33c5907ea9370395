"""Evidence → verdict: each kind passed, failed or not told, and what follows from them together.

The one place of all thresholds. They were set on draws of seed 0 alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from xaicore.formatting import format_number, join
from xaicore.truth.evidence import (
    ABLATION,
    CONTROL,
    FOLLOWS,
    KINDS,
    PROOF,
    REASONS,
    STABLE,
    Evidence,
    Finding,
)

PASSED, FAILED, NOT_TOLD, NOT_MEASURED = "passed", "failed", "not told", "not measured"
MARKS = {PASSED: "✓", FAILED: "✗", NOT_TOLD: "–", NOT_MEASURED: "·"}
TRUST, MIXED, DISTRUST = "trust it with care", "mixed", "do not trust"
UNKNOWN = "cannot tell yet"

LABELS = {
    PROOF: "Its own proof",
    CONTROL: "Better than maps that know nothing",
    REASONS: "Finds planted reasons",
    FOLLOWS: "Follows the network",
    STABLE: "Stable",
    ABLATION: "Agrees with taking parts away",
}
GOOD = {
    PROOF: "its own proof holds",
    CONTROL: "it is better than maps that know nothing",
    REASONS: "it finds reasons that were planted",
    FOLLOWS: "it changes when the network does",
    STABLE: "it stays when nothing changes",
    ABLATION: "what it points at matters when it is taken away",
}
BAD = {
    PROOF: "its own proof often does not hold",
    CONTROL: "maps that know nothing are as good",
    REASONS: "it misses reasons that were planted",
    FOLLOWS: "it stays the same whatever the network has learnt",
    STABLE: "it changes although nothing did",
    ABLATION: "what it points at does not matter when it is taken away",
}
MEASURES = {
    CONTROL: "Restoring less removing what it points at keeps the answer by",
    REASONS: "Precision in finding the pixels that decide:",
    ABLATION: "Rank correlation of relevance and effect when patches are painted over:",
}
# A proof that holds for three photos of four speaks for the method, one for less than half not.
PROVEN, UNPROVEN = 0.75, 0.5
# Spearman's ρ of 0.5: two maps share a quarter of the variance of their ranks. What is more alike
# although the network is another does not come from the network; what is less alike although
# nothing changed does not come from the photo.
ALIKE = 0.5
# A map that fails one of these says nothing of this network and class, whatever else it passes.
DECISIVE = (REASONS, FOLLOWS, ABLATION)
# Of these, one at least must speak for a map before it is trusted.
SPEAKING = (REASONS, ABLATION, CONTROL)


@dataclass(frozen=True)
class Line:
    """One kind of evidence, judged: ``status`` is a key of ``MARKS``, ``words`` hold its figure."""

    status: str
    words: str


@dataclass(frozen=True)
class Verdict:
    """``overall`` in a few words; a line a kind of evidence; one sentence."""

    overall: str
    lines: Mapping[str, Line]
    sentence: str


def judge(evidence: Evidence, elsewhere: Collection[str] = ()) -> Verdict:
    """What the evidence allows to say; a kind that it lacks was not measured.

    ``elsewhere`` are the kinds that were measured on other networks than the one that is judged.
    """
    lines = {
        kind: Line(status_of(kind, evidence.get(kind)), in_words(kind, evidence.get(kind)))
        for kind in KINDS
    }
    statuses = {kind: line.status for kind, line in lines.items()}
    overall = conclude(statuses, elsewhere)
    return Verdict(overall, lines, say(overall, statuses))


def status_of(kind: str, finding: Finding | None) -> str:
    """Whether a kind of evidence is passed, failed, not told by the data or not measured."""
    if finding is None:
        return NOT_MEASURED
    if math.isnan(finding.figure):
        return NOT_TOLD
    if kind == PROOF:
        return _between(finding.figure, finding.figure, UNPROVEN, PROVEN)
    if kind == FOLLOWS:
        return _between(-finding.high, -finding.low, -ALIKE, -ALIKE)
    if kind == STABLE:
        return _between(finding.low, finding.high, ALIKE, ALIKE)
    return _between(finding.low, finding.high, 0.0, 0.0)


def _between(low: float, high: float, bad: float, good: float) -> str:
    """Passed where all of an interval is above ``good``, failed where none is above ``bad``."""
    if low > good:
        return PASSED
    return FAILED if high <= bad else NOT_TOLD


def conclude(statuses: Mapping[str, str], elsewhere: Collection[str] = ()) -> str:
    """All kinds together; what was found elsewhere can only cast doubt."""
    here = {kind: status for kind, status in statuses.items() if kind not in elsewhere}
    if set(here.values()) <= {NOT_MEASURED, NOT_TOLD}:
        return UNKNOWN
    if any(here.get(kind) == FAILED for kind in DECISIVE):
        return DISTRUST
    speaking = any(here.get(kind) == PASSED for kind in SPEAKING)
    return TRUST if speaking and FAILED not in statuses.values() else MIXED


def say(overall: str, statuses: Mapping[str, str]) -> str:
    """The verdict in one sentence."""
    good = [GOOD[kind] for kind in KINDS if statuses[kind] == PASSED]
    bad = [BAD[kind] for kind in KINDS if statuses[kind] == FAILED]
    start = {
        TRUST: "Trust it with care",
        MIXED: "It is a mixed picture",
        DISTRUST: "Do not trust it",
        UNKNOWN: "It cannot be told yet",
    }[overall]
    if overall == DISTRUST:
        return f"{start}: {join(bad)}{f', though {join(good)}' if good else ''}."
    if overall == UNKNOWN:
        known = [*good, *bad]
        return f"{start} for this network{f'; elsewhere, {join(known)}' if known else ''}."
    if not good:
        return f"{start}: nothing that was measured speaks for it{_but(bad)}."
    return f"{start}: {join(good)}{_but(bad)}."


def _but(bad: Sequence[str]) -> str:
    return f", but {join(bad)}" if bad else ""


def in_words(kind: str, finding: Finding | None) -> str:
    """The figure of a kind of evidence, for someone who has not met it before."""
    if finding is None:
        return "No evaluation at hand has it."
    if math.isnan(finding.figure):
        return "There is no figure to tell by."
    if kind == PROOF:
        return f"Good on {finding.figure:.0%} of the photos."
    figure = format_number(finding.figure, 2)
    between = f"{format_number(finding.low, 2)} to {format_number(finding.high, 2)}"
    if kind == FOLLOWS:
        return (
            f"When the network forgets all, the map stays like itself by {figure} ({between}); "
            "1 is the same map, 0 has nothing in common; lower is better."
        )
    if kind == STABLE:
        return (
            f"After a change too small to see, the map is like itself by {figure} ({between}); "
            "1 is the same map; higher is better."
        )
    gain = format_number(abs(finding.gain), 2)
    side = "above" if finding.gain >= 0 else "below"
    return (
        f"{MEASURES[kind]} {figure}; that is {gain} {side} the best map that knows nothing "
        f"({between}); higher is better."
    )
