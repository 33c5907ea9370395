"""The command line, ``python -m xaicore``: one module a command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from xaicore.cli import (
    card,
    evaluate,
    explain,
    pack,
    plant,
    protocols,
    train,
    truth,
    verdict,
)
from xaicore.cli.options import USAGE_STATUS, Parser
from xaicore.errors import PetlensError

COMMANDS = (explain, evaluate, protocols, truth, verdict, pack, train, card, plant)
INTERRUPTED_STATUS = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except PetlensError as error:
        print(error, file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt as interrupt:
        print(f"\n{str(interrupt) or 'Stopped.'}", file=sys.stderr)
        return INTERRUPTED_STATUS
    return 0


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m xaicore",
        description="Explain what networks see in photos, and measure what explanations are worth.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
