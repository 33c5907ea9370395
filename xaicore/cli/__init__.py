"""The command line, ``python -m xaicore``: one module a command.

A command looks at its arguments first, and imports what is heavy only when they are good.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
from collections.abc import Sequence

import xaicore
from xaicore.cli import (
    card,
    evaluate,
    explain,
    pack,
    plant,
    protocols,
    stopping,
    train,
    truth,
    verdict,
)
from xaicore.cli.parser import USAGE_STATUS, Parser, join_names
from xaicore.errors import PetlensError, reason_of
from xaicore.names import METHODS, PLANTED
from xaicore.progress import tell
from xaicore.truth.kinds import KINDS

COMMANDS = (explain, evaluate, protocols, truth, verdict, pack, train, card, plant)
# The options that take a list of names.
LISTS = {
    "--methods": METHODS,
    "--metrics": evaluate.METRIC_NAMES,
    "--networks": PLANTED,
    "--kind": tuple(KINDS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    _take_any_name()
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser().parse_args(join_names(words, LISTS))
    options.command = shlex.join([sys.executable, "-m", "xaicore", *words])
    with stopping.stoppable():
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        status: int | None = options.run(options)
        sys.stdout.flush()
    except PetlensError as error:
        tell(str(error))
        return USAGE_STATUS
    except KeyboardInterrupt:
        tell(f"Stopped. {options.stopped(options)}")
        return stopping.STATUS
    except BrokenPipeError:
        # Whoever read our words has gone, as head does; nor do they want those that are left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE_STATUS
    except OSError as error:
        tell(f"{error.filename or 'The output'} cannot be used: {reason_of(error)}.")
        return USAGE_STATUS
    return status or 0


def _take_any_name() -> None:
    """Have names of files that are not UTF-8 printed with their bytes spelt out."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m xaicore",
        description="Explain what networks see in photos, and measure what explanations are worth.",
    )
    parser.add_argument(
        "--version", action="version", version=f"Petlens {xaicore.__version__}", help="say it"
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
