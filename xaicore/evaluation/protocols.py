"""How far the scores follow what a protocol leaves open: the same maps under every variant.

Maps are made once, and of a trace only that is made anew which a variant changes. What a few
photos add is kept at once, so the work goes on where it was stopped.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from xaicore.evaluation.chunk import LoadedPhoto
from xaicore.evaluation.contents import load_listed
from xaicore.evaluation.plan import PhotoFile, hash_list
from xaicore.evaluation.results import BUNDLED_RESULTS, DECIMALS, unread_table
from xaicore.evaluation.store import MapKey, ScoreKey, Store
from xaicore.evaluation.variants import MASKS, VARIANTS, Variant
from xaicore.explainers import EXPLAINERS, USUAL, explain
from xaicore.explainers.base import describe
from xaicore.files import replace_files
from xaicore.formatting import printable
from xaicore.identity import canonical
from xaicore.metrics import METRICS, choose_metrics, score_trace
from xaicore.metrics.base import PerturbationTrace
from xaicore.metrics.perturbation import log_odds, trace_maps
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, name_step, no_progress

# Photos that go through together, and that share a mask's scale where a variant says so.
TOGETHER = 5
SCORES = (*(name for name, metric in METRICS.items() if not metric.extra), "ad_signed", "iic_mean")

# A variant, a method and a photo's place among those that go together.
Cell = tuple[str, str, int]
Scores = dict[Cell, dict[str, float]]


@dataclass(frozen=True)
class Protocols:
    """``rows`` a variant, photo and method, with a column a metric; ``about`` what made them.

    ``unread`` has a row a photo that could not be read.
    """

    rows: pd.DataFrame
    about: dict[str, Any]
    unread: pd.DataFrame = field(default_factory=unread_table)


def measure_protocols(
    classifier: Classifier,
    files: Sequence[PhotoFile],
    store: Store,
    progress: Progress = no_progress,
) -> Protocols:
    """Score the study's four methods under every variant, as far as the store lacks scores.

    Photos that cannot be read are left out. ``progress(done, total)`` is called once with those
    that are done already, then after every few photos; what it raises stops the work.
    """
    everything = [load_listed(position, file) for position, file in enumerate(files)]
    read = [loaded for loaded in everything if not loaded.error]
    rows: list[dict[str, Any]] = []
    groups = list(_together(read))
    done = sum(len(group) for group in groups if _find(classifier, group, store))
    progress(done, len(read))
    for photos in groups:
        keys = _keys(classifier, photos)
        known = _find(classifier, photos, store)
        if not known:
            known = _measure(classifier, photos, keys)
            store.put_scores(known)
            done += len(photos)
            progress(done, len(read))
        rows += [
            _row(photos[place], variant, name, {m: known[key] for m, key in own.items()})
            for (variant, name, place), own in keys.items()
        ]
    unread = [
        (photo.position, photo.hash, printable(photo.file.name), photo.error)
        for photo in everything
        if photo.error
    ]
    about = _describe(classifier, files, len(read))
    return Protocols(pd.DataFrame(rows), about, unread_table(unread))


def _find(
    classifier: Classifier, photos: Sequence[LoadedPhoto], store: Store
) -> dict[ScoreKey, float]:
    """All scores of photos that go together; none where the store lacks one."""
    wanted = [key for own in _keys(classifier, photos).values() for key in own.values()]
    known = store.scores(wanted)
    return known if all(key in known for key in wanted) else {}


def score_variants(classifier: Classifier, batch: torch.Tensor) -> Scores:
    """Scores of the methods' maps of photos [B, 3, H, W] under every variant."""
    targets = torch.from_numpy(classifier.predict(batch).argmax(1))
    metrics = choose_metrics(SCORES)
    maps: dict[str, np.ndarray] = {}
    ours: PerturbationTrace | None = None
    scores: Scores = {}
    for variant in VARIANTS:
        name_step(variant.label)
        if variant.score not in maps:
            maps[variant.score] = _make_maps(classifier, batch, targets, variant.score)
        changed = _trace(classifier, batch, targets, maps[variant.score], variant)
        # The first is ours, and whole; the others change a part of it.
        ours = ours or changed
        columns = score_trace(_over(ours, changed), metrics)
        for row, (name, place) in enumerate(itertools.product(USUAL, range(len(batch)))):
            scores[variant.name, name, place] = {m: float(v[row]) for m, v in columns.items()}
    return scores


def save_protocols(protocols: Protocols, folder: Path) -> None:
    """Write ``protocols.csv`` and ``protocols.json``, numbers to six decimals."""
    files = {
        "protocols.csv": protocols.rows.round(DECIMALS).to_csv(index=False),
        "protocols.json": json.dumps(protocols.about, indent=2) + "\n",
    }
    replace_files(folder, files)


