"""MongoDB in trouble: what the stores make of it, with the fail points of a real mongod."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from connector.errors import Unavailable
from connector.storage import index_builds
from connector.storage.chats import Chats
from connector.storage.index_builds import ensure_indexes
from tests.integration.world import user_message
from tests.unit.payloads import ACCOUNT, USER

NOT_CONFIRMED = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}

type Failing = Callable[..., None]


@pytest.fixture
def failing(mongodb: MongoClient[dict[str, Any]]) -> Iterator[Failing]:
    """Have mongod fail at some commands, so many times; at none, until it is told again."""

    def fail(*commands: str, times: int = 1, **how: Any) -> None:
        mode = {"times": times} if commands else "off"
        data = {"failCommands": [*commands], **how}
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    yield fail
    fail()


def _add(chats: Chats) -> Any:
    return chats.add(USER, ACCOUNT, user_message("mid:a"))


def test_f4_a_write_that_no_majority_has_confirmed_is_unavailable_and_known_for_a_double_when_it_is_made_again(
    chats: Chats, failing: Failing
):
    chats.add(USER, ACCOUNT, user_message("mid:first"))
    failing("update", namespace="test.chats", writeConcernError=NOT_CONFIRMED)
    with pytest.raises(Unavailable):
        _add(chats)
    assert _add(chats) is None, "the write was done: only its confirmation was missing"
    chat = chats.ongoing(USER)
    assert chat is not None
    assert [message.key for message in chat.messages] == ["mid:first", "mid:a"]


# 462: requests are limited; 202: a connection was not had in time; 8000: what Atlas says of its limits.
@pytest.mark.parametrize("code", [462, 202, 8000])
def test_f7_a_database_that_is_overloaded_is_unavailable_and_serves_again_when_it_can(
    chats: Chats, failing: Failing, code: int
):
    failing("find", "update", "insert", errorCode=code, times=10)
    with pytest.raises(Unavailable):
        _add(chats)
    failing()
    assert _add(chats) is not None


@pytest.mark.parametrize("command", ["find", "update"])
def test_f8_a_socket_that_is_dead_when_it_is_used_again_costs_one_retry_that_nobody_notices(
    chats: Chats, failing: Failing, command: str
):
    assert chats.ongoing(USER) is None
    failing(command, closeConnection=True)
    assert _add(chats) is not None
    assert chats.ongoing(USER) is not None


def test_f10_connecting_makes_the_indexes_that_are_missing_and_leaves_those_that_stand(collection: Any):
    ensure_indexes(collection.database)
    before = collection.index_information()
    collection.drop_index("connector_message_once")
    index_builds.check_again()
    ensure_indexes(collection.database)
    ensure_indexes(collection.database)
    assert collection.index_information() == before
