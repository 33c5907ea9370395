"""Everything about the current photo as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from dashboard import charts, services, trials
from dashboard.services import Trial
from dashboard.state import Choices, Shown
from xaicore import EXPLAINERS, METRICS, Protocol
from xaicore.export import to_png
from xaicore.metrics.base import Trace

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
)


def write_report(choices: Choices, cards: Mapping[str, Shown]) -> str:
    """The photo, the verdict, the maps as the cards show them, their curves, scores, settings."""
    protocol = Protocol()
    traces = {name: _trace(choices, name, card, protocol) for name, card in cards.items()}
    probabilities = services.predict(choices.network.classifier, choices.photo)
    order = np.argsort(probabilities)[::-1][:3]
    labels = choices.network.classifier.labels
    figures = [
        charts.draw_curves(kind, traces, [], choices.label) for kind in charts.KINDS.values()
    ]
    return _TEMPLATES.get_template("report.html").render(
        title=f"Why {choices.label}? {choices.photo.title}",
        photo=_to_url(services.picture(choices.photo)),
        alt=choices.photo.alt,
        credit=choices.photo.credit,
        probabilities=[(labels[index], float(probabilities[index])) for index in order],
        knows=choices.network.knows,
        label=choices.label,
        cards=[_describe(name, card) for name, card in cards.items()],
        scores=_score(traces),
        charts=charts.embed(figures),
        settings=json.dumps(
            {
                "photo": choices.photo.hash,
                "protocol": protocol.settings,
                "methods": {name: card.explanation.settings for name, card in cards.items()},
            },
            indent=2,
        ),
    )


def _trace(choices: Choices, name: str, card: Shown, protocol: Protocol) -> Trace:
    return services.test(
        Trial(
            choices.network.classifier,
            choices.photo,
            choices.target,
            protocol,
            trials.ask(choices)[name].key,
            card.explanation.maps,
        )
    )


def _describe(name: str, card: Shown) -> dict[str, str]:
    checks = {check: values[0] for check, values in card.explanation.checks.items()}
    return {
        "label": EXPLAINERS[name].label,
        "overlay": _to_url(card.picture),
        "proof": EXPLAINERS[name].prove(checks).text,
    }


def _score(traces: Mapping[str, Trace]) -> list[dict[str, Any]]:
    return [
        {
            "label": metric.label,
            "direction": metric.direction,
            "scores": [_in_words(float(metric.compute(trace)[0])) for trace in traces.values()],
        }
        for metric in METRICS.values()
    ]


def _in_words(score: float) -> str:
    return "–" if math.isnan(score) else f"{score:.3f}".replace("-", "−")


def _to_url(picture: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(picture)).decode()
