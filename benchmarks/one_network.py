"""One network with random weights, by all methods: what each says of itself, measured."""

from __future__ import annotations

import contextlib
import copy
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torchvision.models
from torch import nn

import xaicore
from xaicore.explainers import lrp
from xaicore.explainers.base import AttributionTask
from xaicore.networks.canonical import canonicalize
from xaicore.networks.operations import Activation, Gate, Softmax

SIZES = (64, 96, 128, 224, 256, 299)
CLASSES = 10
# What is linear on either side of zero, so that relevance must be gradient × input.
PIECEWISE_LINEAR = {"relu", "leaky_relu", "prelu", "abs"}


def make(source: str, name: str) -> tuple[nn.Module, int]:
    """A network and the smallest size of photo that it takes."""
    own = 224
    if source == "timm":
        import timm

        net: Any = timm.create_model(name, pretrained=False, num_classes=CLASSES)
        own = net.default_cfg["input_size"][-1]
    else:
        extras = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        net = torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **extras)
    enliven(net)
    for size in sorted({*(size for size in SIZES if size < own), own}):
        try:
            with torch.inference_mode():
                net.eval()(torch.zeros(2, 3, size, size))
        except Exception:  # each network refuses a size in its own way
            continue
        measure_statistics(net, size)
        return net.eval(), size
    raise ValueError("it takes photos of none of the sizes tried")


def enliven(net: nn.Module) -> None:
    """Weights as after training: none zero or negligible, normalisations away from the identity."""
    torch.manual_seed(0)
    for weight in net.parameters():
        if weight.ndim <= 1 or weight.abs().max() < 1e-3:
            near_one = bool((weight == 1).all())
            nn.init.uniform_(weight, 0.5 if near_one else -0.2, 1.5 if near_one else 0.2)


@torch.no_grad()
def measure_statistics(net: nn.Module, size: int) -> None:
    norms: list[Any] = [m for m in net.modules() if getattr(m, "running_mean", None) is not None]
    for norm in norms:
        norm.momentum = None
        norm.train()
    with contextlib.suppress(ValueError):  # a batch normalisation of a single value
        net(photos(8, size))
    net.eval()
    for norm in norms:
        norm.running_mean += 0.3 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
        # Few photos and small maps leave some variances near zero, as no training would.
        norm.running_var += 0.2 * norm.running_var.mean()
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.7, 1.5)


def photos(count: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, 8, 8, generator=generator) * 4 - 2
    fine = torch.rand(count, 3, size, size, generator=generator) - 0.5
    return F.interpolate(coarse, (size, size), mode="bilinear") + fine


def measure(source: str, name: str) -> dict[str, Any]:
    net, size = make(source, name)
    row: dict[str, Any] = {"source": source, "name": name, "size": size}
    row["millions"] = round(sum(weight.numel() for weight in net.parameters()) / 1e6, 2)
    row["attention"] = attends(net)
    labels = [str(place) for place in range(CLASSES)]
    classifier = xaicore.Classifier(net, labels, size=size, device="cpu")
    classifier.batch_size = 8  # else it would be measured
    batch = photos(1, size)
    started = time.perf_counter()
    canonical = classifier.canonical
    row["canonical_seconds"] = round(time.perf_counter() - started, 1)
    row["difference"] = canonical.difference
    row["obstacles"] = [(o.method, o.layer, o.reason) for o in canonical.obstacles]
    row["notes"] = list(canonical.notes)
    for method, check in CHECKS.items():
        row[method] = check(classifier, batch)
    return row


def attends(net: nn.Module) -> bool:
    return any("attention" in type(layer).__name__.lower() for layer in net.modules())


