"""Six kinds of evidence for or against a way of making maps, on photos whose reasons are known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import rankdata

from xaicore.explainers.base import library_versions
from xaicore.leaderboard.board import interval
from xaicore.metrics import choose_metrics, score_trace
from xaicore.metrics.base import PerturbationProtocol
from xaicore.metrics.controls import CONTROLS
from xaicore.metrics.correlation import pearson
from xaicore.metrics.perturbation import log_odds, trace_maps
from xaicore.networks.classifier import Classifier
from xaicore.truth.broken import FORGOTTEN, Candidate, forget
from xaicore.truth.scenes import PlantedPhotos
from xaicore.truth.scores import score_truth

PROOF, CONTROL, REASONS, FOLLOWS, STABLE, ABLATION = KINDS = (
    "proof",
    "controls",
    "planted",
    "follows",
    "stable",
    "ablation",
)
# Few and coarse steps: what is asked is which of two maps is better, not by how much exactly.
PROTOCOL = PerturbationProtocol(steps=8, fill="blurred")
# Maps that are made once more, by another network or of a changed photo.
REMADE = 4
# How far a colour may move, on the network's scale: 1 % of its range, too little to see.
NOISE = 0.02
# Patches of a grid, a quarter of them painted over at a time, so many times.
PATCHES, PAINTED, ABLATIONS = 8, 16, 64
# All that evidence depends on but candidate, network and photos, as plain values.
SETTINGS = {
    "protocol": PROTOCOL.settings,
    "remade": REMADE,
    "noise": NOISE,
    "patches": PATCHES**2,
    "painted": PAINTED,
    "ablations": ABLATIONS,
    "versions": dict(library_versions()),
}


@dataclass(frozen=True)
class Finding:
    """One kind of evidence: a mean over photos.

    ``gain`` is how far it lies above the best map that knows nothing. ``low`` and ``high`` are the
    95 % interval over photos, of the gain where there is one. NaN is what was not found.
    """

    figure: float = math.nan
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan


Evidence = Mapping[str, Finding]


@dataclass(frozen=True)
class Trial:
    """A network and photos for any number of candidates, and what all of them share.

    ``blind`` are the maps of controls that need no other map; ``painted`` bool [n, patches] says
    which patches were painted over, ``falls`` float64 [B, n] how far the score then fell.
    """

    classifier: Classifier
    photos: PlantedPhotos
    seed: int
    forgotten: Classifier
    blind: Mapping[str, np.ndarray]
    painted: np.ndarray
    falls: np.ndarray
    scores: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)


def prepare(classifier: Classifier, photos: PlantedPhotos, seed: int) -> Trial:
    """All that candidates share: the seed decides what is random in it."""
    maps = np.empty(photos.masks.shape, dtype=np.float32)
    blind = {
        control.name: control.make(photos.batch, maps, seed % control.draws)
        for control in CONTROLS.values()
        if control.blind and not control.derived
    }
    generator = np.random.default_rng(seed)
    painted = np.zeros((ABLATIONS, PATCHES**2), dtype=bool)
    for patches in painted:
        patches[generator.permutation(PATCHES**2)[:PAINTED]] = True
    falls = _falls(classifier, photos, painted)
    trial = Trial(
        classifier, photos, seed, forget(classifier, seed % FORGOTTEN), blind, painted, falls
    )
    for name, known in blind.items():
        trial.scores.update({(kind, name): values for kind, values in _judge(trial, known).items()})
    return trial


def measure(candidate: Candidate, trial: Trial) -> dict[str, Finding]:
    """The six kinds of evidence on a candidate."""
    batch, targets = trial.photos.batch, trial.photos.targets
    made = candidate.make(trial.classifier, batch, targets)
    found = {PROOF: Finding() if made.proven is None else Finding(float(made.proven.mean()))}
    found |= _above_controls(trial, made.maps)
    maps, few, classes = made.maps[:REMADE], batch[:REMADE], targets[:REMADE]
    found[FOLLOWS] = _mean(_alike(maps, candidate.maps(trial.forgotten, few, classes)))
    found[STABLE] = _mean(_stability(candidate, trial, maps, few, classes))
    return {kind: found[kind] for kind in KINDS}


def _above_controls(trial: Trial, maps: np.ndarray) -> dict[str, Finding]:
    own = _judge(trial, maps)
    rivals = {name: {kind: trial.scores[kind, name] for kind in own} for name in trial.blind}
    # Another photo's map would not be blind where all photos have their reason at one place.
    flipped = CONTROLS["flipped"]
    upset = flipped.make(trial.photos.batch, maps, trial.seed % flipped.draws)
    rivals[flipped.name] = _judge(trial, upset)
    return {
        kind: against(scores, [rival[kind] for rival in rivals.values()])
        for kind, scores in own.items()
    }


def against(scores: np.ndarray, rivals: list[np.ndarray]) -> Finding:
    """Scores [B] beside those of maps that know nothing: the gain over the best of them."""
    best = max(rivals, key=lambda rival: float(np.mean(rival)))
    gain = interval(scores - best)
    return Finding(float(np.mean(scores)), gain.mean, gain.low, gain.high)


def _judge(trial: Trial, maps: np.ndarray) -> dict[str, np.ndarray]:
    """What can be said of maps [B, H, W] alone, float64 [B] by kind."""
    return {
        CONTROL: faithfulness(trial.classifier, trial.photos, maps),
        REASONS: score_truth(maps, trial.photos.masks).auprc,
        ABLATION: agreement(maps, trial.painted, trial.falls),
    }


def faithfulness(classifier: Classifier, photos: PlantedPhotos, maps: np.ndarray) -> np.ndarray:
    """IAUC less DAUC of each map, float64 [B]."""
    trace = trace_maps(
        classifier, photos.batch, maps, photos.targets, PROTOCOL, ("insertion", "deletion")
    )
    scores = score_trace(trace, choose_metrics(("iauc", "dauc")))
    return scores["iauc"] - scores["dauc"]


def agreement(maps: np.ndarray, painted: np.ndarray, falls: np.ndarray) -> np.ndarray:
    """Spearman's ρ between relevance painted over and the fall of the score, float64 [B].

    ``painted`` bool [n, patches], ``falls`` float64 [B, n]. A map that is the same everywhere
    agrees with nothing: 0. Bhatt et al. 2020.
    """
    side = math.isqrt(painted.shape[1])
    height, width = (length // side for length in maps.shape[1:])
    cells = maps.astype(np.float64).reshape(len(maps), side, height, side, width).sum((2, 4))
    relevance = cells.reshape(len(maps), -1) @ painted.T
    return np.nan_to_num(rank_correlation(relevance, falls))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's ρ of each pair of rows [B, n], float64 [B]; NaN where a row is constant."""
    return pearson(rankdata(a, axis=1), rankdata(b, axis=1))


