"""The leaderboard in words: sentences that are true of its figures."""

from __future__ import annotations

import pandas as pd

from tests.leaderboard.test_board import SIX, make_rows
from xaicore.evaluation.results import Results, unread_table
from xaicore.leaderboard.board import summarise
from xaicore.leaderboard.words import say, say_photos
from xaicore.metrics import METRICS


def on_all_six(**means: float) -> dict[str, dict[str, list[float]]]:
    return {
        method: {
            name: [(mean if METRICS[name].higher_is_better else 1 - mean) + 0.001 * i
                   for i in range(30)]
            for name in SIX
        }
        for method, mean in means.items()
    }  # fmt: skip


def test_a_winner_of_all_six_is_named() -> None:
    board = summarise(make_rows(on_all_six(lrp=0.9, lime=0.5)))
    assert say(board) == "On 30 photos, LRP beats the others on all six metrics."


def test_a_split_field_is_told_as_it_is() -> None:
    scores = on_all_six(lrp=0.9, lime=0.5)
    scores["lime"]["ic"] = [0.95] * 30
    scores["lime"]["dc"] = scores["lrp"]["dc"]
    sentence = say(summarise(make_rows(scores)))
    assert "no method beats the others on all six metrics" in sentence
    assert "LRP is ahead on IAUC, DAUC, AD and IIC." in sentence
    assert "LIME is ahead on IC." in sentence
    assert "DC cannot tell the best ones apart." in sentence


def test_a_map_that_knows_nothing_and_wins_is_told() -> None:
    scores = on_all_six(lrp=0.6, lime=0.5)
    scores["random"] = {name: list(values) for name, values in scores["lrp"].items()}
    scores["random"]["iauc"] = [0.99] * 30
    assert "On IAUC, a map that knows nothing does better" in say(summarise(make_rows(scores)))


def test_a_blurred_map_knows_something() -> None:
    scores = on_all_six(lrp=0.6, lime=0.5)
    scores["blurred"] = {name: [0.99] * 30 for name in SIX}
    assert "knows nothing" not in say(summarise(make_rows(scores)))


def test_few_photos_say_little() -> None:
    few = {m: {n: v[:5] for n, v in c.items()} for m, c in on_all_six(lrp=0.9, lime=0.1).items()}
    assert "So few photos say little." in say(summarise(make_rows(few)))


def photos(
    *labels: str | None, hashes: str = "abcdef", unread: int = 0, mosaics: int = 0
) -> Results:
    rows = zip(range(len(labels)), hashes, labels, strict=False)
    twice = [row for row in rows for _ in range(2)]
    return Results(
        pd.DataFrame(twice, columns=["position", "photo", "label"]),
        pd.DataFrame(),
        {"mosaics": mosaics},
        unread_table([(9, "", "", "damaged")] * unread),
    )


def test_what_is_particular_about_the_photos_is_said() -> None:
    assert say_photos(photos("cat", "dog")) == []
    assert say_photos(photos("cat", "dog", unread=3)) == ["3 of 5 photos could not be read."]
    assert say_photos(photos(unread=1)) == ["No photo could be read."]
    assert say_photos(photos("dog", "dog")) == ["All photos are of one class, dog."]
    assert say_photos(photos("dog", None)) == []
    assert "true class" in say_photos(photos(None, None))[0]
    assert say_photos(photos("cat", "dog", "cat", "cat", hashes="abaa")) == [
        "1 photo is there more than once, and counted as often."
    ]
    assert say_photos(photos("cat", "dog", "cat", "dog", mosaics=1)) == []
    assert "Focus is not measured" in say_photos(photos("cat", "dog", "cat", mosaics=1))[0]
