"""Explain what an image classifier saw, and say how far to trust the explanation."""

from xaicore.classifier import Classifier, ClassifierError, load_classifier
from xaicore.explainers import EXPLAINERS, explain
from xaicore.explainers.base import Explainer, ExplainerError, Explanation, Parameter, Proof
from xaicore.photos import PhotoError, load_photo

__all__ = [
    "EXPLAINERS",
    "Classifier",
    "ClassifierError",
    "Explainer",
    "ExplainerError",
    "Explanation",
    "Parameter",
    "PhotoError",
    "Proof",
    "explain",
    "load_classifier",
    "load_photo",
]
