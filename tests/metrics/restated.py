"""The metrics once more, slowly and plainly, from their definitions: one picture at a time."""

from __future__ import annotations

import math

import numpy as np
import torch

from xaicore import Classifier, Protocol


def probability(classifier: Classifier, picture: np.ndarray, target: int) -> float:
    """Softmax of the target class for one picture [3, H, W]."""
    logits = classifier.logits(torch.from_numpy(picture[None].astype(np.float32)))
    scores = [float(score) for score in logits[0]]
    highest = max(scores)
    return math.exp(scores[target] - highest) / sum(math.exp(s - highest) for s in scores)


def resize(saliency: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, half-pixel centres, borders repeated."""
    rows, columns = saliency.shape
    out = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            above = saliency[top, left] * (1 - (x - left)) + saliency[top, right] * (x - left)
            below = saliency[bottom, left] * (1 - (x - left)) + saliency[bottom, right] * (x - left)
            out[i, j] = above * (1 - (y - top)) + below * (y - top)
    return out


def box_blur(photo: np.ndarray, size: int) -> np.ndarray:
    """The mean over a square of ``size`` pixels, zeros outside the photo."""
    reach = size // 2
    padded = np.pad(photo, ((0, 0), (reach, reach), (reach, reach)))
    out = np.empty_like(photo)
    for i in range(photo.shape[1]):
        for j in range(photo.shape[2]):
            out[:, i, j] = padded[:, i : i + size, j : j + size].mean((1, 2))
    return out


def gaussian_blur(photo: np.ndarray, size: int, sigma: float) -> np.ndarray:
    reach = size // 2
    kernel = np.array(
        [
            [math.exp(-(y * y + x * x) / (2 * sigma**2)) for x in range(-reach, reach + 1)]
            for y in range(-reach, reach + 1)
        ]
    )
    kernel /= kernel.sum()
    padded = np.pad(photo, ((0, 0), (reach, reach), (reach, reach)))
    out = np.empty_like(photo)
    for i in range(photo.shape[1]):
        for j in range(photo.shape[2]):
            out[:, i, j] = (padded[:, i : i + size, j : j + size] * kernel).sum((1, 2))
    return out


def blur(photo: np.ndarray, protocol: Protocol) -> np.ndarray:
    size = protocol.kernel or max(photo.shape[1] // 5, 9)
    size += size % 2 == 0
    if protocol.blur == "box":
        return box_blur(photo, size)
    return gaussian_blur(photo, size, protocol.sigma)


def fill(classifier: Classifier, photo: np.ndarray, protocol: Protocol) -> np.ndarray:
    if protocol.fill == "zero":
        return np.zeros_like(photo)
    if protocol.fill == "blurred":
        return blur(photo, protocol)
    colour = {"black": 0.0, "grey": 0.5, "white": 1.0}[protocol.fill]
    channels = [(colour - m) / s for m, s in zip(classifier.mean, classifier.std, strict=True)]
    return np.broadcast_to(np.array(channels)[:, None, None], photo.shape)


def order(saliency: np.ndarray, seed: int) -> list[tuple[int, int]]:
    """Pixels from most to least salient; ties in the seeded random order."""
    height, width = saliency.shape
    places = torch.randperm(height * width, generator=torch.Generator().manual_seed(seed)).tolist()
    luck = {pixel: turn for turn, pixel in enumerate(places)}
    pixels = sorted(
        range(height * width),
        key=lambda pixel: (-saliency[pixel // width, pixel % width], luck[pixel]),
    )
    return [divmod(pixel, width) for pixel in pixels]


def curve(
    classifier: Classifier,
    start: np.ndarray,
    end: np.ndarray,
    saliency: np.ndarray,
    target: int,
    protocol: Protocol,
) -> tuple[list[float], list[float], list[float]]:
    """Probabilities, shares of pixels, and mean saliency of each step, from start to end."""
    pixels = order(saliency, protocol.seed)
    picture = start.copy()
    scores, shares, means = [probability(classifier, picture, target)], [0.0], []
    for step in range(protocol.steps):
        moved = pixels[
            step * len(pixels) // protocol.steps : (step + 1) * len(pixels) // protocol.steps
        ]
        for row, column in moved:
            picture[:, row, column] = end[:, row, column]
        scores.append(probability(classifier, picture, target))
        shares.append(shares[-1] + len(moved) / len(pixels))
        means.append(sum(saliency[place] for place in moved) / len(moved))
    return scores, shares, means


def area(scores: list[float], shares: list[float]) -> float:
    return sum(
        (scores[k] + scores[k + 1]) / 2 * (shares[k + 1] - shares[k])
        for k in range(len(scores) - 1)
    )


def correlation(a: list[float], b: list[float]) -> float:
    if max(a) == min(a) or max(b) == min(b):
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def curves(
    classifier: Classifier, photo: np.ndarray, saliency: np.ndarray, target: int, protocol: Protocol
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Insertion, deletion, shares of pixels and mean saliency of each step."""
    blurred = blur(photo, protocol)
    filled = fill(classifier, photo, protocol)
    inserted, shares, means = curve(classifier, blurred, photo, saliency, target, protocol)
    deleted, _, _ = curve(classifier, photo, filled, saliency, target, protocol)
    return inserted, deleted, shares, means


def fit(saliency: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map of the photo's size is taken as it is; else it is stretched, in float32 as maps are."""
    saliency = np.asarray(saliency, dtype=np.float32)
    if saliency.shape == (height, width):
        return saliency
    # Unlike ``resize``, to the bit: the last digit decides the order of nearly equal pixels.
    stretched = torch.from_numpy(saliency)[None, None]
    return torch.nn.functional.interpolate(
        stretched, (height, width), mode="bilinear", align_corners=False
    )[0, 0].numpy()


def scores(
    classifier: Classifier, photo: np.ndarray, saliency: np.ndarray, target: int, protocol: Protocol
) -> dict[str, float]:
    """All metrics of one photo [3, H, W] and its map [h, w]."""
    photo = photo.astype(np.float64)
    saliency = fit(saliency, *photo.shape[1:])
    inserted, deleted, shares, means = curves(classifier, photo, saliency, target, protocol)
    clean = probability(classifier, photo, target)
    highest = float(saliency.max())
    if highest > 0:
        mask = np.maximum(saliency, 0) / highest
        kept = probability(classifier, photo * mask, target)
        removed = probability(classifier, photo * (1 - mask), target)
    else:
        kept = removed = math.nan
    gains = [inserted[k + 1] - inserted[k] for k in range(protocol.steps)]
    losses = [deleted[k] - deleted[k + 1] for k in range(protocol.steps)]
    undefined = math.isnan(kept)
    return {
        "iauc": area(inserted, shares),
        "dauc": area(deleted, shares),
        "ic": correlation(gains, means),
        "dc": correlation(losses, means),
        "ad": math.nan if undefined else max(0.0, clean - kept) / clean,
        "iic": math.nan if undefined else float(kept > clean),
        "ad_signed": (clean - kept) / clean,
        "iic_mean": math.nan if undefined else max(0.0, kept - clean),
        "add": (clean - removed) / clean,
        "sparseness": gini(saliency),
        "entropy": bits(saliency),
        "road": road(classifier, photo, saliency, target, protocol.seed),
    }


def gini(saliency: np.ndarray) -> float:
    """Half of the mean difference between two pixels of |R|, over their mean."""
    values = [abs(float(value)) for value in saliency.flat]
    if sum(values) == 0:
        return math.nan
    differences = sum(abs(a - b) for a in values for b in values) / len(values) ** 2
    return differences / 2 / (sum(values) / len(values))


def bits(saliency: np.ndarray) -> float:
    values = [abs(float(value)) for value in saliency.flat]
    if sum(values) == 0:
        return math.nan
    shares = [value / sum(values) for value in values]
    return -sum(share * math.log2(share) for share in shares if share > 0)


def impute(photo: np.ndarray, gone: list[tuple[int, int]]) -> np.ndarray:
    """Every gone pixel the weighted mean of its neighbours: one equation a pixel, all solved."""
    numbers = {pixel: number for number, pixel in enumerate(gone)}
    system = np.zeros((len(gone), len(gone)))
    known = np.zeros((len(gone), len(photo)))
    for (row, column), number in numbers.items():
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                other = (row + down, column + right)
                inside = 0 <= other[0] < photo.shape[1] and 0 <= other[1] < photo.shape[2]
                if not inside or (down, right) == (0, 0):
                    continue
                weight = 1 / 12 if down and right else 1 / 6
                system[number, number] += weight
                if other in numbers:
                    system[number, numbers[other]] -= weight
                else:
                    known[number] += weight * photo[:, *other]
    out = photo.copy()
    for pixel, value in zip(gone, np.linalg.solve(system, known), strict=True):
        out[:, *pixel] = value
    return out


def road(
    classifier: Classifier, photo: np.ndarray, saliency: np.ndarray, target: int, seed: int
) -> float:
    noise = np.random.default_rng(seed).normal(scale=0.01, size=photo.shape)
    # Of colours; the photo is on the network's input scale.
    noise /= np.array(classifier.std)[:, None, None]
    pixels = order(saliency, seed)
    gaps = []
    for tenths in range(1, 10):
        count = round(tenths / 10 * len(pixels))
        after = []
        for gone in (pixels[:count], pixels[-count:]):
            picture = impute(photo, gone)
            for pixel in gone:
                picture[:, *pixel] += noise[:, *pixel]
            after.append(probability(classifier, picture, target))
        gaps.append(after[1] - after[0])
    return sum(gaps) / len(gaps)
