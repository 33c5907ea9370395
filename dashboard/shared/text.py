"""Words from outside, such as names of files, runs and classes, as text and nothing else."""

from __future__ import annotations

import re
import unicodedata

# Drawn nowhere, and nothing that Streamlit's Markdown looks for is still one thing around it.
JOINER = "\u2060"
_MARKS = re.compile(r"[\\`*_\[\]<>$~|]")
_AT_THE_START = re.compile(r"^(\s*)([#+\-=>]|\d+(?=[.)]))")
# Directives, icons, emoji and addresses.
_NAMES = re.compile(r":(?=[\w/+\-])|(?<=www)\.|@(?=\w)", re.IGNORECASE)
# Cc: control; Cf: what turns the direction of the text, for one; Cs: halves of characters.
_UNSEEN = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": "", "Cs": "\ufffd"}


def plain(words: str) -> str:
    """Markdown that reads as these words, in one line."""
    line = "".join(_UNSEEN.get(unicodedata.category(one), one) for one in words)
    line = _MARKS.sub(r"\\\g<0>", line)
    line = _AT_THE_START.sub(lambda found: f"{found[1]}{JOINER}{found[2]}", line)
    return _NAMES.sub(lambda found: found[0] + JOINER, line)
