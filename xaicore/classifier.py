"""Public names of networks, kept for code that imports from here."""

from xaicore.networks.classifier import Classifier, ClassifierError, load_classifier

__all__ = ["Classifier", "ClassifierError", "load_classifier"]
