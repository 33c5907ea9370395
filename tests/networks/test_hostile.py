"""Files that mean harm, or are broken: one sentence each, nothing run, little memory."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from tests.networks.everyday import body
from tests.networks.importing_files import header_only, safetensors_file, torch_file, zip_file
from xaicore.networks.errors import NetworkError
from xaicore.networks.importing import source
from xaicore.networks.importing.facts import Facts
from xaicore.networks.importing.load import bring, load_network


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("bomb-went-off",)


def torchscript():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(body(2)), buffer)
    return buffer.getvalue()


def exported():
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(body(2), (torch.zeros(2, 3, 8, 8),)), buffer)
    return buffer.getvalue()


def f8():
    return {"w": torch.zeros(2, 2).to(torch.float8_e4m3fn)}


def lying_zip():
    """A zip whose directory says that a large member is small."""
    data = bytearray(zip_file({"network.toml": "", "w.bin": bytes(10**6)}, zipfile.ZIP_DEFLATED))
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    return bytes(data)


ENTRY = {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4]}
HOSTILE = {
    "random": (lambda: np.random.default_rng(0).bytes(5000), "not a network that can be read"),
    "empty": (lambda: b"", "is empty"),
    "text": (lambda: b"hello", "not a network that can be read"),
    "giant header": (lambda: (2**39).to_bytes(8, "little") + b"{" * 99, "damaged"),
    "deep header": (lambda: header_only(b'{"a":' + b"[" * 10**6), "damaged"),
    "header of a list": (lambda: header_only(b'{"a":[1]}'), "damaged"),
    "lying shape": (lambda: header_only({"w": ENTRY}, bytes(4)), "damaged"),
    "cut safetensors": (lambda: safetensors_file(body(2).state_dict())[:-9], "damaged"),
    "eight-bit": (lambda: safetensors_file(f8()), "w are of the kind F8_E4M3"),
    "complex": (
        lambda: safetensors_file({"w": torch.zeros(2, dtype=torch.complex64)}),
        "w are of the kind C64",
    ),
    "eight-bit pth": (lambda: torch_file(f8()), "w are of the kind float8_e4m3fn"),
    "pickled model": (lambda: torch_file(body(2)), "could run code; it is not opened"),
    "pickle": (lambda: pickle.dumps(Bomb()), "could run code|damaged"),
    "pickle in a checkpoint": (lambda: torch_file({"w": Bomb()}), "could run code"),
    "cut pth": (lambda: torch_file(body(2).state_dict())[:-300], "."),
    "a list": (lambda: torch_file([torch.zeros(2)]), "no weights with names"),
    "sparse": (lambda: torch_file({"w": torch.eye(3).to_sparse()}), "sparse or quantised"),
    "meta": (lambda: torch_file({"w": torch.zeros(2, device="meta")}), "sparse or quantised"),
    "repeated": (lambda: torch_file({"w": torch.zeros(1).expand(10**9)}), "larger than 250 MB"),
    "TorchScript": (torchscript, "is TorchScript"),
    "torch.export": (exported, "of torch.export, which could run code"),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "tf2onnx"),
    "other zip": (lambda: zip_file({"a.txt": "x"}), "zip without a network.toml"),
    "leaving zip": (
        lambda: zip_file({"network.toml": "", "../../evil.pth": b"x"}),
        "leads out of its folder",
    ),
    "many members": (
        lambda: zip_file({"network.toml": "", **{f"{n}": "" for n in range(1001)}}),
        "more than 1000 files",
    ),
    "lying zip": (lying_zip, "cannot be read"),
    "zip cut short": (lambda: zip_file({"network.toml": "x" * 999})[:-30], "cannot|zip"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore")
def test_one_sentence_each(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, reason = HOSTILE[name]
    for content in (make(), tmp_path / "file"):
        if not isinstance(content, bytes):
            content.write_bytes(make())
        with pytest.raises(NetworkError, match=reason) as caught:
            bring(content, Facts(architecture="resnet18", labels=("a", "b")))
        assert str(caught.value).endswith((".", ")."))
        assert "Error" not in str(caught.value)
    assert not (tmp_path / "bomb-went-off").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_bomb_stops_at_the_limit(method, monkeypatch):
    monkeypatch.setattr(source, "MAX_BYTES", 10**6)
    data = zip_file({"network.toml": "", "w.pth": bytes(10**7)}, method)
    assert len(data) < 10**6
    with pytest.raises(NetworkError, match="unpacks to files larger than"):
        bring(data, Facts())


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.truncate(source.MAX_BYTES + 1)
    with pytest.raises(NetworkError, match="larger than 250 MB"):
        bring(path, Facts())


def test_paths_that_are_none(tmp_path):
    for path in (tmp_path / "none.pth", "null\0character", "/dev/zero"):
        with pytest.raises(NetworkError, match=r"no file or folder|cannot be read"):
            load_network(path)


def test_damaged_bytes_never_raise_anything_else():
    """Every hundredth byte of small files of each kind, turned over."""
    for whole in (torch_file(body(2).state_dict()), safetensors_file(body(2).state_dict())):
        for place in range(0, len(whole), 97):
            data = bytearray(whole)
            data[place] ^= 0xFF
            try:
                bring(bytes(data), Facts(module=body(2), size=16))
            except NetworkError as error:
                assert str(error)[-1] == "."  # noqa: PT017 (whole files in between are fine)


def test_the_network_is_a_module_whatever_happens():
    assert isinstance(
        bring(torch_file(body(2).state_dict()), Facts(module=body(2))).scored.net, nn.Module
    )
