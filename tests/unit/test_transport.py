"""HTTP to another company: `transport`, against a real server that misbehaves."""

import gzip
import os
import socket
import ssl
import threading
from contextlib import suppress

import pytest

from connector.errors import OutcomeUnknown, TryLater
from connector.transport import IDLE_SECONDS, Transport
from tests.unit import peer as behaviour

LOST = {
    "reset": behaviour.reset,
    "closed": behaviour.close,
    "truncated": behaviour.truncate,
    "truncated-chunks": behaviour.truncate_chunks,
    "not-http": behaviour.not_http,
}


@pytest.fixture
def transport(other_side):
    return Transport("Meta", f"{other_side.url}/v26.0", "EAAtoken")


def test_a_json_answer_is_read_with_its_status_and_headers(transport, other_side):
    other_side.behave = behaviour.answer({"a": "é"}, 201, {"Retry-After": "7"})
    answer = transport.send("POST", "x", json={"text": "ü"})
    assert (answer.status, answer.body, answer.headers["retry-after"], answer.is_success) == (
        201,
        {"a": "é"},
        "7",
        True,
    )


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_2xx_is_a_success(transport, other_side, status):
    other_side.behave = behaviour.answer(b"", status)
    assert transport.send("POST", "x").is_success


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_every_other_status_is_an_answer_and_no_success(transport, other_side, status):
    other_side.behave = behaviour.answer({"error": {"code": 1}}, status)
    answer = transport.send("POST", "x")
    assert (answer.is_success, answer.status, answer.body) == (False, status, {"error": {"code": 1}})


def test_a_list_is_read_as_an_object_with_data(transport, other_side):
    """Meta's batches answer with one."""
    other_side.behave = behaviour.answer(b"[1]")
    assert transport.send("POST", "x").body == {"data": [1]}


@pytest.mark.parametrize("raw", [b"", b"<html>Bad gateway</html>", b"null", b'"x"', b"\xff\xfe\x00", b'{"a":'])
def test_d11_only_a_json_object_counts_as_a_body(transport, other_side, raw):
    other_side.behave = behaviour.answer(raw, 502)
    assert transport.send("POST", "x").body is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_e9_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(transport, other_side, status):
    with behaviour.peer() as elsewhere:
        other_side.behave = behaviour.answer(b"", status, {"Location": f"{elsewhere.url}/steal"})
        assert transport.send("POST", "x", json={}).status == status
        assert transport.get("x").status == status
        assert elsewhere.requests == []
    assert len(other_side.requests) == 2


def test_the_token_is_in_the_authorization_header_and_nowhere_else(transport, other_side):
    transport.send("POST", "x", params={"a": "b"}, json={"c": "d"})
    (request,) = other_side.requests
    assert request.headers["authorization"] == "Bearer EAAtoken"
    rest = [request.path, request.query, request.body, {**request.headers, "authorization": ""}]
    assert "EAAtoken" not in str(rest)


def test_a_netrc_of_the_machine_does_not_replace_the_token(transport, other_side, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", behaviour.nobody())
    transport.get("x")
    assert other_side.requests[0].headers["authorization"] == "Bearer EAAtoken"


def test_d1_a_connection_that_is_refused_is_certainly_not_carried_out():
    transport = Transport("Meta", behaviour.nobody(), "t")
    with pytest.raises(TryLater):
        transport.send("POST", "x", json={})
    with pytest.raises(TryLater):
        transport.get("x")


def test_d1_a_name_that_does_not_resolve_is_certainly_not_carried_out():
    with pytest.raises(TryLater):
        Transport("Meta", "http://nobody.invalid", "t").send("POST", "x", json={})


@pytest.mark.parametrize("how", LOST)
def test_d11_e8_an_answer_that_is_lost_after_the_request_was_read_is_unknown_and_is_not_asked_for_again(
    transport, other_side, how
):
    other_side.behave = LOST[how]
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={"text": "once"})
    assert len(other_side.requests) == 1, "a request that changes something was made twice"


@pytest.mark.parametrize("how", LOST)
def test_a_read_whose_answer_is_lost_may_be_made_again(transport, other_side, how):
    other_side.behave = LOST[how]
    with pytest.raises(TryLater):
        transport.get("x")


def test_d2_e8_an_answer_that_does_not_come_in_time_is_unknown(transport, other_side):
    other_side.behave = other_side.hang
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={}, timeout=0.1)
    with pytest.raises(TryLater):
        transport.get("x", timeout=0.1)
    assert len(other_side.requests) == 2


def test_d11_e8_an_answer_that_stops_half_way_is_unknown(transport, other_side):
    other_side.behave = other_side.answer_half
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={}, timeout=0.1)


def _endless(piece, head):
    """Return a behaviour: pieces of an answer that never ends, until the client hangs up."""

    def behave(handler):
        handler.send_response(200)
        handler.send_header(*head)
        handler.end_headers()
        with suppress(OSError):
            while True:
                handler.wfile.write(piece)
        handler.close_connection = True

    return behave


PIECE = b"x" * 10_000
ENDLESS = {
    "announced": (PIECE, ("Content-Length", "9" * 12)),
    "in-chunks": (b"%x\r\n%b\r\n" % (len(PIECE), PIECE), ("Transfer-Encoding", "chunked")),
    "until-closed": (PIECE, ("Connection", "close")),
}


@pytest.mark.parametrize("how", ENDLESS)
def test_d11_an_endless_answer_is_given_up_and_unknown(transport, other_side, how):
    other_side.behave = _endless(*ENDLESS[how])
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={})


