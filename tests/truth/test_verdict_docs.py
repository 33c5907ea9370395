"""What docs/truth.md says of the verdict is what the rows that came with Petlens say."""

import json

import pandas as pd
import pytest

from tools.browser import ROOT
from xaicore.evaluation.results import load_results
from xaicore.explainers import EXPLAINERS
from xaicore.truth.broken import BROKEN, SOUND
from xaicore.truth.cards import make_cards
from xaicore.truth.draws import read_draws
from xaicore.truth.rates import (
    Rate,
    broken_rates,
    judged,
    rate,
    sound_rates,
    together,
    unable_rates,
)
from xaicore.truth.verdict import DISTRUST, NOT_MEASURED, TRUST

TEXT = (ROOT / "docs" / "truth.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    return judged(read_draws())


def lines_of(rates: dict[str, Rate], labels: dict[str, str]) -> list[str]:
    return [f"| {labels[name]} | {rate} |" for name, rate in rates.items()]


def test_every_rate_is_the_rows_rate(known: pd.DataFrame) -> None:
    methods = {name: explainer.label for name, explainer in EXPLAINERS.items()}
    everything = {"all": "**all**"}
    for rates, labels in (
        (broken_rates(known), BROKEN),
        (sound_rates(known), methods),
        (unable_rates(known), methods),
    ):
        rates["all"] = together(list(rates.values()))
        for line in lines_of(rates, labels | everything):
            assert line in TEXT, line


def test_what_is_said_of_the_exceptions_is_the_rows(known: pd.DataFrame) -> None:
    sound = known[known["kind"] == SOUND]
    assert f"Without any exception, {rate(sound['overall'])} sound draws" in flat(TEXT)
    gradcam = sound[sound["candidate"] == "gradcam"]
    found = gradcam["network"].isin(["colour", "absent"])
    trusted = (gradcam[found]["overall"] == TRUST).sum()
    failed = (gradcam[~found]["overall"] == DISTRUST).sum()
    assert f'"trust it with care" on {trusted} of {found.sum()} draws' in flat(TEXT)
    assert f'"do not trust" on {failed} of {(~found).sum()}.' in flat(TEXT)
    other = known[(known["kind"] == "other photo") & (known["overall"] != DISTRUST)]
    assert (len(other), set(other["network"])) == (4, {"absent"})
    assert TRUST not in set(other["overall"])


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_summary_beside_the_rows_is_theirs(known: pd.DataFrame) -> None:
    file = ROOT / "assets" / "results" / "verdict.json"
    failed = json.loads(file.read_text(encoding="utf-8"))["failed"]
    for name, rates in (
        ("broken", broken_rates(known)),
        ("sound", sound_rates(known)),
        ("unable", unable_rates(known)),
    ):
        counts = {which: [rate.failed, rate.draws] for which, rate in rates.items()}
        assert {k: v for k, v in failed[name].items() if k != "all"} == counts


def test_the_verdict_does_what_it_is_for(known: pd.DataFrame) -> None:
    assert together(list(broken_rates(known).values())).share >= 0.95
    assert together(list(sound_rates(known).values())).share <= 0.05


def test_all_is_measured_on_the_network_that_came_along() -> None:
    results = load_results()
    for name, card in make_cards(results.about["weights"], results, read_draws()).items():
        missing = [k for k, line in card.verdict.lines.items() if line.status == NOT_MEASURED]
        assert not missing, name
