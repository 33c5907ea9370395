"""Maps of networks whose reasons are known, held against the truth and scored by every metric.

Photos go through a few at a time, and what these add is kept at once, so the work goes on where it
was stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xaicore.evaluation.store import MapKey, ScoreKey, Store
from xaicore.explainers import explain
from xaicore.explainers.base import library_versions
from xaicore.identity import canonical, hash_array
from xaicore.metrics import USUAL, choose_metrics, needs_of, score_trace
from xaicore.metrics.base import MetricError, PerturbationProtocol
from xaicore.metrics.controls import CONTROLS, mean_map
from xaicore.metrics.perturbation import trace_maps
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, name_step, no_progress
from xaicore.truth.plan import DEFAULT, METHOD, SETTINGS, Entry, list_entries
from xaicore.truth.planted import Planted
from xaicore.truth.results import TruthResults
from xaicore.truth.scenes import PlantedPhotos
from xaicore.truth.scores import Truth, score_truth

SEED = 0
# Photos that go through together; each other's maps serve as controls.
TOGETHER = 5
PROTOCOL = PerturbationProtocol()
TRUTH = tuple(field.name for field in dataclasses.fields(Truth))

# A photo's place among those that go together, and what explains it.
Cell = tuple[int, Entry]


def measure_truth(
    planted: Sequence[Planted],
    store: Store,
    most: int | None = None,
    progress: Progress = no_progress,
) -> TruthResults:
    """Explain and score photos of every network, as far as the store lacks scores.

    Each network has its own number of photos, or ``most`` where that is less.
    ``progress(done, total)`` is called once with the photos that are done already, then after every
    few photos; what it raises stops the work.
    """
    rows: list[dict[str, Any]] = []
    networks: dict[str, dict[str, Any]] = {}
    groups: list[tuple[Planted, int, _Group]] = []
    for one in planted:
        count = min(one.photos, most or one.photos)
        classifier, photos = one.load(), one.draw(SEED, count)
        networks[one.name] = {
            "label": one.label,
            "summary": one.summary,
            "fingerprint": classifier.fingerprint,
            "photos": count,
        }
        entries = list_entries(classifier)
        groups += [
            (one, start, _Group(classifier, _cut(photos, start), entries))
            for start in range(0, count, TOGETHER)
        ]
    total = sum(len(group) for *_, group in groups)
    done = sum(len(group) for *_, group in groups if group.known(store))
    progress(done, total)
    for one, start, group in groups:
        scores = group.known(store)
        if not scores:
            name_step(one.label)
            scores = group.measure(store)
            done += len(group)
            progress(done, total)
        rows += _rows(one, start, scores)
    return TruthResults(pd.DataFrame(rows), _describe(networks))


def _rows(
    one: Planted, start: int, scores: Mapping[Cell, Mapping[str, float]]
) -> list[dict[str, Any]]:
    """A row a map of photos that go through together; ``start`` is the first photo's number."""
    return [
        {
            "network": one.name,
            "reason": one.reason,
            "kind": entry.kind,
            "name": entry.name,
            "setting": entry.setting,
            "photo": start + place,
            **own,
        }
        for (place, entry), own in scores.items()
    ]


def _cut(photos: PlantedPhotos, start: int) -> PlantedPhotos:
    part = slice(start, start + TOGETHER)
    return PlantedPhotos(photos.batch[part], photos.masks[part], photos.targets[part])


@dataclass(frozen=True)
class _Group:
    """A few photos of one network that go through together."""

    classifier: Classifier
    photos: PlantedPhotos
    entries: Sequence[Entry]

    def __len__(self) -> int:
        return len(self.photos.targets)

    def known(self, store: Store) -> dict[Cell, dict[str, float]]:
        """All scores of the group; none where the store lacks one."""
        keys = self._keys()
        wanted = [key for own in keys.values() for key in own.values()]
        found = store.scores(wanted)
        if any(key not in found for key in wanted):
            return {}
        return {
            cell: {column: found[key] for column, key in own.items()} for cell, own in keys.items()
        }

    def measure(self, store: Store) -> dict[Cell, dict[str, float]]:
        """All scores of the group, which the store keeps from now on."""
        keys = self._keys()
        columns = self._measure()
        scores = {
            cell: {column: float(columns[column][row]) for column in own}
            for row, (cell, own) in enumerate(keys.items())
        }
        store.put_scores(
            {key: scores[cell][column] for cell, own in keys.items() for column, key in own.items()}
        )
        return scores

    @property
    def _cells(self) -> list[Cell]:
        places = range(len(self.photos.batch))
        return [(place, entry) for entry in self.entries for place in places]

    def _keys(self) -> dict[Cell, dict[str, ScoreKey]]:
        """Where the scores of each map are kept, by column."""
        hashes = [hash_array(photo.cpu().numpy()) for photo in self.photos.batch]
        settings = {entry: entry.settings(self.classifier) for entry in self.entries}
        together = {
            "together": hashes,
            "explainers": [made for entry, made in settings.items() if _is_default(entry)],
        }
        keys = {}
        for place, entry in self._cells:
            made = settings[entry] | {"class": int(self.photos.targets[place])}
            if entry.derived:
                made |= together
            map = MapKey(self.classifier.fingerprint, hashes[place], entry.name, canonical(made))
            mask = canonical({"mask": hash_array(self.photos.masks[place])})
            keys[place, entry] = {
                **{column: ScoreKey(map, column, mask) for column in TRUTH},
                **{column: ScoreKey(map, column, canonical(PROTOCOL.settings)) for column in USUAL},
            }
        return keys

    def _measure(self) -> dict[str, np.ndarray]:
        """By column, scores float64 [cells]; undefined for a map that is not finite."""
        maps = np.concatenate(self._make_maps())
        places = np.array([place for place, _ in self._cells])
        whole = np.isfinite(maps).all((1, 2))
        metrics = choose_metrics(USUAL)
        trace = trace_maps(
            self.classifier,
            self.photos.batch,
            maps[whole],
            self.photos.targets,
            PROTOCOL,
            needs_of(metrics),
            photos=places[whole],
        )
        columns = dataclasses.asdict(score_truth(maps, self.photos.masks[places]))
        for name, values in score_trace(trace, metrics).items():
            columns[name] = np.full(len(maps), np.nan)
            columns[name][whole] = values
        return columns

    def _make_maps(self) -> list[np.ndarray]:
        """By entry, maps float32 [B, H, W]."""
        batch, targets = self.photos.batch, self.photos.targets
        made = {
            entry: explain(self.classifier, batch, entry.name, targets, **entry.parameters).maps
            for entry in self.entries
            if entry.kind == METHOD
        }
        mean = mean_map([maps for entry, maps in made.items() if _is_default(entry)])
        for entry in self.entries:
            if entry not in made:
                try:
                    made[entry] = CONTROLS[entry.name].make(batch, mean, int(entry.setting))
                except MetricError:  # one photo alone has no other photo's map
                    made[entry] = np.full_like(mean, np.nan)
        return [made[entry] for entry in self.entries]


def _is_default(entry: Entry) -> bool:
    return entry.kind == METHOD and entry.setting == DEFAULT


def _describe(networks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All that the rows depend on, as plain values."""
    return {
        "seed": SEED,
        "together": TOGETHER,
        "networks": networks,
        "settings": SETTINGS,
        "controls": {name: control.draws for name, control in CONTROLS.items()},
        "metrics": list(USUAL),
        "protocol": PROTOCOL.settings,
        "versions": dict(library_versions()),
    }
