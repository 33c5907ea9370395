"""Layers whose output holds a map of places: convolutions, and tokens that lie on a grid.

How a network lays out its tokens is found by running it: what one place changes tells where it is.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

Layout = Literal["channels first", "channels last", "tokens"]
# How strongly a place is changed, and the least share of it that counts as a change elsewhere.
BUMP = 10.0
LEAST = 1e-6


@dataclass(frozen=True)
class Places:
    """How a layer's output holds a map of ``height`` × ``width`` places with K channels each.

    Channels first [B, K, h, w], channels last [B, h, w, K], or as tokens [B, N, K], row by row,
    after ``before`` that are no places, such as the class token and registers.
    """

    height: int
    width: int
    layout: Layout = "channels first"
    before: int = 0

    def features(self, output: torch.Tensor) -> torch.Tensor:
        """The layer's output as maps [B, K, h, w]."""
        if self.layout == "channels first":
            return output
        if self.layout == "tokens":
            places = output[:, self.before : self.before + self.height * self.width]
            output = places.unflatten(1, (self.height, self.width))
        return output.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class FeatureMaps:
    """The layers of a network that hold a map, in the order in which they run, and the last one.

    ``last`` is the last one that speaks for places: the last convolution, or, where what follows it
    still mixes the places, the input of the last such mixing. None where there is none.
    """

    layers: dict[str, Places]
    last: str | None


def find_feature_maps(net: nn.Module, photos: torch.Tensor) -> FeatureMaps:
    """Run a network that nothing else uses on noise ``photos`` [B, channels, H, W], B ≥ 2."""
    search = _Search(net, photos)
    layers = {name: search.places[name] for name in search.shapes if name in search.places}
    return FeatureMaps(layers, search.last())


class _Reached(BaseException):
    """Ends a forward pass at the layer that was asked for; no network's own handler catches it."""

    def __init__(self, output: torch.Tensor) -> None:
        self.output = output


