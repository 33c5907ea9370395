"""Everything about the current photo as one HTML file that needs nothing else.

Written without the visitor's session: all that it says comes from what it is handed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from dashboard.shared import curve_charts
from dashboard.shared.photos import picture_of, predict
from dashboard.shared.state import Card, Choices
from dashboard.shared.traces import TraceRequest
from dashboard.shared.verdicts import get_cards, lines_of
from xaicore import EXPLAINERS
from xaicore.export import to_png
from xaicore.formatting import format_number
from xaicore.metrics import USUAL, choose_metrics
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
)


def write_report(choices: Choices, shown: Mapping[str, Card]) -> str:
    """The photo, the verdict, the maps as the cards show them, their curves, scores, settings."""
    # A card may be redrawn while this is written.
    cards = dict(shown)
    protocol = PerturbationProtocol()
    traces = {name: _trace(choices, card, protocol) for name, card in cards.items()}
    probabilities = predict(choices.network.classifier, choices.photo)
    known = get_cards(choices.network.classifier.weights_hash)
    order = np.argsort(probabilities)[::-1][:3]
    labels = choices.network.classifier.labels
    figures = [
        curve_charts.draw_curves(kind, traces, [], choices.label)
        for kind in curve_charts.KINDS.values()
    ]
    return _TEMPLATES.get_template("report.html").render(
        title=f"Why {choices.label}? {choices.photo.title}",
        photo=_to_url(picture_of(choices.photo)),
        alt=choices.photo.alt,
        credit=choices.photo.credit,
        probabilities=[(labels[index], float(probabilities[index])) for index in order],
        knows=choices.network.knows,
        label=choices.label,
        cards=[_describe(name, card) for name, card in cards.items()],
        verdicts=[
            (EXPLAINERS[name].label, known[name].verdict.sentence, lines_of(known[name]))
            for name in cards
        ],
        scores=_score(traces),
        charts=curve_charts.embed(figures),
        settings=json.dumps(
            {
                "photo": choices.photo.hash,
                "protocol": protocol.settings,
                "methods": {name: card.explanation.settings for name, card in cards.items()},
            },
            indent=2,
        ),
    )


def _trace(choices: Choices, card: Card, protocol: PerturbationProtocol) -> PerturbationTrace:
    """How the very map that a card shows stands the test."""
    classifier, maps = choices.network.classifier, card.explanation.maps
    request = TraceRequest(classifier, choices.photo, choices.class_index, protocol, maps)
    return replace(request.holder.memory.answer(request), maps=maps)


def _describe(name: str, card: Card) -> dict[str, str]:
    checks = {check: values[0] for check, values in card.explanation.checks.items()}
    return {
        "label": EXPLAINERS[name].label,
        "overlay": _to_url(card.picture),
        "proof": EXPLAINERS[name].prove(checks).text,
    }


def _score(traces: Mapping[str, PerturbationTrace]) -> list[dict[str, Any]]:
    return [
        {
            "label": metric.label,
            "direction": metric.direction,
            "scores": [format_number(float(metric.compute(trace)[0])) for trace in traces.values()],
        }
        for metric in choose_metrics(USUAL)
    ]


def _to_url(picture: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(picture)).decode()
