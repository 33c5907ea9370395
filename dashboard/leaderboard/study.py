"""The study beside ours: its table, its order of the methods, its statements, its protocol."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.leaderboard import charts, runs
from dashboard.leaderboard.keys import READING
from dashboard.shared.widgets import choose
from xaicore import METRICS
from xaicore.evaluation.protocols import load_protocols
from xaicore.evaluation.results import Results
from xaicore.evaluation.variants import VARIANTS, Variant
from xaicore.leaderboard.board import Board
from xaicore.leaderboard.study.beside import compare_ranks, list_lines, say_ranks
from xaicore.leaderboard.study.evidence import Evidence, Measured, Printed
from xaicore.leaderboard.study.printed import METHODS, PHOTOS, READINGS, Reading, list_oddities
from xaicore.leaderboard.study.printed import METRICS as STUDY_METRICS
from xaicore.leaderboard.study.reach import Reach, find_reach, say_column, summarise_variants
from xaicore.leaderboard.study.statements import (
    CANNOT_TELL,
    DOES_NOT,
    HOLDS,
    STATEMENTS,
    Statement,
    Verdict,
)
from xaicore.leaderboard.tables import header_of, label_of

MARKS = {
    HOLDS: ":material/check: holds",
    DOES_NOT: ":material/close: does not",
    CANNOT_TELL: "? cannot be told",
}
SAME = "as ours"
THERE, HERE = "Its own table", "Here"
INTRODUCTION = (
    "Petlens grew from a study: Siwek, Sonbul, Markowicz, Podgórski and Kruszyński, "
    "*Explainability of Convolutional Neural Network: overview of methods*. It scored four methods "
    f"on {PHOTOS} photos of cats and dogs, with another network. It gives no intervals, no "
    "formulas and no protocol."
)


def show_study(results: Results, part: str) -> None:
    """All that the study says, and what a part of a run says to it."""
    board = runs.get_board(results, part)
    st.markdown(INTRODUCTION)
    st.markdown("\n".join(f"- {sentence}" for sentence in list_oddities()))
    _show_table(board)
    _show_ranks(board)
    _show_statements(_judge(str(results.about), part, board.photos, board))
    _show_protocols()


def _show_table(board: Board) -> None:
    st.subheader("Its table beside ours", anchor=False)
    rows = [
        {
            "": f"**{line.label}**, the study" if line.printed else f"{line.label}, here",
            **line.figures,
            **{f"Best {reading.label}": line.best.get(reading.name, "") for reading in READINGS},
        }
        for line in list_lines(board)
    ]
    st.table(pd.DataFrame(rows).set_index(""))
    st.caption(
        "The study's figures as printed; ours are means ± half of their 95 % interval. Best: the "
        "method with the best figure, and all that are not told apart from it, photo by photo. The "
        "study's AD and IIC are judged by our signed AD and mean IIC where it is read its own way. "
        "Its network and photos are others than ours, so orders can be compared, figures hardly."
    )


@st.fragment
def _show_ranks(board: Board) -> None:
    st.subheader("Who comes first, there and here", anchor=False)
    names = {reading.name: reading.label.capitalize() for reading in READINGS}
    chosen = choose("How IC, AD and IIC are read", names, READING)
    reading = next(reading for reading in READINGS if reading.name == chosen)
    ranks = compare_ranks(board, reading)
    st.plotly_chart(charts.draw_rank_slopes(ranks), config=charts.CONFIG)
    same = sum(theirs == ours for theirs, ours in ranks.values())
    words = "; ".join(f"{METRICS[metric].label}: {say_ranks(r)}" for metric, r in ranks.items())
    st.caption(
        f"The whole order of the four is the same on {same or 'none'} of the six metrics. A line "
        "that falls is a method that does worse here than in the study. Ranks are of the figures "
        "alone; the table above says which of them cannot be told apart."
    )
    with st.expander("The same in words"):
        st.caption(words.replace("; ours", ", ours") + ".")


@st.cache_data(max_entries=64, show_spinner="Judging the study's statements")
def _judge(about: str, part: str, photos: int, _board: Board) -> list[dict[str, Verdict]]:
    """Verdicts by what they are judged by, statement by statement."""
    evidence: dict[str, Evidence] = {
        **{f"{THERE}, {reading.label}": Printed(reading) for reading in READINGS},
        **{f"{HERE}, {reading.label}": Measured(_board, reading) for reading in READINGS},
    }
    return [
        {name: statement.judge(source) for name, source in evidence.items()}
        for statement in STATEMENTS
    ]


def _show_statements(judged: list[dict[str, Verdict]]) -> None:
    st.subheader("Its twelve statements", anchor=False)
    st.markdown(" ".join(_say_count(judged, reading) for reading in READINGS))
    rows = [
        {
            "Statement": f"{number}\\. {statement.sentence}",
            **{name: MARKS[verdict.verdict] for name, verdict in verdicts.items()},
        }
        for number, (statement, verdicts) in enumerate(zip(STATEMENTS, judged, strict=True), 1)
    ]
    st.table(pd.DataFrame(rows).set_index("Statement"))
    st.caption(
        "Here a method is the best where it is told apart from each other one, photo by photo. By "
        "far: farther from the next than that is from the best. Good: better than every map that "
        "knows nothing. The best on three: on these, on no other, and nobody on as many; so too "
        "the second and the worst. The study's figures have no intervals and are taken as printed."
    )
    with st.expander("The figures behind each judgement"):
        for number, (statement, verdicts) in enumerate(zip(STATEMENTS, judged, strict=True), 1):
            _show_reasons(number, statement, verdicts)


def _say_count(judged: list[dict[str, Verdict]], reading: Reading) -> str:
    """How many statements hold here under a reading."""
    found = [verdicts[f"{HERE}, {reading.label}"].verdict for verdicts in judged]
    return (
        f"{reading.label.capitalize()}, **{found.count(HOLDS)}** of the {len(found)} hold here, "
        f"{found.count(DOES_NOT)} do not, and of {found.count(CANNOT_TELL)} it cannot be told."
    )


def _show_reasons(number: int, statement: Statement, verdicts: dict[str, Verdict]) -> None:
    """The figures of every judgement; one line for judgements by the same figures."""
    by_reason: dict[str, list[str]] = {}
    for name, verdict in verdicts.items():
        by_reason.setdefault(verdict.because, []).append(f"{name} ({verdict.verdict})")
    st.markdown(f"**{number}. {statement.sentence}**")
    for reason, names in by_reason.items():
        st.caption(f"{'; '.join(names)}: {reason}")


@st.cache_data(show_spinner="Reading the protocols")
def _read_variants() -> tuple[int, dict[str, Board]]:
    protocols = load_protocols()
    return protocols.about["photos"], summarise_variants(protocols.rows)


def _show_protocols() -> None:
    st.subheader("What its protocol may have been", anchor=False)
    photos, boards = _read_variants()
    st.markdown(
        "The study does not say what a removed pixel shows, what insertion starts from, how many "
        "steps a curve has, how a map becomes a mask, or which score is explained. Each changes "
        f"the figures: here on {photos} photos, one change of our protocol at a time."
    )
    ours, *others = VARIANTS
    rows = [
        {
            "": f"{variant.topic}: **{variant.label}**",
            **{
                header_of(metric): say_column(boards[variant.name], metric)
                if variant is ours or _reaches(variant, metric)
                else SAME
                for metric in STUDY_METRICS
            },
        }
        for variant in (ours, *others)
    ]
    st.table(pd.DataFrame(rows).set_index(""))
    st.caption(
        "The lowest and the highest mean of the four methods, and who leads; several where the "
        "paired intervals cannot tell them apart."
    )
    _show_reach(find_reach(boards))


def _reaches(variant: Variant, metric: str) -> bool:
    return bool(set(variant.needs) & set(METRICS[metric].needs))


def _show_reach(reach: dict[tuple[str, str], Reach]) -> None:
    inside = sum(found.inside for found in reach.values())
    st.markdown(
        f"**Of the study's {len(reach)} figures, {inside} lie inside what these protocols give "
        f"the same method on PetNet, {len(reach) - inside} outside.** Those outside need another "
        "network, other photos or a protocol that is not among these."
    )
    rows = {
        METRICS[metric].label: {label_of(name): _embolden(reach[name, metric]) for name in METHODS}
        for metric in STUDY_METRICS
    }
    st.table(pd.DataFrame(rows).T)
    st.caption(
        "The study's figure, then the range here, from the lowest to the highest end of the 95 % "
        "intervals under all protocols; bold where the figure lies inside. AD is our signed drop, "
        "IIC our mean increase."
    )


def _embolden(found: Reach) -> str:
    return f"**{found.words}**" if found.inside else found.words
