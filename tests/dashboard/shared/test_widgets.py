"""Pictures stand in the page itself, with words for those who cannot see them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.shared.photos import embed
from xaicore.render import Look, legend

NOISE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def read(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2])))


def test_an_exact_or_see_through_picture_loses_nothing_on_its_way() -> None:
    noise = Image.fromarray(NOISE)
    np.testing.assert_array_equal(np.asarray(read(embed(noise, exact=True))), NOISE)
    strip = legend(Look())
    np.testing.assert_array_equal(np.asarray(read(embed(strip))), np.asarray(strip))
    assert embed(noise).startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(("width", "sent"), [("stretch", 800), (100, 200), (500, 800)])
def test_a_picture_is_sent_with_two_pixels_for_one_and_with_its_words(
    width: int | str, sent: int
) -> None:
    def script(width) -> None:
        from PIL import Image

        from dashboard.shared.widgets import show_picture

        show_picture(Image.new("RGB", (800, 400), "teal"), "A teal field.", width, "Teal")

    app = AppTest.from_function(script, kwargs={"width": width}).run()
    ((image,),) = [block.proto.imgs for block in app.get("image")]
    assert read(image.url).size == (sent, sent // 2)
    assert (image.alt, image.caption) == ("A teal field.", "Teal")
    assert not app.exception
