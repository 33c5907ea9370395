"""``evaluate``: methods scored over many photos; goes on where it was stopped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from xaicore.cli.options import (
    Commands,
    Parser,
    add_methods,
    add_network,
    add_photos,
    add_protocol,
    add_store,
    check_network,
    load_chosen,
    open_store,
    positive,
)
from xaicore.evaluation.cluster import on_ray
from xaicore.evaluation.evaluate import Engine, evaluate, local_engine, say_known
from xaicore.evaluation.plan import PhotoFile, Plan, check_methods, choose_files
from xaicore.evaluation.results import Results, results_of, save_results
from xaicore.evaluation.store import Run, Store, StoreError
from xaicore.metrics import METRICS, USUAL
from xaicore.metrics.base import PROTOCOLS
from xaicore.networks.classifier import Classifier
from xaicore.training.train import make_folder

ALL = "all"
GOES_ON = "What was finished is kept; the same command goes on from there."


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="score methods over many photos; goes on where it was stopped",
        description="Explain and score many photos. Every finished chunk is kept in the store, so "
        "the same command goes on where it was stopped, and nothing is computed twice.",
    )
    add_photos(parser)
    add_methods(parser)
    _add_scores(parser)
    _add_place(parser)
    add_network(parser)
    parser.set_defaults(run=run, parser=parser)


def _add_scores(parser: Parser) -> None:
    """What is measured, beside which methods."""
    parser.add_argument(
        "--metrics",
        nargs="+",
        choices=[*METRICS, ALL],
        default=list(USUAL),
        metavar="NAME",
        help=f"any of {', '.join(METRICS)}, or {ALL} "
        f"(default: {' '.join(USUAL)}; the others take longer)",
    )
    add_protocol(parser)
    parser.add_argument("--controls", action="store_true", help="score maps that know nothing, too")
    parser.add_argument(
        "--mosaics",
        type=positive,
        default=0,
        metavar="N",
        help="measure Focus on N mosaics at each of two sizes (default: none)",
    )


def _add_place(parser: Parser) -> None:
    """Where the work is done and where its results go."""
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        metavar="N",
        help="chunks of photos at work at once, or actors on Ray (default: %(default)s)",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help='spread the work over a Ray cluster, "local" for one on this machine',
    )
    add_store(parser)
    parser.add_argument("--title", default="", help="what the leaderboard calls this run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write the rows there, as CSV")


def run(options: argparse.Namespace) -> None:
    check_network(options)
    if options.ray and options.network:
        options.parser.error("--ray evaluates PetNet's weights only; leave out --network or --ray")
    files = choose_files(options.photos, options.split, options.limit)
    if options.out:
        make_folder(options.out)
    plan = Plan(
        tuple(options.methods),
        tuple(METRICS if ALL in options.metrics else options.metrics),
        PROTOCOLS[options.protocol],
        options.controls,
        options.mosaics,
        options.title or f"{options.photos.name}, {len(files)} photos",
    )
    classifier = load_chosen(options)
    # Better now than when a cluster and a bar are up.
    check_methods(classifier, plan)
    store = open_store(options)
    engine = _choose_engine(options, classifier, plan)
    run = _evaluate_with_bar(classifier, files, plan, store, engine)
    results = results_of(store, run)
    if options.out:
        save_results(results, options.out)
    print(_means(results))


def _choose_engine(options: argparse.Namespace, classifier: Classifier, plan: Plan) -> Engine:
    if options.ray:
        return on_ray(options.ray, options.weights, plan, options.workers)
    return local_engine(classifier, plan, options.workers)


def _evaluate_with_bar(
    classifier: Classifier, files: Sequence[PhotoFile], plan: Plan, store: Store, engine: Engine
) -> Run:
    begun = False
    with tqdm(total=len(files), unit="photo", smoothing=0.1) as bar:

        def progress(done: int, total: int, partial: Any = None) -> None:
            nonlocal begun
            if not begun and (known := say_known(done, total)):
                print(known, file=sys.stderr)
            begun = True
            bar.set_postfix(errors=partial, refresh=False)
            bar.update(done - bar.n)

        try:
            return evaluate(classifier, files, plan, store, progress, engine)
        except StoreError as error:
            raise StoreError(f"{error} {GOES_ON}") from error
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(f"Stopped. {GOES_ON}") from interrupt


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
