"""Which metric to believe: what each says of maps, beside the truth that only we know.

A map's truth is its AUPRC against the mask of what decides. A map found the reason where that is
above all maps made without the network on the same photo. Every network counts the same, so that
no single one decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from xaicore.metrics import METRICS
from xaicore.metrics.controls import CONTROLS
from xaicore.truth.plan import METHOD

BELIEVE, WITH_CARE, DO_NOT = "believe", "with care", "do not"
# To be believed, the interval of ρ lies above the first, among the methods alone above 0, and the
# shares reach the others.
LEAST_AGREEMENT, LEAST_PREFERENCE, LEAST_CAUGHT = 0.3, 0.75, 0.75
CHANCE = 0.5

# A method is sound on a network where it finds the reason on this share of photos or more; a map
# that knows nothing is broken where it does on no more than the rest.
SOUND = 0.8
# Photos a set, sets drawn and level of the test of a broken explainer.
PHOTOS_A_SET, SETS, LEVEL = 20, 200, 0.05
RESAMPLES, INTERVAL = 1000, (0.025, 0.975)
PHOTO = ["network", "photo"]


@dataclass(frozen=True)
class Figure:
    """A mean over networks and photos with its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


class Means(NamedTuple):
    """The figures of a :class:`Belief` on one network."""

    agreement: float
    among_methods: float
    preference: float
    caught: float


@dataclass(frozen=True)
class Belief:
    """How far one metric agrees with the truth.

    ``agreement`` is Spearman's ρ between metric and truth over the maps of a photo, + where they
    agree, and ``among_methods`` the same without the controls; ``preference`` how often the metric
    puts a map that found the reason above one that knows nothing and did not; ``caught`` the share
    of sets of photos on which it tells a broken explainer from sound ones. Of the ``photos``,
    ``silent`` is the number of those on which all maps score the same, so that there is no ρ;
    ``undefined`` is the number of maps without a score.
    """

    metric: str
    agreement: Figure
    among_methods: Figure
    preference: Figure
    caught: float
    networks: Mapping[str, Means]
    photos: int
    silent: int
    undefined: int

    @property
    def verdict(self) -> str:
        """In a word, by one rule for all metrics; what is undefined is not believed."""
        if not (self.agreement.low > 0 and self.preference.low > CHANCE):
            return DO_NOT
        convincing = (
            self.agreement.low > LEAST_AGREEMENT
            and self.among_methods.low > 0
            and self.preference.value >= LEAST_PREFERENCE
            and self.caught >= LEAST_CAUGHT
        )
        return BELIEVE if convincing else WITH_CARE


def judge(rows: pd.DataFrame) -> dict[str, Belief]:
    """What every metric of the rows is worth, by name; rows as :class:`TruthResults` has them.

    Networks whose masks are no reason are left out.
    """
    known = rows[rows["reason"] & rows["auprc"].notna()].reset_index(drop=True)
    known = known.assign(found=_found(known))
    metrics = [name for name in METRICS if name in known]
    for name in metrics:
        known[name] *= 1 if METRICS[name].higher_is_better else -1
    methods = known[known["kind"] == METHOD]
    tables = [
        pd.DataFrame({name: measure(part, name) for name in metrics})
        for measure, part in ((_agreement, known), (_agreement, methods), (_preference, known))
    ]
    caught = pd.DataFrame({name: _caught(known, name) for name in metrics})
    agreement, among_methods, preference = (_figures(table) for table in tables)
    means = [*(table.groupby("network", sort=False).mean() for table in tables), caught]
    return {
        name: Belief(
            name,
            agreement[name],
            among_methods[name],
            preference[name],
            caught=float(caught[name].mean()),
            networks={
                network: Means(*(float(table.at[network, name]) for table in means))
                for network in caught.index
            },
            photos=len(tables[0]),
            silent=int(tables[0][name].isna().sum()),
            undefined=int(known[name].isna().sum()),
        )
        for name in metrics
    }


def _is_blind(rows: pd.DataFrame) -> pd.Series:
    """Which maps know nothing of network and photo together."""
    blind = [name for name, control in CONTROLS.items() if control.blind]
    return (rows["kind"] != METHOD) & rows["name"].isin(blind)


def _found(rows: pd.DataFrame) -> pd.Series:
    """Which maps found the reason: better than all that were made without the network."""
    made_without = [name for name, control in CONTROLS.items() if not control.derived]
    blind = (rows["kind"] != METHOD) & rows["name"].isin(made_without)
    best = rows["auprc"].where(blind).groupby([rows[key] for key in PHOTO]).transform("max")
    return rows["auprc"] > best


