"""ONNX files: read with distrust, converted to torch, and used only if both answer the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.facts import READERS, Facts, NetworkFile, facts_from
from xaicore.networks.importing.source import MAX_BYTES, TOO_LARGE, Source, checked_name
from xaicore.networks.preprocessing import MAX_SIDE
from xaicore.networks.soundness import sound

INSTALL = 'ONNX files need three more packages: pip install "petlens[onnx]".'
STANDARD = ("", "ai.onnx")
LOOPS = ("Loop", "Scan", "If", "SequenceMap")
MAX_NODES = 20_000
MAX_ELEMENTS = 2**27
# Largest difference of two answers, relative to the largest score or to 1.
TOLERANCE = 1e-4
TOLERANCE_OF_16_BITS = 1e-2
EXPORT = "Export the network again, with standard operators and a batch of any size."


@dataclass(frozen=True)
class Input:
    """What an ONNX file wants: sides are None where any will do."""

    name: str
    channels: int
    height: int | None
    width: int | None
    channels_last: bool
    one_photo: bool
    dtype: np.dtype


def is_onnx(source: Source) -> bool:
    """Whether a file begins as an ONNX model does: with the number of its format's version."""
    return source.data[:1] == b"\x08" or source.name.lower().endswith(".onnx")


def open_onnx(source: Source, given: Facts) -> NetworkFile:
    """Read an ONNX file; it is converted and compared when it is made.

    Raises :class:`NetworkError` for files that are damaged, reach outside their folder, or use
    what is not standard.
    """
    try:
        import onnx
        import onnx2fx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise NetworkError(INSTALL) from error
    try:
        model = onnx.load_model_from_string(source.data)
    except Exception as error:  # protobuf raises types of its own
        raise _damaged(source) from error
    _take_in_weights(model, source)
    _check_operators(model)
    try:
        onnx.checker.check_model(model)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # onnx raises types of its own
        raise _damaged(source) from error
    _check_shapes(model)
    wanted = _input_of(model)
    said = {entry.key: entry.value for entry in model.metadata_props}
    facts = given.filled(_said(said)).filled(_facts(model, wanted))
    _check_size(facts, wanted)
    return NetworkFile(facts, lambda: _convert(model, wanted, facts))


def _damaged(source: Source) -> NetworkError:
    return NetworkError(f"{source.name} is not a whole ONNX file. Copy or export it again.")


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors of a graph, those of its operators too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from [attribute.t] if attribute.HasField("t") else attribute.tensors


def _take_in_weights(model: Any, source: Source) -> None:
    """Read weights that lie in files beside this one, and in no other place."""
    files: dict[str, bytes] = {}
    left = MAX_BYTES
    for tensor in _tensors(model.graph):
        if not tensor.external_data and tensor.data_location == 0:
            continue
        place = {entry.key: entry.value for entry in tensor.external_data}
        name = checked_name(place.get("location", ""))
        if source.beside is None:
            raise NetworkError(
                f"The weights of this ONNX file lie in a second file, {name}. Bring both in one "
                "folder or zip."
            )
        if name not in files:
            files[name] = source.beside.read(name)
        try:
            start = int(place.get("offset", 0))
            length = int(place.get("length", len(files[name]) - start))
        except ValueError as error:
            raise _damaged(source) from error
        tensor.raw_data = files[name][start : start + length] if min(start, length) >= 0 else b""
        del tensor.external_data[:]
        tensor.data_location = 0
        left -= len(tensor.raw_data)
        if left < 0:
            raise NetworkError(f"The weights of this ONNX file are {TOO_LARGE}")


def _check_operators(model: Any) -> None:
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise NetworkError(f"This ONNX file has more than {MAX_NODES} operators. {EXPORT}")
    if model.functions or graph.sparse_initializer:
        raise NetworkError(f"This ONNX file has functions or sparse weights of its own. {EXPORT}")
    for node in graph.node:
        if node.domain not in STANDARD:
            name = f"{node.domain}.{node.op_type}"[:80]
            raise NetworkError(f"This ONNX file uses {name}, which is not standard. {EXPORT}")
        if node.op_type in LOOPS:
            raise NetworkError(
                f"This ONNX file has a loop or branch ({node.op_type}), which cannot be explained. "
                f"{EXPORT}"
            )
        if "Quantize" in node.op_type or "Integer" in node.op_type:
            raise NetworkError(
                "This ONNX file is quantised to whole numbers. Bring the network from before that."
            )


def _check_shapes(model: Any) -> None:
    """Refuse what would fill the memory, as far as the file says its shapes."""
    graph = model.graph
    for value in [*graph.input, *graph.value_info, *graph.output]:
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if math.prod(max(dim, 1) for dim in dims) > MAX_ELEMENTS:
            raise NetworkError(
                f"This ONNX file works with a tensor of {' × '.join(map(str, dims))} numbers, more "
                "than is computed here. Bring a smaller network."
            )


def _input_of(model: Any) -> Input:
    import onnx

    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    kinds: dict[int, np.dtype] = {
        onnx.TensorProto.FLOAT: np.dtype("float32"),
        onnx.TensorProto.FLOAT16: np.dtype("float16"),
        onnx.TensorProto.DOUBLE: np.dtype("float64"),
    }
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type not in kinds:
        raise NetworkError(
            "This ONNX file does not take photos alone, as one floating-point input. Export the "
            "classifier by itself."
        )
    dims = [dim.dim_value or None for dim in inputs[0].type.tensor_type.shape.dim]
    if len(dims) != 4 or (dims[1] not in (1, 3) and dims[3] not in (1, 3)):
        raise NetworkError(
            "This ONNX file does not take photos of one or three colour channels, as [batch, "
            "channels, height, width] or [batch, height, width, channels]. Export the classifier "
            "by itself."
        )
    if dims[0] not in (None, 1):
        raise NetworkError(
            f"This ONNX file takes {dims[0]} photos at a time, no more or fewer. {EXPORT}"
        )
    channels_last = dims[1] not in (1, 3)
    channels, height, width = dims[1:] if not channels_last else (dims[3], dims[1], dims[2])
    return Input(
        name=inputs[0].name,
        channels=channels or 3,
        height=height,
        width=width,
        channels_last=channels_last,
        one_photo=dims[0] == 1,
        dtype=kinds[inputs[0].type.tensor_type.elem_type],
    )


