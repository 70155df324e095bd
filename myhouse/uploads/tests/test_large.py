"""A hundred megabytes against a real server: refused early, in words, without filling memory or disk."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.processes]
ROOT = Path(__file__).resolve().parents[3]
HOUSEHOLD = "01a1fc87-2f57-72aa-9f2d-f6542fded8eb"
PAGE, API = f"/households/{HOUSEHOLD}/uploads/", f"/api/v1/households/{HOUSEHOLD}/uploads"
MEGABYTE = b"x" * (1 << 20)


class Server:
    """The product's web server on a port of its own, with temporary files in a folder of its own."""

    def __init__(self, folder):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        environment = {**os.environ, "MYHOUSE_VAR": str(folder / "var"), "TMPDIR": str(self.temporary)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "config.asgi:application", "--fd", str(self.listener.fileno())],
            cwd=ROOT,
            env=environment,
            pass_fds=[self.listener.fileno()],
        )
        assert self.post("/", [], length=0)[0] in {200, 403, 405, 400}

    def peak_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024

    def post(self, path, chunks, *, length=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "text/csv"}
        if length is not None:
            headers["Content-Length"] = str(length)
        connection.request("POST", path, body=iter(chunks), headers=headers, encode_chunked=length is None)
        response = connection.getresponse()
        answer = response.status, response.headers["Content-Type"], response.read().decode()
        connection.close()
        return answer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("large"))
    yield one
    one.process.terminate()
    one.process.wait(10)
    one.listener.close()


def hundred(server, seen):
    """A hundred megabytes, piece by piece, noting how much the server has put on disk meanwhile."""
    for _ in range(100):
        with suppress(FileNotFoundError):  # one that the server just gave up
            seen.append(sum(file.stat().st_size for file in server.temporary.iterdir()))
        yield MEGABYTE


@pytest.mark.parametrize(("path", "kind"), [(API, "application/problem+json"), (PAGE, "text/html")])
@pytest.mark.parametrize("length", [100 << 20, None], ids=["declared", "chunked"])
def test_a_hundred_megabytes_are_refused_without_being_kept(server, path, kind, length):
    before, on_disk = server.peak_bytes(), []
    status, content_type, text = server.post(path, hundred(server, on_disk), length=length)
    assert status == 413
    assert content_type.startswith(kind)
    assert "at most" in text
    assert server.peak_bytes() - before < 40 << 20
    assert max(on_disk) < 60 << 20


def test_a_declared_length_is_refused_before_the_body_is_sent(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        started = time.monotonic()
        connection.sendall(f"POST {API} HTTP/1.1\r\nHost: x\r\nContent-Length: {100 << 20}\r\n\r\n".encode())
        answer = connection.recv(65_536)
    assert b" 413 " in answer
    assert time.monotonic() - started < 5
