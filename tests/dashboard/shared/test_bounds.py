"""Bounds are settings, whole numbers from 1."""

import pytest

from dashboard.shared.bounds import Bounds, bounds
from dashboard.shared.holders import Holder
from xaicore import PetlensError


def test_what_is_not_set_has_its_default(monkeypatch):
    assert bounds() == Bounds()
    monkeypatch.setenv("XAICORE_MOST_NETWORKS", "3")
    assert bounds() == Bounds(networks=3)


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "1.5", "²"])
def test_what_is_no_number_is_told(monkeypatch, text):
    monkeypatch.setenv("XAICORE_MOST_EVALUATIONS", text)
    with pytest.raises(PetlensError, match=r"XAICORE_MOST_EVALUATIONS is .* whole number from 1"):
        bounds()


def test_a_visitor_s_own_answers_are_bounded_by_theirs(monkeypatch):
    monkeypatch.setenv("XAICORE_MOST_OWN_MEGABYTES", "5")
    assert Holder().memory._most_bytes == 5 * 2**20
