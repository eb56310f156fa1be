"""Simulators and a callback on free ports."""

from collections.abc import Iterator

import pytest

from local.simulators.meta.app import create_app as create_meta
from local.simulators.retell.app import create_app as create_retell
from local.simulators.server import serve
from tests.unit.local.meta_client import MetaClient
from tests.unit.local.receiver import Receiver
from tests.unit.local.retell_client import RetellClient

APP_SECRET = "test_app_secret"
RETELL_KEY = "key_test"


@pytest.fixture
def meta() -> Iterator[MetaClient]:
    """A Meta simulator that is not connected to anything."""
    running = serve(create_meta(app_secret=APP_SECRET, retry_delays_seconds=(0.02, 0.05)))
    yield MetaClient(running.url)
    running.stop()


@pytest.fixture
def receiver_and_url() -> Iterator[tuple[Receiver, str]]:
    """A callback and where it is."""
    receiver = Receiver()
    running = serve(receiver.app)
    yield receiver, running.url
    running.stop()


@pytest.fixture
def receiver(receiver_and_url: tuple[Receiver, str]) -> Receiver:
    return receiver_and_url[0]


@pytest.fixture
def receiver_url(receiver_and_url: tuple[Receiver, str]) -> str:
    return receiver_and_url[1]


@pytest.fixture
def connected(meta: MetaClient, receiver_url: str) -> MetaClient:
    """The simulator with the receiver as callback and the first account subscribed."""
    assert meta.set_callback(receiver_url)["verified"]
    meta.subscribe()
    return meta


@pytest.fixture
def retell() -> Iterator[RetellClient]:
    """A Retell simulator."""
    running = serve(create_retell(api_key=RETELL_KEY))
    yield RetellClient(running.url, RETELL_KEY)
    running.stop()
