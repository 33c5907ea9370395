"""Which metric to believe, in a sentence and in tables of words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from xaicore.explainers import EXPLAINERS
from xaicore.formatting import format_number, join, plural
from xaicore.leaderboard.tables import header_of
from xaicore.metrics import METRICS
from xaicore.metrics.controls import CONTROLS
from xaicore.truth.believe import BELIEVE, DO_NOT, WITH_CARE, Belief, Figure
from xaicore.truth.kinds import KINDS
from xaicore.truth.plan import DEFAULT

# A sign for each verdict, and never a colour alone.
MARKS = {BELIEVE: "✓", WITH_CARE: "?", DO_NOT: "✗"}
_PREDICATES = {
    BELIEVE: ("agrees with the truth", "agree with the truth"),
    WITH_CARE: ("is to be read with care", "are to be read with care"),
    DO_NOT: (
        "does not tell right maps from wrong ones",
        "do not tell right maps from wrong ones",
    ),
}


def say(beliefs: Mapping[str, Belief]) -> str:
    """What came out for the study's metrics, in a sentence, also where none deserves trust."""
    study = {name: b for name, b in beliefs.items() if not METRICS[name].extra}
    networks = len(next(iter(beliefs.values())).networks)
    parts = []
    if all(belief.verdict != BELIEVE for belief in study.values()):
        parts.append(f"none of the {len(study)} scores deserves to be believed")
    for verdict, (one, several) in _PREDICATES.items():
        labels = [METRICS[name].label for name, b in study.items() if b.verdict == verdict]
        if labels:
            parts.append(f"{join(labels)} {several if len(labels) > 1 else one}")
    return f"On {plural(networks, 'network')} whose reasons are known, {'; '.join(parts)}."


def to_table(beliefs: Mapping[str, Belief]) -> pd.DataFrame:
    """Metrics down; each of their figures with its 95 % interval, and the verdict."""
    return pd.DataFrame(
        {
            header_of(name): {
                "Agreement ρ": _say_agreement(belief),
                "Among the methods alone": _say_figure(belief.among_methods),
                "Prefers the right map": _say_share(belief.preference),
                "Catches a broken explainer": _percent(belief.caught),
                "Verdict": f"{MARKS[belief.verdict]} {belief.verdict}",
            }
            for name, belief in beliefs.items()
        }
    ).T


def to_network_table(beliefs: Mapping[str, Belief]) -> pd.DataFrame:
    """Metrics down, networks across: ρ, and how often the right map is preferred."""
    return pd.DataFrame(
        {
            header_of(name): {
                network: f"{format_number(means.agreement, 2)} · {_percent(means.preference)}"
                for network, means in belief.networks.items()
            }
            for name, belief in beliefs.items()
        }
    ).T


def to_mark_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Methods and edges down, kinds of cheating PetNets across: the share of relevance on the mark.

    Where the mark decides, the more of the positive relevance lies on it the better; elsewhere no
    more than chance is right, which is the last row. Edges lie on every mark that can be seen.
    """
    kinds = rows["network"].str.extract(r"^petnet-(\w+)-\d+$", expand=False)
    shown = rows[(rows["setting"] == DEFAULT) | (rows["name"] == "edges")].assign(cheats=kinds)
    means = shown.pivot_table("share", "name", "cheats", sort=False)
    means.loc["chance"] = shown.groupby("cheats")["chance"].mean()
    labels = {name: one.label for name, one in EXPLAINERS.items()}
    labels |= {name: one.label for name, one in CONTROLS.items()}
    table = means.rename(index=labels, columns={kind: KINDS[kind].label for kind in means})
    return table.map(_percent)


def to_markdown(beliefs: Mapping[str, Belief]) -> str:
    """The sentence, and the table of metrics."""
    return f"**{say(beliefs)}**\n\n{write_table(to_table(beliefs))}"


def write_table(table: pd.DataFrame) -> str:
    """A table of words in Markdown."""
    lines = [
        "| | " + " | ".join(table.columns) + " |",
        "|---" * (len(table.columns) + 1) + "|",
        *(
            f"| {header} | " + " | ".join(cells) + " |"
            for header, *cells in table.itertuples(name=None)
        ),
    ]
    return "\n".join(lines) + "\n"


def _say_agreement(belief: Belief) -> str:
    """ρ, and on how many photos there is one, if not on all."""
    where = f", on {belief.photos - belief.silent} of {plural(belief.photos, 'photo')}"
    return _say_figure(belief.agreement) + (where if belief.silent else "")


def _say_figure(figure: Figure) -> str:
    value, low, high = (format_number(end, 2) for end in (figure.value, figure.low, figure.high))
    return f"{value} ({low} to {high})"


def _say_share(figure: Figure) -> str:
    return f"{_percent(figure.value)} ({_percent(figure.low)} to {_percent(figure.high)})"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.0%}"
