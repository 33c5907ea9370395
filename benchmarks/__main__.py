"""Run the benchmarks and write benchmarks/RESULTS.md: ``python -m benchmarks``."""

from __future__ import annotations

import datetime
from pathlib import Path

import torch

import xaicore
from benchmarks import evaluation, explainers, felt, metrics
from benchmarks.timing import machine
from tools.browser import find_browser

ROOT = Path(__file__).parents[1]


def main() -> None:
    classifier = xaicore.load_classifier()
    photo = classifier.preprocess([xaicore.load_photo(ROOT / "assets" / "samples" / "chelsea.jpg")])
    rows = [*explainers.run(classifier, photo), *metrics.run(classifier, photo)]
    costs = evaluation.run()
    waits = felt.run() if find_browser() else []
    text = "\n".join(
        [
            "# Benchmarks",
            "",
            "Ratios of times measured side by side in one run by `make bench`; the pieces take "
            "turns, and each figure is the median over the rounds with its quartiles.",
            "",
            f"{machine(classifier.device)} · torch {torch.__version__} · "
            f"{torch.get_num_threads()} threads · network {classifier.fingerprint} · "
            f"{datetime.date.today()}",
            "",
            "| what | ratio | quartiles | aim |",
            "|---|---|---|---|",
            *(row.markdown() for row in rows),
            "",
            "An evaluation by Grad-CAM, AD and IIC, of ever more photos: the time a photo takes "
            "and the most memory that the process held.",
            "",
            "| photos | ms a photo | MB at most |",
            "|---|---|---|",
            *(cost.markdown() for cost in costs),
            "",
            "Waits in milliseconds, in a headless browser on the same cores as the server.",
            "",
            "| what | times | p50 | p95 | aim |",
            "|---|---|---|---|---|",
            *(wait.markdown() for wait in waits),
            "",
        ]
    )
    (ROOT / "benchmarks" / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
