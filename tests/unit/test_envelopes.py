"""What travels on the queues across a deploy: `envelopes`.

A queue keeps a message for days. These bodies were written by the first version, and stand here as they were; a version
that writes others must still read them, or count `SCHEMA` up and read both.
"""

from connector.envelopes import SCHEMA, Handshake, InboxMessage, Route, TurnMessage, read, read_inbox, write
from connector.instagram.notifications import Notification

INBOX = (
    '{"schema": 1, "notification": {"account_id": "17841400000000001", "channel": "messaging", '
    '"item": {"sender": {"id": "1234567890123456"}, "message": {"mid": "m", "text": "\\u041f\\u0440\\u0438"}}}, '
    '"route": {"subaccount_id": "sub_1", "agent_id": "agent_1"}, "received_at": 1757330004554}'
)
INBOX_OF_THE_APP = (
    '{"schema": 1, "notification": {"account_id": "", "channel": "changes", "item": {}}, "route": null, '
    '"received_at": 1757330004554}'
)
TURN = (
    '{"schema": 1, "subaccount_id": "sub_1", "agent_id": "agent_1", "account_id": "17841400000000001", '
    '"user_id": "1234567890123456", "message_key": "mid:m"}'
)


def test_b12_i10_an_inbox_message_of_an_earlier_deploy_is_read():
    item = {"sender": {"id": "1234567890123456"}, "message": {"mid": "m", "text": "При"}}
    notification = Notification("17841400000000001", "messaging", item)
    assert InboxMessage.of(read(INBOX)) == InboxMessage(notification, Route("sub_1", "agent_1"), 1757330004554)
    by_app = InboxMessage.of(read(INBOX_OF_THE_APP))
    assert (by_app.route, by_app.notification) == (None, Notification("", "changes", {}))


def test_b12_i10_a_turn_message_of_an_earlier_deploy_is_read():
    turn = TurnMessage.of(read(TURN))
    assert (turn.subaccount_id, turn.agent_id) == ("sub_1", "agent_1")
    assert (turn.account_id, turn.user_id, turn.message_key) == ("17841400000000001", "1234567890123456", "mid:m")


def test_what_is_on_the_inbox_queue_is_told_apart_by_what_it_says():
    news = Handshake(Route("sub_1", "agent_1"), 1757330004554)
    assert read_inbox(write(news)) == news
    assert isinstance(read_inbox(INBOX), InboxMessage)


def test_the_schema_is_still_the_first_one():
    """When this fails, add bodies of the new schema above, and keep the old ones."""
    assert SCHEMA == 1
