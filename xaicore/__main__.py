"""The command line: ``python -m xaicore explain``, ``evaluate``, ``train`` and ``card``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
from tqdm import tqdm

from xaicore.classifier import BUNDLED_WEIGHTS, ClassifierError, choose_device, load_classifier
from xaicore.cluster import on_ray
from xaicore.dataset import DatasetError
from xaicore.evaluation import EvaluationError, Plan, choose_files, evaluate, here
from xaicore.explainers import EXPLAINERS
from xaicore.explainers.base import ExplainerError
from xaicore.export import explain_to_files
from xaicore.metrics import METRICS
from xaicore.metrics.base import PROTOCOLS, MetricError
from xaicore.model_card import finish, remeasure, summary
from xaicore.photos import PhotoError
from xaicore.results import Results, results_of, save_results
from xaicore.store import Store, StoreError
from xaicore.training import (
    CHECKPOINT,
    Recipe,
    TrainingError,
    load_checkpoint,
    make_folder,
    saved_recipe,
    train,
)

# Errors made for people to read: one sentence is all they need.
PLAIN_ERRORS = (
    ClassifierError,
    DatasetError,
    EvaluationError,
    ExplainerError,
    MetricError,
    PhotoError,
    StoreError,
    TrainingError,
)
USAGE_STATUS = 2
INTERRUPTED_STATUS = 130


class Parser(argparse.ArgumentParser):
    """Answers a bad argument with one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_STATUS, f"{self.prog}: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except PLAIN_ERRORS as error:
        print(error, file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt as interrupt:
        print(f"\n{str(interrupt) or 'Stopped.'}", file=sys.stderr)
        return INTERRUPTED_STATUS
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m xaicore",
        description="Explain photos, evaluate explanations, train PetNet and measure it.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_explain(commands)
    _add_evaluate(commands)
    _add_train(commands)
    _add_card(commands)
    return parser


def _add_explain(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "explain",
        help="explain one photo: overlays, maps and scores as files",
        description="Explain one photo by several methods and score every map. Writes an overlay "
        "a method (PNG), all maps (maps.npz) and the verdict, proofs and scores (scores.json).",
    )
    parser.add_argument("photo", type=Path, help="the photo's file")
    _add_methods(parser)
    _add_protocol(parser)
    _add_weights_and_device(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.set_defaults(run=_explain)


def _add_evaluate(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="score methods over many photos; goes on where it was stopped",
        description="Explain and score many photos. Every finished chunk is kept in the store, so "
        "the same command goes on where it was stopped, and nothing is computed twice.",
    )
    parser.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder or zip of photos; those in folders named Cat and Dog count as labelled",
    )
    parser.add_argument(
        "--split",
        choices=("all", "train", "validation", "test"),
        default="all",
        help="the part of PetNet's own data to take (default: %(default)s)",
    )
    parser.add_argument(
        "--limit", type=_positive, metavar="N", help="take the first N photos (default: all)"
    )
    _add_methods(parser)
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=list(METRICS),
        default=list(METRICS),
        metavar="NAME",
        help=f"any of {', '.join(METRICS)} (default: all)",
    )
    _add_protocol(parser)
    parser.add_argument("--controls", action="store_true", help="score maps that know nothing, too")
    parser.add_argument(
        "--mosaics",
        type=_positive,
        default=0,
        metavar="N",
        help="measure Focus on N mosaics at each of two sizes (default: none)",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="chunks of photos at work at once, or actors on Ray (default: %(default)s)",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help='spread the work over a Ray cluster, "local" for one on this machine',
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where results are kept, as SQLAlchemy writes it "
        "(default: XAICORE_STORE, else a file of your own)",
    )
    parser.add_argument("--title", default="", help="what the leaderboard calls this run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write the rows there, as CSV")
    _add_weights_and_device(parser)
    parser.set_defaults(run=_evaluate)


def _add_methods(parser: argparse.ArgumentParser) -> None:
    usual = [name for name, explainer in EXPLAINERS.items() if not explainer.extra]
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(EXPLAINERS),
        default=usual,
        metavar="NAME",
        help=f"any of {', '.join(EXPLAINERS)} (default: {' '.join(usual)})",
    )


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=list(PROTOCOLS),
        default="gomez",
        help="how maps are tested (default: %(default)s)",
    )


def _add_weights_and_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="FILE",
        help="PetNet's weights, a .safetensors file (default: the bundled ones)",
    )
    _add_device(parser)


