"""Rows of an evaluation → means, intervals and ranks.

One set of resampled photos serves all methods and metrics, so every comparison is paired.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from xaicore.metrics import METRICS
from xaicore.metrics.controls import CONTROLS

RESAMPLES = 2000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Cell:
    """One method on one metric: mean over ``valid`` photos with its 95 % interval.

    The interval is NaN below two photos. ``best`` marks the best mean of a column's methods,
    ``tied`` what the paired difference does not show to be worse than it, and ``ahead`` a control
    that it shows to be better.
    """

    mean: float
    low: float
    high: float
    valid: int
    best: bool = False
    tied: bool = False
    ahead: bool = False


@dataclass(frozen=True)
class Board:
    """A leaderboard: cells by (method, metric), and methods in the order of their mean rank.

    ``ranks`` has a row a method and a column a metric, and ``overall``, the mean over the study's
    six; ``stays`` the share of resamples in which a method keeps its place in a column, ``holds``
    that in which all of them do. ``scores`` are the tables [photos, methods and controls] behind
    it, by metric.
    """

    photos: int
    methods: tuple[str, ...]
    controls: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    ranks: pd.DataFrame
    stays: pd.DataFrame
    holds: Mapping[str, float]
    scores: Mapping[str, pd.DataFrame]


def summarise(rows: pd.DataFrame, resamples: int = RESAMPLES, seed: int = 0) -> Board:
    """Summarise rows of one photo and method each, as an evaluation makes them.

    Intervals are percentiles of the bootstrap over photos; an undefined score is left out of its
    cell only. The same seed gives the same numbers.
    """
    names = list(dict.fromkeys(rows["method"]))
    methods = [name for name in names if name not in CONTROLS]
    controls = [name for name in names if name in CONTROLS]
    metrics = [name for name in METRICS if name in rows]
    photos = list(dict.fromkeys(rows["position"]))
    weights = _resample(len(photos), resamples, seed)
    scores = {
        metric: rows.pivot(index="position", columns="method", values=metric)
        .reindex(index=photos, columns=[*methods, *controls])
        .astype(float)
        for metric in metrics
    }
    cells: dict[tuple[str, str], Cell] = {}
    ranks, draws = pd.DataFrame(index=methods), {}
    for metric, table in scores.items():
        higher = METRICS[metric].higher_is_better
        column = _column(table, weights, higher)
        cells |= {(name, metric): cell for name, cell in column.items()}
        ranks[metric] = _rank(np.array([[column[name].mean for name in methods]]), higher)[0]
        draws[metric] = _rank(_means(table[methods].to_numpy(), weights), higher)
    six = [name for name in metrics if not METRICS[name].extra] or metrics
    ranks["overall"] = ranks[six].mean(axis=1)
    draws["overall"] = np.mean([draws[name] for name in six], axis=0)
    same = {
        name: _places(drawn) == _places(ranks[[name]].to_numpy().T) for name, drawn in draws.items()
    }
    ordered = list(ranks["overall"].sort_values(kind="stable").index)
    stays = pd.DataFrame({name: kept.mean(axis=0) for name, kept in same.items()}, index=methods)
    return Board(
        len(photos),
        tuple(ordered),
        tuple(controls),
        tuple(metrics),
        cells,
        ranks.loc[ordered],
        stays.loc[ordered],
        {name: float(kept.all(axis=1).mean()) for name, kept in same.items()},
        scores,
    )


def difference(board: Board, method: str, other: str, metric: str) -> Cell:
    """Mean of a method's score less another's, paired over the photos where both have one."""
    table = board.scores[metric]
    return interval((table[method] - table[other]).to_numpy())


def interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Cell:
    """Mean of single values [n] with its bootstrap interval, such as a method's Focus."""
    values = np.asarray(values, dtype=float)
    return _cell(values, _resample(len(values), resamples, seed))


