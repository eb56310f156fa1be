"""How long a customer must be silent before the agent is asked: longer after a message without text."""

from datetime import timedelta

import pytest

from connector.chat import LATE, TurnState
from connector.storage.documents import now
from tests.integration.deployment import CONNECT
from tests.integration.world import World
from tests.unit.payloads import ACCOUNT, USER, compact, messaging

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

QUIET, MEDIA = 200, 500  # seconds: far more than a slow machine takes for a step

IMAGE = {"attachments": [{"type": "image", "payload": {"url": "https://lookaside.fbsbx.com/1"}}]}
SHARE = {"attachments": [{"type": "ig_post", "payload": {"url": "https://lookaside.fbsbx.com/2", "title": "Cake"}}]}
MENTION = {"attachments": [{"type": "story_mention", "payload": {"url": "https://lookaside.fbsbx.com/3"}}]}
UNSUPPORTED = {"is_unsupported": True}
TEXT = {"text": "How much is this?"}


@pytest.fixture
def world(database):
    made = World.of(database)
    made.quiet, made.media_quiet = timedelta(seconds=QUIET), timedelta(seconds=MEDIA)
    return made


def wait(world, seconds):
    world.clock.ahead += timedelta(seconds=seconds)


def receive(world, mid, fields):
    """Have a message taken in, and return the delay of its turn message."""
    world.take(world.about(mid, **fields))
    return world.queue.messages[-1][1]


def deliver(world, number):
    """Deliver the turn message with this number, and return the state of the turn, if any."""
    message, _ = world.queue.messages[number]
    outcome = world.worker().answer(message.user_id, message.message_key)
    return outcome.state if outcome else None


@pytest.mark.parametrize("fields", [IMAGE, SHARE, MENTION, UNSUPPORTED], ids=["image", "share", "mention", "other"])
def test_a_message_without_text_waits_longer(world, fields):
    assert receive(world, "m", fields) == MEDIA
    wait(world, MEDIA)
    assert deliver(world, 0) is TurnState.DONE


@pytest.mark.parametrize(
    "fields",
    [TEXT, SHARE | TEXT, {"text": "Yes", "quick_reply": {"payload": "YES"}}],
    ids=["text", "text with a share", "quick reply"],
)
def test_a_message_with_text_waits_the_normal_time(world, fields):
    assert receive(world, "m", fields) == QUIET


def test_a_tap_waits_the_normal_time(world):
    ends = {name: value for name, value in world.about("m").items() if name != "message"}
    world.take(ends | {"postback": {"mid": "p", "title": "Hours?", "payload": "HOURS"}})
    assert world.queue.messages[-1][1] == QUIET


@pytest.mark.parametrize("seconds", [0, 250, 450])
def test_a_share_and_its_question_are_answered_once(world, seconds):
    receive(world, "share", SHARE)
    wait(world, seconds)
    assert receive(world, "question", TEXT) == QUIET
    wait(world, QUIET)
    assert deliver(world, 1) is TurnState.DONE
    wait(world, MEDIA)
    assert deliver(world, 0) is None, "the turn message of the share finds nothing to do"
    (question,) = world.agent.questions
    assert "Cake" in question
    assert "How much is this?" in question
    assert world.messenger.sent == ["We open at nine."]


def test_the_turn_message_of_the_share_stops_while_the_question_waits(world):
    receive(world, "share", SHARE)
    wait(world, MEDIA - 50)
    receive(world, "question", TEXT)
    wait(world, 50)
    assert deliver(world, 0) is None
    wait(world, QUIET - 50)
    assert deliver(world, 1) is TurnState.DONE
    assert len(world.agent.questions) == 1


def test_a_worker_whose_clock_is_ahead_still_answers_both_in_one(world):
    receive(world, "share", SHARE)
    wait(world, MEDIA - 50)
    receive(world, "question", TEXT)
    wait(world, 50 + 3600)
    assert [deliver(world, 0), deliver(world, 1)] == [TurnState.DONE, None]
    assert len(world.agent.questions) == 1


def test_a_worker_whose_clock_is_behind_still_answers(world):
    receive(world, "share", SHARE)
    wait(world, -3600)
    assert deliver(world, 0) is TurnState.DONE


def test_a_share_after_a_text_extends_the_wait(world):
    receive(world, "question", TEXT)
    wait(world, 100)
    assert receive(world, "share", SHARE) == MEDIA
    wait(world, QUIET)
    assert deliver(world, 0) is None
    wait(world, MEDIA - QUIET)
    assert deliver(world, 1) is TurnState.DONE
    assert len(world.agent.questions) == 1


def test_a_repeated_share_waits_as_long_again(world):
    assert [receive(world, "share", SHARE), receive(world, "share", SHARE)] == [MEDIA, MEDIA]


def test_the_media_time_never_shortens_the_quiet_time(world):
    world.media_quiet = timedelta(seconds=1)
    assert receive(world, "share", SHARE) == QUIET


def test_the_sweep_waits_for_the_longer_time_too(world):
    receive(world, "share", SHARE)
    world.queue.messages.clear()
    wait(world, LATE.total_seconds() + QUIET)
    assert world.sweep() == 0
    wait(world, MEDIA - QUIET)
    assert world.sweep() == 1


def test_the_deployed_functions_answer_a_share_and_its_question_once(deployment, monkeypatch):
    monkeypatch.setenv("MEDIA_QUIET_SECONDS", "900")
    deployment.call("POST", "connect", payload=CONNECT)
    for mid, fields in (("share", SHARE), ("question", TEXT)):
        assert deployment.turns() == [], "the turn message of the share is delayed"
        ends = {"sender": {"id": USER}, "recipient": {"id": ACCOUNT}, "timestamp": int(now().timestamp() * 1000)}
        deployment.post(compact(messaging(ends | {"message": {"mid": mid, **fields}})))
        assert deployment.deliver("ingest", *deployment.inbox()) == []
    assert deployment.deliver("reply", *deployment.turns()) == []
    (asked,) = [one.json for one in deployment.retell.requests if one.path == "/create-chat-completion"]
    assert "Cake" in asked["content"]
    assert "How much is this?" in asked["content"]
    assert deployment.sent == ["We open at nine."]