def _add_train(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "train",
        help="train PetNet on cats and dogs, then calibrate and measure it",
        description="Train PetNet from random weights, fold and calibrate it, and write its "
        "weights and model card. A checkpoint is kept after every epoch.",
    )
    _add_data_and_device(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=BUNDLED_WEIGHTS.parent,
        metavar="DIR",
        help="where the weights and the model card go (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("runs/petnet"),
        metavar="DIR",
        help="where the checkpoint is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help=f"times every photo is seen (default: {Recipe.epochs}, or what is resumed had)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help=f"start of all random numbers (default: {Recipe.seed}); a resumed run keeps its own",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.set_defaults(run=_train, parser=parser)


def _add_card(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "card",
        help="measure trained weights again and rewrite their model card",
        description="Measure accuracy, calibration and cost of trained weights on the validation "
        "and test photos, and rewrite the model card beside them.",
    )
    _add_data_and_device(parser)
    parser.add_argument(
        "--weights",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="FILE",
        help="a .safetensors file with its card beside it (default: %(default)s)",
    )
    parser.set_defaults(run=_card)


def _add_data_and_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder or zip with a folder Cat and a folder Dog, as Kaggle's PetImages",
    )
    _add_device(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=_device,
        default="auto",
        help="auto (a GPU where there is one), cpu or cuda (default: %(default)s)",
    )


def _explain(options: argparse.Namespace) -> None:
    make_folder(options.out)
    classifier = load_classifier(options.weights, options.device)
    explain_to_files(
        classifier, options.photo, options.methods, PROTOCOLS[options.protocol], options.out
    )
    print(f"Written to {options.out}.")


def _evaluate(options: argparse.Namespace) -> None:
    files = choose_files(options.photos, options.split, options.limit)
    if options.out:
        make_folder(options.out)
    plan = Plan(
        tuple(options.methods),
        tuple(options.metrics),
        PROTOCOLS[options.protocol],
        options.controls,
        options.mosaics,
    )
    classifier = load_classifier(options.weights, options.device)
    store = Store(options.store)
    if store.notice:
        print(store.notice, file=sys.stderr)
    engine = (
        on_ray(options.ray, options.weights, plan, options.workers)
        if options.ray
        else here(classifier, plan, workers=options.workers)
    )
    title = options.title or f"{options.photos.name}, {len(files)} photos"
    with tqdm(total=len(files), unit="photo", smoothing=0.1) as bar:

        def report(done: int, total: int, errors: int) -> None:
            bar.set_postfix(errors=errors, refresh=False)
            bar.update(done - bar.n)

        try:
            run = evaluate(classifier, files, plan, store, title, report, engine=engine)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                "Stopped. What was finished is kept; the same command goes on from there."
            ) from interrupt
    results = results_of(store, run)
    if options.out:
        save_results(results, options.out)
    print(_means(results))


def _means(results: Results) -> str:
    """Mean of every metric by method, and how many photos could not be read."""
    rows = results.rows
    if rows.empty:
        return "No photo could be read."
    columns = ["seconds", *results.about["metrics"]]
    means = rows.groupby("method", sort=False)[columns].mean()
    read = rows["photo"].nunique()
    failed = f"; {results.about['errors']} could not be read" if results.about["errors"] else ""
    return f"{means.round(4).to_string()}\n\n{read} photos{failed}."


def _train(options: argparse.Namespace) -> None:
    if options.resume and options.seed is not None:
        options.parser.error("--seed cannot be changed by --resume")
    checkpoint = options.checkpoints / CHECKPOINT
    recipe = saved_recipe(load_checkpoint(checkpoint)) if options.resume else Recipe()
    given = {"epochs": options.epochs, "seed": options.seed}
    recipe = dataclasses.replace(
        recipe, **{name: value for name, value in given.items() if value is not None}
    )
    # Better now than after hours of training.
    make_folder(options.out)
    try:
        train(options.data, options.checkpoints, recipe, options.resume, options.device)
        card = finish(checkpoint, options.data, options.out, options.device)
    except KeyboardInterrupt as interrupt:
        kept = (
            f"Stopped. The last checkpoint is kept at {checkpoint}; go on from it with --resume."
            if checkpoint.exists()
            else "Stopped before the first checkpoint; nothing was written."
        )
        raise KeyboardInterrupt(kept) from interrupt
    print(summary(card))


def _card(options: argparse.Namespace) -> None:
    print(summary(remeasure(options.weights, options.data, options.device)))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _device(text: str) -> torch.device:
    try:
        device = choose_device(text)
        torch.empty(0, device=device)
    except Exception as error:  # torch raises many types for a device it does not have
        raise argparse.ArgumentTypeError(f"there is no device {text!r} here") from error
    return device


if __name__ == "__main__":
    sys.exit(main())
