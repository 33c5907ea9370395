"""What needs no network is answered without loading PyTorch, which takes seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xaicore
from tests.conftest import SAMPLES
from xaicore import EXPLAINERS, METRICS, PROTOCOLS, names
from xaicore.cli import COMMANDS
from xaicore.explainers import USUAL as USUAL_METHODS
from xaicore.metrics import USUAL as USUAL_METRICS
from xaicore.truth.planted import PLANTED

HEAVY = ("torch", "pandas")
# Command lines, each answered by one process, and what is asked of them all.
ASK = f"""
import contextlib, io, sys
import xaicore, xaicore.photos
from xaicore.cli import main
for line in sys.stdin.read().splitlines():
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(line.split())
        except SystemExit as stop:
            status = stop.code or 0
    loaded = [name for name in {HEAVY} if name in sys.modules]
    print(status, len(said.getvalue().splitlines()), loaded, line)
"""
MISTAKES = """
fly
explain photo.jpg
explain nowhere.jpg --out out
explain {photo} --out out --methods tarot
explain {photo} --out out --size 8
explain {photo} --out {photo}/out
explain {photo} --out out --device abacus
explain {photo} --out out --network nowhere
explain {photo} --out out --weights nowhere
explain {photo} --out out --network n --size 0
explain {photo} --out out --network n --std 0
explain {photo} --out out --network n --resize crop:0
explain {photo} --out out --network n --mean 1,2
evaluate --photos nowhere
evaluate --photos . --metrics beauty
evaluate --photos . --metrics ad beauty
evaluate --photos . --protocol guess
evaluate --photos . --limit 0
evaluate --photos . --ray local --network n
evaluate --photos . --out {photo}
evaluate --photos . --patience -1
evaluate --photos . --store nonsense
protocols --photos nowhere --out out
protocols --photos . --out {photo}
truth --out {photo}
truth --out out --data .
truth --out out --planted .
truth --out out --planted nowhere --data .
truth --out out --most 0
verdict --out {photo}
verdict --out out --networks pets
verdict --out out --draws none
pack nowhere --out net.zip
pack {photo} --out {photo}/net.zip
pack {photo} --out .
pack {photo} --out net.zip --card nowhere
train --data nowhere
train --data . --out {photo}
train --data . --checkpoints {photo}
train --data . --seed 9223372036854775808
train --data . --epochs 0
train --data . --resume --seed 1
train --data . --resume --checkpoints nowhere
card --data nowhere
card --data . --weights .
card --data . --weights nowhere
card --data . --out .
plant --data nowhere
plant --data . --kind lies
plant --data . --seed -1
plant --data . --out {photo}
"""


def answers(lines: list[str], folder: Path) -> list[str]:
    """What became of each line: status, lines said, what is loaded, and the line."""
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input="\n".join(lines),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_mistakes_get_a_sentence_before_anything_is_loaded_or_made(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes((SAMPLES / "kitten-with-yarn.jpg").read_bytes())
    lines = MISTAKES.format(photo=photo).strip().splitlines()
    assert answers(lines, tmp_path) == [f"2 1 [] {line}" for line in lines]
    assert list(tmp_path.iterdir()) == [photo]


def test_help_and_version_load_nothing(tmp_path: Path) -> None:
    names = [command.__name__.rpartition(".")[2] for command in COMMANDS]
    lines = ["--help", "--version", *(f"{name} --help" for name in names)]
    found = [line.split(maxsplit=2) for line in answers(lines, tmp_path)]
    assert [(status, rest) for status, _, rest in found] == [("0", f"[] {line}") for line in lines]
    assert all(int(said) >= 1 for _, said, _ in found)


def test_the_names_are_those_of_the_registries() -> None:
    assert tuple(EXPLAINERS) == names.METHODS
    assert names.USUAL_METHODS == USUAL_METHODS
    assert tuple(METRICS) == names.METRICS
    assert names.USUAL_METRICS == USUAL_METRICS
    assert tuple(PROTOCOLS) == names.PROTOCOLS
    assert tuple(PLANTED) == names.PLANTED


def test_the_public_names_are_there_and_listed() -> None:
    for name in xaicore.__all__:
        assert getattr(xaicore, name) is not None
    assert set(xaicore.__all__) <= set(dir(xaicore))
    with pytest.raises(AttributeError):
        getattr(xaicore, "no_such_name")  # noqa: B009
