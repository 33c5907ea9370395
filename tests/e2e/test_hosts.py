"""The server answers to this machine's own names, and to no other; its settings hold anywhere."""

import http.client
import os
import subprocess
import sys
import time
from urllib.parse import urlsplit

import psutil
import pytest

from tools.browser import DASHBOARD, ROOT, free_port, run_server

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
PAGE, SOCKET, HEALTH = "/", "/_stcore/stream", "/_stcore/health"
GOES_THROUGH = {PAGE: 200, SOCKET: 101, HEALTH: 200}


def ask(address, path, host, origin=None):
    """The status and text of an answer."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    for name, value in {"Origin": origin, **(UPGRADE if path == SOCKET else {})}.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, "" if answer.status == 101 else answer.read().decode(errors="replace")


@pytest.mark.parametrize("path", GOES_THROUGH)
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8501", None),
        ("localhost:8501", "http://localhost:8501"),
        ("[::1]:8501", "http://[::1]:8501"),
        ("127.0.0.2", "https://127.0.0.1"),
    ],
)
def test_this_machine_s_own_names_go_through(address, path, host, origin):
    assert ask(address, path, host, origin)[0] == GOES_THROUGH[path]


@pytest.mark.parametrize("path", GOES_THROUGH)
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("rebound.example:8501", None),
        ("rebound.example", "http://rebound.example"),
        ("127.0.0.1:8501", "http://elsewhere.example"),
        ("127.0.0.1:8501", "null"),
        ("localhost.elsewhere.example", None),
        ("127.0.0.1.elsewhere.example", None),
        ("192.168.0.7", None),
        ("", None),
        ("[", None),
    ],
)
def test_other_names_and_places_are_refused_in_a_sentence(address, path, host, origin):
    status, text = ask(address, path, host, origin)
    assert status == 403
    assert text.startswith("Petlens does not answer to this name.")


def test_a_setting_allows_names():
    with run_server(XAICORE_HOSTS="Petlens.school.example, 192.168.0.7") as server:
        for host in ("petlens.school.example", "192.168.0.7:8501", "localhost"):
            assert ask(server.address, PAGE, host, f"https://{host}")[0] == 200
        assert ask(server.address, PAGE, "other.school.example")[0] == 403


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "streamlit", "run", str(DASHBOARD), "--server.headless=true", "--server.port={}"],
        ["-c", "from dashboard.serve import run; run({})"],
    ],
    ids=["streamlit", "serve"],
)
def test_only_this_machine_is_listened_to_wherever_the_server_is_started(tmp_path, command):
    port = free_port()
    arguments = [part.format(port) for part in command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, *arguments], cwd=tmp_path, env=environment) as process:
        try:
            listening = wait_for_listening(process)
            assert {place.ip for place in listening} == {"127.0.0.1"}
            assert port in {place.port for place in listening}
        finally:
            process.terminate()


def test_the_settings_are_found_beside_the_script_that_is_served(tmp_path):
    shown = subprocess.run(
        [sys.executable, "-c", ASK_SETTINGS, str(DASHBOARD)],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == ["False", "none", "50", "#2B5F6E"]


ASK_SETTINGS = """
import sys
from streamlit import config

config._main_script_path = sys.argv[1]
names = "browser.gatherUsageStats client.showErrorDetails server.maxUploadSize"
for name in [*names.split(), "theme.light.primaryColor"]:
    print(config.get_option(name))
"""


def wait_for_listening(process):
    """Where a server listens, once it does."""
    while process.poll() is None:
        found = [
            one.laddr
            for one in psutil.Process(process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        ]
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("the server did not start")
