"""A real HTTP server on the loopback that answers, or misbehaves, as a test tells it."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


class Peer:
    """The other side. `behave` gets each request's handler when the request has been read."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.ports: list[int] = []
        """The client's port of each request: one connection has one."""
        self.forgotten: frozenset[int] = frozenset()
        self.behave: Callable[[BaseHTTPRequestHandler], None] = answer({})
        self.released = threading.Event()
        self.closed = threading.Event()
        self.url = ""

    def script(self, *behaviours: Callable[[BaseHTTPRequestHandler], None]) -> None:
        """Behave in these ways, one per request."""
        rest = iter(behaviours)

        def behave(handler: BaseHTTPRequestHandler) -> None:
            next(rest)(handler)

        self.behave = behave

    def forget_connections(self) -> None:
        """Reset the connections of so far when something comes on them, as a NAT does that no longer knows them."""
        self.forgotten = frozenset(self.ports)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the test is over."""
        self.released.wait(30)
        handler.close_connection = True

    def answer_and_close(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer as if the connection were to be kept, and then close it."""
        answer({})(handler)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
        self.closed.set()

    def answer_half(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer the head and half of the body, and then nothing until the test is over."""
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"message_id":')
        handler.wfile.flush()
        self.hang(handler)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    """Return a behaviour: this JSON, or these bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | dict(headers or {})).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return behave


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection: the request has been read, and no answer comes."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def close(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def truncate(handler: BaseHTTPRequestHandler) -> None:
    """Answer less than was announced."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"message_id":"m"')
    handler.close_connection = True


def truncate_chunks(handler: BaseHTTPRequestHandler) -> None:
    """Answer in chunks and stop before the last."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'40\r\n{"message_id":"m"')
    handler.close_connection = True


def not_http(handler: BaseHTTPRequestHandler) -> None:
    """Answer something that is not HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    handler.close_connection = True


@contextmanager
def peer(certificate: Path | None = None) -> Iterator[Peer]:
    """Run a server on a free port; with the certificate for localhost (and its key) in a file, over TLS."""
    made = Peer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _receive(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(url.query))
            made.ports.append(self.client_address[1])
            if self.client_address[1] in made.forgotten:
                reset(self)
                return
            made.requests.append(Received(self.command, url.path, query, headers, body))
            made.behave(self)

        do_GET = do_POST = do_DELETE = do_PATCH = _receive  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Say nothing: the client hung up, which is what the test is about."""

    server = Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def nobody() -> str:
    """Return the address of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
