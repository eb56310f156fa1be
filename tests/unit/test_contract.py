"""The bodies and answers of the documented API: `contract`."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from connector.accounts import Account, Connection, ConnectionStatus
from connector.chat import Attachment, Chat, Message, MessageStatus, Role
from connector.contract.base import Success
from connector.contract.connection import Connected, ConnectRequest, Disconnected, Status
from connector.contract.messages import Messages, MessageView
from connector.contract.sending import SendRequest
from connector.conversation.history import Page
from connector.tenancy import Tenant
from tests.unit.payloads import ACCOUNT, PAGE, SENT_AT, USER

OWN_SECRET = "0123456789abcdef" * 2
CONNECT = {
    "accessToken": "EAAgood",
    "instagramAccountId": ACCOUNT,
    "pageId": PAGE,
    "webhookVerificationToken": "meatyhamhock",
}
PATH = "/api/database/sub_1/chat-agents/agent_1/instagram/webhook"


def _connection(**changes):
    fields = {
        "tenant": Tenant("sub_1", "agent_1"),
        "account": Account(ACCOUNT, PAGE, "acme", "Acme"),
        "retell_agent_id": "agent_1",
        "status": ConnectionStatus.CONNECTED,
        "generation": 1,
        "token_version": 1,
        "connected_at": SENT_AT,
        "last_event_at": None,
        "last_error": None,
    }
    return Connection(**(fields | changes))


def test_connect_takes_the_documented_body():
    wish = ConnectRequest.model_validate(CONNECT)
    assert (wish.access_token, wish.instagram_account_id, wish.page_id) == ("EAAgood", ACCOUNT, PAGE)
    assert (wish.webhook_verification_token, wish.retell_agent_id, wish.app_secret) == ("meatyhamhock", None, None)


def test_no_secret_of_connect_is_shown_by_repr():
    shown = repr(ConnectRequest.model_validate(CONNECT | {"appSecret": OWN_SECRET}))
    assert not [secret for secret in ("EAAgood", "meatyhamhock", OWN_SECRET) if secret in shown]


@pytest.mark.parametrize("name", CONNECT)
def test_connect_needs_each_documented_field(name):
    with pytest.raises(ValidationError):
        ConnectRequest.model_validate({key: value for key, value in CONNECT.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"accessToken": ""},
        {"accessToken": "a b"},
        {"accessToken": "a\r\nX-Evil: 1"},
        {"accessToken": "é"},
        {"accessToken": "x" * 2049},
        {"accessToken": 5},
        {"accessToken": None},
        {"accessToken": {"$ne": None}},
        {"instagramAccountId": "acme"},
        {"instagramAccountId": "../1"},
        {"instagramAccountId": "1" * 33},
        {"instagramAccountId": "1\n"},
        {"instagramAccountId": "١٢"},
        {"instagramAccountId": int(ACCOUNT)},
        {"pageId": "1?fields=x"},
        {"webhookVerificationToken": ""},
        {"retellAgentId": "a/b"},
        {"retellAgentId": "x" * 65},
        {"appSecret": ""},
        {"appSecret": "hush"},
        {"appSecret": OWN_SECRET.upper()},
    ],
    ids=str,
)
def test_h7_h10_h12_connect_refuses_what_is_not_documented(change):
    with pytest.raises(ValidationError):
        ConnectRequest.model_validate(CONNECT | change)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pageId": None}, "must be the id of the Facebook Page; only an access token of Instagram Login needs none"),
        ({"login": "instagram"}, "must be left out: with Instagram Login there is no Page"),
    ],
)
def test_whether_there_is_a_page_depends_on_the_login_and_the_refusal_says_so_in_a_clear_sentence(change, problem):
    with pytest.raises(ValidationError) as refused:
        ConnectRequest.model_validate(CONNECT | change)
    assert [(one["loc"], one["msg"]) for one in refused.value.errors()] == [(("pageId",), problem)]


@pytest.mark.parametrize("message", ["Hello!", " x ", "x" * 1000, "Ж" * 500, "👋" * 250, "a\nb", "\u202e"])
def test_a_message_of_up_to_1000_bytes_is_sent_unchanged(message):
    assert SendRequest.model_validate({"to": USER, "message": message}).message == message


@pytest.mark.parametrize(
    "body",
    [
        {"to": USER, "message": ""},
        {"to": USER, "message": " \n\t"},
        {"to": USER, "message": "x" * 1001},
        {"to": USER, "message": "Ж" * 501},
        {"to": USER, "message": "half \ud800"},
        {"to": USER, "message": 5},
        {"to": USER, "message": None},
        {"to": USER},
        {"message": "hi"},
        {"to": "acme", "message": "hi"},
        {"to": int(USER), "message": "hi"},
        {"to": {"$gt": ""}, "message": "hi"},
        {"to": USER, "message": "hi", "tag": "HUMAN_AGENT"},
    ],
    ids=str,
)
def test_h10_h16_send_refuses_what_instagram_would_not_take(body):
    with pytest.raises(ValidationError):
        SendRequest.model_validate(body)


def _json(answer):
    return Success(data=answer).model_dump(mode="json", by_alias=True)


def test_connected_answers_to_the_letter():
    told = _json(Connected.of(_connection()))
    assert told["success"] is True
    assert told["data"].keys() == {"qrCodeDataUrl", "instagramUrl", "username"}
    assert told["data"]["instagramUrl"] == "https://www.instagram.com/acme/"
    assert told["data"]["qrCodeDataUrl"].startswith("data:image/png;base64,")


def test_disconnected_says_so():
    assert _json(Disconnected()) == {"success": True, "data": {"isConnected": False}}


def test_the_status_of_a_connection_says_what_is_known():
    error = {"code": "window_closed", "at": datetime(2026, 3, 1, 12, 0, 0, 5000, tzinfo=UTC)}
    told = _json(Status.of(_connection(last_event_at=SENT_AT, last_error=error), PATH, SENT_AT))["data"]
    assert told.pop("qrCodeDataUrl").startswith("data:image/png")
    assert told.pop("checks")
    assert told == {
        "isConnected": True,
        "status": "connected",
        "reauthorizationRequired": False,
        "username": "acme",
        "instagramUrl": "https://www.instagram.com/acme/",
        "directMessageUrl": "https://ig.me/m/acme",
        "directMessageQrCodeDataUrl": None,
        "instagramAccountId": ACCOUNT,
        "pageId": PAGE,
        "login": "facebook",
        "permissions": None,
        "connectedAt": "2025-09-08T11:13:22.434Z",
        "messagesStoredUntil": None,
        "tokenExpiresAt": None,
        "nextRefreshAt": None,
        "lastEventAt": "2025-09-08T11:13:22.434Z",
        "pausedUntil": None,
        "lastError": {"code": "window_closed", "at": "2026-03-01T12:00:00.005Z", "meta": None},
        "policyEnforcement": None,
        "webhookPath": PATH,
    }


@pytest.mark.parametrize("connection", [None, _connection(status=ConnectionStatus.DISCONNECTED)])
def test_the_status_of_no_connection_says_nothing_of_an_earlier_one(connection):
    told = _json(Status.of(connection, PATH, SENT_AT, "spring"))["data"]
    known = {
        "isConnected": False,
        "status": "disconnected",
        "reauthorizationRequired": False,
        "webhookPath": PATH,
        "checks": [],
    }
    assert {name: value for name, value in told.items() if value is not None} == known


def test_the_status_of_a_connection_whose_token_died_shows_the_account_and_is_not_connected():
    told = _json(Status.of(_connection(status=ConnectionStatus.NEEDS_RECONNECTION), PATH, SENT_AT))["data"]
    assert (told["isConnected"], told["status"], told["username"]) == (False, "needs_reconnection", "acme")
    assert told["reauthorizationRequired"] is True


def test_a_page_of_messages_answers_to_the_letter():
    chat = Chat("c", ACCOUNT, USER, "chat_1")
    message = Message(
        key="mid:m",
        role=Role.USER,
        text="hi",
        status=MessageStatus.RECEIVED,
        created_at=SENT_AT,
        id="i",
        mid="m",
        attachments=(Attachment("image", "https://x", None),),
        reply_to={"mid": "z"},
    )
    told = _json(Messages.of(Page([(chat, message)], "next")))["data"]
    assert told == {
        "messages": [
            {
                "id": "i",
                "mid": "m",
                "chatId": "chat_1",
                "userId": USER,
                "role": "user",
                "text": "hi",
                "attachments": [
                    {
                        "kind": "image",
                        "url": "https://x",
                        "title": None,
                        "mediaId": None,
                        "coordinates": None,
                        "cards": [],
                    }
                ],
                "content": None,
                "replyTo": {"mid": "z", "story": None},
                "postback": None,
                "referral": None,
                "reactions": [],
                "status": "received",
                "error": None,
                "createdAt": "2025-09-08T11:13:22.434Z",
                "editedAt": None,
                "deletedAt": None,
                "readAt": None,
                "recovered": False,
                "appId": None,
            }
        ],
        "nextCursor": "next",
    }
    assert _json(MessageView.of(message, user_id=USER, chat_id=None))["data"]["chatId"] is None
