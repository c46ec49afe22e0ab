"""An S3 server that the tests start, behind a proxy that delays, drops and answers 5xx."""

import http.client
import importlib.util
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

BUCKET = "bucket"
_OWN_HEADERS = ("connection", "transfer-encoding", "content-length", "keep-alive")


@dataclass
class Store:
    """The server as clients see it.

    Attributes:
        url: of the proxy.
        fault: (method, path) -> "delay:SECONDS", "drop", a status such as "503", or "".
        requests: method and path of all requests, in order.
    """

    url: str
    fault: Callable[[str, str], str] = lambda method, path: ""
    requests: list[tuple[str, str]] = field(default_factory=list)

    def count(self, method: str, name: str) -> int:
        return sum(m == method and name in path for m, path in self.requests)

    def fail(self, method: str, name: str, fault: str, times: int = 10**6) -> None:
        """Fails requests for names that contain some text, a number of times."""
        left = [times]

        def decide(asked: str, path: str) -> str:
            if asked == method and name in path and left[0]:
                left[0] -= 1
                return fault
            return ""

        self.fault = decide


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    if importlib.util.find_spec("moto") is None:
        pytest.skip("needs moto, of the extra test")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < end, "moto did not start"
                time.sleep(0.1)
        yield port
        server.kill()


def proxy_of(store: Store, port: int) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            store.requests.append((self.command, self.path))
            content = self.body()
            fault = store.fault(self.command, self.path)
            if fault == "drop":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault.startswith("delay:"):
                time.sleep(float(fault.partition(":")[2]))
            elif fault:
                self.answer(int(fault), [], b"<Error><Code>InternalError</Code></Error>")
                return
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            upstream.request(self.command, self.path, content, self.forwarded(content))
            answer = upstream.getresponse()
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.answer(answer.status, answer.getheaders(), answer.read(), length)
            upstream.close()

        def body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return content

        def forwarded(self, content: bytes) -> dict[str, str]:
            kept = {k: v for k, v in self.headers.items() if k.lower() not in _OWN_HEADERS}
            kept.pop("Expect", None)
            return {**kept, "Content-Length": str(len(content))}

        def answer(
            self,
            status: int,
            headers: list[tuple[str, str]],
            content: bytes,
            length: str | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _OWN_HEADERS:
                    self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    return Proxy


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has given up is what some tests are about."""


@pytest.fixture
def store(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    made = Store(f"http://127.0.0.1:{free_port()}")
    server = QuietServer(("127.0.0.1", int(made.url.rpartition(":")[2])), proxy_of(made, moto_port))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": made.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    direct = http.client.HTTPConnection("127.0.0.1", moto_port)
    direct.request("POST", "/moto-api/reset")
    direct.getresponse().read()
    direct.request("PUT", f"/{BUCKET}", headers={"Host": "s3.amazonaws.com"})
    assert direct.getresponse().status == 200
    direct.close()
    yield made
    server.shutdown()
    server.server_close()
