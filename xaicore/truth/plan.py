"""What is held against the truth: every method with a few settings, and every control's draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xaicore.explainers import EXPLAINERS
from xaicore.explainers.base import describe, refusal
from xaicore.metrics.base import VERSION
from xaicore.metrics.controls import CONTROLS
from xaicore.networks.classifier import Classifier

METHOD, CONTROL = "method", "control"
DEFAULT = "default"

# By method and by what a setting is called: what it changes of the defaults.
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "lrp": {
        DEFAULT: {},
        "α2-β1 from the first layer on": {"composite": "epsilon-alpha2-beta1"},
        "positive parts, then flat": {"composite": "epsilon-plus-flat"},
        "γ, then box": {"composite": "epsilon-gamma-box"},
        "ε everywhere": {"composite": "epsilon"},
    },
    "gradcam": {DEFAULT: {}},
    "deeplift": {
        DEFAULT: {},
        "black baseline": {"baseline": "black"},
        "blurred baseline": {"baseline": "blurred"},
    },
    "lime": {DEFAULT: {}, "200 superpixels": {"superpixels": 200}},
    "integrated-gradients": {
        DEFAULT: {},
        "black baseline": {"baseline": "black"},
        "blurred baseline": {"baseline": "blurred"},
    },
    "occlusion": {
        DEFAULT: {},
        "patch of 8": {"patch": 8},
        "patch of 8, blurred": {"patch": 8, "baseline": "blurred"},
    },
}


@dataclass(frozen=True)
class Entry:
    """One way to make a map: a method with a named setting, or a draw of a control."""

    kind: str
    name: str
    setting: str
    parameters: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def derived(self) -> bool:
        """Whether the map is made of the methods' maps of photos that go through together."""
        return self.kind == CONTROL and CONTROLS[self.name].derived

    def settings(self, classifier: Classifier) -> dict[str, Any]:
        """All that makes the map, but photo and class, as plain values."""
        if self.kind == CONTROL:
            return {"control": self.name, "draw": int(self.setting), "version": VERSION}
        method = EXPLAINERS[self.name]
        parameters = method.settings(self.parameters)
        return describe(method, classifier, parameters, method.scores[0])


def list_entries(classifier: Classifier) -> list[Entry]:
    """All that a network's photos are explained with; methods that it does not get are left out."""
    methods = [
        Entry(METHOD, name, setting, parameters)
        for name, settings in SETTINGS.items()
        if not refusal(EXPLAINERS[name], classifier)
        for setting, parameters in settings.items()
    ]
    controls = [
        Entry(CONTROL, name, str(draw))
        for name, control in CONTROLS.items()
        for draw in range(control.draws)
    ]
    return methods + controls
