"""The one error that a network from outside can raise."""


class NetworkError(ValueError):
    """A network that cannot be taken; the message says why and what to do, in plain words."""
