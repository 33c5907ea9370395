"""How often the verdict is right: broken maps that are failed, sound ones that are not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd
from scipy.stats import binomtest

from xaicore.truth.broken import SOUND
from xaicore.truth.draws import evidence_of
from xaicore.truth.planted import PLANTED
from xaicore.truth.verdict import DISTRUST, judge

# Methods that cannot find a reason, by how they are made, on some planted networks or on all.
# Grad-CAM gives each channel one weight for all places; all of them pick a place, by a maximum or
# by weights that differ from place to place. LRP passes nothing on to neurons that are silent; that
# a shape is there is silence in the network that wants both.
CANNOT = {"gradcam": ("colour", "shape", "both", "sides", "absent"), "lrp": ("both",)}


@dataclass(frozen=True)
class Rate:
    """``failed`` of ``draws`` are called "do not trust", a share with its 95 % Wilson interval."""

    failed: int
    draws: int

    @property
    def share(self) -> float:
        return self.failed / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        found = binomtest(self.failed, self.draws).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.failed} of {self.draws}, {self.share:.1%} ({low:.1%} to {high:.1%})"


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows on planted networks with what the verdict calls them, and whether they can do it."""
    rows = rows[rows["network"].isin(list(PLANTED))].copy()
    rows["overall"] = [judge(evidence_of(row)).overall for _, row in rows.iterrows()]
    rows["able"] = [
        network not in CANNOT.get(candidate, ())
        for network, candidate in zip(rows["network"], rows["candidate"], strict=True)
    ]
    return rows


def broken_rates(rows: pd.DataFrame) -> dict[str, Rate]:
    """By way of being broken: the more are failed the better. ``rows`` from :func:`judged`."""
    broken = rows[rows["kind"] != SOUND]
    return {str(kind): rate(part["overall"]) for kind, part in broken.groupby("kind", sort=False)}


def sound_rates(rows: pd.DataFrame) -> dict[str, Rate]:
    """By method, on the networks whose reasons it can find: the fewer are failed the better."""
    sound = rows[(rows["kind"] == SOUND) & rows["able"]]
    return {
        str(name): rate(part["overall"]) for name, part in sound.groupby("candidate", sort=False)
    }


def unable_rates(rows: pd.DataFrame) -> dict[str, Rate]:
    """By method, on the networks whose reasons it cannot find."""
    unable = rows[(rows["kind"] == SOUND) & ~rows["able"]]
    return {
        str(name): rate(part["overall"]) for name, part in unable.groupby("candidate", sort=False)
    }


def rate(overall: Collection[str]) -> Rate:
    return Rate(sum(one == DISTRUST for one in overall), len(overall))


def together(rates: Collection[Rate]) -> Rate:
    return Rate(sum(one.failed for one in rates), sum(one.draws for one in rates))
