"""What a network sees of a photo, against torchvision's own transforms."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import Compose, Grayscale, InterpolationMode
from torchvision.transforms import functional as T
from torchvision.transforms._presets import ImageClassification

from xaicore.networks.errors import NetworkError
from xaicore.networks.preprocessing import Preprocessing

ONE_OF_255 = 1 / 255 + 1e-6


def photo(width, height):
    noise = np.random.default_rng(0).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    return Image.fromarray(noise.astype(np.uint8)).resize((width, height))


@pytest.mark.parametrize("shape", [(100, 75), (75, 100), (64, 64), (301, 57), (33, 400)])
@pytest.mark.parametrize(
    ("size", "amount", "kind"), [(56, 64, "bilinear"), (48, 48, "bicubic"), (56, 0.875, "bicubic")]
)
def test_a_crop_is_torchvisions(shape, size, amount, kind):
    preset = ImageClassification(
        crop_size=size,
        resize_size=64 if amount == 0.875 else amount,
        interpolation=InterpolationMode(kind),
    )
    ours = Preprocessing(size, resize=("crop", amount), interpolation=kind)
    batch = ours.preprocess([photo(*shape)])
    assert batch.shape == (1, 3, size, size)
    assert batch.dtype == torch.float32
    expected = preset(photo(*shape))
    torch.testing.assert_close(
        ours.denormalise(batch)[0], ours.denormalise(expected[None])[0], atol=ONE_OF_255, rtol=0
    )


def test_a_crop_of_any_height_and_width_covers():
    ours = Preprocessing((40, 60), 0, 1, resize=("crop", 1.0))
    seen = ours.view(photo(200, 100))
    expected = T.center_crop(T.resize(photo(200, 100), [40, 80]), [40, 60])
    assert np.array_equal(np.asarray(seen), np.asarray(expected))
    assert ours.seen_box((200, 100)) == (25, 0, 175, 100)


def test_stretching_goes_straight_to_the_size():
    ours = Preprocessing((20, 30), 0.5, 0.25)
    expected = np.asarray(photo(90, 50).resize((30, 20), Image.Resampling.BILINEAR)) / 255
    batch = ours.preprocess([photo(90, 50)] * 2)
    assert batch.shape == (2, 3, 20, 30)
    assert batch[1].numpy() == pytest.approx((expected.transpose(2, 0, 1) - 0.5) / 0.25, abs=1e-6)
    assert ours.seen_box((90, 50)) == (0, 0, 90, 50)


def test_the_seen_box_is_where_the_crop_lies():
    """A photo that is black but for the seen box is seen as white, nearly to its edge."""
    ours = Preprocessing(50, 0, 1, resize=("crop", 0.5))
    left, top, right, bottom = ours.seen_box((400, 200))
    assert (left, top, right, bottom) == (150, 50, 250, 150)
    picture = Image.new("RGB", (400, 200))
    picture.paste("white", (150, 50, 250, 150))
    seen = ours.preprocess([picture])[0, 0]
    assert seen[2:-2, 2:-2].min() == 1
    assert seen[0].max() < 0.95


@pytest.mark.parametrize("shape", [(90, 50), (50, 90), (64, 64), (31, 200)])
@pytest.mark.parametrize("resize", ["stretch", ("crop", 0.6), ("crop", 80)])
def test_what_is_put_back_is_what_is_seen(shape, resize):
    ours = Preprocessing((30, 44), resize=resize)
    seen = Image.fromarray(np.asarray(ours.view(photo(*shape)))[:, ::-1])
    whole = ours.put_back(photo(*shape), seen)
    assert np.array_equal(np.asarray(ours.view(whole)), np.asarray(seen))
    if resize != "stretch":
        assert whole.width / whole.height == pytest.approx(shape[0] / shape[1], rel=0.1)


def test_a_photo_too_long_to_be_scaled_is_not_put_together():
    ours = Preprocessing(1000, resize=("crop", 1.0))
    with pytest.raises(NetworkError, match="too long to be changed"):
        ours.put_back(photo(10, 1000), ours.view(photo(10, 1000)))


def test_grey_is_luminance():
    ours = Preprocessing(16, 0.5, 0.5, channels=1)
    batch = ours.preprocess([photo(16, 16)])
    red, green, blue = np.moveaxis(np.asarray(photo(16, 16)).astype(float), 2, 0)
    luminance = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    assert batch.shape == (1, 1, 16, 16)
    assert ours.denormalise(batch)[0, 0].numpy() == pytest.approx(luminance, abs=ONE_OF_255)
    grey = Compose([Grayscale(), lambda picture: picture.resize((16, 16))])(photo(16, 16))
    assert np.array_equal(np.asarray(ours.view(photo(16, 16))), np.asarray(grey))


def test_blue_first_means_the_networks_own_order():
    ours = Preprocessing(1, mean=(0.1, 0.2, 0.3), std=1, order="BGR")
    batch = ours.preprocess([Image.new("RGB", (1, 1), (255, 51, 0))])
    assert batch.flatten().tolist() == pytest.approx([-0.1, 0.0, 0.7])
    assert ours.denormalise(batch).flatten().tolist() == pytest.approx([1, 0.2, 0], abs=1e-6)


def test_a_very_long_photo_needs_little_memory():
    ours = Preprocessing(224, 0, 1, resize=("crop", 256))
    picture = Image.new("L", (1, 3_000_000), 128)
    assert ours.preprocess([picture]).mean().item() == pytest.approx(128 / 255, abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 10**9},
        {"size": True},
        {"size": "ab"},
        {"size": (3, 4, 5)},
        {"size": 2.5},
        {"mean": (0.5, 0.5)},
        {"mean": None},
        {"mean": "abc"},
        {"mean": float("nan")},
        {"std": 0},
        {"std": (1, 1, -1)},
        {"channels": 4},
        {"order": "GRB"},
        {"interpolation": "box"},
        {"resize": "crop"},
        {"resize": ("crop", 100)},
        {"resize": ("crop", 0)},
        {"resize": ("crop", 10**9)},
        {"resize": ("crop", "1")},
    ],
)
def test_what_no_network_wants_is_refused(wrong):
    with pytest.raises(NetworkError, match=r"\.$"):
        Preprocessing(**{"size": 224, **wrong})
