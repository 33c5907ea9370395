"""Explain what an image classifier saw, and say how far to trust the explanation.

Names are loaded at their first use, from the homes that ``__init__.pyi`` lists: PyTorch takes
seconds, and neither photos nor ``--help`` need it.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
