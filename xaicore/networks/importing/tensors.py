"""Weights files → named tensors; nothing in a file is ever run."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping

import torch
from safetensors.torch import load as load_safetensors

from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.source import MAX_BYTES, TOO_LARGE, Source
from xaicore.zips import Member, ZipError, list_members

MAX_HEADER_BYTES = 10 * 2**20
# A file of torch has one for every tensor.
MAX_ZIPPED = 50_000
PICKLE = b"\x80"
ZIP = b"PK\x03\x04"
KINDS = {
    "F16": "16-bit",
    "BF16": "16-bit",
    "F32": "32-bit",
    "F64": "64-bit",
    "I64": "whole",
    "I32": "whole",
    "I16": "whole",
    "I8": "whole",
    "U8": "whole",
    "BOOL": "yes or no",
}
DTYPES = (
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
)
# Where training scripts keep the weights inside a checkpoint.
CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights", "params")
SAVE = (
    'Save its weights alone, torch.save(net.state_dict(), "weights.pth"), and name the '
    "architecture, or export the network to ONNX."
)

State = dict[str, torch.Tensor]


def is_safetensors(source: Source) -> bool:
    # Eight bytes give the header's length; in a file of another kind they are a far larger number.
    length = int.from_bytes(source.data[:8], "little")
    has_name = source.name.lower().endswith(".safetensors")
    return has_name or (source.data[8:9] == b"{" and length < 2**40)


def is_torch_file(source: Source) -> bool:
    if source.data.startswith(PICKLE):
        return True
    return any(name.endswith(("data.pkl", "constants.pkl")) for name in member_names(source))


def member_names(source: Source) -> list[str]:
    """Names inside a zip; none for what is no zip, or one with far too many."""
    return [member.name for member in _members(source)]


def _members(source: Source) -> list[Member]:
    if not source.data.startswith(ZIP):
        return []
    try:
        return list_members(source.data, MAX_ZIPPED)
    except ZipError:
        return []


def read_safetensors(source: Source) -> tuple[State, dict[str, str]]:
    """The tensors of a safetensors file, and its metadata.

    Raises :class:`NetworkError` for a damaged file, a giant header or numbers of another kind.
    """
    damaged = NetworkError(
        f"{source.name} is damaged or was cut off part way. Copy or save it again."
    )
    length = int.from_bytes(source.data[:8], "little")
    if length > min(MAX_HEADER_BYTES, len(source.data) - 8):
        raise damaged
    try:
        header = json.loads(source.data[8 : 8 + length])
        metadata = dict(header.pop("__metadata__", {}))
        kinds = {name: entry["dtype"] for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged from error
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise NetworkError(
                f"The weights of {name} are of the kind {str(kind)[:20]}. Save the network with "
                "weights of 16, 32 or 64-bit floating-point numbers."
            )
    try:
        return load_safetensors(source.data), metadata
    except Exception as error:  # the reader raises many types for a header that lies
        raise damaged from error


def read_torch_file(source: Source) -> State:
    """The tensors of a file that torch.save wrote, by the loader that runs nothing.

    Raises :class:`NetworkError` for whole models, TorchScript, and what holds more than tensors.
    """
    _check_members(source)
    try:
        loaded = torch.load(io.BytesIO(source.data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise NetworkError(
            f"{source.name} holds more than weights, such as a whole pickled model, and could run "
            f"code; it is not opened. {SAVE}"
        ) from error
    except Exception as error:  # torch's reader raises many types for a damaged file
        raise NetworkError(
            f"{source.name} is damaged or was cut off part way. Copy or save it again."
        ) from error
    state = _state_in(loaded)
    if not state:
        raise NetworkError(f"There are no weights with names in {source.name}. {SAVE}")
    _check_tensors(state)
    return state


def _check_members(source: Source) -> None:
    members = _members(source)
    if any(m.name.endswith("constants.pkl") or "/code/" in m.name for m in members):
        raise NetworkError(f"{source.name} is TorchScript, which could run code. {SAVE}")
    if sum(member.size for member in members) > MAX_BYTES:
        raise NetworkError(f"{source.name} unpacks to something {TOO_LARGE}")


def _state_in(loaded: object) -> State:
    """The named tensors in a checkpoint, or in the part of it that holds them."""
    if not isinstance(loaded, Mapping):
        return {}
    for name in CONTAINERS:
        if isinstance(loaded.get(name), Mapping):
            return _state_in(loaded[name])
    return {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}


def _check_tensors(state: State) -> None:
    for name, tensor in state.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise NetworkError(f"The weights of {name} are sparse or quantised. {SAVE}")
        if tensor.dtype not in DTYPES:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise NetworkError(
                f"The weights of {name} are of the kind {kind}. Save the network with weights of "
                "16, 32 or 64-bit floating-point numbers."
            )
    # A tensor may claim more elements than the file has bytes, by repeating them.
    if sum(tensor.numel() for tensor in state.values()) > MAX_BYTES:
        raise NetworkError(f"The weights are {TOO_LARGE}")