def _said(properties: dict[str, str]) -> Facts:
    """What the file's own properties say; entries of other kinds are not ours."""
    said: dict[str, Any] = {}
    for name in properties.keys() & READERS.keys():
        try:
            said[name] = json.loads(properties[name])
        except (ValueError, RecursionError):
            said[name] = properties[name]
    return facts_from(said, "The file's metadata")


def _facts(model: Any, wanted: Input) -> Facts:
    outputs = [
        [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.output
    ]
    classes = next((dims[1] for dims in outputs if len(dims) in (2, 4) and dims[1]), None)
    size = None
    if wanted.height is not None and wanted.width is not None:
        size = (wanted.height, wanted.width)
    return Facts(
        format="ONNX",
        classes=max(classes, 2) if classes else None,
        size=size,
        channels=wanted.channels,
    )


def _check_size(facts: Facts, wanted: Input) -> None:
    prepared = facts.preprocessing()
    sides = (wanted.height or prepared.height, wanted.width or prepared.width)
    if sides != (prepared.height, prepared.width) or max(sides) > MAX_SIDE:
        raise NetworkError(
            f"This ONNX file takes photos of {sides[0]}×{sides[1]} pixels only. Leave size= out."
        )
    if prepared.channels != wanted.channels:
        raise NetworkError(f"This ONNX file takes photos of {wanted.channels} colour channels.")


def _convert(model: Any, wanted: Input, facts: Facts) -> nn.Module:
    """The torch network of an ONNX file, compared with ONNX Runtime on noise and on a photo."""
    batch = _examples(facts)
    expected = _runtime_answers(model, wanted, batch)
    graph, _notes = sound(_torch_graph(model, wanted, batch))
    with torch.no_grad():
        answer = graph(batch)
    answers = answer if isinstance(answer, tuple) else (answer,)
    tolerance = TOLERANCE if wanted.dtype != np.float16 else TOLERANCE_OF_16_BITS
    for ours, theirs in zip(answers, expected, strict=True):
        scale = max(1.0, float(np.abs(theirs.astype(np.float64)).max(initial=0)))
        same_shape = tuple(ours.shape) == theirs.shape
        if not same_shape or not np.allclose(ours.numpy(), theirs, rtol=0, atol=tolerance * scale):
            raise NetworkError(
                "Converted to torch, this ONNX file does not answer as it does in ONNX Runtime, so "
                f"it is not used. {EXPORT}"
            )
    return graph


def _examples(facts: Facts) -> torch.Tensor:
    """One batch of noise and of something smooth like photos, float32 [3, channels, H, W]."""
    prepared = facts.preprocessing()
    generator = torch.Generator().manual_seed(0)
    shape = (prepared.channels, prepared.height, prepared.width)
    noise = torch.randn((1, *shape), generator=generator)
    coarse = torch.rand((2, prepared.channels, 5, 5), generator=generator)
    smooth = F.interpolate(coarse, shape[1:], mode="bilinear")
    return torch.cat([prepared.normalise(smooth), noise])


def _runtime_answers(model: Any, wanted: Input, batch: torch.Tensor) -> list[np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    photos = batch.permute(0, 2, 3, 1) if wanted.channels_last else batch
    values = photos.numpy().astype(wanted.dtype)
    parts = np.split(values, len(values)) if wanted.one_photo else [values]
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        answers = [session.run(None, {wanted.name: np.ascontiguousarray(p)}) for p in parts]
    except Exception as error:  # ONNX Runtime raises types of its own
        raise NetworkError(
            f"ONNX Runtime cannot run this file on photos of {batch.shape[2]}×{batch.shape[3]} "
            "pixels. Give the size it was trained with, size=, or export it again."
        ) from error
    return [np.concatenate(part) for part in zip(*answers, strict=True)]


def _torch_graph(model: Any, wanted: Input, batch: torch.Tensor) -> nn.Module:
    from onnx2fx.exceptions import UnsupportedOpError

    from xaicore.networks.importing.onnx_layers import LayerBuilder
    from xaicore.networks.importing.onnx_shapes import settle_shapes

    try:
        graph = LayerBuilder(model, wanted.one_photo).build()
        if wanted.channels_last:
            _turn_input(graph)
        settle_shapes(graph, batch)
    except UnsupportedOpError as error:
        raise NetworkError(
            f"This ONNX file uses {error.op_type}, which cannot be converted to torch. {EXPORT}"
        ) from error
    except Exception as error:  # onnx2fx raises many types
        why = " was exported for one photo at a time, and" if wanted.one_photo else ""
        raise NetworkError(f"This ONNX file{why} cannot be converted to torch. {EXPORT}") from error
    return graph.eval().requires_grad_(False)


def _turn_input(graph: Any) -> None:
    """Let a graph of [B, H, W, C] take [B, C, H, W]."""
    photos = next(node for node in graph.graph.nodes if node.op == "placeholder")
    with graph.graph.inserting_after(photos):
        turned = graph.graph.call_function(torch.permute, (photos, (0, 2, 3, 1)))
    photos.replace_all_uses_with(turned, delete_user_cb=lambda user: user is not turned)
    graph.recompile()
