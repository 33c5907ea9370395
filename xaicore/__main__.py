"""``python -m xaicore``: the command line."""

import sys

from xaicore.cli import main

if __name__ == "__main__":
    sys.exit(main())
