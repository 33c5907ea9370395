"""A checkpoint → the weights that ship and their model card, every figure measured here."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from xaicore.files import check_folder, replace_file, replace_files
from xaicore.networks.cards import Card, card_beside, entry_of, read_card
from xaicore.networks.classifier import Classifier, ClassifierError, load_classifier, weights_of
from xaicore.networks.petnet import INPUT_SIZE, LABELS, PetNet
from xaicore.progress import shown
from xaicore.training.calibration import (
    BINS,
    divide_logits,
    expected_calibration_error,
    fit_temperature,
)
from xaicore.training.dataset import LabelledFile, Split, find_photos, read_photos, require_both
from xaicore.training.train import (
    TrainingError,
    averaged_net,
    load_checkpoint,
    saved_recipe,
)

WEIGHTS = "petnet.safetensors"
SPLIT_RULE = (
    "by the SHA-256 of 'class/file name without ending': first 8 bytes modulo 10; "
    "0 to 7 train, 8 validation, 9 test"
)
FOLDER_RULE = (
    "by folders named validation or test; a part without a folder is taken from the other photos "
    f"{SPLIT_RULE}; what is left is train"
)
FOLDING_TOLERANCE = 1e-4
_BATCH = 32
_LIBRARIES = ("torch", "numpy", "pillow", "pillow-heif", "safetensors")


@dataclass(frozen=True)
class Scores:
    """What a network said of one split: ``logits`` float32 [N, C], ``labels`` [N]."""

    logits: torch.Tensor
    labels: torch.Tensor
    corrupt: int

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """Class probabilities of the logits over a temperature, float64 [N, C]."""
        return (self.logits.double() / temperature).softmax(1).numpy()

    def calibration_error(self, temperature: float = 1.0) -> float:
        return expected_calibration_error(self.probabilities(temperature), self.labels.numpy())

    def confusion(self) -> np.ndarray:
        """Photo counts, int [C, C]: rows the true class, columns the predicted one."""
        counts = np.zeros((len(LABELS), len(LABELS)), dtype=int)
        np.add.at(counts, (self.labels.numpy(), self.logits.argmax(1).numpy()), 1)
        return counts


def finish(checkpoint: str | Path, data: str | Path, out: str | Path, device: torch.device) -> Card:
    """Fold, calibrate, measure, and write ``petnet.safetensors`` and ``petnet.json`` to ``out``.

    The temperature is fitted on the validation split and built into the weights. Both files are
    written at the end, together. Raises :class:`TrainingError` for an unusable checkpoint,
    :class:`~xaicore.files.FileError` for an unusable folder and
    :class:`~xaicore.training.dataset.DatasetError` for unusable data.
    """
    state = load_checkpoint(Path(checkpoint))
    check_folder(Path(out))
    files = find_photos(data)
    net = fold(averaged_net(state))
    validation = score(Classifier(net, device=device), files, "validation")
    temperature = fit_temperature(validation.logits, validation.labels)
    divide_logits(net, temperature)
    recipe = asdict(saved_recipe(state))
    training = {
        "epochs": state["epoch"],
        "minutes": round(state["seconds"] / 60, 1),
        "seed": recipe["seed"],
        "device": _name(device),
        "recipe": recipe,
    }
    card = measure(Classifier(net, device=device), files, temperature)
    return write_network(Path(out) / WEIGHTS, net, {"training": training, **card})


def remeasure(weights: str | Path, data: str | Path, out: str | Path, device: torch.device) -> Card:
    """Measure trained weights anew and write their card to ``out``.

    How they were trained, and their temperature, are taken from the card beside them. Raises
    :class:`ClassifierError` where the weights or their card are missing, or not of ``train``.
    """
    weights = Path(weights)
    classifier = load_classifier(weights, device)
    if "calibration" not in read_card(weights):
        raise ClassifierError(f"{weights} was not trained by 'python -m xaicore train'.")
    temperature = entry_of(weights, (int, float), "calibration", "temperature")
    training = entry_of(weights, dict, "training")
    card = measure(classifier, find_photos(data), temperature)
    whole = {**identity(weights.name, weights.read_bytes()), "training": training, **card}
    replace_file(Path(out), _as_text(whole))
    return whole


def fold(net: PetNet) -> PetNet:
    """Fold batch norm away; :class:`TrainingError` should that change an output."""
    folded = net.fold()
    batch = torch.randn(8, 3, INPUT_SIZE, INPUT_SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        gap = (net(batch) - folded(batch)).abs().max().item()
    if not gap <= FOLDING_TOLERANCE:
        raise TrainingError(
            f"Folding batch norm moved an output by {gap:.1e}, more than {FOLDING_TOLERANCE:.0e}. "
            "Train again, with a lower learning rate."
        )
    return folded


def score(classifier: Classifier, files: Sequence[LabelledFile], split: Split) -> Scores:
    """Run one split through the network, each photo the way a user's photo goes."""
    chosen = [file for file in files if file.split == split]
    logits, labels = [], []
    with shown(f"scoring {split}", len(chosen), "photo") as bar:
        for start in range(0, len(chosen), _BATCH):
            batch = chosen[start : start + _BATCH]
            read = [(file.label, photo) for file, photo in read_photos(batch) if photo is not None]
            if read:
                inputs = classifier.preprocess([photo for _, photo in read])
                logits.append(classifier.logits(inputs).cpu())
                labels += [label for label, _ in read]
            bar.update(len(batch))
    require_both(labels, split)
    class_indices = torch.tensor([LABELS.index(label) for label in labels])
    return Scores(torch.cat(logits), class_indices, len(chosen) - len(labels))


