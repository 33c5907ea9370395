"""What can be asked for, by name, and its bounds, before PyTorch is loaded, which takes seconds.

The registries hold the same names in the same order; the tests see to it.
"""

from __future__ import annotations

METHODS = ("lrp", "gradcam", "deeplift", "lime", "integrated-gradients", "occlusion")
USUAL_METHODS = METHODS[:4]

METRICS = (
    *("iauc", "dauc", "ic", "dc", "ad", "iic", "ad_signed", "iic_mean", "add"),
    *("sparseness", "entropy", "road", "randomisation", "stability"),
)
USUAL_METRICS = METRICS[:11]

PROTOCOLS = ("gomez", "rise")

PLANTED = ("colour", "shape", "both", "sides", "absent")

# Pixels a side of what a network takes in, and the least share of a photo that it may look at.
MAX_SIDE = 4096
SMALLEST_SHARE = 0.1
