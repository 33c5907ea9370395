"""Rows of an evaluation → means, intervals, ranks, and what they allow one to say.

One set of resampled photos serves all methods and metrics, so every comparison is paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from xaicore.controls import CONTROLS
from xaicore.explainers import EXPLAINERS
from xaicore.metrics import METRICS

RESAMPLES = 2000
INTERVAL = (2.5, 97.5)
FEW_PHOTOS = 20
_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
CONFIDENT, VERY_CONFIDENT = 0.8, 0.99


@dataclass(frozen=True)
class Cell:
    """One method on one metric: mean over ``valid`` photos with its 95 % interval.

    ``best`` marks the best mean of its column, ``tied`` a method whose paired difference to the
    best could be zero.
    """

    mean: float
    low: float
    high: float
    valid: int
    best: bool = False
    tied: bool = False


@dataclass(frozen=True)
class Board:
    """A leaderboard: cells by (method, metric), and methods in the order of their mean rank.

    ``ranks`` has a row a method and a column a metric, and ``overall``, the mean over the study's
    six; ``holds`` the share of resamples in which each column's whole order is the same.
    """

    photos: int
    methods: tuple[str, ...]
    controls: tuple[str, ...]
    metrics: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    ranks: pd.DataFrame
    holds: Mapping[str, float]


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
    cells: dict[tuple[str, str], Cell] = {}
    ranks, rank_draws = pd.DataFrame(index=methods), {}
    for metric in metrics:
        values = rows.pivot(index="position", columns="method", values=metric)
        table = values.reindex(index=photos, columns=names).to_numpy(dtype=float)
        higher = METRICS[metric].higher_is_better
        cells |= _column(metric, names, len(methods), table, weights, higher)
        means = np.array([cells[name, metric].mean for name in methods])
        ranks[metric] = _rank(means[None], higher)[0]
        rank_draws[metric] = _rank(_means(table[:, : len(methods)], weights), higher)
    six = [name for name in metrics if not METRICS[name].extra] or metrics
    ranks["overall"] = ranks[six].mean(axis=1)
    rank_draws["overall"] = np.mean([rank_draws[name] for name in six], axis=0)
    holds = {
        name: float((_order(draws) == _order(ranks[name].to_numpy()[None])).all(1).mean())
        for name, draws in rank_draws.items()
    }
    ordered = tuple(ranks["overall"].sort_values(kind="stable").index)
    return Board(
        len(photos),
        ordered,
        tuple(controls),
        tuple(metrics),
        cells,
        ranks.loc[list(ordered)],
        holds,
    )


def interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Cell:
    """Mean of single values [n] with its bootstrap interval, such as a method's Focus."""
    values = np.asarray(values, dtype=float)
    return _cell(values[:, None], _resample(len(values), resamples, seed), 0)


def average_focus(focus: pd.DataFrame, size: int | None = None) -> dict[str, Cell]:
    """Focus by method, over mosaics of one size or of all: rows as an evaluation makes them."""
    chosen = focus if size is None else focus[focus["size"] == size]
    means = chosen.groupby(["method", "mosaic"], sort=False)["focus"].mean()
    return {name: interval(means[name].to_numpy()) for name in chosen["method"].unique()}


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


def _resample(count: int, resamples: int, seed: int) -> np.ndarray:
    """How often each photo is drawn in each resample, float64 [resamples, count]."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(count, np.full(count, 1 / max(count, 1)), resamples).astype(float)


def _means(table: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of the columns [photos, n] in each resample, [resamples, n]; NaN is left out."""
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore", divide="ignore"):
        return weights @ np.where(known, table, 0) / (weights @ known)


def _cell(table: np.ndarray, weights: np.ndarray, column: int) -> Cell:
    known = table[~np.isnan(table[:, column]), column]
    if not len(known):
        return Cell(math.nan, math.nan, math.nan, 0)
    low, high = np.nanpercentile(_means(table[:, [column]], weights), INTERVAL)
    return Cell(float(known.mean()), float(low), float(high), len(known))


def _column(
    metric: str,
    names: Sequence[str],
    methods: int,
    table: np.ndarray,
    weights: np.ndarray,
    higher: bool,
) -> dict[tuple[str, str], Cell]:
    """Cells of one metric; the first ``methods`` columns compete, the others are controls."""
    cells = [_cell(table, weights, column) for column in range(len(names))]
    means = np.array([cell.mean for cell in cells[:methods]])
    if methods and not np.isnan(means).all():
        best = int(np.nanargmax(means) if higher else np.nanargmin(means))
        for index in range(methods):
            difference = _means(table[:, [index]] - table[:, [best]], weights)
            low, high = np.nanpercentile(difference, INTERVAL) if len(difference) else (1, 1)
            cells[index] = Cell(
                **{
                    **vars(cells[index]),
                    "best": index == best,
                    "tied": index != best and bool(low <= 0 <= high),
                }
            )
    return {(name, metric): cell for name, cell in zip(names, cells, strict=True)}


