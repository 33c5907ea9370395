"""Lists of names, as people write them, and the file that comes after."""

from __future__ import annotations

from pathlib import Path

import pytest

from xaicore.cli import LISTS, build_parser
from xaicore.cli.parser import join_names
from xaicore.names import METHODS, USUAL_METHODS

PHOTO = "my photos/kitten.jpg"


@pytest.mark.parametrize(
    ("written", "methods"),
    [
        (("--methods", "gradcam", PHOTO), ["gradcam"]),
        ((PHOTO, "--methods", "gradcam"), ["gradcam"]),
        (("--methods", "lrp", "gradcam", "lime", PHOTO), ["lrp", "gradcam", "lime"]),
        (("--methods", "lrp,gradcam", PHOTO), ["lrp", "gradcam"]),
        (("--methods", "lrp,", "gradcam,lrp", PHOTO), ["lrp", "gradcam"]),
        (("--methods=lrp,gradcam", PHOTO), ["lrp", "gradcam"]),
        (("--methods", "lrp", "--methods", "gradcam", PHOTO), ["lrp", "gradcam"]),
        (("--methods", "lrp", "--", PHOTO), ["lrp"]),
        ((PHOTO,), list(USUAL_METHODS)),
    ],
)
def test_a_photo_is_not_taken_for_a_method(written: tuple[str, ...], methods: list[str]) -> None:
    words = join_names(["explain", "--out", "there", *written], LISTS)
    options = build_parser().parse_args(words)
    assert (options.methods, options.photo) == (methods, Path(PHOTO))


def test_a_file_that_is_there_ends_a_list_and_a_name_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photo", "lime"):
        Path(name).touch()
    words = ["--methods", "lrp", "lime", "photo"]
    assert join_names(words, {"--methods": METHODS}) == ["--methods", "lrp,lime", "photo"]


def test_a_misspelt_name_is_named_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", PHOTO, "--out", "o", "--methods", "lrp", "tarot"]
    with pytest.raises(SystemExit, match="2"):
        build_parser().parse_args(join_names(words, LISTS))
    assert capsys.readouterr().err == (
        "python -m xaicore explain: argument --methods: there is no 'tarot'; choose from "
        f"{', '.join(METHODS)}; see --help\n"
    )
