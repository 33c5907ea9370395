"""What an evaluation costs as the photos grow in number: seconds a photo, and memory."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np
from PIL import Image

import xaicore
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import Plan
from xaicore.evaluation.store import Store
from xaicore.training.dataset import PhotoBytes

COUNTS = (20, 200, 2000)
PLAN = Plan(methods=("gradcam",), metrics=("ad", "iic"))


@dataclass(frozen=True)
class Cost:
    photos: int
    milliseconds: float
    megabytes: float

    def markdown(self) -> str:
        return f"| {self.photos:,} | {self.milliseconds:.1f} | {self.megabytes:,.0f} |"


def run() -> list[Cost]:
    """Evaluate ever more photos, each number in a process of its own."""
    costs = []
    for count in COUNTS:
        command = [sys.executable, "-m", "benchmarks.evaluation", str(count)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        milliseconds, megabytes = map(float, said.split())
        costs.append(Cost(count, milliseconds, megabytes))
    return costs


class _Drawn(PhotoBytes):
    """A photo that is made when it is read, so that the list itself takes no memory."""

    def read(self) -> bytes:
        colours = np.random.default_rng(int(self.name)).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(colours).resize((400, 300), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG")
        return buffer.getvalue()


def _measure(count: int) -> tuple[float, float]:
    classifier = xaicore.load_classifier()
    files = [_Drawn(b"", str(number)) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/store.db")
        evaluate(classifier, [_Drawn(b"", str(10**6 + n)) for n in range(4)], PLAN, store)
        started = time.perf_counter()
        evaluate(classifier, files, PLAN, store)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return 1000 * seconds / count, peak


if __name__ == "__main__":
    print(*_measure(int(sys.argv[1])))
