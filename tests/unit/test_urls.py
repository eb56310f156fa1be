"""URLs that customers or the agent write: text, and nothing that anybody here would open."""

import pytest

from connector.accounts import AccessToken
from connector.agents.retell import Retell
from connector.chat import Message, MessageStatus, Role
from connector.instagram.graph import Graph
from connector.instagram.messenger import Messenger
from connector.storage.documents import now
from connector.transport import Transport
from tests.unit import peer as behaviour
from tests.unit.payloads import PAGE, USER


@pytest.fixture
def elsewhere():
    """A server that nobody has any business with."""
    with behaviour.peer() as made:
        yield made
        assert made.requests == [], "a URL was opened"


def test_e13_a_url_in_what_is_sent_goes_out_as_text_in_one_request(other_side, elsewhere):
    text = (
        f"Look: {elsewhere.url}/a.jpg ![b]({elsewhere.url}/b.png) http://169.254.169.254/latest http://127.0.0.1:9001/"
    )
    other_side.behave = behaviour.answer({"recipient_id": USER, "message_id": "m_1"})
    Messenger(Graph(other_side.url, AccessToken("EAAtoken"), PAGE)).send(
        USER, Message("key", Role.AGENT, text, MessageStatus.SENDING, now())
    )
    (request,) = other_side.requests
    assert request.json["message"] == {"text": text}


def test_e13_a_url_in_what_the_agent_says_or_is_asked_is_not_opened(other_side, elsewhere):
    said = {"role": "agent", "content": f"See {elsewhere.url}/a.jpg"}
    other_side.behave = behaviour.answer({"messages": [said], "next": f"{elsewhere.url}/page/2"}, 201)
    Retell(other_side.url, "key_test", "agent_1").ask("chat_1", f"What is {elsewhere.url}/b.jpg?")
    assert len(other_side.requests) == 1


def test_e13_a_path_cannot_lead_to_another_host(other_side, elsewhere):
    """Ids become part of a path. Whatever they hold, the address in front of it is the configured one."""
    host = elsewhere.url.removeprefix("http://")
    transport = Transport("Meta", other_side.url, "EAAtoken")
    paths = [
        f"{elsewhere.url}/x",
        f"//{host}/x",
        f"@{host}/x",
        f"../../{host}/x",
        f"\\\\{host}\\x",
        f"?u={elsewhere.url}",
    ]
    for path in paths:
        transport.get(path)
    assert len(other_side.requests) == len(paths)
