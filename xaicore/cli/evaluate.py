"""``evaluate``: methods scored over many photos; goes on where it was stopped."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from xaicore.cli import values
from xaicore.cli.options import (
    add_methods,
    add_network,
    add_photos,
    add_protocol,
    add_store,
    check_network,
    check_there,
    kept_in_store,
    load_chosen,
    open_store,
)
from xaicore.cli.parser import Commands, Names, Parser
from xaicore.cli.stopping import goes_on, stoppable
from xaicore.cli.unread import name_unread
from xaicore.cli.watching import watched
from xaicore.files import check_folder
from xaicore.formatting import plural, printable
from xaicore.names import METRICS, USUAL_METRICS
from xaicore.progress import shown, tell

if TYPE_CHECKING:
    from xaicore.evaluation.evaluate import Engine
    from xaicore.evaluation.plan import Plan
    from xaicore.evaluation.results import Results
    from xaicore.networks.classifier import Classifier

ALL = "all"
METRIC_NAMES = (*METRICS, ALL)


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
    parser.set_defaults(run=run, parser=parser, stopped=goes_on)


def _add_scores(parser: Parser) -> None:
    """What is measured, beside which methods."""
    parser.add_argument(
        "--metrics",
        action=Names,
        names=METRIC_NAMES,
        default=list(USUAL_METRICS),
        help=f"any of {', '.join(METRICS)}, or {ALL}, with commas or spaces between them "
        f"(default: {','.join(USUAL_METRICS)}; the others take longer)",
    )
    add_protocol(parser)
    parser.add_argument("--controls", action="store_true", help="score maps that know nothing, too")
    parser.add_argument(
        "--mosaics",
        type=values.positive,
        default=0,
        metavar="N",
        help="measure Focus on N mosaics at each of two sizes (default: none)",
    )


def _add_place(parser: Parser) -> None:
    """Where the work is done and where its results go."""
    parser.add_argument(
        "--workers",
        type=values.positive,
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
    parser.add_argument(
        "--out", type=values.path, metavar="DIR", help="also write the rows there, as CSV"
    )


def run(options: argparse.Namespace) -> int:
    if options.ray and options.network:
        options.parser.error("--ray evaluates PetNet's weights only; leave out --network or --ray")
    check_network(options)
    check_there(options.photos)
    if options.out:
        check_folder(options.out)
    store = open_store(options)
    with shown("loading the network"):
        from xaicore.evaluation.evaluate import evaluate
        from xaicore.evaluation.plan import check_methods, choose_files
        from xaicore.evaluation.results import results_of, save_results
        from xaicore.training.dataset import UNLABELLED

        files = choose_files(options.photos, options.split, options.limit)
        plan = _plan(options, len(files))
        classifier = load_chosen(options)
        # Better now than when a cluster and a bar are up.
        check_methods(classifier, plan)
        engine = _choose_engine(options, classifier, plan)
        if not any(file.label for file in files):
            tell(UNLABELLED)
    # Once more: Ray takes SIGTERM for itself.
    with kept_in_store(options), stoppable():
        with watched("evaluating") as progress:
            run = evaluate(classifier, files, plan, store, progress, engine)
        results = results_of(store, run)
        if options.out:
            save_results(results, options.out)
    print(_means(results))
    return name_unread(results.unread)


def _plan(options: argparse.Namespace, photos: int) -> Plan:
    from xaicore.evaluation.plan import Plan
    from xaicore.metrics.base import PROTOCOLS

    return Plan(
        tuple(options.methods),
        METRICS if ALL in options.metrics else tuple(options.metrics),
        PROTOCOLS[options.protocol],
        options.controls,
        options.mosaics,
        printable(options.title or f"{options.photos.resolve().name}, {plural(photos, 'photo')}"),
    )


def _choose_engine(options: argparse.Namespace, classifier: Classifier, plan: Plan) -> Engine:
    from xaicore.evaluation.cluster import on_ray
    from xaicore.evaluation.evaluate import local_engine
    from xaicore.networks.petnet_facts import BUNDLED_WEIGHTS

    if options.ray:
        return on_ray(options.ray, options.weights or BUNDLED_WEIGHTS, plan, options.workers)
    return local_engine(classifier, plan, options.workers)


def _means(results: Results) -> str:
    """Mean of every metric by method, and how many photos could not be read."""
    rows = results.rows
    if rows.empty:
        return "No photo could be read."
    columns = ["seconds", *results.about["metrics"]]
    means = rows.groupby("method", sort=False)[columns].mean()
    read = rows["position"].nunique()
    failed = f"; {results.about['errors']} could not be read" if results.about["errors"] else ""
    return f"{means.round(4).to_string()}\n\n{plural(read, 'photo')}{failed}."
