"""Running a Flask application on this machine, in a thread or as a process."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from flask import Flask, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

AFTER_ANSWER = "simulator.after_answer"
"""The key of a WSGI environment under which stands what is to be called after the answer."""
_AT_STOP = "call_at_stop"
_POLL_SECONDS = 0.01  # how long `stop` may wait for the accepting loop to notice


@dataclass(frozen=True)
class RunningServer:
    """A server that answers under `url` until `stop` is called."""

    url: str
    _app: Flask
    _server: BaseWSGIServer
    _thread: Thread

    def stop(self) -> None:
        """Accept no further connection, then end what the application runs beside its requests."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for end in self._app.extensions.get(_AT_STOP, []):
            end()


class _Handler(WSGIRequestHandler):
    """Prints no line per request: query strings may carry access tokens."""

    def make_environ(self) -> dict[str, Any]:
        """Make room for what is to be called after the answer."""
        return super().make_environ() | {AFTER_ANSWER: self._after_answer}

    def run_wsgi(self) -> None:
        """Answer, and then call it. Werkzeug closes no response whose client has reset the connection."""
        self._after_answer: list[Callable[[], None]] = []
        try:
            super().run_wsgi()
        finally:
            for end in self._after_answer:
                end()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep silent."""


def call_after_answer(end: Callable[[], None]) -> None:
    """Have `end` called when the request now being served is answered, or its client is gone."""
    request.environ[AFTER_ANSWER].append(end)


def call_at_stop(app: Flask, end: Callable[[], None]) -> None:
    """Have `end` called when the server of `app` stops."""
    app.extensions.setdefault(_AT_STOP, []).append(end)


def serve(app: Flask, port: int = 0, host: str = "127.0.0.1") -> RunningServer:
    """Serve `app` from a background thread, one more thread per request; port 0 takes a free one."""
    server = make_server(host, port, app, threaded=True, request_handler=_Handler)
    thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name=f"serve-{server.port}", daemon=True)
    thread.start()
    return RunningServer(f"http://{host}:{server.port}", app, server, thread)


def serve_until_signal(app: Flask, port: int, host: str) -> None:
    """Serve `app`, print its URL, return after SIGINT or SIGTERM."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    running = serve(app, port, host)
    print(running.url, flush=True)
    stopped.wait()
    running.stop()