class _Search:
    """What the layers of one network put out, and what changes when a place is changed."""

    def __init__(self, net: nn.Module, photos: torch.Tensor) -> None:
        self.net = net
        self.photos = photos
        self.modules = dict(net.named_modules())
        self._kept: dict[str, torch.Tensor] = {}
        self.shapes = self._run_through()
        self.places = {name: one for name in self.shapes if (one := self._plain_places(name))}
        self.places |= self._token_places()

    def last(self) -> str | None:
        """The last layer that holds a map of places which nothing mixes but its own output."""
        names = list(self.shapes)
        convolutions = [name for name in self.places if self._is_convolution(name)]
        after = names[names.index(convolutions[-1]) + 1 :] if convolutions else names
        norms = [name for name in after if self._is_norm(name) and self._has_places(name)]
        if not convolutions or (norms and self._mixes(convolutions[-1], norms)):
            return self._last_mixed(norms)
        # What follows an attention without a normalisation is not known to be unmixed.
        return None if any(map(self._is_attention, after)) else convolutions[-1]

    def _mixes(self, convolution: str, norms: list[str]) -> bool:
        """Whether the places of a convolution are, or may be, mixed before the last norm."""
        return norms[-1] not in self.places or self.spreads(convolution, norms[-1])

    def _last_mixed(self, norms: list[str]) -> str | None:
        """The last of these layers whose places are still mixed, and speak for the scores at all.

        Behind the last mixing, a class token alone may lead to the scores. None where the last that
        is mixed lies nobody knows how.
        """
        if not norms or norms[-1] not in self.places:
            return None
        for name in reversed(norms[:-1]):
            if self.spreads(name, norms[-1]):
                if name not in self.places:
                    return None
                if self._leads_to_scores(name):
                    return name
        return None

    def _has_places(self, name: str) -> bool:
        """Whether an output holds more than one row, of whatever."""
        shape = self.shapes[name]
        return len(shape) > 2 and shape[2:] != (1, 1) and shape[1:-1].numel() > 1

    def spreads(self, source: str, target: str) -> bool:
        """Whether a change at one place of a layer changes more places of a later one."""
        where = self.places.get(source)
        place = (where.height // 2, where.width // 2) if where else (0, 0)
        changed = self._changed(source, place, target)
        return bool(self.places[target].features(changed).any(1).sum((1, 2)).max() > 1)

    def _plain_places(self, name: str) -> Places | None:
        """The places of an output whose shape alone tells them."""
        shape = self.shapes[name]
        if len(shape) != 4 or shape[0] != len(self.photos):
            return None
        first, last = Places(*shape[2:]), Places(*shape[1:3], "channels last")
        if self._is_convolution(name):
            # A convolution of a single place, as in a squeeze, has no map.
            return first if self._is_map(first) else None
        channels = tuple(getattr(self.modules[name], "normalized_shape", ()))
        fitting = [
            places
            for places, count in ((first, shape[1]), (last, shape[3]))
            if channels == (count,) and self._is_map(places) and self._in_proportion(places)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _is_map(self, places: Places) -> bool:
        return places.height * places.width > 1 or max(self.photos.shape[2:]) == 1

    def _in_proportion(self, places: Places) -> bool:
        """Whether a place is about as much of the photo down as across, unlike heads × tokens."""
        tall = places.width * self.photos.shape[2] / self.photos.shape[3]
        return abs(places.height - tall) < 1

    def _token_places(self) -> dict[str, Places]:
        """The places of outputs [B, N, K]: N is that of tokens which a convolution cut out."""
        grids: dict[int, set[Places]] = {}
        convolution = None
        for name, shape in self.shapes.items():
            if self._is_convolution(name):
                convolution = name if name in self.places else None
            elif convolution and self._holds_tokens(name):
                found = self._follow_places(convolution, name)
                grids.setdefault(shape[1], set()).update([found] if found else [])
                convolution = None
        return {
            name: next(iter(grids[shape[1]]))
            for name, shape in self.shapes.items()
            if self._holds_tokens(name) and len(grids.get(shape[1], ())) == 1
        }

    def _follow_places(self, convolution: str, tokens: str) -> Places | None:
        """Where the first and the last place of a convolution stand among tokens, one after it."""
        where = self.places[convolution]
        corners = ((0, 0), (0, where.width - 1), (where.height - 1, where.width - 1))
        changed = [
            self._changed(convolution, corner, tokens)[0].any(1).nonzero().flatten().tolist()
            for corner in corners
        ]
        before = changed[0][0] if changed[0] else 0
        row_by_row = [[before + row * where.width + column] for row, column in corners]
        fits = changed == row_by_row
        return Places(where.height, where.width, "tokens", before) if fits else None

    def _changed(self, source: str, place: tuple[int, int], target: str) -> torch.Tensor:
        """Which values of a layer change with one place of an earlier one, bool as its output."""
        generator = torch.Generator().manual_seed(1)

        def bump(output: torch.Tensor) -> torch.Tensor:
            output = output.clone(memory_format=torch.contiguous_format)
            where = self.places.get(source)
            # Of tokens that lie nobody knows how, any one will do.
            values = where.features(output)[:, :, *place] if where else output.flatten(1, -2)[:, 0]
            noise = torch.randn(values.shape, generator=generator).to(values)
            values += BUMP * output.std() * noise
            return output

        before = self._unchanged(target)
        with hooked(self.modules[source], bump):
            change = (self._output(target) - before).abs()
        return change > LEAST * change.max()

    def _unchanged(self, name: str) -> torch.Tensor:
        if name not in self._kept:
            self._kept[name] = self._output(name)
        return self._kept[name]

    def _output(self, name: str) -> torch.Tensor:
        """What a layer puts out for the first photo; nothing behind it is run."""

        def reach(output: torch.Tensor) -> None:
            raise _Reached(output)

        try:
            with hooked(self.modules[name], reach), torch.no_grad():
                self.net(self.photos[:1])
        except _Reached as reached:
            return reached.output
        raise AssertionError(f"{name} ran before")

    def _leads_to_scores(self, name: str) -> bool:
        """Whether the scores change with any of a layer's places."""
        kept: list[torch.Tensor] = []
        with torch.enable_grad(), hooked(self.modules[name], kept.append):
            scores = self.net(self.photos.clone().requires_grad_())
            generator = torch.Generator().manual_seed(2)
            weights = torch.randn(scores.shape, generator=generator).to(scores)
            score = (scores * weights).sum()
            (gradient,) = torch.autograd.grad(score, kept[0], materialize_grads=True)
        return bool(self.places[name].features(gradient).any())

    def _run_through(self) -> dict[str, torch.Size]:
        """Shapes that convolutions, normalisations and attentions put out, in order of running."""
        shapes: dict[str, torch.Size] = {}

        def look(name: str, output: Any) -> None:
            shapes.pop(name, None)  # one that runs twice stands where it runs last
            shapes[name] = output.shape if isinstance(output, torch.Tensor) else torch.Size()

        with contextlib.ExitStack() as hooks, torch.no_grad():
            for name, layer in self.modules.items():
                if self._is_convolution(name) or self._is_norm(name) or self._is_attention(name):
                    hooks.enter_context(hooked(layer, functools.partial(look, name)))
            self.net(self.photos)
        return shapes

    def _is_convolution(self, name: str) -> bool:
        return isinstance(self.modules[name], nn.Conv2d)

    def _is_norm(self, name: str) -> bool:
        return hasattr(self.modules[name], "normalized_shape")

    def _is_attention(self, name: str) -> bool:
        return "attention" in type(self.modules[name]).__name__.lower()

    def _holds_tokens(self, name: str) -> bool:
        """Whether a normalisation puts out [B, N, K] with more than one token."""
        shape = self.shapes[name]
        fits = len(shape) == 3 and shape[0] == len(self.photos) and shape[1] > 1
        return fits and self._is_norm(name)


@contextlib.contextmanager
def hooked(layer: nn.Module, look: Callable[[Any], Any]) -> Iterator[None]:
    """Have a layer's output looked at, and replaced by what the look gives, if anything."""
    handle = layer.register_forward_hook(lambda _layer, _inputs, output: look(output))
    try:
        yield
    finally:
        handle.remove()
