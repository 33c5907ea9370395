"""A folder or zip that says all of a network, and what packs one."""

import pytest
import torch

from tests.networks.everyday import body
from tests.networks.importing_files import (
    onnx_file,
    safetensors_file,
    small_mobilenet,
    torch_file,
    zip_file,
)
from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.facts import Facts
from xaicore.networks.importing.load import bring, inspect_network, load_network
from xaicore.networks.importing.pack import pack

SETTINGS = """
architecture = "mobilenet_v3_small"
labels = ["cat", "dog"]
positive = "cat"
size = [48, 64]
mean = 0.5
std = [0.5, 0.5, 0.25]
crop = 0.9
interpolation = "bicubic"
order = "BGR"
target_layer = "features.3.block.0.0"
"""


@pytest.fixture(scope="module")
def weights():
    return safetensors_file(small_mobilenet(1).state_dict())


def written(folder, members):
    for name, data in members.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


@pytest.mark.parametrize("form", ["folder", "zip", "zip of a folder"])
def test_a_folder_or_zip_says_all(form, weights, tmp_path):
    members = {"network.toml": SETTINGS, "net.safetensors": weights, "card.md": "# Mine"}
    if form == "folder":
        source = written(tmp_path, members)
    else:
        top = "mine/" if form == "zip of a folder" else ""
        source = zip_file({top + name: data for name, data in members.items()})
    brought = bring(source, Facts())
    seen = brought.preprocessing
    assert brought.labels == ("dog", "cat")
    assert (seen.height, seen.width, seen.resize) == (48, 64, ("crop", 0.9))
    assert (seen.mean, seen.std) == ((0.5,) * 3, (0.5, 0.5, 0.25))
    assert (seen.interpolation, seen.order) == ("bicubic", "BGR")
    assert brought.target_layer == "net.features.3.block.0.0"
    assert brought.facts.card == "# Mine"
    assert inspect_network(source).missing == ()
    batch = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        y = small_mobilenet(1)(batch)
        torch.testing.assert_close(brought.scored.net(batch), torch.cat([-y / 2, y / 2], 1))


def test_what_is_given_wins_over_what_is_said(weights):
    source = zip_file({"network.toml": SETTINGS, "net.safetensors": weights})
    brought = bring(source, Facts(labels=("no", "yes"), mean=0.1))
    assert brought.labels == ("no", "yes")
    assert brought.preprocessing.mean == (0.1,) * 3
    assert brought.preprocessing.std == (0.5, 0.5, 0.25)


def test_packing_writes_what_loading_reads(weights, tmp_path):
    written(tmp_path, {"w.safetensors": weights, "notes.md": "Ünïcode"})
    settings = {
        "architecture": "mobilenet_v3_small",
        "labels": ["Übel", 'the "good"'],
        "size": 64,
        "mean": None,
    }
    brought = pack(
        tmp_path / "net.zip", tmp_path / "w.safetensors", settings, tmp_path / "notes.md"
    )
    again = bring(tmp_path / "net.zip", Facts())
    assert again.labels == brought.labels == ("Übel", 'the "good"')
    assert again.preprocessing == brought.preprocessing
    assert again.facts.card == "Ünïcode"
    with pytest.raises(NetworkError, match="do not fit resnet18"):
        pack(tmp_path / "no.zip", tmp_path / "w.safetensors", {"architecture": "resnet18"})
    assert not (tmp_path / "no.zip").exists()


def test_an_onnx_file_packs_with_its_second_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnx2fx")
    pytest.importorskip("onnxruntime")
    model = onnx.load_model_from_string(onnx_file(body(2)))
    onnx.save_model(
        model, tmp_path / "n.onnx", save_as_external_data=True, location="n.onnx.data",
        size_threshold=0,
    )  # fmt: skip
    pack(tmp_path / "n.zip", tmp_path / "n.onnx", {"format": "onnx", "labels": ["a", "b"]})
    classifier = load_network((tmp_path / "n.zip").read_bytes())
    batch = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(batch), body(2)(batch))


WRONG = {
    "not TOML": ("size 224", "not written as TOML"),
    "unknown entry": ("sise = 224", "entry 'sise' that is not known; known are: architecture"),
    "no size": ("size = 'large'", "size is a side"),
    "no labels": ("labels = [1, 2]", "labels is a list"),
    "no channels": ("channels = 'many'", "'channels' cannot be 'many'"),
    "positive": ("labels = ['a', 'b']\npositive = 'c'", "one of two labels"),
    "format": ("format = 'keras'", 'format is "weights" or "onnx"'),
    "another format": ("format = 'onnx'", 'says format = "ONNX", but net.pth is not'),
    "two files": ("", "Which file holds the network is not clear"),
    "no such file": ("file = 'other.pth'", "no file 'other.pth'"),
    "outside": ("file = '../x.pth'", "leads out of its folder"),
    "deep": ("a = " + "[" * 3000, "not written as TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_network_toml_is_one_sentence(name):
    text, reason = WRONG[name]
    members = {"network.toml": text, "net.pth": torch_file(body(2).state_dict())}
    if name == "two files":
        members["other.onnx"] = b"x"
    with pytest.raises(NetworkError, match=reason) as caught:
        bring(zip_file(members), Facts())
    assert str(caught.value).endswith(".")


def test_a_folder_without_network_toml(tmp_path):
    with pytest.raises(NetworkError, match=r"no network.toml in .*'python -m xaicore pack'"):
        bring(tmp_path, Facts())
