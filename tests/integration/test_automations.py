"""Echoes that name the app that sent them, through the deployed functions: people, other automations, and ours."""

import pytest

from connector.storage.connections import COLLECTION
from tests.integration.deployment import CONNECT, echo, heard
from tests.unit.payloads import ACCOUNT, USER
from tests.unit.peer import answer

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OUR_APP, VENDOR = "900000000000001", "111222333444555"
PAGE_INBOX, INSTAGRAM_INBOX = "263902037430900", "1217981644879628"
CDN = {"url": "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1"}
INSTAGRAM = {name: value for name, value in CONNECT.items() if name != "pageId"} | {"accessToken": "IGAAgood-token"}
PICTURE = {"attachments": [{"type": "image", "payload": CDN}]}


@pytest.fixture(params=["app-known", "app-unknown"])
def connected(request, deployment, database):
    """A connected deployment, of which Meta has told the app of the token, or has not."""
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    known = OUR_APP if request.param == "app-known" else None
    database[COLLECTION].update_one({}, {"$set": {"grant.appId": known}})
    return deployment


def _answer(deployment, *turns):
    assert deployment.deliver("reply", *turns) == []


def _asked(deployment):
    return [one.json["content"] for one in deployment.retell.requests if one.path == "/create-chat-completion"]


@pytest.mark.parametrize(
    ("sender", "app_id"),
    [
        ({"app_id": int(VENDOR)}, VENDOR),
        ({"app_id": VENDOR, "metadata": "m"}, VENDOR),
        ({"app_id": 0}, "0"),
        ({"app_id": PAGE_INBOX, "ai_generated": True}, PAGE_INBOX),
        ({"ai_generated": True}, "0"),
    ],
)
def test_another_automation_is_stored_and_told_and_does_not_pause(connected, sender, app_id):
    connected.tell(echo("auto-1", text="Welcome to Acme!", **sender))
    (stored,) = connected.messages()
    assert (stored["appId"], stored["text"], stored["role"]) == (app_id, "Welcome to Acme!", "human")
    _answer(connected, *connected.tell(heard("in-1", "When do you open?")))
    assert connected.sent == ["We open at nine."]
    told = "[Another automation of this business wrote to the customer: “Welcome to Acme!”]"
    assert _asked(connected) == [f"{told}\nWhen do you open?"]
    _answer(connected, *connected.tell(heard("in-2", "thanks")))
    assert _asked(connected)[1:] == ["thanks"], "it is told once"


@pytest.mark.parametrize("sender", [{}, {"app_id": None}, {"app_id": PAGE_INBOX}, {"app_id": int(INSTAGRAM_INBOX)}])
@pytest.mark.parametrize("said", [{"text": "Hi, this is Ana."}, PICTURE], ids=["text", "picture"])
def test_a_person_in_instagram_or_in_an_inbox_of_meta_pauses_the_agent(connected, sender, said):
    connected.tell(echo("person-1", **said, **sender))
    _answer(connected, *connected.tell(heard("in-1", "When do you open?")))
    assert connected.sent == []
    person, customer = connected.messages()
    assert (person["appId"], person["role"]) == (None, "human")
    assert (customer["status"], customer["error"]["code"]) == ("unanswered", "paused")


def test_an_automations_picture_does_not_settle_ours(connected, database):
    _answer(connected, *connected.tell(heard("in-1", "hi")))
    connected.lost_answers = 1
    picture = {"type": "image", "urls": ["https://a.example/a.png"]}
    assert connected.call("POST", "send", payload={"to": USER, "message": picture})[0] == 504
    connected.tell(echo("auto-1", **PICTURE, app_id=INSTAGRAM_INBOX))
    if database[COLLECTION].find_one()["grant"]["appId"]:
        connected.tell(echo("auto-2", **PICTURE, app_id=VENDOR))
    connected.tell(echo("out-2", **PICTURE, app_id=OUR_APP))
    ours, *others = [one for one in connected.messages() if one["role"] == "human"]
    assert (ours["mid"], ours["status"]) == ("out-2", "delivered")
    assert "out-2" not in [one["mid"] for one in others]


