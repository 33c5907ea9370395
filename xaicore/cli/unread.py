"""Photos that could not be read: named at a command's end, and told by its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaicore.formatting import plural

if TYPE_CHECKING:
    import pandas as pd

# The command did its work, but not on all photos.
STATUS = 1
MOST_NAMED = 20


def name_unread(unread: pd.DataFrame) -> int:
    """Name the photos that could not be read, with the reason; give the command's exit status."""
    from xaicore.evaluation.results import list_unread

    lines = list_unread(unread)
    if not lines:
        return 0
    print(f"\n{plural(len(lines), 'photo')} could not be read:")
    for line in lines[:MOST_NAMED]:
        print(f"  {line}")
    if len(lines) > MOST_NAMED:
        print(f"  and {len(lines) - MOST_NAMED:,} more")
    return STATUS
