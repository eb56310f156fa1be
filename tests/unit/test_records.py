"""The receiving side of the queues: `records`, called as Lambda calls it."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from connector import aws as connector_aws
from connector import records
from connector.envelopes import read
from connector.errors import Misconfigured, TryLater, Unavailable
from tests.unit.webhook_function import CONTEXT, Killed

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

GONE = ClientError({"Error": {"Code": "InvalidParameterValue", "Message": "…"}}, "ChangeMessageVisibility")


class Sqs:
    """Remembers when each record is to come again; or raises."""

    def __init__(self):
        self.waits = {}
        self.sent = []
        self.error = None
        self.refusal = None
        """What sending raises."""

    def change_message_visibility(self, *, QueueUrl, ReceiptHandle, VisibilityTimeout):  # noqa: N803
        assert QueueUrl == "https://queue"
        if self.error:
            raise self.error
        self.waits[ReceiptHandle] = VisibilityTimeout

    def send_message(self, *, QueueUrl, **message):  # noqa: N803
        assert QueueUrl == "https://queue"
        if self.refusal:
            raise self.refusal
        self.sent.append(message)


@pytest.fixture
def sqs(monkeypatch):
    made = Sqs()
    monkeypatch.setattr(connector_aws, "sqs", lambda: made)
    return made


def _deliver(work, *bodies, tries=1, entered=None):
    """Have Lambda deliver these bodies for the `tries`-th time, and return those that it will deliver again."""
    event = {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": f"handle of {body}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(tries), "MessageGroupId": "account"},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:q",
            }
            for number, body in enumerate(bodies)
        ]
    }
    told = (entered or records.entry(work, lambda: "https://queue"))(event, CONTEXT)
    return [bodies[int(one["itemIdentifier"])] for one in told["batchItemFailures"]]


def _failing(error, *bad):
    """Return work that raises for the bad bodies, and the list of those that it has done."""
    done = []

    def work(body):
        if body in bad or not bad:
            raise error
        done.append(body)

    return work, done


def test_b6_one_bad_record_of_a_batch_comes_again_and_those_behind_it_are_done(sqs):
    """No order is promised by a standard queue, so nothing has to wait behind what is bad."""
    for error in (TryLater("busy"), ValueError("unforeseen")):
        work, done = _failing(error, "a-bad")
        assert _deliver(work, "a-1", "a-bad", "a-2", "b-1") == ["a-bad"]
        assert done == ["a-1", "a-2", "b-1"]


@pytest.mark.parametrize("error", [Unavailable("down"), Misconfigured("no URI")])
def test_b6_after_an_outage_is_met_the_rest_of_the_batch_is_put_off_unprocessed(sqs, error):
    work, done = _failing(error, "b", "c", "d")
    assert _deliver(work, "a", "b", "c", "d", tries=2) == ["b", "c", "d"]
    assert done == ["a"]
    assert sqs.waits == {f"handle of {body}": 15 for body in "bcd"}


def test_b6_an_outage_does_not_outlast_its_batch(sqs):
    work, done = _failing(Unavailable("down"), "a")
    entered = records.entry(work, lambda: "https://queue")
    assert _deliver(work, "a", "b", entered=entered) == ["a", "b"]
    assert _deliver(work, "b", entered=entered) == []
    assert done == ["b"]


@pytest.mark.parametrize("error", [Unavailable("down"), Misconfigured("no URI"), TryLater("busy")])
def test_b10_an_outage_never_moves_a_renewed_record_to_the_dead_letters(sqs, error):
    work, _ = _failing(error)
    entered = records.entry(work, lambda: "https://queue", renews=True)
    assert _deliver(work, "a", tries=records.RENEWED_AT - 1, entered=entered) == ["a"]
    assert sqs.sent == []
    assert _deliver(work, "a", tries=records.RENEWED_AT, entered=entered) == []
    assert sqs.sent == [{"MessageBody": "a", "DelaySeconds": 300, "MessageGroupId": "account"}]


def test_b10_a_crash_is_never_renewed(sqs):
    work, _ = _failing(ValueError("unforeseen"))
    entered = records.entry(work, lambda: "https://queue", renews=True)
    assert _deliver(work, "a", tries=records.RENEWED_AT, entered=entered) == ["a"]
    assert sqs.sent == []


def test_b10_a_record_that_cannot_be_renewed_is_put_off(sqs):
    work, _ = _failing(Unavailable("down"))
    entered = records.entry(work, lambda: "https://queue", renews=True)
    sqs.refusal = GONE
    assert _deliver(work, "a", tries=records.RENEWED_AT, entered=entered) == ["a"]
    assert sqs.waits == {"handle of a": 300}


@pytest.mark.parametrize("error", [Unavailable("down"), TryLater("busy"), Misconfigured("no URI"), ValueError("?")])
def test_b7_when_every_record_fails_each_is_reported_and_the_invocation_itself_has_not_failed(sqs, error):
    work, _ = _failing(error)
    assert _deliver(work, "a", "b", "c") == ["a", "b", "c"]


def test_b8_a_worker_that_is_killed_in_the_middle_of_a_batch_acknowledges_nothing(sqs):
    """Then all come again when their visibility ends; what was done is done twice, and twice is as good as once."""
    work, done = _failing(Killed(), "c")
    with pytest.raises(Killed):
        _deliver(work, "a", "b", "c", "d")
    assert (done, sqs.waits) == (["a", "b"], {})


def test_b10_a_record_that_fails_again_and_again_waits_longer_each_time(sqs):
    work, _ = _failing(Unavailable("down"))
    waits = []
    for tries in range(1, 9):
        assert _deliver(work, "a", tries=tries) == ["a"]
        waits.append(sqs.waits.pop("handle of a"))
    assert waits == [5, 15, 45, 120, 300, 300, 300, 300]


@pytest.mark.parametrize(("asked", "tries", "wait"), [(7, 1, 7), (1, 1, 5), (200, 3, 200), (7, 4, 120), (900, 8, 900)])
def test_d3_e3_what_the_other_side_asks_for_is_the_least_that_a_record_waits(sqs, asked, tries, wait):
    work, _ = _failing(TryLater("busy", after_seconds=asked))
    assert _deliver(work, "a", tries=tries) == ["a"]
    assert sqs.waits == {"handle of a": wait}


def test_b12_a_body_that_is_none_of_ours_is_reported_and_left_to_the_dead_letter_queue(sqs):
    bodies = ["", "not ours", "[]", "{}", '{"schema": 2}', '{"schema": 0}']
    assert _deliver(read, *bodies) == bodies
    assert sqs.waits == {}, "it would not be read any better in five seconds"


@pytest.mark.parametrize("error", [GONE, EndpointConnectionError(endpoint_url="sqs")])
def test_b14_a_wait_that_sqs_does_not_take_changes_nothing_but_when_the_record_comes_again(sqs, error):
    sqs.error = error
    work, done = _failing(TryLater("busy"), "bad")
    assert _deliver(work, "bad", "good") == ["bad"]
    assert done == ["good"]
