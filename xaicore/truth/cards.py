"""The card of a method and a network: its verdict from all that was measured, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from xaicore.evaluation.results import Results
from xaicore.explainers import EXPLAINERS
from xaicore.formatting import plural
from xaicore.leaderboard.board import interval
from xaicore.metrics.controls import CONTROLS
from xaicore.truth.broken import SOUND
from xaicore.truth.draws import evidence_of
from xaicore.truth.evidence import CONTROL, REASONS, Finding, against
from xaicore.truth.planted import PLANTED
from xaicore.truth.verdict import Verdict, judge

PLANTED_PLACE = "small networks whose reasons are known"
SAMPLES_PLACE = "the sample photos"


@dataclass(frozen=True)
class Card:
    """A method's ``verdict`` on a network; ``places`` say, by kind, where it was measured."""

    method: str
    verdict: Verdict
    places: Mapping[str, str]


def make_card(method: str, network: str, results: Results, draws: pd.DataFrame) -> Card:
    """The card of a method and the network whose weights have this hash.

    ``results`` is an evaluation, of that network or another, and ``draws`` what
    :func:`~xaicore.truth.draws.read_draws` reads. What neither holds was not measured.
    """
    evidence: dict[str, Finding] = {}
    places: dict[str, str] = {}
    own = draws[(draws["kind"] == SOUND) & (draws["candidate"] == method)]
    for _, row in own[own["network"] == network].iterrows():
        evidence |= evidence_of(row)
        places |= dict.fromkeys(evidence, SAMPLES_PLACE)
    if network == results.about["weights"]:
        found = above_controls(results.rows, method)
        if found:
            evidence[CONTROL] = found
            places[CONTROL] = plural(results.rows["photo"].nunique(), "photo")
    planted = own[own["network"].isin(list(PLANTED))]
    # Of other photos nobody knows the reason.
    evidence.pop(REASONS, None)
    if len(planted):
        evidence[REASONS] = planted_reasons(planted)
        places[REASONS] = PLANTED_PLACE
    return Card(method, judge(evidence, elsewhere=(REASONS,)), places)


def make_cards(network: str, results: Results, draws: pd.DataFrame) -> dict[str, Card]:
    """The cards of all methods, by name."""
    return {name: make_card(name, network, results, draws) for name in EXPLAINERS}


def above_controls(rows: pd.DataFrame, method: str) -> Finding | None:
    """IAUC less DAUC of a method beside the best control that knows nothing, over all photos.

    None where the rows hold no such control, or not the method.
    """
    if not {"iauc", "dauc"} <= set(rows):
        return None
    gaps = rows.assign(gap=rows["iauc"] - rows["dauc"])
    table = gaps.pivot(index="position", columns="method", values="gap").dropna()
    blind = [name for name, control in CONTROLS.items() if control.blind and name in table]
    if not blind or method not in table:
        return None
    return against(table[method].to_numpy(), [table[name].to_numpy() for name in blind])


def planted_reasons(draws: pd.DataFrame) -> Finding:
    """A method's evidence on planted reasons over all draws; the interval is over draws."""
    gain = interval(draws[f"{REASONS}_gain"].to_numpy())
    return Finding(float(draws[f"{REASONS}_figure"].mean()), gain.mean, gain.low, gain.high)
