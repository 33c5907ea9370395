"""A visitor without a browser, who speaks to a served dashboard as a page of Streamlit does.

Many of them fit on a machine beside the server, where each browser would take a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import TracebackType

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

STREAM = "/_stcore/stream"
MOST_MESSAGE_BYTES = 200 * 2**20
PATIENCE_SECONDS = 180.0
QUIET_SECONDS = 0.8


class Visitor:
    """One open page of the dashboard, between ``async with`` and its end.

    ``pictures`` are the addresses that the page's pictures had, one after another, by their
    alternative texts; ``errors`` what it said went wrong.
    """

    def __init__(self, address: str) -> None:
        self.pictures: dict[str, list[str]] = {}
        self.errors: list[str] = []
        self._address = address.replace("http", "ws", 1) + STREAM
        self._messages: dict[str, ForwardMsg] = {}
        self._widgets: dict[str, tuple[str, str]] = {}
        self._values: dict[str, float] = {}
        self._polled: dict[str, float] = {}
        self._query = self._page = ""
        self._runs = 0
        self._is_running = False
        self._last_heard = time.monotonic()
        self._heard = asyncio.Condition()

    async def __aenter__(self) -> Visitor:
        self._connection: ClientConnection = await connect(
            self._address,
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=MOST_MESSAGE_BYTES,
        )
        self._group = await asyncio.TaskGroup().__aenter__()
        self._tasks = [self._group.create_task(work()) for work in (self._listen, self._poll)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._connection.close()
        await self._group.__aexit__(kind, error, trace)

    async def open(self, query: str, page: str = "") -> None:
        """Follow a link to a page, and wait until its script has run."""
        self._query, self._page = query, page
        await self._run(self._run_again())

    async def move(self, key: str, value: float, picture: str) -> None:
        """Set the slider of this key, and wait for a new picture of whose words these are some."""
        widget, fragment = self._widgets[key]
        self._values[widget] = value
        message = self._run_again(fragment)
        before = self.last(picture)
        await self._connection.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE_SECONDS), self._heard:
            await self._heard.wait_for(lambda: self.last(picture) != before)

    @property
    def _busy(self) -> bool:
        return bool(self._polled) or self._is_running

    def last(self, words: str) -> str:
        """The picture that was shown last of those whose alternative text has these words."""
        shown = [addresses[-1] for alt, addresses in self.pictures.items() if words in alt]
        return shown[-1] if shown else ""

    async def press(self, key: str) -> None:
        """Press the button of this key."""
        widget, fragment = self._widgets[key]
        message = self._run_again(fragment)
        message.rerun_script.widget_states.widgets.add(id=widget, trigger_value=True)
        await self._run(message)

    async def rest(self) -> None:
        """Wait until no part of the page has asked for more for a while."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            # A busy server may be silent in the middle of a run.
            while self._busy or time.monotonic() - self._last_heard < QUIET_SECONDS:
                await asyncio.sleep(QUIET_SECONDS / 4)

    def _run_again(self, fragment: str = "") -> BackMsg:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        message.rerun_script.page_name = self._page
        message.rerun_script.fragment_id = fragment
        for widget, value in self._values.items():
            state = message.rerun_script.widget_states.widgets.add(id=widget)
            state.double_array_value.data.append(value)
        return message

    async def _run(self, message: BackMsg) -> None:
        before = self._runs
        await self._connection.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE_SECONDS), self._heard:
            await self._heard.wait_for(lambda: self._runs > before)

    async def _poll(self) -> None:
        """Ask for the parts of the page that draw themselves anew, as often as they want."""
        while True:
            await asyncio.sleep(min(self._polled.values(), default=0.1))
            for fragment in list(self._polled):
                message = self._run_again(fragment)
                message.rerun_script.is_auto_rerun = True
                with contextlib.suppress(TimeoutError):
                    await self._run(message)

    async def _listen(self) -> None:
        async for data in self._connection:
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            if message.HasField("ref_hash"):
                message = self._messages[message.ref_hash]
            elif message.metadata.cacheable:
                self._messages[message.hash] = message
            async with self._heard:
                self._last_heard = time.monotonic()
                self._take(message)
                self._heard.notify_all()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._is_running = True
            ran = message.metadata.run.fragment_ids
            # Of what is drawn anew each part that goes on says so again.
            self._polled = {one: s for one, s in self._polled.items() if ran and one not in ran}
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._polled.pop(fragment, None)
        elif kind == "auto_rerun":
            self._polled[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "delta":
            self._look_at(message.delta)
        elif kind == "script_finished":
            self._runs += 1
            # One that ended for another run is followed by that.
            self._is_running = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def _look_at(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "imgs":
            for picture in element.imgs.imgs:
                self.pictures.setdefault(picture.alt, []).append(picture.url)
        elif kind == "exception":
            self.errors.append(element.exception.message)
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.errors.append(element.alert.body)
        elif kind in ("slider", "button"):
            widget = getattr(element, kind).id
            # Streamlit ends a widget's name with its key.
            self._widgets[widget.split("-", 2)[-1]] = widget, delta.fragment_id
