"""The Explain page's own session and URL keys."""

from __future__ import annotations

from xaicore import Explainer


def best_key(explainer: Explainer) -> str:
    """The key of the widget that asks for a method's best superpixels only."""
    return f"{explainer.name}-best"


def reset_key(explainer: Explainer) -> str:
    """The key of the button that resets a method's parameters."""
    return f"{explainer.name}-reset"