def measure(classifier: Classifier, files: Sequence[LabelledFile], temperature: float) -> Card:
    """All figures of a card that the weights and the data decide.

    ``temperature`` is the one already built into the weights; calibration "before" undoes it.
    """
    counts, corrupt, mean = _survey([file for file in files if file.split == "train"])
    splits = {
        "validation": score(classifier, files, "validation"),
        "test": score(classifier, files, "test"),
    }
    for name, scores in splits.items():
        counts[name] = _by_label(scores.confusion().sum(1))
        corrupt[name] = scores.corrupt
    # As it will be loaded, with the colour that this card tells.
    shipped = Classifier(classifier.net, device=classifier.device, dataset_mean=mean)
    return {
        "data": {
            "source": files[0].root.name,
            "split_rule": _split_rule(files),
            "photos": counts,
            "corrupt_files_skipped": corrupt,
            "dataset_mean": mean,
        },
        "accuracy": {name: _accuracy(scores.confusion()) for name, scores in splits.items()},
        "confusion": {name: _confusion(scores) for name, scores in splits.items()},
        "calibration": _calibration(splits, temperature),
        "cost": {
            "gflop": gflop(classifier),
            "parameters": sum(weight.numel() for weight in classifier.net.parameters()),
        },
        **circumstances(shipped),
    }


def _split_rule(files: Sequence[LabelledFile]) -> str:
    by_folders = any(file.part in ("validation", "test") for file in files)
    return FOLDER_RULE if by_folders else SPLIT_RULE


def circumstances(classifier: Classifier) -> Card:
    """What was measured, and on what, when and with which libraries."""
    return {
        "fingerprint": classifier.fingerprint,
        "measured_on": _name(classifier.device),
        "date": date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            **{library: version(library) for library in _LIBRARIES},
        },
    }


def _confusion(scores: Scores) -> Card:
    rows = zip(LABELS, scores.confusion(), strict=True)
    return {label: _by_label(row) for label, row in rows}


def _calibration(splits: Mapping[str, Scores], temperature: float) -> Card:
    errors = {
        name: {
            "before": scores.calibration_error(1 / temperature),
            "after": scores.calibration_error(),
        }
        for name, scores in splits.items()
    }
    return {
        "temperature": temperature,
        "fitted_on": "validation",
        "bins": BINS,
        "expected_calibration_error": errors,
        "highest_float32_probability": splits["test"].logits.softmax(1).max().item(),
    }


def gflop(classifier: Classifier) -> float:
    """Cost of one photo's forward pass in 10⁹ operations, a multiply-add counted as two."""
    size = classifier.size
    with FlopCounterMode(display=False) as counter:
        classifier.logits(torch.zeros(1, 3, size, size))
    return counter.get_total_flops() / 1e9


def summary(card: Card) -> str:
    """The card's main figures, for a terminal."""
    test = card["accuracy"]["test"]
    error = card["calibration"]["expected_calibration_error"]["test"]
    return (
        f"test accuracy {test['overall']:.2%} "
        f"({', '.join(f'{label} {test[label]:.2%}' for label in LABELS)}); "
        f"expected calibration error {error['before']:.2%} before, {error['after']:.2%} after "
        f"temperature {card['calibration']['temperature']:.3f}; "
        f"{card['cost']['gflop']:.2f} GFLOP a photo, {card['weights']['bytes'] / 1e6:.1f} MB"
    )


def _survey(files: Sequence[LabelledFile]) -> tuple[Card, Card, list[float]]:
    """Count the training photos, and average their colours (0…1)."""
    counts = dict.fromkeys(LABELS, 0)
    total = np.zeros(3)
    reading = read_photos(files, INPUT_SIZE)
    with shown("surveying train", len(files), "photo") as bar:
        for file, photo in reading:
            bar.update()
            if photo is not None:
                counts[file.label] += 1
                total += np.asarray(photo).mean((0, 1)) / 255
    read = sum(counts.values())
    mean = [round(float(colour), 4) for colour in total / max(read, 1)]
    return {"train": counts}, {"train": len(files) - read}, mean


def _accuracy(confusion: np.ndarray) -> dict[str, float]:
    shares = confusion.diagonal() / confusion.sum(1)
    by_class = {label: float(share) for label, share in zip(LABELS, shares, strict=True)}
    return {"overall": float(confusion.trace() / confusion.sum()), **by_class}


def _by_label(counts: np.ndarray) -> dict[str, int]:
    return {label: int(count) for label, count in zip(LABELS, counts, strict=True)}


def identity(name: str, content: bytes) -> Card:
    """What the file of PetNet's weights is."""
    return {
        "model": "PetNet",
        "labels": LABELS,
        "input_size": INPUT_SIZE,
        "weights": {
            "file": name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    }


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def write_network(weights: Path, net: PetNet, card: Card) -> Card:
    """Write weights and their card, both or neither; give the card with what the file is."""
    content = weights_of(net)
    whole = {**identity(weights.name, content), **card}
    files: dict[str, bytes | str] = {
        weights.name: content,
        card_beside(weights).name: _as_text(whole),
    }
    replace_files(weights.parent, files)
    return whole


def _as_text(card: Card) -> str:
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"