def _rank(means: np.ndarray, higher: bool) -> np.ndarray:
    """Ranks 1… along rows [n, methods], best first; ties share, the undefined come last."""
    scores = np.where(np.isnan(means), -np.inf, means if higher else -means)
    return rankdata(-scores, axis=1)


def _order(ranks: np.ndarray) -> np.ndarray:
    return np.argsort(ranks, axis=1, kind="stable")


def say(board: Board) -> str:
    """The leaderboard in a sentence or three: who is ahead on what, and what cannot be told."""
    if not board.photos or not board.methods:
        return "There is no photo to judge by."
    count = f"On {board.photos} photo{'s' if board.photos > 1 else ''}"
    six = [name for name in board.metrics if not METRICS[name].extra]
    ahead: dict[str, list[str]] = {}
    open_metrics = []
    for metric in six:
        column = {name: board.cells[name, metric] for name in board.methods}
        best = next((name for name, cell in column.items() if cell.best), None)
        if best is None or any(cell.tied for cell in column.values()):
            open_metrics.append(METRICS[metric].label)
        else:
            ahead.setdefault(best, []).append(METRICS[metric].label)
    winner = next((name for name, won in ahead.items() if len(won) == len(six)), None)
    if winner:
        parts = [f"{count}, {_label(winner)} beats the others on every metric."]
    else:
        parts = [
            f"{count}, no method beats the others on all {_COUNTS.get(len(six), len(six))} metrics."
        ]
        parts += [f"{_label(name)} is ahead on {_join(won)}." for name, won in ahead.items()]
    if open_metrics:
        parts.append(f"{_join(open_metrics)} cannot tell the best ones apart.")
    beaten = _beaten_by_blind(board, six)
    if beaten:
        parts.append(f"On {_join(beaten)}, a map that knows nothing does better than all of them.")
    if board.photos < FEW_PHOTOS:
        parts.append("So few photos say little.")
    return " ".join(parts)


def _beaten_by_blind(board: Board, metrics: Sequence[str]) -> list[str]:
    beaten = []
    for metric in metrics:
        sign = 1 if METRICS[metric].higher_is_better else -1
        best = max(sign * board.cells[name, metric].mean for name in board.methods)
        blind = [name for name in board.controls if CONTROLS[name].blind]
        if any(sign * board.cells[name, metric].mean > best for name in blind):
            beaten.append(METRICS[metric].label)
    return beaten


def _label(method: str) -> str:
    return EXPLAINERS[method].label if method in EXPLAINERS else method


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def split_by_class(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows by true class; nothing for unlabelled photos."""
    return {f"{label} photos": part for label, part in rows.groupby("label") if len(part)}


def split_by_correctness(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows by whether the network was right; nothing for unlabelled photos."""
    labelled = rows[rows["label"].notna()]
    right = labelled["label"] == labelled["predicted"]
    parts = {"right predictions": labelled[right], "wrong predictions": labelled[~right]}
    return {name: part for name, part in parts.items() if len(part)}


def split_by_confidence(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows by the probability of the predicted class."""
    sure = rows["probability"]
    parts = {
        f"below {CONFIDENT:.0%} sure": rows[sure < CONFIDENT],
        f"{CONFIDENT:.0%} to {VERY_CONFIDENT:.0%} sure": rows[
            (sure >= CONFIDENT) & (sure <= VERY_CONFIDENT)
        ],
        f"above {VERY_CONFIDENT:.0%} sure": rows[sure > VERY_CONFIDENT],
    }
    return {name: part for name, part in parts.items() if len(part)}


def rank_disagreement(rows: pd.DataFrame) -> pd.DataFrame:
    """Photos by how differently the methods fare on them, most first.

    For each of the six metrics, the range of the methods' scores in standard deviations over all
    rows; ``disagreement`` is the mean of these. Columns: position, photo, label, predicted,
    probability, disagreement.
    """
    methods = rows[~rows["control"]]
    metrics = [n for n, metric in METRICS.items() if n in rows and not metric.extra]
    spread = methods[metrics].std().replace(0, np.nan)
    groups = methods.groupby("position", sort=False)
    ranges = (groups[metrics].max() - groups[metrics].min()) / spread
    photos = groups[["photo", "label", "predicted", "probability"]].first()
    photos["disagreement"] = ranges.mean(axis=1)
    return photos.sort_values("disagreement", ascending=False, kind="stable").reset_index()
