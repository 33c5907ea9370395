"""Files of other programs, known by their first bytes: why they are not taken, and what to do."""

from __future__ import annotations

from collections.abc import Callable

from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.source import Source
from xaicore.networks.importing.tensors import ZIP, member_names

KERAS = (
    "is of Keras or TensorFlow. Export it to ONNX, python -m tf2onnx.convert --keras "
    "model.h5 --output model.onnx, and bring that."
)
FOREIGN: tuple[tuple[Callable[[Source], bool], str], ...] = (
    (lambda source: source.data.startswith(b"\x89HDF"), KERAS),
    (lambda source: source.data[4:8] == b"TFL3", KERAS),
    (lambda source: "model.weights.h5" in member_names(source), KERAS),
    (
        lambda source: any("archive_format" in name for name in member_names(source)),
        "is of torch.export, which could run code. Export the network to ONNX instead: "
        'torch.onnx.export(net, (photos,), "network.onnx").',
    ),
    (
        lambda source: source.data.startswith(ZIP),
        "is a zip without a network.toml. Put one beside the weights; 'python -m xaicore pack' "
        "writes it.",
    ),
)
OTHERWISE = (
    "is not a network that can be read. Bring weights (.safetensors, .pth), ONNX (.onnx), or a zip "
    "of them with a network.toml."
)


def why_not(source: Source) -> NetworkError:
    """The error for a file that no door takes."""
    for recognises, reason in FOREIGN:
        if recognises(source):
            return NetworkError(f"{source.name} {reason}")
    return NetworkError(f"{source.name} {OTHERWISE}")
