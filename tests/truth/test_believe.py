"""Metrics of which we know what they are worth are told apart, and every figure is as defined."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, spearmanr

from xaicore.truth.believe import (
    BELIEVE,
    DO_NOT,
    WITH_CARE,
    Belief,
    Figure,
    judge,
)

PHOTOS = 30
METHODS = [("lrp", "default"), ("deeplift", "default"), ("gradcam", "default")]
BLIND = [*(("random", str(draw)) for draw in range(4)), ("gaussian", "0"), ("other", "0")]


def make_rows(networks=("a", "b", "c"), seed=0):
    """Rows whose methods find the reason and whose controls do not; no metric yet."""
    generator = np.random.default_rng(seed)
    makers = [("method", *m) for m in METHODS] + [("control", *c) for c in BLIND]
    rows = pd.DataFrame(
        [
            {
                "network": n,
                "reason": True,
                "kind": k,
                "name": name,
                "setting": s,
                "photo": photo,
                "chance": 0.02,
            }
            for n in networks
            for photo in range(PHOTOS)
            for k, name, s in makers
        ]
    )
    found = rows["kind"] == "method"
    rows["auprc"] = generator.uniform(0, 0.1, len(rows)) + found * generator.uniform(
        0.2, 0.8, len(rows)
    )
    return rows


@pytest.fixture
def rows():
    return make_rows()


def noise(rows, seed=1):
    return np.random.default_rng(seed).normal(size=len(rows))


def test_a_metric_that_is_the_truth_is_believed(rows):
    belief = judge(rows.assign(iauc=rows["auprc"]))["iauc"]
    assert belief.agreement == Figure(*[pytest.approx(1)] * 3)
    assert belief.preference == Figure(1, 1, 1)
    assert belief.caught == 1
    assert belief.verdict == BELIEVE


def test_the_direction_of_a_metric_is_turned(rows):
    """Deletion AUC is better where it is lower."""
    beliefs = judge(rows.assign(dauc=-rows["auprc"], dc=-rows["auprc"]))
    assert beliefs["dauc"].verdict == BELIEVE
    assert beliefs["dc"].agreement.value == pytest.approx(-1)
    assert beliefs["dc"].preference.value == beliefs["dc"].caught == 0
    assert beliefs["dc"].verdict == DO_NOT


def test_noise_is_not_believed(rows):
    belief = judge(rows.assign(iauc=noise(rows)))["iauc"]
    assert belief.agreement.low < 0 < belief.agreement.high
    assert belief.preference.low < 0.5 < belief.preference.high
    # The test's level, but for the few broken explainers there are.
    assert belief.caught < 0.25
    assert belief.verdict == DO_NOT


def test_a_part_of_the_truth_asks_for_care(rows):
    """It knows the truth on a quarter of the photos, and guesses on the others."""
    metric = np.where(rows["photo"] % 4 == 0, rows["auprc"], noise(rows))
    belief = judge(rows.assign(iauc=metric))["iauc"]
    assert belief.agreement.value == pytest.approx(0.25, abs=0.1)
    # A quarter of the pairs is right, and half of the others.
    assert belief.preference.value == pytest.approx(0.625, abs=0.06)
    assert belief.verdict == WITH_CARE


def test_one_network_does_not_decide(rows):
    """Photos of a network that is drawn more often count no more."""
    many = pd.concat(
        [rows, *(rows[rows["network"] == "a"].assign(photo=lambda r: r["photo"] + 99) for _ in "x")]
    ).reset_index(drop=True)
    metric = np.where(many["network"] == "a", many["auprc"], -many["auprc"])
    belief = judge(many.assign(iauc=metric))["iauc"]
    assert belief.agreement.value == pytest.approx(-1 / 3)
    assert belief.agreement.low == pytest.approx(-1)
    assert belief.agreement.high == pytest.approx(1)
    assert belief.networks["a"] == pytest.approx((1, 1, 1, 1))
    assert belief.networks["b"] == pytest.approx((-1, -1, 0, 0))


def test_agreement_and_preference_are_those_of_the_library():
    rows = make_rows(["a"]).query("photo < 2").reset_index(drop=True)
    rows["iauc"] = noise(rows).round(1)
    rows.loc[3, "iauc"] = np.nan
    belief = judge(rows)["iauc"]
    photos = [part for _, part in rows.groupby("photo")]
    rhos = [spearmanr(p["auprc"], p["iauc"], nan_policy="omit").statistic for p in photos]
    assert belief.agreement.value == pytest.approx(np.mean(rhos))
    # All methods found the reason, no control did.
    shares = []
    for photo in photos:
        right = photo.query("kind == 'method'")["iauc"]
        wrong = photo.query("kind == 'control'")["iauc"].dropna()
        shares.append(mannwhitneyu(right, wrong).statistic / (len(right) * len(wrong)))
    assert belief.preference.value == pytest.approx(np.mean(shares))
    assert belief.undefined == 1


def test_found_is_above_every_map_made_without_the_network(rows):
    """Where a random map is the best there is, no pair is left to prefer from."""
    lucky = (rows["name"] == "random") & (rows["setting"] == "0")
    belief = judge(rows.assign(auprc=rows["auprc"].where(~lucky, 1.0), iauc=rows["auprc"]))["iauc"]
    assert np.isnan(belief.preference.value)
    assert belief.verdict == DO_NOT


def test_another_photos_map_that_finds_the_reason_is_not_broken(rows):
    """It does as well as the methods, so a metric that says so misses nothing."""
    other = rows["name"] == "other"
    rows["auprc"] = rows["auprc"].where(~other, 0.95)
    belief = judge(rows.assign(iauc=rows["auprc"]))["iauc"]
    assert belief.preference.value == belief.caught == 1


def test_a_metric_that_says_the_same_of_all_maps_is_silent(rows):
    belief = judge(rows.assign(iic=1.0))["iic"]
    assert np.isnan(belief.agreement.value)
    assert belief.preference.value == 0.5
    assert belief.caught == 0
    assert belief.silent == 3 * PHOTOS
    assert belief.verdict == DO_NOT


def test_rows_without_a_truth_do_not_count(rows):
    belief = judge(rows.assign(iauc=rows["auprc"]))["iauc"]
    more = make_rows(["z"]).assign(auprc=np.nan, iauc=0.5)
    assert judge(pd.concat([rows.assign(iauc=rows["auprc"]), more]))["iauc"] == belief


def test_the_same_rows_give_the_same_figures(rows):
    rows = rows.assign(iauc=noise(rows) + rows["auprc"])
    assert judge(rows) == judge(rows)
    shuffled = rows.sample(frac=1, random_state=0)
    assert judge(shuffled)["iauc"].agreement.value == pytest.approx(
        judge(rows)["iauc"].agreement.value
    )


@pytest.mark.parametrize(
    ("low", "among", "preference", "caught", "word"),
    [
        (0.31, 0.01, 0.75, 0.75, BELIEVE),
        (0.3, 0.01, 0.75, 0.75, WITH_CARE),
        (0.31, 0.0, 0.75, 0.75, WITH_CARE),
        (0.31, 0.01, 0.74, 0.75, WITH_CARE),
        (0.31, 0.01, 0.75, 0.74, WITH_CARE),
        (0.0, 0.01, 0.75, 0.75, DO_NOT),
        (0.31, 0.01, 0.55, 0.75, DO_NOT),
        (np.nan, np.nan, 0.9, 0.9, DO_NOT),
    ],
)
def test_the_rule(low, among, preference, caught, word):
    agreement, methods = (Figure(end + 0.1, end, end + 0.2) for end in (low, among))
    share = Figure(preference, preference - 0.1, preference + 0.1)
    assert Belief("iauc", agreement, methods, share, caught, {}, 9, 0, 0).verdict == word


def test_a_metric_that_knows_methods_from_noise_and_no_more_asks_for_care(rows):
    """It cannot tell which of the methods found the reason better."""
    found = (rows["kind"] == "method").astype(float)
    belief = judge(rows.assign(iauc=found + 0.01 * noise(rows)))["iauc"]
    assert belief.agreement.low > 0.3
    assert belief.preference.value == belief.caught == 1
    assert belief.among_methods.low < 0 < belief.among_methods.high
    assert belief.verdict == WITH_CARE


def test_networks_whose_masks_are_no_reason_do_not_count(rows):
    right = rows.assign(iauc=rows["auprc"])
    idle = right.assign(network="idle", reason=False, iauc=-right["auprc"])
    assert judge(pd.concat([right, idle]))["iauc"] == judge(right)["iauc"]
