"""Explain what an image classifier saw, and say how far to trust the explanation."""

from xaicore.errors import PetlensError
from xaicore.explainers import EXPLAINERS, explain
from xaicore.explainers.base import Explainer, ExplainerError, Explanation, Parameter, Proof
from xaicore.metrics import METRICS, score_maps
from xaicore.metrics.base import PROTOCOLS, Metric, MetricError, Protocol
from xaicore.metrics.controls import CONTROLS, Control, percentile_among_controls
from xaicore.networks.canonical import Obstacle, audit
from xaicore.networks.classifier import Classifier, ClassifierError, load_classifier
from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.load import inspect_network, load_network
from xaicore.networks.zoo import NETWORKS
from xaicore.photos import PhotoError, load_photo

__all__ = [
    "CONTROLS",
    "EXPLAINERS",
    "METRICS",
    "NETWORKS",
    "PROTOCOLS",
    "Classifier",
    "ClassifierError",
    "Control",
    "Explainer",
    "ExplainerError",
    "Explanation",
    "Metric",
    "MetricError",
    "NetworkError",
    "Obstacle",
    "Parameter",
    "PetlensError",
    "PhotoError",
    "Proof",
    "Protocol",
    "audit",
    "explain",
    "inspect_network",
    "load_classifier",
    "load_network",
    "load_photo",
    "percentile_among_controls",
    "score_maps",
]
