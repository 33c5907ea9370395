"""A leaderboard in a few sentences, and no more than its intervals allow one to say."""

from __future__ import annotations

from collections.abc import Sequence

from xaicore.evaluation.results import Results
from xaicore.explainers import EXPLAINERS
from xaicore.formatting import join, plural
from xaicore.leaderboard.board import Board
from xaicore.metrics import METRICS
from xaicore.metrics.controls import CONTROLS

FEW_PHOTOS = 20
_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def say(board: Board) -> str:
    """The leaderboard in a few sentences: who is ahead on what, and what cannot be told."""
    if not board.photos:
        return "There is no photo to judge by."
    count = f"On {plural(board.photos, 'photo')}"
    six = [name for name in board.metrics if not METRICS[name].extra]
    if not board.methods or not six:
        return f"{count}, there is nothing that methods could be judged by."
    parts = [*_say_methods(board, six, count), *_say_controls(board, six)]
    if board.photos < FEW_PHOTOS:
        parts.append("So few photos say little.")
    return " ".join(parts)


def say_photos(results: Results) -> list[str]:
    """What is particular about a run's photos: unread ones, one class or none, twins, losses."""
    photos, unread = results.rows.drop_duplicates("position"), len(results.unread)
    parts = []
    if photos.empty:
        return ["No photo could be read."] if unread else []
    if unread:
        parts.append(f"{unread} of {plural(len(photos) + unread, 'photo')} could not be read.")
    labels = photos["label"].value_counts()
    if labels.empty:
        parts.append("No photo's true class is known, so right and wrong are not told apart.")
    elif len(labels) == 1 and photos["label"].notna().all() and len(photos) > 1:
        parts.append(f"All photos are of one class, {labels.index[0]}.")
    if results.about.get("mosaics") and (labels > 1).sum() < 2:
        parts.append("Focus is not measured: its mosaics take two photos of each of two classes.")
    twins = int((photos["photo"].value_counts() > 1).sum())
    if twins:
        verb = "is" if twins == 1 else "are"
        parts.append(f"{plural(twins, 'photo')} {verb} there more than once, and counted as often.")
    if results.lost:
        verb = "was" if results.lost == 1 else "were"
        parts.append(
            f"{plural(results.lost, 'score')} {verb} lost to damage of the store, and no mean has "
            "them; evaluate the same photos once more to have them again."
        )
    return parts


def _say_methods(board: Board, six: Sequence[str], count: str) -> list[str]:
    if len(board.methods) < 2:
        return [f"{count}, {_label(board.methods[0])} has no other method to be compared with."]
    ahead: dict[str, list[str]] = {}
    level, unknown = [], []
    for metric in six:
        label = METRICS[metric].label
        column = {name: board.cells[name, metric] for name in board.methods}
        if sum(cell.valid > 0 for cell in column.values()) < 2:
            unknown.append(label)
        elif any(cell.tied for cell in column.values()):
            level.append(label)
        else:
            best = next(name for name, cell in column.items() if cell.best)
            ahead.setdefault(best, []).append(label)
    every = (
        METRICS[six[0]].label if len(six) == 1 else f"all {_COUNTS.get(len(six), len(six))} metrics"
    )
    winner = next((name for name, won in ahead.items() if len(won) == len(six)), None)
    if winner:
        return [f"{count}, {_label(winner)} beats the others on {every}."]
    parts = [f"{count}, no method beats the others on {every}."]
    parts += [f"{_label(name)} is ahead on {join(won)}." for name, won in ahead.items()]
    if level:
        parts.append(f"{join(level)} cannot tell the best ones apart.")
    if unknown:
        parts.append(f"Fewer than two methods have a figure for {join(unknown)}.")
    return parts


def _say_controls(board: Board, six: Sequence[str]) -> list[str]:
    """What maps that know nothing do as well as the methods, or better."""
    blind = [name for name in board.controls if CONTROLS[name].blind]
    better, level = [], []
    for metric in six:
        cells = [board.cells[name, metric] for name in blind]
        if any(cell.ahead for cell in cells):
            better.append(METRICS[metric].label)
        elif any(cell.tied for cell in cells):
            level.append(METRICS[metric].label)
    parts = []
    if better:
        parts.append(f"On {join(better)}, a map that knows nothing does better than all of them.")
    if level:
        parts.append(f"On {join(level)}, a map that knows nothing cannot be told from the best.")
    return parts


def _label(method: str) -> str:
    return EXPLAINERS[method].label if method in EXPLAINERS else method
