"""The study's table as printed, the two ways to read it, and what it cannot be.

Siwek, Sonbul, Markowicz, Podgórski and Kruszyński, *Explainability of Convolutional Neural Network:
overview of methods*, Warsaw University of Technology.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xaicore.formatting import format_number, join
from xaicore.leaderboard.tables import label_of
from xaicore.metrics import METRICS as ENTRIES

METHODS = ("lrp", "lime", "gradcam", "deeplift")
METRICS = ("iauc", "dauc", "ic", "dc", "ad", "iic")
PHOTOS = 200
DECIMALS = 3

# By metric, then by method.
Figures = Mapping[str, Mapping[str, float]]
PRINTED: Figures = {
    "iauc": {"lrp": 0.387, "lime": 0.416, "gradcam": 0.489, "deeplift": 0.323},
    "dauc": {"lrp": 0.546, "lime": 0.361, "gradcam": 0.392, "deeplift": 0.439},
    "ic": {"lrp": 0.118, "lime": 0.108, "gradcam": 0.070, "deeplift": 0.125},
    "dc": {"lrp": -0.241, "lime": -0.069, "gradcam": -0.179, "deeplift": 0.333},
    "ad": {"lrp": -0.093, "lime": 0.107, "gradcam": 0.050, "deeplift": 0.0193},
    "iic": {"lrp": 0.014, "lime": 0.035, "gradcam": 0.003, "deeplift": 0.001},
}
# The metrics of ours that its columns must be, by what they cannot be.
BESIDE = {"ad": "ad_signed", "iic": "iic_mean"}


@dataclass(frozen=True)
class Reading:
    """One way to read the table: which end of each metric is better, and which of ours it is.

    ``higher`` names the metrics whose highest figure is the best; ``beside`` the metrics of ours
    that stand for the study's where it is not the one of the same name.
    """

    name: str
    label: str
    higher: frozenset[str]
    beside: Mapping[str, str]

    def column(self, metric: str) -> str:
        """The metric of ours that a column of the study is judged by."""
        return self.beside.get(metric, metric)

    def sign(self, metric: str) -> int:
        """1 where a higher figure is better, else −1."""
        return 1 if metric in self.higher else -1


PUBLISHED = Reading(
    "published",
    "as published",
    frozenset(name for name in METRICS if ENTRIES[name].higher_is_better),
    {},
)
# Its text calls the lowest IC and the highest AD the best.
STUDY = Reading("study", "as the study reads it", PUBLISHED.higher - {"ic"} | {"ad"}, BESIDE)
READINGS = (STUDY, PUBLISHED)


def is_read_alike(metric: str) -> bool:
    """Whether both readings judge a metric by the same figures, the same end up."""
    return STUDY.sign(metric) == PUBLISHED.sign(metric) and STUDY.column(metric) == metric


def in_figures(value: float) -> str:
    """A printed figure, with the one decimal more that a single one has."""
    return format_number(value) if round(value, DECIMALS) == value else f"{value:.4f}"


def list_oddities(printed: Figures = PRINTED, photos: int = PHOTOS) -> list[str]:
    """What the table cannot be as printed, and what its text turns round, a sentence each."""
    return [
        *_negative_drops(printed["ad"]),
        *_no_shares(printed["iic"], photos),
        *_turned_ends(printed),
    ]


def _negative_drops(drops: Mapping[str, float]) -> list[str]:
    """An average drop cut off at zero is never negative."""
    below = {name: value for name, value in drops.items() if value < 0}
    if not below:
        return []
    return [
        f"An AD of {_name_figures(below)} cannot be an average drop: a drop that is cut off at "
        "zero is never negative. It must be the signed drop, so our signed drop stands beside it."
    ]


def _no_shares(shares: Mapping[str, float], photos: int) -> list[str]:
    """A share of so many photos is a multiple of one photo's, up to the rounding of the print."""
    rounding = 0.5 * 10**-DECIMALS
    odd = {
        name: value
        for name, value in shares.items()
        if abs(value - round(value * photos) / photos) > rounding
    }
    if not odd:
        return []
    return [
        f"An IIC of {_name_figures(odd)} cannot be a share of photos: of {photos} photos it is a "
        f"multiple of {1 / photos:g}. It must be a mean increase, so ours stands beside it."
    ]


def _turned_ends(printed: Figures) -> list[str]:
    """The metrics whose best the study takes from the other end than their definition does."""
    sentences = []
    for metric in METRICS:
        if STUDY.sign(metric) == PUBLISHED.sign(metric):
            continue
        figures = printed[metric]
        called = max(figures, key=lambda name: STUDY.sign(metric) * figures[name])
        best = max(figures, key=lambda name: PUBLISHED.sign(metric) * figures[name])
        end = "highest" if STUDY.sign(metric) > 0 else "lowest"
        sentences.append(
            f"On {ENTRIES[metric].label} it calls the {end} figure the best, "
            f"{_name_figures({called: figures[called]})}; as published that is the worst, and "
            f"{_name_figures({best: figures[best]})} the best."
        )
    return sentences


def _name_figures(figures: Mapping[str, float]) -> str:
    return join([f"{in_figures(value)} ({label_of(name)})" for name, value in figures.items()])
