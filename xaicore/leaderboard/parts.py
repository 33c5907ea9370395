"""Parts of an evaluation's rows: by class, by correctness, by confidence, by disagreement."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xaicore.metrics import METRICS

CONFIDENT, VERY_CONFIDENT = 0.8, 0.99


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
