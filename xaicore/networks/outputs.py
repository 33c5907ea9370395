"""Any network's answer → class scores [B, C]: head set aside, part taken, one output doubled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from xaicore.networks.errors import NetworkError
from xaicore.networks.heads import SetAside, set_head_aside
from xaicore.networks.parts import Path, find_part, part_at, words
from xaicore.networks.preprocessing import Size, sides_of
from xaicore.networks.soundness import sound

# Sides that networks commonly want, the most common first.
COMMON_SIDES = (224, 128, 256, 299, 384, 64, 32, 28, 96, 160, 192, 240, 288, 320, 448, 512)
# The logarithm of a float32 below this is no longer exact.
TINY = 1e-37

HEAD_NOTE = "Its last step, a {}, is set aside: the scores before it are explained."
MANY_SIGMOIDS_NOTE = (
    "It was trained with a sigmoid for each class, so its classes need not exclude each other; "
    "the probabilities shown are a softmax over the scores before."
)
ONE_OUTPUT_NOTE = (
    'Its one output counts as two classes: the first label is "no", the second is "yes".'
)
LOGARITHM_NOTE = (
    "It answers with probabilities, in a way that could not be set aside: their logarithms are "
    "explained."
)


@dataclass(frozen=True)
class ScoreNetwork:
    """A network that gives scores of at least two classes, and what was done to it.

    ``notes`` are sentences for people. ``prefix`` is what now stands before the names of the
    network's layers. With ``one_output``, the first class is "no" and the second "yes".
    """

    net: nn.Module
    classes: int
    notes: tuple[str, ...] = ()
    prefix: str = ""
    one_output: bool = False


class Scores(nn.Module):
    """A network whose answer is brought into the form of class scores, float32 [B, C], C ≥ 2.

    ``path`` leads to the part of the answer that is taken; ``columns`` makes class scores of it.
    """

    def __init__(self, bare: SetAside, path: Path, columns: nn.Module) -> None:
        super().__init__()
        self.net = bare.net
        self.call = bare.call
        self.path = path
        self.columns = columns

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        answer = SetAside(self.net, self.call).answer(batch)
        return self.columns(part_at(answer, self.path))


class Columns(nn.Module):
    """[B] → [B, 1], and [B, C, 1, 1] → [B, C]."""

    def forward(self, part: torch.Tensor) -> torch.Tensor:
        return part.reshape(len(part), -1)


class Logarithm(nn.Module):
    """Probabilities → scores whose softmax they are."""

    def forward(self, probabilities: torch.Tensor) -> torch.Tensor:
        return probabilities.clamp_min(TINY).log()


def two_columns() -> nn.Linear:
    """One score y → (−y/2, +y/2), whose softmax is σ(−y), σ(y)."""
    layer = nn.Linear(1, 2, bias=False)
    layer.weight = nn.Parameter(torch.tensor([[-0.5], [0.5]]), requires_grad=False)
    return layer


def score_network(net: nn.Module, example: torch.Tensor) -> ScoreNetwork:
    """Bring a network's answer into the form of class scores; one that has it is handed back.

    ``example`` is a batch that the network takes, float32 [B, channels, height, width]. The
    network is put into inference mode; 16- and 64-bit weights are taken as 32-bit.
    Raises :class:`NetworkError` for a network that does not answer with class scores, and for
    weights that cannot be used.
    """
    net, notes = sound(net)
    batch = _probe(example)
    path, _part = find_part(run(net, batch), len(batch))
    if path:
        notes += (f"Of all that the network gives, {words(path)} is taken.",)
    bare = set_head_aside(net, batch, path)
    scores = part_at(run(bare, batch), path)
    if not torch.isfinite(scores).all():
        raise NetworkError("This network's scores are not finite numbers; it may be damaged.")
    columns, more_notes = _columns(scores, bare.kind)
    notes += more_notes
    classes = scores.numel() // len(scores)
    one_output = classes == 1
    if not path and bare.call is None and not columns:
        return ScoreNetwork(bare.net, classes, notes)
    wrapped = Scores(bare, path, nn.Sequential(*columns)).eval().to(example.device)
    return ScoreNetwork(wrapped, max(classes, 2), notes, "net.", one_output)


def run(net: nn.Module | SetAside, batch: torch.Tensor) -> Any:
    """A network's answer to a batch; :class:`NetworkError` if it cannot take it."""
    forward = net.answer if isinstance(net, SetAside) else net
    try:
        with torch.no_grad():
            return forward(batch)
    except Exception as error:  # a network of anybody's code fails in any way
        raise _cannot_take([(batch.shape[-2], batch.shape[-1])], batch.shape[1]) from error


