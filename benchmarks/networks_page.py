"""Figures of many networks → docs/networks.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

METHODS = {
    "lrp": "LRP",
    "deeplift": "DeepLIFT",
    "integrated-gradients": "Integrated Gradients",
    "gradcam": "Grad-CAM",
}
LRP_TOLERANCE = 1e-5
SUM_TOLERANCE = 0.01
Row = dict[str, Any]

HEAD = """# Which networks are explained

Measured by `python -m benchmarks.networks` (torchvision's regnet_y_128gf, which needs more than its
9 GB, by `python -m benchmarks.one_network torchvision regnet_y_128gf`), with random weights and
uneven statistics of the normalisations, at the smallest size of photo that each network takes.

- **Scores**: the canonical form, in which LRP and DeepLIFT follow every operation, answers as the
  network does to 1e-4 of its largest score; or both methods are refused.
- **LRP** with ε → 0 is gradient × input in double precision, to {lrp:g} of the largest value: of
  the network itself where it is piecewise linear (marked ‡), else of its canonical form with
  gates, spreads and the slopes of curved activations held.
- **DeepLIFT**, **Integrated Gradients** (20 steps): how far the contributions miss the change in
  score; a miss of more than 1 % and 5 % must be said by the map's proof.
- **Grad-CAM** gives a map.
- *wrong*: a map beyond these bounds whose proof does not say so.

"""


def write_page(rows: list[Row], path: Path) -> None:
    measured = [row for row in rows if "failed" not in row]
    text = HEAD.format(lrp=LRP_TOLERANCE)
    text += summary(measured, "all networks")
    text += summary([row for row in measured if not attends(row)], "networks without attention")
    text += reasons(measured) + table(measured) + not_measured(rows)
    path.write_text(text, encoding="utf-8")


def attends(row: Row) -> bool:
    """Refused for attention, or for a product of computed matrices, which is the same."""
    return any("attention" in reason for _, _, reason in row["obstacles"])


def state(row: Row, method: str) -> str:
    """'explained', 'said' (beyond its bounds, and its proof says so), 'refused' or 'wrong'."""
    found = row[method]
    if "refused" in found:
        return "refused"
    if method == "gradcam":
        return "explained" if found["finite"] else "wrong"
    if method == "lrp":
        return "explained" if found["error"] <= LRP_TOLERANCE else "wrong"
    if found["miss"] <= SUM_TOLERANCE:
        return "explained"
    if not found["said_good"]:
        return "said"
    return "explained" if method == "integrated-gradients" else "wrong"


def summary(rows: list[Row], title: str) -> str:
    lines = [f"## {title[0].upper()}{title[1:]}: {len(rows)}", ""]
    lines += ["| | explained | miss said | refused | wrong |", "|---|---|---|---|---|"]
    for method, label in METHODS.items():
        counts = Counter(state(row, method) for row in rows)
        cells = (str(counts[name]) for name in ("explained", "said", "refused", "wrong"))
        lines.append(f"| {label} | {' | '.join(cells)} |")
    whole = sum(all(state(row, m) in ("explained", "said") for m in METHODS) for row in rows)
    share = whole / len(rows) if rows else 0
    total = f"All four methods: {whole} of {len(rows)} ({share:.0%})."
    return "\n".join([*lines, "", total, "", ""])


def reasons(rows: list[Row]) -> str:
    """How often each reason refuses a network, per method."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts.update({(method, reason) for method, _, reason in row["obstacles"]})
    lines = ["## Why networks are refused", "", "| method | reason | networks |", "|---|---|---|"]
    for (method, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        lines.append(f"| {METHODS[method]} | {reason} | {count} |")
    return "\n".join([*lines, "", ""])


def table(rows: list[Row]) -> str:
    lines = ["## Each network", ""]
    lines += ["| network | size | scores | LRP | DeepLIFT | Integrated Gradients | Grad-CAM |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["source"], row["name"])):
        cells = (cell(row, method) for method in METHODS)
        lines.append(
            f"| {row['source']} {row['name']} | {row['size']} | {row['difference']:.0e} | "
            f"{' | '.join(cells)} |"
        )
    return "\n".join([*lines, "", ""])


def cell(row: Row, method: str) -> str:
    found, name = row[method], state(row, method)
    if name == "refused":
        return "refused"
    bad = "**wrong** " if name == "wrong" else "said: " if name == "said" else ""
    if method == "gradcam":
        return f"{bad}map"
    if method == "lrp":
        return f"{bad}{found['error']:.0e}{' ‡' if found['piecewise_linear'] else ''}"
    return f"{bad}{found['miss']:.1%}"


def not_measured(rows: list[Row]) -> str:
    lines = ["## Not measured", ""]
    failed = [row for row in rows if "failed" in row]
    lines += [f"- {row['source']} {row['name']}: {row['failed']}" for row in failed]
    return "\n".join([*lines, ""])
