"""The verdict command as a person types it: one draw, then the same again."""

import json

import pandas as pd

from xaicore.cli import main


def test_one_draw_is_measured_once(tmp_path, capsys, monkeypatch):
    arguments = ["verdict", "--draws", "1", "--networks", "colour", "--no-samples"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Broken maps that are failed" in printed
    rows = (tmp_path / "verdict.csv").read_bytes()
    table = pd.read_csv(tmp_path / "verdict.csv")
    assert set(table["network"]) == {"colour"}
    assert not table.duplicated(["seed", "kind", "candidate"]).any()
    failed = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))["failed"]
    assert failed["broken"]["all"] == [5, 5]
    assert failed["sound"]["all"][0] == 0

    def never(*_):
        raise AssertionError("measured twice")

    monkeypatch.setattr("xaicore.truth.draws.measure", never)
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert "This was finished before (1 draw)" in capsys.readouterr().err
    assert (tmp_path / "verdict.csv").read_bytes() == rows