def check_lrp(classifier: xaicore.Classifier, batch: torch.Tensor) -> dict[str, Any]:
    found = refusal(classifier, batch, "lrp")
    if found:
        return found
    kinds = list(classifier.canonical.net.modules())
    curved = [
        layer
        for layer in kinds
        if isinstance(layer, Activation) and function_name(layer) not in PIECEWISE_LINEAR
    ]
    linear = not curved and not any(isinstance(layer, Gate | Softmax) for layer in kinds)
    double = copy.deepcopy(classifier)
    double.net.double()
    double.canonical.net.double()
    row = compare(double, batch, linear)
    if row["error"] > 1e-6:  # folded in single precision; a deep network amplifies that
        double._canonical = canonicalize(double.net, batch.double())
        row = compare(double, batch, linear)
    return row


def compare(double: xaicore.Classifier, batch: torch.Tensor, linear: bool) -> dict[str, Any]:
    targets = double.logits(batch.double()).abs().argmax(1)
    task = AttributionTask(double, batch.double(), targets, "logit", canonical=True)
    ours = lrp.compute(task, "epsilon", 2.0, 1e-13, "keep").maps
    theirs = gradient_times_input(double.net if linear else fixed(double.private_net(True)), task)
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    return {"piecewise_linear": linear, "error": error}


def fixed(net: nn.Module) -> nn.Module:
    """A canonical network whose gates and slopes are held: there, relevance is gradient × input."""

    def slope(compute: Callable[..., torch.Tensor], values: torch.Tensor) -> torch.Tensor:
        results = compute(values)
        ratio = torch.where(values == 0, 0, results / values.masked_fill(values == 0, 1))
        return values * ratio.detach() + (results - values * ratio).detach()

    for layer in net.modules():
        if isinstance(layer, Activation):
            layer.rule = slope
        elif isinstance(layer, Gate):
            layer.rule = lambda compute, signal, gate: compute(signal, gate.detach())
    return net


def gradient_times_input(net: nn.Module, task: AttributionTask) -> torch.Tensor:
    batch = task.batch.clone().requires_grad_()
    net.requires_grad_(False)
    score = net(batch).gather(1, task.class_indices[:, None]).sum()
    return (batch * torch.autograd.grad(score, batch)[0]).sum(1)


def function_name(layer: Activation) -> str:
    packet = getattr(layer.function, "overloadpacket", layer.function)
    return str(packet.__name__)


def check_sum(method: str) -> Callable[[xaicore.Classifier, torch.Tensor], dict[str, Any]]:
    def check(classifier: xaicore.Classifier, batch: torch.Tensor) -> dict[str, Any]:
        found = refusal(classifier, batch, method)
        if found:
            return found
        change = classifier.logits(batch) - classifier.logits(torch.zeros_like(batch))
        targets = change.abs().argmax(1).cpu().numpy()
        settings = {"steps": 20} if method == "integrated-gradients" else {}
        checks = xaicore.explain(classifier, batch, method, targets, **settings).checks
        miss = checks["convergence_delta"] / checks["score_change"]
        said = xaicore.EXPLAINERS[method].prove({name: float(v[0]) for name, v in checks.items()})
        return {"miss": float(abs(miss[0])), "said_good": said.good}

    return check


def check_gradcam(classifier: xaicore.Classifier, batch: torch.Tensor) -> dict[str, Any]:
    try:
        maps = xaicore.explain(classifier, batch, "gradcam").maps
    except xaicore.ExplainerError as error:
        return {"refused": str(error)}
    return {"finite": bool(torch.isfinite(torch.from_numpy(maps)).all())}


def refusal(
    classifier: xaicore.Classifier, batch: torch.Tensor, method: str
) -> dict[str, Any] | None:
    reasons = [o for o in classifier.canonical.obstacles if o.method == method]
    return {"refused": f"{reasons[0].layer}: {reasons[0].reason}"} if reasons else None


CHECKS = {
    "lrp": check_lrp,
    "deeplift": check_sum("deeplift"),
    "integrated-gradients": check_sum("integrated-gradients"),
    "gradcam": check_gradcam,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(*sys.argv[1:3])))