def test_d11_a_small_answer_that_grows_without_measure_is_given_up(transport, other_side):
    """A few kilobytes of zeros, compressed, are a gigabyte."""
    bomb = gzip.compress(b'{"a":"' + b"0" * 20_000_000 + b'"}')
    assert len(bomb) < 50_000
    other_side.behave = behaviour.answer(bomb, 200, {"Content-Encoding": "gzip"})
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={})


def test_an_answer_that_was_compressed_is_read(transport, other_side):
    other_side.behave = behaviour.answer(gzip.compress(b'{"a":1}'), 200, {"Content-Encoding": "gzip"})
    assert transport.send("POST", "x", json={}).body == {"a": 1}


def test_d11_the_longest_real_response_is_read_whole(transport, other_side):
    other_side.behave = behaviour.answer({"a": "é" * 100_000})
    assert transport.send("POST", "x", json={}).body == {"a": "é" * 100_000}


@pytest.mark.parametrize(
    ("piece", "head"),
    [
        pytest.param(b"x", ("Content-Length", "1000000"), id="announced"),
        pytest.param(b"1\r\nx\r\n", ("Transfer-Encoding", "chunked"), id="in-chunks"),
    ],
)
@pytest.mark.races
def test_d11_an_answer_that_drips_is_given_up_although_each_drop_is_in_time(other_side, piece, head):
    """The other side decides when the next drop falls; it falls when the client asks what time it is."""
    asked = threading.Event()
    seconds = iter(range(10_000))

    def clock():
        asked.set()
        return next(seconds)

    def drip(handler):
        handler.send_response(200)
        handler.send_header(*head)
        handler.end_headers()
        with suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(piece)
                handler.wfile.flush()
                asked.wait(10)
                asked.clear()
        handler.close_connection = True

    other_side.behave = drip
    with pytest.raises(OutcomeUnknown, match="too long"):
        Transport("Meta", other_side.url, "EAAtoken", clock).send("POST", "x", json={}, timeout=60)
    assert next(seconds) < 100


def test_d11_json_that_is_nested_past_reason_is_no_answer(transport, other_side):
    other_side.behave = behaviour.answer(b'{"a":' + b"[" * 100_000)
    assert transport.send("POST", "x", json={}).body is None


def test_e8_a_connection_that_died_between_two_requests_does_not_send_twice(transport, other_side):
    other_side.script(behaviour.answer({}), behaviour.close)
    transport.send("POST", "x", json={})
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={})
    assert len(other_side.requests) == 2


@pytest.mark.races
def test_a_connection_closed_by_the_peer_loses_no_request(transport, other_side):
    """Clients are reused by later invocations; the peer closes idle connections before."""
    other_side.script(other_side.answer_and_close, behaviour.answer({"a": 1}))
    transport.send("POST", "x", json={})
    assert other_side.closed.wait(5)
    assert transport.send("POST", "x", json={}).body == {"a": 1}


def test_the_words_of_an_error_hold_neither_the_address_nor_the_token(transport, other_side):
    other_side.behave = behaviour.reset
    with pytest.raises(OutcomeUnknown) as lost:
        transport.send("POST", "x", params={"secret": "hush"}, json={})
    assert "EAAtoken" not in lost.value.message
    assert "hush" not in lost.value.message


# ── TLS


class TlsServer:
    """Accepts connections over TLS, reads a request, and then does as told with the bare socket."""

    def __init__(self, certificate, then):
        self.read = []
        self._then = then
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        try:
            plain, _ = self._listener.accept()
        except OSError:
            return
        try:
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self.read.append(connection.recv(65536))
                self._then(connection)
        except OSError:
            return

    def stop(self):
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def tls(certificate):
    servers = []

    def start(then):
        servers.append(TlsServer(certificate, then))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def _garble(connection):
    """Write bytes that are no TLS record over the connection."""
    os.write(connection.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
    connection.unwrap = lambda: None


def test_d1_a_certificate_that_is_not_trusted_is_certainly_not_carried_out(tls):
    server = tls(lambda connection: None)
    with pytest.raises(TryLater):
        Transport("Meta", server.url, "EAAtoken").send("POST", "x", json={})
    assert server.read == []


def test_e8_a_tls_connection_that_breaks_after_the_request_was_read_is_unknown(tls, certificate):
    """A request that was read may have been carried out, whatever layer the connection then broke in."""
    server = tls(_garble)
    transport = Transport("Meta", server.url, "EAAtoken")
    transport._session.verify = str(certificate)
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={"text": "once"}, timeout=5)
    assert server.read, "the test is about a request that was read"


# ── an environment that was frozen ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def thawed(other_side):
    """A transport whose wall clock the test moves, and the peer's connections, by port."""
    wall = [1_000_000.0]
    return Transport("Meta", other_side.url, None, wall_clock=lambda: wall[0]), wall


def test_a_connection_is_used_again_within_its_idle_time(thawed, other_side):
    transport, wall = thawed
    transport.get("x")
    wall[0] += IDLE_SECONDS
    transport.get("x")

    assert len(set(other_side.ports)) == 1


@pytest.mark.parametrize("seconds", [IDLE_SECONDS + 1, 3600, -3600])
def test_a_connection_that_was_idle_through_a_freeze_is_not_used(thawed, other_side, seconds):
    transport, wall = thawed
    transport.get("x")
    wall[0] += seconds
    transport.send("POST", "x", json={})

    assert len(other_side.requests) == 2, "nothing is sent twice"
    assert len(set(other_side.ports)) == 2


def test_a_post_after_a_freeze_does_not_meet_the_reset_of_a_forgotten_connection(thawed, other_side):
    transport, wall = thawed
    transport.get("x")
    other_side.forget_connections()  # from here on, whatever comes on them is reset
    wall[0] += 600

    assert transport.send("POST", "x", json={}).is_success