def load_protocols(folder: Path = BUNDLED_RESULTS) -> Protocols:
    """Read what :func:`save_protocols` wrote."""
    about = json.loads((folder / "protocols.json").read_text(encoding="utf-8"))
    return Protocols(pd.read_csv(folder / "protocols.csv"), about)


def _together(photos: Sequence[LoadedPhoto]) -> Iterator[Sequence[LoadedPhoto]]:
    for start in range(0, len(photos), TOGETHER):
        yield photos[start : start + TOGETHER]


def _make_maps(
    classifier: Classifier, batch: torch.Tensor, targets: torch.Tensor, score: str
) -> np.ndarray:
    """Maps float32 [methods, B, H, W] that explain a score, or each method's own."""
    return np.stack(
        [
            explain(
                classifier, batch, name, targets, target=score or EXPLAINERS[name].scores[0]
            ).maps
            for name in USUAL
        ]
    )


def _trace(
    classifier: Classifier,
    batch: torch.Tensor,
    targets: torch.Tensor,
    maps: np.ndarray,
    variant: Variant,
) -> PerturbationTrace:
    """What a variant changes of the trace of maps [methods, B, H, W], method by method."""
    curves = [need for need in variant.needs if need != "kept"]
    trace = trace_maps(
        classifier,
        batch,
        maps.reshape(-1, *maps.shape[2:]),
        targets,
        variant.protocol,
        curves,
        photos=np.tile(np.arange(len(batch)), len(maps)),
    )
    if "kept" not in variant.needs:
        return trace
    # Method by method: a scale shared by photos is not shared by methods.
    kept = [_keep(classifier, batch, targets, own, variant.mask) for own in maps]
    return dataclasses.replace(trace, kept=np.concatenate(kept))


def _keep(
    classifier: Classifier, batch: torch.Tensor, targets: torch.Tensor, maps: np.ndarray, mask: str
) -> np.ndarray:
    """Log-odds [B] of what the masks of maps [B, H, W] keep; NaN for a map without a mask."""
    masks = MASKS[mask](torch.from_numpy(maps).to(batch.device))
    logits = classifier.logits(batch * masks.nan_to_num()[:, None])
    kept = log_odds(logits, targets.to(logits.device))
    return kept.where(masks.isfinite().all((1, 2)), torch.nan).cpu().numpy()


def _over(ours: PerturbationTrace, changed: PerturbationTrace) -> PerturbationTrace:
    """Our trace with all that a variant traced anew in its place."""
    fields = {field.name: getattr(changed, field.name) for field in dataclasses.fields(changed)}
    return dataclasses.replace(ours, **{n: v for n, v in fields.items() if v is not None})


def _measure(
    classifier: Classifier,
    photos: Sequence[LoadedPhoto],
    keys: Mapping[Cell, Mapping[str, ScoreKey]],
) -> dict[ScoreKey, float]:
    batch = classifier.preprocess([loaded.photo for loaded in photos if loaded.photo])
    scores = score_variants(classifier, batch)
    return {key: scores[cell][metric] for cell, own in keys.items() for metric, key in own.items()}


def _keys(classifier: Classifier, photos: Sequence[LoadedPhoto]) -> dict[Cell, dict[str, ScoreKey]]:
    """Where the scores of photos that go together are kept, by metric."""
    together = [loaded.hash for loaded in photos]
    return {
        (variant.name, name, place): {
            metric: ScoreKey(_map_key(classifier, variant, name, photo), metric, protocol)
            for metric in SCORES
        }
        for variant in VARIANTS
        for protocol in [canonical({**variant.settings, "together": together})]
        for name in USUAL
        for place, photo in enumerate(together)
    }


def _map_key(classifier: Classifier, variant: Variant, name: str, photo: str) -> MapKey:
    method = EXPLAINERS[name]
    settings = describe(
        method, classifier, method.settings({}), variant.score or method.scores[0]
    ) | {"class": "predicted"}
    return MapKey(classifier.fingerprint, photo, name, canonical(settings))


def _row(
    loaded: LoadedPhoto, variant: str, method: str, scores: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "variant": variant,
        "position": loaded.position,
        "photo": loaded.hash,
        "method": method,
        **scores,
    }


def _describe(classifier: Classifier, files: Sequence[PhotoFile], read: int) -> dict[str, Any]:
    """All that the rows depend on, as plain values."""
    methods = [EXPLAINERS[name] for name in USUAL]
    return {
        "photos": read,
        "list": hash_list(files),
        "together": TOGETHER,
        "network": classifier.fingerprint,
        "weights": classifier.weights_hash,
        "explainers": {
            method.name: describe(method, classifier, method.settings({}), method.scores[0])
            for method in methods
        },
        "variants": {variant.name: variant.settings for variant in VARIANTS},
    }
