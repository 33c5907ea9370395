"""The public names and their homes, for type checkers and for what loads a name when used."""

from . import errors, explainers, metrics, networks, photos
from .errors import PetlensError
from .explainers import EXPLAINERS, explain
from .explainers.base import Explainer, ExplainerError, Explanation, Parameter, Proof
from .metrics import METRICS, score_maps
from .metrics.base import PROTOCOLS, Metric, MetricError, Protocol
from .metrics.controls import CONTROLS, Control, percentile_among_controls
from .networks.canonical import Obstacle, audit
from .networks.classifier import Classifier, ClassifierError, load_classifier
from .networks.errors import NetworkError
from .networks.importing.load import inspect_network, load_network
from .networks.zoo import NETWORKS
from .photos import PhotoError, load_photo

__version__: str
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
    "errors",
    "explain",
    "explainers",
    "inspect_network",
    "load_classifier",
    "load_network",
    "load_photo",
    "metrics",
    "networks",
    "percentile_among_controls",
    "photos",
    "score_maps",
]
