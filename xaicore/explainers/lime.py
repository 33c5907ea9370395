"""LIME: a linear model of what happens when superpixels are hidden; through the lime package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer
from torchvision.transforms.functional import gaussian_blur

from xaicore.explainers.base import Attribution, AttributionTask, Explainer, Parameter, Proof
from xaicore.explainers.held_out import HeldOut, hold_out, suffice
from xaicore.explainers.superpixels import METHODS, cut, mean_colours
from xaicore.progress import Progress

FILLS = ("black", "grey", "mean", "blurred")
FIT_GROWTH = 1.5
# Below, a linear model misses more than it says.
LEAST_R2 = 0.5
MOST_SPREAD = 0.1

Score = Callable[[torch.Tensor], np.ndarray]


class BatchedLime(LimeImageExplainer):
    """lime's sampler and regression around our own making and scoring of perturbed photos.

    ``photo`` and ``fill`` are float32 [3, H, W] on the network's input scale; ``score`` maps a
    batch to the explained score [n]; ``on_batch`` is called with the number of samples scored.
    """

    def __init__(
        self,
        photo: torch.Tensor,
        fill: torch.Tensor,
        score: Score,
        batch_size: int,
        kernel_width: float,
        seed: int,
    ) -> None:
        # lime's own random_seed argument reaches the segmentation only.
        super().__init__(kernel_width=kernel_width, random_state=seed)
        self.photo = photo
        self.fill = fill
        self.score = score
        self.batch_size = batch_size
        self.on_batch: Callable[[int], None] = lambda _done: None
        self.data = np.empty((0, 0))
        self.scores = np.empty(0)

    def data_labels(
        self,
        image: np.ndarray,
        fudged_image: np.ndarray,
        segments: np.ndarray,
        classifier_fn: object,
        num_samples: int,
        batch_size: int = 10,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw which superpixels stay, as lime draws them, and score all samples in batches."""
        count = int(segments.max()) + 1
        draws = self.random_state.randint(0, 2, num_samples * count)
        self.data = draws.reshape(num_samples, count)
        self.data[0] = 1
        self.scores = np.empty(num_samples)
        device = self.photo.device
        stays = torch.from_numpy(self.data).to(device).bool()
        ids = torch.from_numpy(segments).to(device)
        for start in range(0, num_samples, self.batch_size):
            shown = stays[start : start + self.batch_size][:, ids].unsqueeze(1)
            end = start + len(shown)
            self.scores[start:end] = self.score(torch.where(shown, self.photo, self.fill))
            self.on_batch(end)
        return self.data, self.scores[:, None]

    def learn(self, image: np.ndarray, labels: np.ndarray, samples: int) -> np.ndarray:
        """Superpixel weights [S] of lime's whole way: draw, score, regress."""
        explained = self.explain_instance(
            image,
            None,
            labels=(0,),
            hide_color=0,
            top_labels=None,
            num_samples=samples,
            segmentation_fn=lambda _image: labels,
        )
        return _by_superpixel(explained.local_exp[0], labels.max() + 1)

    def regress(self, done: int) -> np.ndarray:
        """Superpixel weights [S] of lime's regression on the first samples."""
        data = self.data[:done]
        _, pairs, _, _ = self.base.explain_instance_with_data(
            data, self.scores[:done, None], _distances(data), 0, data.shape[1]
        )
        return _by_superpixel(pairs, data.shape[1])

    def judge(self, seed: int) -> HeldOut:
        """How the regression does on samples that were held out."""
        weights = self.base.kernel_fn(_distances(self.data))
        return hold_out(self.data, self.scores, weights, seed)


def _distances(data: np.ndarray) -> np.ndarray:
    """lime's distance of samples [n, S] to the photo itself: cosine, to a row of ones."""
    return 1 - np.sqrt(data.sum(1) / data.shape[1])


def compute(
    task: AttributionTask,
    superpixels: int,
    samples: int,
    fill: str,
    segmentation: str,
    kernel_width: float,
    seed: int,
) -> Attribution:
    count, height, width = len(task.batch), *task.batch.shape[-2:]
    maps = np.zeros((count, height, width), dtype=np.float32)
    segments = np.zeros((count, height, width), dtype=np.int64)
    trials = []
    colours = task.classifier.denormalise(task.batch).clamp(0, 1)
    for index in range(count):
        image = colours[index].permute(1, 2, 0).cpu().double().numpy()
        labels = cut(image, segmentation, superpixels, seed)
        lime = BatchedLime(
            photo=task.batch[index],
            fill=make_fill(task, image, labels, fill),
            score=_score(task, index),
            batch_size=task.classifier.batch_size,
            kernel_width=kernel_width,
            seed=seed,
        )
        segments[index] = labels
        if task.progress:
            lime.on_batch = _sharpen(task.progress, lime, maps, segments, index, samples)
        maps[index] = lime.learn(image, labels, samples)[labels]
        trials.append(lime.judge(seed))
    return Attribution(
        torch.from_numpy(maps),
        checks={
            "r2": [trial.r2 for trial in trials],
            "r2_by_chance": [trial.chance for trial in trials],
            "spread": [trial.spread for trial in trials],
            "different_samples": [trial.samples for trial in trials],
            "superpixels": segments.max((1, 2)) + 1,
        },
        extras={"segments": segments},
    )


