"""Explain what an image classifier saw, and say how far to trust the explanation."""

from xaicore.canonical import Obstacle, audit
from xaicore.classifier import Classifier, ClassifierError, load_classifier
from xaicore.explainers import EXPLAINERS, explain
from xaicore.explainers.base import Explainer, ExplainerError, Explanation, Parameter, Proof
from xaicore.photos import PhotoError, load_photo
from xaicore.zoo import NETWORKS

__all__ = [
    "EXPLAINERS",
    "NETWORKS",
    "Classifier",
    "ClassifierError",
    "Explainer",
    "ExplainerError",
    "Explanation",
    "Obstacle",
    "Parameter",
    "PhotoError",
    "Proof",
    "audit",
    "explain",
    "load_classifier",
    "load_photo",
]