def average_focus(focus: pd.DataFrame, size: int | None = None) -> dict[str, Cell]:
    """Focus by method, over mosaics of one size or of all: rows as an evaluation makes them."""
    chosen = focus if size is None else focus[focus["size"] == size]
    means = chosen.groupby(["mosaic", "method"], sort=False)["focus"].mean().unstack("method")
    table = means[list(dict.fromkeys(chosen["method"]))]
    return _column(table, _resample(len(table), RESAMPLES, 0), higher=True)


def average_seconds(rows: pd.DataFrame) -> dict[str, Cell]:
    """Seconds a photo by method."""
    timed = rows[rows["seconds"].notna()]
    return {
        name: interval(part["seconds"].to_numpy())
        for name, part in timed.groupby("method", sort=False)
    }


def compare(rows: pd.DataFrame, others: pd.DataFrame) -> tuple[int, dict[tuple[str, str], Cell]]:
    """How many photos two runs share, and the mean difference of every score both have.

    Paired over the shared photos; the first run's score less the other's.
    """
    keys = ["photo", "method"]
    both = rows.merge(others, on=keys, suffixes=("", "_other")).drop_duplicates(keys)
    cells = {
        (name, metric): interval((part[metric] - part[f"{metric}_other"]).to_numpy())
        for name, part in both.groupby("method", sort=False)
        for metric in METRICS
        if metric in rows and metric in others
    }
    return both["photo"].nunique(), cells


@functools.lru_cache(maxsize=8)
def _resample(count: int, resamples: int, seed: int) -> np.ndarray:
    """How often each photo is drawn in each resample, float64 [resamples, count], read-only."""
    if not count:
        return np.empty((resamples, 0))
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(count, np.full(count, 1 / count), resamples).astype(float)
    # Kept for all that ask for the same photos.
    drawn.flags.writeable = False
    return drawn


def _means(table: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of the columns [photos, n] in each resample, [resamples, n]; NaN is left out."""
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        return weights @ np.where(known, table, 0) / (weights @ known)


def _cell(values: np.ndarray, weights: np.ndarray) -> Cell:
    known = values[~np.isnan(values)]
    if not len(known):
        return Cell(math.nan, math.nan, math.nan, 0)
    if len(known) < 2:
        # Drawing one photo anew always gives that photo: this says nothing of its spread.
        return Cell(float(known[0]), math.nan, math.nan, 1)
    low, high = np.nanpercentile(_means(values[:, None], weights), INTERVAL)
    return Cell(float(known.mean()), float(low), float(high), len(known))


def _column(table: pd.DataFrame, weights: np.ndarray, higher: bool) -> dict[str, Cell]:
    """Cells of one metric by method or control, marked; only methods can be the best."""
    cells = {name: _cell(table[name].to_numpy(), weights) for name in table}
    sign = 1 if higher else -1
    ranked = [name for name in cells if name not in CONTROLS and cells[name].valid]
    if not ranked:
        return cells
    best = max(ranked, key=lambda name: sign * cells[name].mean)
    for name, cell in cells.items():
        if name == best:
            cells[name] = replace(cell, best=True)
        elif cell.valid:
            gap = _cell((sign * (table[name] - table[best])).to_numpy(), weights)
            ahead = name in CONTROLS and gap.low > 0
            # Without an interval nothing is shown, hence the negation.
            cells[name] = replace(cell, tied=not ahead and not gap.high < 0, ahead=ahead)
    return cells


def _rank(means: np.ndarray, higher: bool) -> np.ndarray:
    """Ranks 1… along rows [n, methods], best first; ties share, the undefined come last."""
    scores = np.where(np.isnan(means), -np.inf, means if higher else -means)
    return rankdata(-scores, axis=1)


def _places(ranks: np.ndarray) -> np.ndarray:
    """Places along rows of ranks [n, methods], which means of ranks are not."""
    return rankdata(ranks, axis=1)