def _agreement(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Spearman's ρ between a metric and the truth by photo; NaN where all maps score the same."""
    both = rows[[*PHOTO, "auprc", metric]].dropna()
    photo = [both[key] for key in PHOTO]
    ranks = both[["auprc", metric]].groupby(photo).rank()
    ranks -= ranks.groupby(photo).transform("mean")
    products = pd.DataFrame(
        {
            "both": ranks["auprc"] * ranks[metric],
            "truth": ranks["auprc"] ** 2,
            "metric": ranks[metric] ** 2,
        }
    )
    sums = products.groupby(photo).sum().reindex(_photos(rows))
    size = np.sqrt(sums["truth"] * sums["metric"])
    return sums["both"] / size.where(size > 0)


def _preference(rows: pd.DataFrame, metric: str) -> pd.Series:
    """By photo, in what share of pairs a map that found the reason scores above a blind one.

    Ties count half; Mann and Whitney's U over the number of pairs.
    """
    right = rows["found"] & (rows["kind"] == METHOD)
    wrong = ~rows["found"] & _is_blind(rows)
    judged = rows[(right | wrong) & rows[metric].notna()]
    photo = [judged[key] for key in PHOTO]
    of_right = right[judged.index]
    ranks = judged[metric].groupby(photo).rank().where(of_right, 0)
    count = of_right.groupby(photo).sum()
    others = of_right.groupby(photo).count() - count
    u = ranks.groupby(photo).sum() - count * (count + 1) / 2
    pairs = count * others
    return (u / pairs.where(pairs > 0)).reindex(_photos(rows))


def _photos(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(rows[PHOTO].drop_duplicates())


def _caught(rows: pd.DataFrame, metric: str) -> pd.Series:
    """By network, how often a broken explainer scores below the sound methods' mean.

    Broken are the blind maps, each a whole explainer of its own; significantly, by a one-sided
    paired t-test over a set of photos. NaN where nothing is sound, or nothing broken.
    """
    return rows.groupby("network", sort=False)[rows.columns.tolist()].apply(_caught_on, metric)


def _caught_on(rows: pd.DataFrame, metric: str) -> float:
    makers = [rows[key] for key in ("kind", "name", "setting")]
    finds = rows["found"].groupby(makers).transform("mean")
    sound = (rows["kind"] == METHOD) & (finds >= SOUND)
    broken = _is_blind(rows) & (finds <= 1 - SOUND)
    if not sound.any() or not broken.any():
        return np.nan
    mean = rows[sound].groupby("photo")[metric].mean()
    scores = rows[broken].pivot(index="photo", columns=["name", "setting"], values=metric)
    lead = scores.rsub(mean, axis=0).to_numpy()
    generator = np.random.default_rng(0)
    size = min(PHOTOS_A_SET, len(lead))
    sets = np.stack([generator.permutation(len(lead))[:size] for _ in range(SETS)])
    return float(_is_above(lead[sets]).mean())


def _is_above(leads: np.ndarray) -> np.ndarray:
    """Whether leads [sets, photos, …] are significantly above 0, bool [sets, …]; NaN left out."""
    known = ~np.isnan(leads)
    count = known.sum(1)
    values = np.where(known, leads, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(1) / count
        spread = np.where(known, leads - mean[:, None], 0)
        error = np.sqrt((spread**2).sum(1) / (count - 1) / count)
        return mean > error * student.ppf(1 - LEVEL, count - 1)


def _figures(table: pd.DataFrame) -> dict[str, Figure]:
    """Means over networks of means over photos, by column, of a table by network and photo.

    Intervals by drawing networks anew, and of each its photos (a two-stage bootstrap).
    """
    networks = [part.to_numpy() for _, part in table.groupby(level="network", sort=False)]
    value = _mean([_mean(part) for part in networks])
    generator = np.random.default_rng(0)
    drawn = generator.integers(len(networks), size=(RESAMPLES, len(networks)))
    means = np.empty((*drawn.shape, table.shape[1]))
    for number, part in enumerate(networks):
        here = drawn == number
        draws = generator.multinomial(len(part), np.full(len(part), 1 / len(part)), here.sum())
        known = ~np.isnan(part)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[here] = (draws @ np.where(known, part, 0)) / (draws @ known)
    low, high = pd.DataFrame(_mean(means.swapaxes(0, 1))).quantile(INTERVAL).to_numpy()
    return {
        name: Figure(float(value[at]), float(low[at]), float(high[at]))
        for at, name in enumerate(table)
    }


def _mean(values: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """Mean along the first axis; NaN is left out."""
    array = np.asarray(values)
    known = ~np.isnan(array)
    with np.errstate(invalid="ignore"):
        return np.where(known, array, 0).sum(0) / known.sum(0)
