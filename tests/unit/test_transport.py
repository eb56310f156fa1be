"""HTTP to another company: `transport`, against a real server that misbehaves."""

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.errors import OutcomeUnknown, TryLater
from connector.transport import Transport
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


@pytest.mark.parametrize("raw", [b"", b"<html>Bad gateway</html>", b"[1]", b"null", b'"x"', b"\xff\xfe\x00", b'{"a":'])
def test_d11_a_body_that_is_no_json_object_is_none(transport, other_side, raw):
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


def test_e8_a_connection_that_died_between_two_requests_does_not_send_twice(transport, other_side):
    other_side.script(behaviour.answer({}), behaviour.close)
    transport.send("POST", "x", json={})
    with pytest.raises(OutcomeUnknown):
        transport.send("POST", "x", json={})
    assert len(other_side.requests) == 2


def test_a_connection_that_was_closed_while_it_was_idle_costs_no_request(transport, other_side):
    """Clients are kept between invocations, and the other side does not wait for the next."""
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


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost that nobody but the test trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


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
