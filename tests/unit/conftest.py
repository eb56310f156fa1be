"""Unit tests reach nothing but this machine."""

import ipaddress
import socket
from collections.abc import Iterator

import pytest

from connector import aws as connector_aws
from tests.conftest import Aws
from tests.unit.peer import Peer, peer
from tests.unit.strict_sqs import StrictSqs
from tests.unit.webhook_function import WebhookFunction, put_secrets


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves the loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else str(address)
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a unit test tried to reach {address}: it may touch loopback only")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def other_side() -> Iterator[Peer]:
    """A real HTTP server that does as the test says."""
    with peer() as made:
        yield made


@pytest.fixture
def webhook(aws: Aws, functions_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> WebhookFunction:
    """The webhook's function, with the secrets of a deployment in moto's SSM and a strict SQS behind it."""
    put_secrets(aws)
    sqs = StrictSqs()
    monkeypatch.setattr(connector_aws, "sqs", lambda: sqs)
    return WebhookFunction(sqs)
