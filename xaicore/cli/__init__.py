"""The command line, ``python -m xaicore``: explain, evaluate, protocols, pack,
train and card."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from xaicore.cli import card, evaluate, explain, pack, protocols, train
from xaicore.cli.options import USAGE_STATUS, Parser
from xaicore.errors import PetlensError

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
        description="Explain photos, evaluate explanations, vary how they are evaluated, pack a "
        "network, train PetNet and measure it.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (explain, evaluate, protocols, pack, train, card):
        command.add(commands)
    return parser
