"""Whether a linear model holds on samples that it was not fitted to, and better than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

FOLDS = 5
# A fit that beats all of these is the best of 200 by chance once in 200 draws.
SHUFFLES = 199
# lime's own penalty.
PENALTY = 1.0


@dataclass(frozen=True)
class HeldOut:
    """A linear model fitted to four fifths of the samples and tried on the other fifth, five times.

    ``r2`` is weighted, over all that was held out; ``chance`` the largest of as many fits of
    shuffled scores; ``spread`` the standard error of the weights, relative to the largest;
    ``samples`` counts those that differ. All but the last are NaN where samples are too few, r2 and
    chance also where the score never changes.
    """

    r2: float
    chance: float
    spread: float
    samples: int


def suffice(samples: int, features: int) -> bool:
    """Do so many different samples fill five folds, four of them as many as the unknowns?"""
    return samples >= FOLDS and samples * (FOLDS - 1) // FOLDS >= features + 1


def hold_out(data: np.ndarray, scores: np.ndarray, weights: np.ndarray, seed: int) -> HeldOut:
    """Judge the fit of ``scores`` [n], weighted by ``weights`` [n], to ``data`` [n, S] of 0 and 1.

    Samples that are alike count as one: the same picture on both sides would be no trial.
    """
    data, of, counts = np.unique(data, axis=0, return_inverse=True, return_counts=True)
    data = data.astype(float)
    if not suffice(len(data), data.shape[1]):
        return HeldOut(np.nan, np.nan, np.nan, len(data))
    mass = np.bincount(of.ravel(), weights)
    means = np.bincount(of.ravel(), scores) / counts
    generator = np.random.default_rng(seed)
    shuffled = [generator.permutation(means) for _ in range(SHUFFLES)]
    targets = np.stack([means, *shuffled], axis=1)
    predicted = np.empty_like(targets)
    fits = []
    for fold in np.array_split(generator.permutation(len(data)), FOLDS):
        rest = np.setdiff1d(np.arange(len(data)), fold)
        constants, slopes = fit_ridge(data[rest], targets[rest], mass[rest])
        predicted[fold] = constants + data[fold] @ slopes
        fits.append(slopes[:, 0])
    r2 = _weighted_r2(targets, predicted, mass)
    return HeldOut(r2[0], r2[1:].max(), _spread(np.stack(fits)), len(data))


def fit_ridge(
    data: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """lime's regression for many targets at once: constants [T] and slopes [S, T].

    ``data`` [n, S], ``targets`` [n, T], ``weights`` [n].
    """
    model = Ridge(alpha=PENALTY).fit(data, targets, sample_weight=weights)
    return model.intercept_, model.coef_.T


def _weighted_r2(targets: np.ndarray, predicted: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """R² of each column; NaN where its values do not change."""
    missed = mass @ (targets - predicted) ** 2
    total = mass @ (targets - np.average(targets, axis=0, weights=mass)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.ptp(targets, axis=0) > 0, 1 - missed / total, np.nan)


def _spread(fits: np.ndarray) -> float:
    """Standard error by leaving out each fold in turn (jackknife), relative to the largest."""
    error = np.sqrt((FOLDS - 1) * fits.var(0))
    largest = np.abs(fits.mean(0)).max()
    return float(np.sqrt((error**2).mean()) / largest) if largest > 0 else 0.0
