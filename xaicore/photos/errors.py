"""What is said of photos that cannot be used."""

from __future__ import annotations

from xaicore.errors import PetlensError

# In bytes and pixels: phones make photos of up to 64 megapixels, of at most about 30 MB.
MAX_BYTES = 40 * 2**20
MAX_PIXELS = 65_000_000
# How many times longer than wide a photo may be. Of a longer one, shrunk, nothing would be left.
MAX_RATIO = 32


class PhotoError(PetlensError):
    """A photo that cannot be used; the message says why and what to do, in plain words."""


def no_file(place: object) -> PhotoError:
    return PhotoError(f"There is no readable file at {place}. Check the path.")


def opened_as_text() -> PhotoError:
    return PhotoError('This file was opened as text. Open it with mode "rb" and try again.')


def empty() -> PhotoError:
    return PhotoError("This file is empty. Choose the photo again, or another copy of it.")


def too_large() -> PhotoError:
    return PhotoError(
        f"This file is larger than {MAX_BYTES // 2**20} MB, the most that is read. "
        "Save the photo at a smaller size and try again."
    )


def no_picture() -> PhotoError:
    return PhotoError(
        "This file is not a picture that can be read. "
        "Choose a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF photo."
    )


def damaged() -> PhotoError:
    return PhotoError(
        "This photo is damaged or was cut off part way. Copy or export it again, or choose another."
    )


def too_many_pixels(most: int = MAX_PIXELS, of: str = "") -> PhotoError:
    """``of`` says of what kind of pictures so few are read."""
    return PhotoError(
        f"This picture has more than {most // 10**6} megapixels, the most that is read{of}. "
        "Make it smaller and try again."
    )


def too_narrow(width: int, height: int) -> PhotoError:
    return PhotoError(
        f"This picture is too narrow: it is {width} × {height} pixels, and one side may be at most "
        f"{MAX_RATIO} times as long as the other. Cut a piece out of it and try again."
    )


def too_many_scans() -> PhotoError:
    return PhotoError(
        "This JPEG draws itself over so often that reading it would take minutes. Open it in "
        "another program, save it anew and try again."
    )


def camera_raw() -> PhotoError:
    return PhotoError(
        "This is a camera's raw file, whose pixels only its maker's programs develop rightly. "
        "Export it as a JPEG and try again."
    )


def unusual_tiff(what: str) -> PhotoError:
    return PhotoError(
        f"This TIFF holds {what}, which is not read here. Save it with 8 or 16 bits a colour, "
        "without compression, and try again."
    )
