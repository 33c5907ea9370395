"""The rows that come along are whole, and what is written of them is what they say."""

from tools.browser import ROOT
from xaicore.truth.believe import judge
from xaicore.truth.plan import METHOD, SETTINGS
from xaicore.truth.planted import PLANTED
from xaicore.truth.results import load_truth
from xaicore.truth.words import to_mark_table, to_markdown, write_table


def test_the_document_holds_what_the_rows_say():
    document = (ROOT / "docs" / "truth.md").read_text("utf-8")
    rows = load_truth().rows
    assert to_markdown(judge(rows)) in document
    assert f"\n{write_table(to_mark_table(rows))}\n" in document


def test_relevance_lies_on_the_mark_only_where_it_decides():
    rows = load_truth().rows
    shown = rows[(rows["setting"] == "default") & rows["network"].str.startswith("petnet-")]
    for _, maps in shown.groupby("name"):
        decides = maps["reason"]
        assert maps[decides]["share"].mean() > 5 * maps[decides]["chance"].mean()
        assert maps[~decides]["share"].mean() < 2 * maps[~decides]["chance"].mean()
    edges = rows[(rows["name"] == "edges") & rows["network"].str.startswith("petnet-idle")]
    assert edges["share"].mean() > 3 * edges["chance"].mean()


def test_all_photos_of_all_networks_and_settings_are_there():
    truth = load_truth()
    assert set(PLANTED) <= set(truth.about["networks"])
    for network, part in truth.rows.groupby("network"):
        counts = part.groupby(["kind", "name", "setting"]).size()
        assert set(counts) == {truth.about["networks"][network]["photos"]}
    methods = truth.rows[truth.rows["kind"] == METHOD]
    made = {name: set(part["setting"]) for name, part in methods.groupby("name")}
    assert made == {name: set(settings) for name, settings in SETTINGS.items()}


def test_the_networks_are_still_those_that_were_measured():
    known = load_truth().about["networks"]
    for name, planted in PLANTED.items():
        assert known[name]["fingerprint"] == planted.load().fingerprint
