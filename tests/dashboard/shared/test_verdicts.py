"""What the pages show of a verdict: a mark and words, never a colour alone."""

from dashboard.shared.verdicts import get_cards, lines_of
from xaicore import EXPLAINERS, Classifier
from xaicore.truth.evidence import KINDS
from xaicore.truth.verdict import LABELS, MARKS, NOT_MEASURED


def test_every_method_has_six_lines_with_a_mark_and_its_meaning(classifier: Classifier) -> None:
    cards = get_cards(classifier.weights_hash)
    assert set(cards) == set(EXPLAINERS)
    for card in cards.values():
        lines = lines_of(card)
        for kind, line in zip(KINDS, lines, strict=True):
            status = card.verdict.lines[kind].status
            assert line.startswith(f"{MARKS[status]} {LABELS[kind]}: {status}.")


def test_of_an_unknown_network_nothing_is_made_up() -> None:
    for card in get_cards("never seen").values():
        told = {k for k, line in card.verdict.lines.items() if line.status != NOT_MEASURED}
        assert told == {"planted"}
        assert "cannot be told yet" in card.verdict.sentence
