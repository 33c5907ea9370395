"""Who may ask the server: requests of pages by another name, or from another place, are refused.

A page on the internet can have its own name lead to this machine, and would then be let in by
browsers as if it were the dashboard (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLE = "XAICORE_HOSTS"
REFUSED = (
    "Petlens does not answer to this name. Whoever serves it can allow names with the setting "
    f"{VARIABLE}, separated by commas."
)


class OwnHosts:
    """Lets through what is asked of this machine itself, or by a name that a setting allows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.allowed = {name.strip().lower() for name in os.environ.get(VARIABLE, "").split(",")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            places = [f"//{host}" for host in headers.getlist("host")] + headers.getlist("origin")
            if not headers.getlist("host") or not all(map(self._is_own, places)):
                # Before a web socket is accepted the server answers as to any other request.
                await PlainTextResponse(REFUSED, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_own(self, place: str) -> bool:
        """Whether an address is of this machine, or of an allowed name; its port says nothing."""
        try:
            name = (urlsplit(place).hostname or "").rstrip(".")
            return name in self.allowed - {""} or name == "localhost" or _is_loopback(name)
        except ValueError:
            return False


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
