"""What can go wrong with planted reasons."""

from xaicore.errors import PetlensError


class PlantedError(PetlensError):
    """A planted network or photo that there is not; the message says what there is."""