@pytest.mark.parametrize("said", [{"text": "We open at nine."}, {"text": "Instagram changed this"}], ids=str)
def test_our_own_echo_is_never_another_automations(connected, said):
    connected.before_answer = lambda mid: connected.tell(echo(mid, **said, app_id=OUR_APP))
    _answer(connected, *connected.tell(heard("in-1", "When do you open?")))
    assert [(one["role"], one["text"], one["status"]) for one in connected.messages()] == [
        ("user", "When do you open?", "answered"),
        ("agent", "We open at nine.", "delivered"),
    ]


@pytest.mark.parametrize("connected", ["app-known"], indirect=True)
def test_an_echo_of_our_app_settles_a_lost_text_that_instagram_changed(connected):
    connected.lost_answers = 1
    _answer(connected, *connected.tell(heard("in-1", "When do you open?")))
    connected.tell(echo("out-1", text="Instagram changed this", app_id=OUR_APP))
    assert [(one["role"], one["text"], one["status"]) for one in connected.messages()][1:] == [
        ("agent", "We open at nine.", "delivered")
    ]


@pytest.fixture
def unaware(deployment, database):
    """A deployment with Instagram Login, with which Meta does not tell the app of the token."""
    tells_me = deployment.meta.behave

    def behave(handler):
        if deployment.meta.requests[-1].path.endswith("/me"):
            return answer({"user_id": ACCOUNT, "id": "1", "username": "acme", "account_type": "BUSINESS"})(handler)
        return tells_me(handler)

    deployment.meta.behave = behave
    assert deployment.call("POST", "connect", payload=INSTAGRAM)[0] == 200
    assert database[COLLECTION].find_one()["grant"]["appId"] is None
    return deployment


def _learnt(database):
    return database[COLLECTION].find_one()["echoAppId"]


def test_the_echo_of_an_answered_send_tells_our_app(unaware, database):
    _answer(unaware, *unaware.tell(heard("in-1", "When do you open?")))
    unaware.tell(echo("out-1", text="We open at nine.", app_id=OUR_APP))
    assert _learnt(database) == OUR_APP
    unaware.lost_answers = 1
    _answer(unaware, *unaware.tell(heard("in-2", "And on Sundays?")))
    unaware.tell(echo("auto-1", text="Welcome to Acme!", app_id=VENDOR))
    unaware.tell(echo("out-2", text="Instagram changed this", app_id=OUR_APP))
    assert [(one["mid"], one["status"]) for one in unaware.messages() if one["role"] == "agent"] == [
        ("out-1", "delivered"),
        ("out-2", "delivered"),
    ]
    (other,) = [one for one in unaware.messages() if one["role"] == "human"]
    assert (other["mid"], other["appId"]) == ("auto-1", VENDOR)
    unaware.tell(echo("person-1", text="This is Ana."))
    _answer(unaware, *unaware.tell(heard("in-3", "Still there?")))
    assert len(unaware.sent) == 2, "a person has taken over"


def test_other_echoes_do_not_tell_our_app(unaware, database):
    unaware.lost_answers = 1
    _answer(unaware, *unaware.tell(heard("in-1", "When do you open?")))
    unaware.tell(echo("auto-1", text="Welcome to Acme!", app_id=VENDOR))
    unaware.tell(echo("auto-2", text="We open at nine.", app_id=VENDOR))  # matched by its words alone
    unaware.tell(echo("person-1", text="This is Ana.", app_id=INSTAGRAM_INBOX))
    assert _learnt(database) is None


def test_our_app_is_forgotten_with_the_connection(unaware, database):
    _answer(unaware, *unaware.tell(heard("in-1", "When do you open?")))
    unaware.tell(echo("out-1", text="We open at nine.", app_id=OUR_APP))
    assert unaware.call("POST", "connect", payload=INSTAGRAM)[0] == 200
    assert _learnt(database) is None


def test_an_echo_of_our_app_of_an_unknown_message_is_kept_and_told(connected):
    connected.tell(echo("ours-1", text="Sent by another stack", app_id=OUR_APP))
    _answer(connected, *connected.tell(heard("in-1", "When do you open?")))
    first = connected.messages()[0]
    assert (first["text"], first["appId"]) == ("Sent by another stack", OUR_APP)
    assert "Sent by another stack" in _asked(connected)[0]
    assert connected.sent == ["We open at nine."]
