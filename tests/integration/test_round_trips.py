"""The costs of a message and of a turn: fixed numbers of round trips and calls, however long the conversation is."""

from datetime import timedelta

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from connector.chat import TurnState
from tests.integration.deployment import CONTEXT
from tests.integration.world import World, user_message
from tests.unit.payloads import ACCOUNT, USER

# Find the chat and the connection, claim; begin to ask, list the answer, store it; for a part: the connection again,
# begin to send, count the call, record it, take back what was mistaken for a person's; end the turn.
ONE_TURN = 12

# Find the connection; list the message, store it, look for what came before it; note when Meta last told something.
ONE_MESSAGE = 5


class Counted(CommandListener):
    """Counts the commands that a client sends, by name."""

    def __init__(self):
        self.names = []

    def started(self, event):
        self.names.append(event.command_name)

    def succeeded(self, event):
        """Be no news."""

    def failed(self, event):
        """Be no news."""


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture
def world(database, counted):
    uri = "mongodb://{}:{}/?directConnection=true".format(*database.client.address)
    client = MongoClient(uri, tz_aware=True, event_listeners=[counted])
    yield World.of(client[database.name])
    client.close()


def _lengthen(world, messages):
    began = world.clock() - timedelta(hours=1)
    for number in range(messages):
        world.chats.add(USER, ACCOUNT, user_message(f"mid:old-{number}", at=began + timedelta(seconds=number)))
    world.chats._collection.update_many({}, {"$set": {"messages.$[].status": "answered", "turn": None}})


@pytest.mark.parametrize("messages", [1, 50, 400])
def test_a_turn_costs_the_same_whatever_the_length_of_the_chat(world, counted, messages):
    world.say("hi")
    world.answer_all()  # the session is open, the customer known
    _lengthen(world, messages)
    world.say("When do you open?")
    counted.names.clear()
    sent, asked, read = len(world.messenger.tries), len(world.agent.asked), world.messenger.reads
    assert world.answer_all() == [TurnState.DONE]
    assert len(counted.names) == ONE_TURN, counted.names
    assert len(world.messenger.tries) - sent == 1
    assert len(world.agent.asked) - asked == 1
    assert world.messenger.reads == read
    assert world.background.acts.count("mark_seen") == 2


@pytest.mark.parametrize("messages", [1, 400])
def test_a_message_costs_the_same_whatever_the_length_of_the_chat(world, counted, messages):
    _lengthen(world, messages)
    counted.names.clear()
    world.say("When do you open?")
    assert len(counted.names) == ONE_MESSAGE, counted.names


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_warm_sweep_does_not_ask_for_its_indexes_again(deployment, mongodb):
    def asked() -> int:
        return mongodb.admin.command("serverStatus")["metrics"]["commands"]["listIndexes"]["total"]

    sweep = deployment.function("sweep")
    before = asked()
    sweep({}, CONTEXT)
    assert asked() > before
    once = asked()
    sweep({}, CONTEXT)
    assert asked() == once
