"""Putting messages on a queue: `queues`, against an SQS as strict as AWS is."""

import json

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from connector.envelopes import InboxMessage, Route, TurnMessage, read, write
from connector.errors import Unavailable
from connector.instagram.notifications import Notification
from connector.queues import MAX_BODY_BYTES, Queue
from tests.unit.payloads import ACCOUNT, USER
from tests.unit.strict_sqs import StrictSqs

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def _inbox(item, account_id=ACCOUNT):
    return InboxMessage(Notification(account_id, "messaging", item), Route("sub_1", "agent_1"), 1757330004554)


def _of_size(size):
    """Return a message whose body has exactly `size` bytes."""
    empty = len(write(_inbox({"x": ""})))
    return _inbox({"x": "x" * (size - empty)})


@pytest.mark.parametrize(("messages", "batches"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_a_batch_has_at_most_ten_messages(messages, batches):
    sqs = StrictSqs()
    assert Queue(sqs, "url").send_all(_inbox({"n": number}) for number in range(messages)) == 0
    assert [len(batch) for batch in sqs.batches] == batches
    assert [read(one)["notification"]["item"]["n"] for one in sqs.bodies] == list(range(messages))


def test_a_batch_has_at_most_one_mebibyte_and_loses_nothing_at_its_border():
    sqs = StrictSqs()
    assert Queue(sqs, "url").send_all([_of_size(MAX_BODY_BYTES)] * 5) == 0
    assert [len(batch) for batch in sqs.batches] == [2, 2, 1]


@given(st.lists(st.integers(300, MAX_BODY_BYTES), max_size=8))
def test_no_sizes_make_a_batch_that_sqs_refuses(sizes):
    sqs = StrictSqs()
    Queue(sqs, "url").send_all(_of_size(size) for size in sizes)
    assert [len(one) for one in sqs.bodies] == sizes


def test_a_message_too_large_to_be_any_is_left_out_and_counted():
    sqs = StrictSqs()
    messages = [_inbox({"n": 1}), _of_size(MAX_BODY_BYTES + 1), _inbox({"n": 2}), _of_size(2 * MAX_BODY_BYTES)]
    assert Queue(sqs, "url").send_all(messages) == 2
    assert [read(one)["notification"]["item"]["n"] for one in sqs.bodies] == [1, 2]


def test_a16_failed_entries_are_tried_once_more_and_only_they():
    sqs = StrictSqs(lambda number, entry: number == 0 and entry["Id"] in ("3", "7"))
    Queue(sqs, "url").send_all(_inbox({"n": number}) for number in range(10))
    assert [[entry["Id"] for entry in batch] for batch in sqs.batches] == [[str(n) for n in range(10)], ["3", "7"]]
    assert sorted(read(one)["notification"]["item"]["n"] for one in sqs.bodies) == list(range(10))


def test_a17_entries_that_fail_twice_are_unavailable():
    sqs = StrictSqs(lambda number, entry: entry["Id"] == "3")
    with pytest.raises(Unavailable):
        Queue(sqs, "url").send_all(_inbox({"n": number}) for number in range(10))
    assert len(sqs.batches) == 2, "a third try belongs to whoever sends again"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "RequestThrottled", "Message": ""}}, "SendMessageBatch"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "SendMessageBatch"),
        ReadTimeoutError(endpoint_url="https://sqs"),
    ],
)
def test_a17_a_queue_that_does_not_answer_is_unavailable(error):
    class Down:
        def send_message_batch(self, **_):
            raise error

    with pytest.raises(Unavailable):
        Queue(Down(), "url").send(_inbox({}))


@given(JSON, st.text())
def test_b1_b4_whatever_meta_writes_sqs_takes_it_and_it_comes_out_as_it_went_in(value, account_id):
    """Control characters, lone surrogates, ids of any form."""
    sqs = StrictSqs()
    message = _inbox({"x": value}, account_id)
    assert Queue(sqs, "url").send_all([message]) == 0
    assert InboxMessage.of(read(sqs.bodies[0])) == message


@given(st.text(), st.text(), st.text(), st.none() | st.text())
def test_a_turn_message_comes_out_as_it_went_in(account_id, user_id, agent_id, key):
    sqs = StrictSqs()
    message = TurnMessage("sub_1", agent_id, account_id, user_id, key)
    Queue(sqs, "url").send(message, delay_seconds=900)
    assert TurnMessage.of(read(sqs.bodies[0])) == message
    assert sqs.batches[0][0]["DelaySeconds"] == 900


def test_b1_b13_one_account_has_one_group_and_two_accounts_have_two():
    sqs = StrictSqs()
    accounts = [ACCOUNT, ACCOUNT, "x y", "x y", "é", "", "a" * 200, "a" * 201]
    Queue(sqs, "url").send_all(_inbox({}, account_id) for account_id in accounts)
    groups = [entry["MessageGroupId"] for entry in sqs.batches[0]]
    assert groups[0] == groups[1] == ACCOUNT
    assert groups[2] == groups[3]
    assert len(set(groups)) == len(set(accounts))


@pytest.mark.parametrize("text", ["", "x", "5", "null", "[]", "{}", '{"schema": 2}', '{"schema": "1"}', "{"])
def test_b12_a_body_that_is_none_of_ours_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any of them goes the same way, to the dead-letter queue
        read(text)


def test_both_kinds_of_message_go_through_a_real_queue_of_moto(aws):
    url = aws.queue_url("inbox")
    queue = Queue(aws.sqs, url)
    sent = _inbox({"text": "Привет 👋\0"})
    turn = TurnMessage("sub_1", "agent_1", ACCOUNT, USER, "mid:1")
    queue.send_all([sent, turn])
    bodies = aws.bodies(url)
    assert {InboxMessage.of(read(one)) == sent for one in bodies if "notification" in json.loads(one)} == {True}
    assert [TurnMessage.of(read(one)) for one in bodies if "notification" not in json.loads(one)] == [turn]
