"""Photos of evaluations that wait lie on disk, up to a bound, and are gone with them."""

from __future__ import annotations

import gc
import io
import zipfile
from pathlib import Path

import pytest

from dashboard.leaderboard.spool import Spool
from dashboard.shared.photos import load_samples
from xaicore import PetlensError
from xaicore.evaluation.plan import hash_list
from xaicore.training.dataset import PhotoBytes, unzip_photos


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where photos are put."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def photos() -> list[PhotoBytes]:
    return [PhotoBytes(one.data, "x", "Cat") for one in load_samples().values()]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, photo in load_samples().items():
            archive.writestr(f"Cat/{name}.jpg", photo.data)
    return buffer.getvalue()


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_photos_are_the_same_on_disk_and_gone_at_the_end(folder: Path) -> None:
    given = photos()
    with Spool(given) as spool:
        assert [one.read() for one in spool.photos] == [one.data for one in given]
        assert [(one.name, one.label) for one in spool.photos] == [("x", "Cat")] * len(given)
        assert hash_list(spool.photos) == hash_list(given)
        assert size_of(folder) == sum(len(one.data) for one in given)
    assert size_of(folder) == 0


def test_a_zip_lies_there_once(folder: Path) -> None:
    data = zipped()
    given = unzip_photos(data)
    with Spool(given) as spool:
        assert size_of(folder) == len(data)
        assert [one.read() for one in spool.photos] == [one.read() for one in given]
        assert hash_list(spool.photos) == hash_list(given)


def test_what_may_lie_there_is_bounded_over_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAICORE_MOST_WAITING_MEGABYTES", "1")
    half = [PhotoBytes(bytes(600_000))]
    first = Spool(half)
    with pytest.raises(PetlensError, match="may take 1 MB together"):
        Spool(half)
    # An evaluation that was cancelled in the queue is never begun.
    del first
    gc.collect()
    assert size_of(folder) == 0
    with Spool(half):
        pass
    with Spool(half):
        pass


def test_a_disk_that_is_full_is_told_and_takes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(PetlensError, match="the disk is full"):
            Spool(photos())
    assert Spool._taken == 0
