"""What is shown of work: its step and a clock that moves, on a terminal only."""

from __future__ import annotations

import io
import threading
from contextvars import copy_context

import pytest

from xaicore import progress
from xaicore.progress import name_step, say_known, shown, tell


class Terminal(io.StringIO):
    """Remembers how often something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.ticked = threading.Semaphore(0)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "LRP" in text:
            self.ticked.release()
        return super().write(text)


def test_a_bar_moves_by_itself_and_names_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress.TICK_SECONDS <= 1
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "TICK_SECONDS", 0.01)
    monkeypatch.setenv("COLUMNS", "80")
    with shown("reading", 4, "photo"):
        # In another thread, as work is.
        worker = threading.Thread(target=copy_context().run, args=(name_step, "LRP"))
        worker.start()
        worker.join()
        assert all(terminal.ticked.acquire(timeout=10) for _ in range(5))
        tell("A sentence.")
    written = terminal.getvalue()
    assert written.index("reading:") < written.index("LRP:")
    assert "A sentence.\n" in written
    assert threading.active_count() < 50


def test_without_a_terminal_nothing_but_sentences_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown("reading", 4, "photo") as bar, shown("loading"):
        name_step("LRP")
        bar.update()
        tell("A sentence.")
    assert tuple(capsys.readouterr()) == ("", "A sentence.\n")


def test_a_terminal_that_is_gone_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    tell("A sentence.")


def test_what_is_known_is_said_with_its_number() -> None:
    assert say_known(0, 6) == ""
    assert say_known(4, 6) == "Going on: 4 of 6 photos finished before."
    assert say_known(1, 1) == "This was finished before (1 photo); nothing is computed again."
    assert say_known(2, 3, "draw") == "Going on: 2 of 3 draws finished before."