def _falls(classifier: Classifier, photos: PlantedPhotos, painted: np.ndarray) -> np.ndarray:
    """How far the log-odds of the target fall when patches take the photo's median colour."""
    batch, targets = photos.batch, torch.from_numpy(photos.targets)
    even = batch.flatten(2).median(2).values[:, :, None, None]
    masks = torch.from_numpy(painted).view(len(painted), PATCHES, PATCHES)
    for axis in (1, 2):
        masks = masks.repeat_interleave(batch.shape[2] // PATCHES, axis)
    before = log_odds(classifier.logits(batch), targets)
    after = [log_odds(classifier.logits(torch.where(mask, even, batch)), targets) for mask in masks]
    return (before[:, None] - torch.stack(after, 1)).numpy()


def _stability(
    candidate: Candidate,
    trial: Trial,
    maps: np.ndarray,
    batch: torch.Tensor,
    targets: np.ndarray,
) -> np.ndarray:
    """Likeness of maps before and after a change too small to see, [B]; NaN where it counts."""
    generator = torch.Generator().manual_seed(trial.seed)
    changed = batch + NOISE * (2 * torch.rand(batch.shape, generator=generator) - 1)
    after = candidate.maps(trial.classifier, changed, targets)
    same = trial.classifier.predicted(batch) == trial.classifier.predicted(changed)
    return np.where(same.numpy(), _alike(maps, after), np.nan)


def _alike(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's ρ of pairs of maps, [B]: 0 where only the other is the same everywhere."""
    flat, other = (m.reshape(len(m), -1).astype(np.float64) for m in (maps, others))
    empty = (np.ptp(other, axis=1) == 0) & (np.ptp(flat, axis=1) > 0)
    return np.where(empty, 0.0, rank_correlation(flat, other))


def _mean(values: np.ndarray) -> Finding:
    cell = interval(values)
    return Finding(figure=cell.mean, low=cell.low, high=cell.high)
