"""How each explanation and each figure is made, and when not to trust it."""
