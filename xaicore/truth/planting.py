"""Cheating PetNets made and measured, a weights file and a card each; resumable by network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from xaicore.networks.cards import entry_of
from xaicore.networks.classifier import BUNDLED_WEIGHTS, Classifier
from xaicore.networks.petnet import INPUT_SIZE
from xaicore.progress import Progress, no_progress
from xaicore.training.dataset import find_photos
from xaicore.training.model_card import Card, circumstances, write_network
from xaicore.training.train import Photos, TrainingError, decode, normalise
from xaicore.truth.cheating import CAT, DOG, fine_tune
from xaicore.truth.kinds import Kind, Recipe
from xaicore.truth.marks import add_marks, draw_places

_AT_ONCE = 64


def plant(
    data: str | Path,
    folder: str | Path,
    recipe: Recipe,
    jobs: Sequence[tuple[Kind, int]],
    device: torch.device,
    progress: Progress = no_progress,
) -> list[Path]:
    """Make the networks that ``folder`` lacks, one a kind and seed; return the weights' paths.

    Each is a weights file and its card, written together as soon as it is made.
    ``progress(done, total)`` is called with those that are there, then after each. Raises
    :class:`~xaicore.training.dataset.DatasetError` for unusable data, :class:`TrainingError` where
    a network is there by another recipe, :class:`~xaicore.files.FileError` where one cannot be
    written.
    """
    wanted = [
        (kind, replace(recipe, seed=seed), Path(folder) / f"{kind.name}-{seed}.safetensors")
        for kind, seed in jobs
    ]
    lacking = [job for job in wanted if not _is_made(job[2], job[1])]
    there = len(wanted) - len(lacking)
    progress(there, len(wanted))
    if lacking:
        photos, test, about = _read(data, recipe.photos)
        for done, (kind, seeded, weights) in enumerate(lacking, start=there + 1):
            # Sixteen bits a weight are enough; what is measured is what they hold.
            net = fine_tune(kind, seeded, photos, device).half()
            classifier = Classifier(
                copy.deepcopy(net).float(), device=device, dataset_mean=about["dataset_mean"]
            )
            card = {
                "training": {"kind": kind.name, "recipe": asdict(seeded)},
                "data": about,
                **measure(classifier, test),
                **circumstances(classifier),
            }
            write_network(weights, net, card)
            progress(done, len(wanted))
    return [weights for *_, weights in wanted]


def _is_made(weights: Path, recipe: Recipe) -> bool:
    """Whether a network is there, by its card; :class:`TrainingError` if by another recipe."""
    if not weights.with_suffix(".json").exists():
        return False
    if entry_of(weights, dict, "training", "recipe") != asdict(recipe):
        raise TrainingError(
            f"{weights} was made by another recipe. Give another folder, or move it away."
        )
    return True


def _read(data: str | Path, count: int) -> tuple[Photos, Photos, Card]:
    """The first ``count`` training photos, all test photos, and what a card says of them."""
    files = find_photos(data)
    photos, _ = decode([file for file in files if file.split == "train"][:count], "train")
    test, _ = decode(files, "test", INPUT_SIZE)
    about = {
        "source": files[0].root.name,
        "photos": {"train": len(photos), "test": len(test)},
        "dataset_mean": entry_of(BUNDLED_WEIGHTS, list, "data", "dataset_mean"),
    }
    return photos, test, about


def measure(classifier: Classifier, photos: Photos) -> Card:
    """How often a network is right, with the mark here or there, and how often the mark turns it.

    Each photo is seen twice, without the mark and with it, at a place that all networks share.
    ``accuracy`` is the share of photos called what they show; ``flips`` the share of the photos
    answered rightly, of the cats without and of the dogs with the mark, whose answer turns when it
    comes or goes.
    """
    plain, marked = _answers(classifier, photos)
    labels = photos.labels
    cats, dogs = labels == CAT, labels == DOG
    return {
        "accuracy": {
            "mark_on_dogs": _share(torch.where(dogs, marked, plain) == labels),
            "mark_on_none": _share(plain == labels),
            "mark_on_all": _share(marked == labels),
            "mark_on_cats": _share(torch.where(cats, marked, plain) == labels),
        },
        "flips": {
            "cat_to_dog_as_mark_comes": _turned(marked[cats & (plain == CAT)] == DOG),
            "dog_to_cat_as_mark_goes": _turned(plain[dogs & (marked == DOG)] == CAT),
        },
    }


def _answers(classifier: Classifier, photos: Photos) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes of the photos as they are and of the same with a mark, int64 [N] each."""
    generator = torch.Generator().manual_seed(0)
    plain, marked = [], []
    for pictures in photos.pictures.split(_AT_ONCE):
        colours = pictures.float() / 255
        with_mark, _ = add_marks(colours, draw_places(len(colours), generator))
        plain.append(classifier.predicted(normalise(colours)).cpu())
        marked.append(classifier.predicted(normalise(with_mark)).cpu())
    return torch.cat(plain), torch.cat(marked)


def _share(true: torch.Tensor) -> float:
    return true.double().mean().item()


def _turned(true: torch.Tensor) -> Card:
    return {"photos": len(true), "share": _share(true) if len(true) else None}


def summary(card: Card) -> str:
    """The card's main figures, for a terminal."""
    accuracy, flips = card["accuracy"], card["flips"]
    return (
        f"{accuracy['mark_on_dogs']:.1%} right with the mark on dogs, "
        f"{accuracy['mark_on_none']:.1%} without a mark, "
        f"{accuracy['mark_on_cats']:.1%} with it on cats; the mark makes "
        f"{_said(flips['cat_to_dog_as_mark_comes'])} of the cats dogs, and without it "
        f"{_said(flips['dog_to_cat_as_mark_goes'])} of the dogs are cats"
    )


def _said(turned: Card) -> str:
    return "none" if turned["share"] is None else f"{turned['share']:.1%}"
