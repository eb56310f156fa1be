"""Echoes of media, cards and other kinds through the deployed functions: each settles its message at any time."""

from datetime import timedelta

import pytest

from connector.storage.documents import now
from tests.integration.deployment import echo
from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

CDN = {"url": "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1&signature=S"}
FILE = "https://a.example/file"
CARD = {"title": "Cake", "subtitle": "with cream", "buttons": [{"type": "postback", "title": "Buy", "payload": "B"}]}
BUTTONS = [{"type": "link", "title": "Site", "url": "https://a.example"}]
TEMPLATE = {"attachments": [{"type": "template", "payload": {"generic": {"elements": [{"title": "Cake"}]}}}]}
SHARE, POST = [{"type": kind, "payload": CDN | {"title": "t"}} for kind in ("share", "ig_post")]
UNSHOWN = [{"is_unsupported": True}, {"attachments": [{"type": "unsupported_type", "payload": {}}]}, {}]


def _attached(*kinds):
    return {"attachments": [{"type": kind, "payload": CDN} for kind in kinds]}


# Contents, each with an echo that Meta may send for it.
KINDS = [
    ({"type": "image", "urls": [FILE]}, _attached("image")),
    ({"type": "image", "urls": [FILE, FILE, FILE]}, _attached("image", "image", "image")),
    ({"type": "audio", "url": FILE}, _attached("audio")),
    ({"type": "video", "url": FILE}, _attached("video")),
    ({"type": "file", "url": FILE}, _attached("file")),
    ({"type": "file", "url": FILE}, UNSHOWN[1]),
    ({"type": "cards", "elements": [CARD]}, TEMPLATE),
    ({"type": "cards", "elements": [CARD, CARD]}, TEMPLATE),
    ({"type": "cards", "elements": [CARD]}, {"attachments": [{"type": "template", "payload": {"generic": {}}}]}),
    ({"type": "cards", "elements": [CARD]}, {"attachments": [{"type": "fallback", "payload": None}]}),
    ({"type": "buttons", "text": "Where?", "buttons": BUTTONS}, TEMPLATE),
    ({"type": "buttons", "text": "Where?", "buttons": BUTTONS}, {"text": "Where?"}),
    ({"type": "post", "mediaId": "17900000000000001"}, {"attachments": [POST]}),
    ({"type": "post", "mediaId": "17900000000000001"}, {"attachments": [SHARE, POST]}),
    ({"type": "post", "mediaId": "17900000000000001"}, {"attachments": [SHARE]}),
    ({"type": "post", "mediaId": "17900000000000001"}, _attached("ig_reel")),
    ({"type": "heart"}, {"attachments": [{"type": "like_heart"}]}),
    *(({"type": "heart"}, unshown) for unshown in UNSHOWN),
    ({"type": "text", "text": "Which?", "quickReplies": [{"title": "A", "payload": "a"}]}, {"text": "Which?"}),
    ({"type": "text", "text": " e\u0301 ❤️\r\n fine "}, {"text": "é ❤ fine"}),
]


@pytest.fixture
def conversation(deployment):
    """A deployment in which a customer has written, and been answered."""
    (turn,) = deployment.take_in("in-1")
    assert deployment.deliver("reply", turn) == []
    return deployment


def _send(deployment, content, key="k-1", **fields):
    payload = {"to": USER, "message": content} | fields
    return deployment.call("POST", "send", payload=payload, headers={"Idempotency-Key": key})


def _persons(deployment):
    return [(one["mid"], one["status"]) for one in deployment.messages() if one["role"] == "human"]


def _is_paused(deployment):
    (row,) = deployment.call("GET", "conversations")[1]["data"]["conversations"]
    return row["paused"] is not None


def test_an_echo_before_the_answer_settles_its_message(conversation):
    for number, (content, said) in enumerate(KINDS):
        conversation.before_answer = lambda mid, said=said: conversation.tell(echo(mid, **said))
        status, told = _send(conversation, content, key=f"k-{number}")
        assert (status, told["data"]["mid"]) == (200, f"out-{number + 2}"), told
        assert _persons(conversation)[number:] == [(f"out-{number + 2}", "delivered")], content
    assert _is_paused(conversation), "the person who sent it has the conversation"


def test_an_echo_after_the_answer_adds_nothing(conversation):
    for number, (content, said) in enumerate(KINDS):
        assert _send(conversation, content, key=f"k-{number}")[0] == 200
        conversation.tell(echo(f"out-{number + 2}", **said))
        assert _persons(conversation)[number:] == [(f"out-{number + 2}", "delivered")], content


def test_an_echo_settles_a_message_whose_answer_was_lost(conversation):
    for number, (content, said) in enumerate(KINDS):
        mid = f"out-{number + 2}"
        conversation.lost_answers = 1
        assert _send(conversation, content, key=f"k-{number}")[0] == 504
        conversation.tell(echo(mid, **said))
        assert _persons(conversation)[number:] == [(mid, "delivered")], content
        status, told = _send(conversation, content, key=f"k-{number}")
        assert (status, told["data"]["mid"], told["data"]["status"]) == (200, mid, "delivered"), content
    assert len(conversation.sent) == len(KINDS) + 1


def test_an_echo_of_another_kind_settles_nothing(conversation):
    conversation.lost_answers = 1
    _send(conversation, {"type": "image", "urls": [FILE, FILE]})
    for number, said in enumerate([_attached("image"), _attached("video"), {"attachments": [POST]}, {"text": "hi"}]):
        conversation.tell(echo(f"theirs-{number}", **said))
    assert _persons(conversation)[0] == (None, "unknown")
    assert len(_persons(conversation)) == 5


def test_a_changed_echo_does_not_pause_with_pause_agent_false(conversation):
    conversation.before_answer = lambda mid: conversation.tell(echo(mid, text="Instagram changed this"))
    assert _send(conversation, "and until six", pauseAgent=False)[0] == 200
    assert [one["text"] for one in conversation.messages()][-1] == "and until six"
    assert not _is_paused(conversation)


def test_a_persons_pause_outlives_the_mistaken_echo_of_their_text(conversation):
    conversation.before_answer = lambda mid: conversation.tell(echo(mid, text="Instagram changed this"))
    assert _send(conversation, "and until six")[0] == 200
    assert _persons(conversation) == [("out-2", "delivered")]
    assert _is_paused(conversation)


def test_the_agents_changed_text_silences_it_only_until_the_answer(deployment):
    deployment.before_answer = lambda mid: deployment.tell(echo(mid, text="Instagram changed this"))
    (turn,) = deployment.take_in("in-1")
    assert deployment.deliver("reply", turn) == []
    assert _persons(deployment) == []
    assert not _is_paused(deployment)


def test_a_lost_picture_that_the_thread_shows_is_not_asked_for_again(conversation, database):
    content = {"type": "image", "urls": [FILE]}
    conversation.lost_answers = 1
    _send(conversation, content)
    shown = {"id": "out-2", "created_time": f"{now():%Y-%m-%dT%H:%M:%S+0000}", "from": {"id": ACCOUNT}, "message": ""}
    conversation.thread = [shown | {"attachments": {"data": [{"image_data": CDN}]}}]
    earlier = {"messages.$[].sendingAt": now() - timedelta(seconds=10)}
    database["chats"].update_one({}, {"$set": earlier})
    status, told = _send(conversation, content)
    assert (status, told["data"]["mid"]) == (200, "out-2"), told
    assert len(conversation.sent) == 2