def find_input(net: nn.Module, sides: Sequence[int] = COMMON_SIDES) -> tuple[int, int]:
    """The colour channels and the side in pixels that a network takes, by trying.

    Raises :class:`NetworkError` when it takes none of the sides.
    """
    net, _notes = sound(net)
    likely = likely_channels(net)
    for channels in likely:
        for side in sides:
            if _takes(net, channels, (side, side)):
                return channels, side
    raise _cannot_take([(side, side) for side in sides], likely[0])


def input_channels(net: nn.Module, size: Size) -> int:
    """The colour channels that a network takes at a size, by trying.

    The likeliest where it takes photos of that size in none.
    """
    net, _notes = sound(net)
    likely, sides = likely_channels(net), sides_of(size)
    return next((channels for channels in likely if _takes(net, channels, sides)), likely[0])


def likely_channels(net: nn.Module) -> list[int]:
    """How many channels a network's photos may have, the likeliest first.

    The first convolution that takes as many as a photo has is commonly the one that takes it; but
    some reorder the photo first, and have such a convolution elsewhere.
    """
    taken = [layer.in_channels for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    usual = [channels for channels in taken if channels in (1, 3)]
    return list(dict.fromkeys([*(usual or taken)[:1], 3, 1]))


def _takes(net: nn.Module, channels: int, sides: tuple[int, int]) -> bool:
    device = next((weight.device for weight in net.parameters()), torch.device("cpu"))
    try:
        run(net, torch.zeros(2, channels, *sides, device=device))
    except NetworkError:
        return False
    return True


def _cannot_take(sizes: Sequence[tuple[int, int]], channels: int) -> NetworkError:
    tried = ", ".join(f"{height}×{width}" for height, width in sizes)
    colours = "one channel (grey)" if channels == 1 else f"{channels} channels"
    return NetworkError(
        f"This network cannot take photos of {colours} at {tried} pixels. Give the size it was "
        "trained with: size=."
    )


def _probe(example: torch.Tensor) -> torch.Tensor:
    """The first of a batch and two of seeded noise, float32 [3, channels, height, width]."""
    noise = torch.randn((2, *example.shape[1:]), generator=torch.Generator().manual_seed(0))
    return torch.cat([example[:1].float(), noise.to(example.device)])


def _columns(scores: torch.Tensor, head: str | None) -> tuple[list[nn.Module], tuple[str, ...]]:
    """The layers that make columns of class scores of a part, and what to say of them."""
    layers: list[nn.Module] = [] if scores.dim() == 2 else [Columns()]
    notes: tuple[str, ...] = () if head is None else (HEAD_NOTE.format(head),)
    table = scores.reshape(len(scores), -1)
    if table.shape[1] == 1:
        if head in ("softmax", "log-softmax"):
            raise NetworkError(
                "This network's softmax has one number only, so it always answers 1. Train it with "
                "a sigmoid, or with two outputs."
            )
        return [*layers, two_columns()], (*notes, ONE_OUTPUT_NOTE)
    if head in ("sigmoid", "log-sigmoid"):
        notes += (MANY_SIGMOIDS_NOTE,)
    elif head is None and _are_probabilities(table):
        return [*layers, Logarithm()], (LOGARITHM_NOTE,)
    return layers, notes


def _are_probabilities(table: torch.Tensor) -> bool:
    sums = table.sum(1)
    return bool((table >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-5))