def _sharpen(
    progress: Progress,
    lime: BatchedLime,
    maps: np.ndarray,
    segments: np.ndarray,
    index: int,
    samples: int,
) -> Callable[[int], None]:
    """Report every batch of one photo, and redraw its map each time the samples have grown by half.

    A fit after every batch would cost more than the network.
    """
    fitted = 1

    def tell(done: int) -> None:
        nonlocal fitted
        if done >= FIT_GROWTH * fitted or done == samples:
            maps[index] = lime.regress(done)[segments[index]]
            fitted = done
        progress(index * samples + done, len(maps) * samples, maps.copy())

    return tell


def make_fill(
    task: AttributionTask, image: np.ndarray, labels: np.ndarray, kind: str
) -> torch.Tensor:
    """What hidden superpixels show, float32 [3, H, W] on the network's input scale."""
    if kind == "blurred":
        sigma = image.shape[0] / 12
        size = int(4 * sigma) // 2 * 2 + 1
        photo = torch.from_numpy(image).permute(2, 0, 1)[None]
        colours = gaussian_blur(photo, [size, size], [sigma, sigma])[0]
    else:
        painted = {
            "black": lambda: np.zeros_like(image),
            "grey": lambda: np.full_like(image, 0.5),
            "mean": lambda: mean_colours(image, labels),
        }[kind]()
        colours = torch.from_numpy(painted).permute(2, 0, 1)
    batch = colours[None].float().to(task.batch.device)
    return task.classifier.normalise(batch)[0]


def _score(task: AttributionTask, index: int) -> Score:
    """The explained score of perturbed copies of one photo of the task."""
    class_index = int(task.class_indices[index])
    weights = task.weights()[index].double() if task.score != "probability" else None

    def score(batch: torch.Tensor) -> np.ndarray:
        logits = task.classifier.logits(batch).double()
        scores = logits.softmax(1)[:, class_index] if weights is None else logits @ weights
        return scores.cpu().numpy()

    return score


def _by_superpixel(pairs: list[tuple[int, float]], count: int) -> np.ndarray:
    weights = np.zeros(count)
    for superpixel, weight in pairs:
        weights[superpixel] = weight
    return weights


def prove(checks: Mapping[str, float]) -> Proof:
    r2, spread, count = checks["r2"], checks["spread"], checks["superpixels"]
    reason = _doubt(checks)
    if np.isnan(r2):
        return Proof(f"no R² of {count:.0f} superpixels", good=False, reason=reason)
    said = "below 0" if r2 < 0 else f"{r2:.2f}"
    text = (
        f"R² {said} on samples it was not fitted to; weights ± {spread:.0%} of the largest; "
        f"{count:.0f} superpixels"
    )
    return Proof(text, good=not reason, reason=reason)


def _doubt(checks: Mapping[str, float]) -> str:
    """Why the linear model is not to be relied on, as a sentence; empty where it is."""
    if not suffice(int(checks["different_samples"]), int(checks["superpixels"])):
        return "Too few different samples to try the map on; take more samples or other patches."
    if np.isnan(checks["r2"]):
        return "The score never changes, whatever is hidden."
    if checks["r2"] <= checks["r2_by_chance"]:
        return "Shuffled scores can be fitted as well: this map may be chance."
    if checks["r2"] < LEAST_R2:
        return "A linear model misses most of what happens here."
    if checks["spread"] > MOST_SPREAD:
        return "Another draw gives another map; take more samples."
    return ""


LIME = Explainer(
    name="lime",
    label="LIME",
    compute=compute,
    prove=prove,
    parameters=(
        Parameter(
            "superpixels",
            "Superpixels",
            50,
            "How many patches the photo is cut into; the real count is shown below the map.",
            low=5,
            high=200,
            step=5,
        ),
        Parameter(
            "samples",
            "Samples",
            1000,
            "How many perturbed photos the network is asked about; more is steadier and slower.",
            low=50,
            high=5000,
            step=50,
        ),
        Parameter("fill", "Fill", "black", "What a hidden patch shows.", choices=FILLS),
        Parameter(
            "segmentation",
            "Segmentation",
            "slic",
            "How the patches are found.",
            choices=METHODS,
        ),
        Parameter(
            "kernel_width",
            "Kernel width",
            0.25,
            "How fast a sample counts less the more of the photo it hides.",
            low=0.05,
            high=2.0,
            step=0.05,
        ),
        Parameter(
            "seed",
            "Seed",
            0,
            "Which draw of samples; another seed shows how steady the map is.",
            low=0,
            high=9999,
            step=1,
        ),
    ),
    summary="Hides patches at random and learns which of them the class depends on.",
    citation="Ribeiro et al. 2016",
    colour="#CC79A7",
    scores=("probability", "logit", "margin"),
    slow=True,
)
