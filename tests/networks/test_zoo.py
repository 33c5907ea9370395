"""Networks by name, without a connection: what would be downloaded is made here."""

import hashlib
import io
import pickle
from urllib.error import URLError

import pytest
import torch
import torchvision.models

from xaicore import ClassifierError
from xaicore.networks import zoo
from xaicore.networks.zoo import NETWORKS, cached_file
from xaicore.progress import no_progress

NAME = "mobilenet_v3_small"
URL = torchvision.models.get_model_weights(NAME).DEFAULT.url


class Response(io.BytesIO):
    @property
    def headers(self):
        return {"Content-Length": str(len(self.getvalue()))}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of downloads."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


@pytest.fixture
def state():
    torch.manual_seed(0)
    return torchvision.models.mobilenet_v3_small().state_dict()


def serve(monkeypatch, data):
    """Let the download find these bytes, under a name that carries their hash."""
    name = f"net-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    monkeypatch.setattr(zoo.urllib.request, "urlopen", lambda _url, timeout: Response(data))
    monkeypatch.setattr(zoo, "cached_file", lambda _url: cached_file(f"x/{name}"))


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_offline_is_one_clear_sentence(hub, monkeypatch):
    def offline(*_args, **_kwargs):
        raise URLError("no route")

    monkeypatch.setattr(zoo.urllib.request, "urlopen", offline)
    with pytest.raises(
        ClassifierError, match=r"MobileNet V3 small could not be downloaded.*online"
    ):
        NETWORKS[NAME].load(no_progress)


def test_downloaded_weights_are_the_networks(hub, monkeypatch, state):
    data = saved(state)
    serve(monkeypatch, data)
    reports = []
    classifier = NETWORKS[NAME].load(lambda done, total: reports.append((done, total)))
    assert reports[-1] == (len(data), len(data))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    for name, tensor in classifier.net.state_dict().items():
        assert (tensor.cpu() == state[name]).all()
    assert len(classifier.labels) == 1000
    assert classifier.labels[281] == "tabby"
    assert classifier.size == 224


def test_a_download_is_kept(hub, monkeypatch, state):
    serve(monkeypatch, saved(state))
    first = NETWORKS[NAME].load(no_progress)
    monkeypatch.setattr(zoo.urllib.request, "urlopen", None)
    assert NETWORKS[NAME].load(no_progress).fingerprint == first.fingerprint


def test_a_damaged_download_is_refused_and_not_kept(hub, monkeypatch, state):
    serve(monkeypatch, saved(state))
    monkeypatch.setattr(
        zoo.urllib.request, "urlopen", lambda _url, timeout: Response(b"not the weights")
    )
    with pytest.raises(ClassifierError, match="arrived damaged"):
        NETWORKS[NAME].load(no_progress)
    assert not list((hub / "checkpoints").iterdir())


class Payload:
    def __reduce__(self):
        return print, ("this must never run",)


def test_a_file_that_could_run_code_is_refused(hub, monkeypatch, capsys):
    serve(monkeypatch, saved(Payload()))
    with pytest.raises(ClassifierError, match="damaged"):
        NETWORKS[NAME].load(no_progress)
    serve(monkeypatch, pickle.dumps(Payload()))
    with pytest.raises(ClassifierError, match="damaged"):
        NETWORKS[NAME].load(no_progress)
    assert "this must never run" not in capsys.readouterr().out


def test_an_unknown_network_lists_the_names():
    with pytest.raises(
        ClassifierError, match=r"'alexnet'; choose one of: petnet, petnet-cheats, resnet18"
    ):
        NETWORKS["alexnet"]
