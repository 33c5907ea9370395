"""What is packed on the command line loads as the same network; what could not is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.cli.networks import sentence, status, write_bundle, write_mobilenet
from tests.networks.importing_files import small_mobilenet
from xaicore.networks.importing.load import load_network
from xaicore.networks.preprocessing import Preprocessing


def test_what_is_packed_loads_as_the_same_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_mobilenet(tmp_path / "net.safetensors")
    (tmp_path / "card.md").write_text("# Mine")
    out = tmp_path / "packed" / "network.zip"
    said = ("--architecture", "mobilenet_v3_small", "--labels", "fox,owl,yak", "--size", "48x64")
    more = ("--mean", "0.5", "--std", "0.5,0.5,1/4", "--resize", "crop:0.9")
    last = ("--target-layer", "features.0.0", "--card", tmp_path / "card.md")
    assert status("pack", network, "--out", out, *said, *more, *last) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Written to {out}.",
        "It holds a network (mobilenet_v3_small) of 3 classes: fox, owl, yak.",
        "It sees coloured photos of 48×64 pixels, of their middle.",
        "A model card is with it.",
    ]
    loaded = load_network(out, device="cpu")
    assert loaded.labels == ("fox", "owl", "yak")
    assert loaded.preprocessing == Preprocessing(
        (48, 64), 0.5, (0.5, 0.5, 0.25), ("crop", 0.9), interpolation="bilinear"
    )
    assert loaded.target_layer == "features.0.0"
    batch = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded.logits(batch), small_mobilenet(3)(batch))


def test_pack_says_what_is_still_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_mobilenet(tmp_path / "net.safetensors", classes=7)
    out = tmp_path / "network.zip"
    assert status("pack", network, "--out", out, "--architecture", "mobilenet_v3_small") == 0
    said = capsys.readouterr().out
    assert "of 7 classes: class 0, class 1, class 2, class 3, class 4 and 2 more." in said
    assert "There is no model card with it." in said
    assert said.splitlines()[-1] == (
        "Nobody said what its classes are called; they are called class 0 to class 6."
    )


def test_pack_refuses_what_could_not_be_loaded_or_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_mobilenet(tmp_path / "net.safetensors")
    out = tmp_path / "network.zip"
    assert status("pack", network, "--out", out) == 2
    assert "does not say of which network" in sentence(capsys)
    assert status("pack", tmp_path / "nothing", "--out", out) == 2
    assert "There is no file or folder" in sentence(capsys)
    assert status("pack", tmp_path, "--out", out) == 2
    sentence(capsys)
    assert status("pack", write_bundle(tmp_path / "b.zip"), "--out", out) == 2
    sentence(capsys)
    assert not out.exists()
    named = ("--architecture", "mobilenet_v3_small")
    assert status("pack", network, "--out", tmp_path, *named) == 2
    assert "cannot be written: a folder is in its way" in sentence(capsys)
    assert status("pack", network, "--out", network / "x.zip", *named) == 2
    assert "a file is in its way" in sentence(capsys)
    assert status("pack", network, "--out", out, *named, "--card", tmp_path / "no.md") == 2
    assert "There is no file or folder" in sentence(capsys)
    assert status("pack", network) == 2
    assert "--out" in sentence(capsys)
