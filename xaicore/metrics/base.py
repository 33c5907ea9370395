"""What every metric shares: its entry, the protocol it is measured by, and what it is made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from xaicore.errors import PetlensError

FILLS = ("zero", "black", "grey", "white", "blurred")
BLURS = ("box", "gaussian")
# Raised when a change to the code changes values: results of different versions never mix.
VERSION = 1


class MetricError(PetlensError):
    """A score that cannot be measured as asked; the message says why and what to do."""


@dataclass(frozen=True)
class PerturbationProtocol:
    """How maps are tested: all that a score depends on but network, photo and map.

    ``steps`` of as equal a number of pixels as can be; ``fill`` is what a deleted pixel shows,
    ``zero`` being the network's mean colour; ``blur`` and ``kernel`` (odd, in pixels; 0 for a fifth
    of the height, at least 9) make the photo that insertion starts from, ``sigma`` (pixels) being
    the Gaussian's; ``seed`` orders pixels of equal saliency.
    """

    steps: int = 128
    fill: str = "zero"
    blur: str = "box"
    kernel: int = 0
    sigma: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise MetricError(f"A curve needs at least 2 steps, not {self.steps}.")
        if self.fill not in FILLS:
            raise MetricError(f"fill cannot be {self.fill!r}; choose one of: {', '.join(FILLS)}.")
        if self.blur not in BLURS:
            raise MetricError(f"blur cannot be {self.blur!r}; choose one of: {', '.join(BLURS)}.")
        if self.kernel < 0 or (self.kernel and self.kernel % 2 == 0):
            raise MetricError(f"kernel must be odd, or 0 for its rule, not {self.kernel}.")
        if self.sigma <= 0:
            raise MetricError(f"sigma must be above 0, not {self.sigma:g}.")

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values that name this protocol, for keys and files."""
        return {**dataclasses.asdict(self), "version": VERSION}


# The public name.
Protocol = PerturbationProtocol

PROTOCOLS = {
    # Gomez, Fréour and Mouchère 2022; Petsiuk, Das and Saenko 2018.
    "gomez": PerturbationProtocol(),
    "rise": PerturbationProtocol(blur="gaussian", kernel=11, sigma=5.0),
}


def protocol_of(choice: PerturbationProtocol | str | None) -> PerturbationProtocol:
    """A protocol by preset name; by default "gomez". Raises :class:`MetricError`."""
    if isinstance(choice, PerturbationProtocol):
        return choice
    if (choice or "gomez") not in PROTOCOLS:
        raise MetricError(
            f"There is no protocol named {choice!r}; choose one of: {', '.join(PROTOCOLS)}."
        )
    return PROTOCOLS[choice or "gomez"]


@dataclass(frozen=True)
class PerturbationTrace:
    """What the network said while maps were tested; all arrays float64, NaN where undefined.

    ``fractions`` [steps + 1] of the pixels moved; ``insertion`` and ``deletion`` [M, steps + 1]
    probabilities of the target class; ``saliency`` [M, steps], the mean of the map over each step's
    pixels; log-odds of the target class [M] for the ``clean`` photo, for what the map's mask keeps
    of it (``kept``) and for what the mask leaves (``removed``). ``maps`` [M, H, W] are what was
    tested; ``imputed`` [M, 2, shares] probabilities without the most and without the least salient
    pixels, as ROAD asks; ``randomised`` and ``changed`` [M] what became of maps made once more,
    by random networks and of changed photos. What was not asked for is None.
    """

    fractions: np.ndarray
    saliency: np.ndarray
    clean: np.ndarray
    insertion: np.ndarray | None = None
    deletion: np.ndarray | None = None
    kept: np.ndarray | None = None
    removed: np.ndarray | None = None
    maps: np.ndarray | None = None
    imputed: np.ndarray | None = None
    randomised: np.ndarray | None = None
    changed: np.ndarray | None = None

    def one(self, index: int) -> PerturbationTrace:
        """The trace of a single map."""
        single: dict[str, Any] = {
            field.name: None if values is None else values[index : index + 1]
            for field in dataclasses.fields(self)
            for values in [getattr(self, field.name)]
            if field.name != "fractions"
        }
        return PerturbationTrace(fractions=self.fractions, **single)

    def read(self, name: str) -> np.ndarray:
        """A part of the trace that must have been asked for."""
        values: np.ndarray | None = getattr(self, name)
        assert values is not None, f"{name} was not traced"
        return values


@dataclass(frozen=True)
class Metric:
    """Registry entry of a metric.

    ``compute(trace)`` gives float64 [M]; ``needs`` names the fields of the trace it reads;
    ``caveat(trace)`` says, for the trace of one map, why the figure means little; empty if it means
    what it says. ``extra`` metrics are measured only when asked for.
    """

    name: str
    label: str
    compute: Callable[[PerturbationTrace], np.ndarray]
    caveat: Callable[[PerturbationTrace], str]
    needs: tuple[str, ...]
    higher_is_better: bool
    bounds: tuple[float, float]
    summary: str
    citation: str
    extra: bool = False

    @property
    def direction(self) -> str:
        return "higher is better" if self.higher_is_better else "lower is better"


def probability(log_odds: np.ndarray) -> np.ndarray:
    """The probability that has these log-odds."""
    return expit(log_odds)
