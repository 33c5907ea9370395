"""Files as people bring them, made on the spot."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import torch
from safetensors.torch import save
from torchvision.models import get_model


def small_resnet(classes=3, **options):
    """A ResNet-18 with fixed random weights and statistics of its normalisations."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        net = get_model("resnet18", num_classes=classes, **options)
        for name, buffer in net.named_buffers():
            if name.endswith("running_mean"):
                buffer.uniform_(-0.3, 0.3)
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    return net.eval()


def small_mobilenet(classes=3):
    """A MobileNet V3 with fixed random weights: six megabytes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return get_model("mobilenet_v3_small", num_classes=classes).eval()


def torch_file(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def safetensors_file(state, **metadata):
    return save({k: v.contiguous() for k, v in state.items()}, metadata=metadata or None)


def header_only(header, body=b""):
    """A safetensors file of a header that says whatever one likes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def zip_file(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def onnx_file(net, size=32, batch=None, channels=3, **options):
    """A network exported by torch, for any number of photos unless ``batch`` says how many."""
    buffer = io.BytesIO()
    photos = torch.zeros(batch or 2, channels, size, size)
    axes = None if batch else {"photos": {0: "batch"}}
    torch.onnx.export(
        net, (photos,), buffer, dynamo=False, input_names=["photos"], dynamic_axes=axes, **options
    )
    return buffer.getvalue()


def keras_like_onnx(onnx, last="Sigmoid"):
    """What tf2onnx makes of a small Keras network: photos with channels last, "same" padding."""
    draw = np.random.default_rng(0)
    h, t = onnx.helper, onnx.numpy_helper
    weights = {
        "kernel": draw.normal(size=(6, 3, 3, 3)).astype(np.float32),
        "bias": draw.normal(size=6).astype(np.float32),
        "dense": draw.normal(size=(6, 1)).astype(np.float32),
        "offset": draw.normal(size=1).astype(np.float32),
        "axes": np.array([2, 3]),
    }
    nodes = [
        h.make_node("Transpose", ["photos"], ["nchw"], "turn", perm=[0, 3, 1, 2]),
        h.make_node(
            "Conv", ["nchw", "kernel", "bias"], ["conv"], "conv", auto_pad="SAME_UPPER",
            strides=[2, 2],
        ),
        h.make_node("Relu", ["conv"], ["act"], "act"),
        h.make_node("MaxPool", ["act"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        h.make_node("ReduceMean", ["pool", "axes"], ["mean"], "mean", keepdims=0),
        h.make_node("MatMul", ["mean", "dense"], ["product"], "dense"),
        h.make_node("Add", ["product", "offset"], ["score"], "add"),
        h.make_node(last, ["score"], ["answer"], "head"),
    ]  # fmt: skip
    tensors = [t.from_array(value, name) for name, value in weights.items()]
    return _model(onnx, nodes, tensors, [None, 20, 24, 3], [None, 1])


def tiny_onnx(onnx, node, inputs=(None, 3, 8, 8), initializers=(), answer=4):
    """A file of one operator from "photos" to "answer"."""
    return _model(onnx, [node], initializers, inputs, [None] * answer)


def _model(onnx, nodes, tensors, inputs, outputs):
    h, kind = onnx.helper, onnx.TensorProto.FLOAT
    photos, answer = (
        h.make_tensor_value_info(name, kind, [side or f"{name}{n}" for n, side in enumerate(sides)])
        for name, sides in (("photos", inputs), ("answer", outputs))
    )
    graph = h.make_graph(nodes, "net", [photos], [answer], list(tensors))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)])
    model.ir_version = 9
    return model
