"""Every function that takes a text takes time in proportion to its length, whatever the text is.

SQS carries 1 MiB. A function whose time grows with the square of that keeps a worker from all other events. The test
finds the functions by the types of their parameters, so a new function is timed without a change here.
"""

import importlib
import inspect
import pkgutil
import time
import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import connector
from connector.accounts import Account, App, Login
from connector.chat import Attachment, Button, Card, Chat, Message, MessageStatus, Person, Role
from connector.contract.messages import MessageView
from connector.conversation.cursors import Cursors
from connector.conversation.opting import OptingWords
from connector.echoes import Echo
from connector.errors import Refused
from connector.instagram.errors import error_of
from connector.instagram.events import ControlPassed, MessageReceived, Parties
from connector.instagram.fields import Allowance
from connector.instagram.notifications import Notification
from connector.logs import _SECRET
from connector.tenancy import Tenant
from connector.transport import Answer
from connector.untrusted import clean
from tests.unit.payloads import ACCOUNT, USER

SHORT, LONG = 20_000, 320_000  # characters; the longer one in escaped unicode nearly fills a message
FACTOR = LONG // SHORT
TOLERANCE = 4  # times a proportional growth; quadratic time would be 16 times that
QUICK = 1.0  # seconds; the growth of what is quicker is not measured

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = Tenant("sub_1", "agent_1")
TEXTS = {
    "blanks inside": lambda length: "a" + " " * (length - 2) + "a",
    "marks inside": lambda length: "a" + "!" * (length - 2) + "a",
    "words": lambda length: "ab " * (length // 3),
    "one word": lambda length: "a" * length,
    "digits": lambda length: "9" * length,
    "accents": lambda length: "a" + "\u0301" * (length - 1),
    "joined emoji": lambda length: "👩\u200d" * (length // 2),
    "lines": lambda length: "\n \n" * (length // 3),
    "tokens": lambda length: "eyJ" * (length // 3),
    "dots": lambda length: "." * length,
    "unspaced": lambda length: "字" * length,
    "escapes": lambda length: "\\u" * (length // 2),
    "brackets": lambda length: "[" * length,
    "address": lambda length: "https://" + "x" * (length - 8),
}
FIELDS = (
    *("text", "title", "payload", "emoji", "reaction", "url", "name", "username", "message", "error", "detail", "code"),
    *(
        "subtitle",
        "kind",
        "type",
        "field",
        "action",
        "reason",
        "created_time",
        "file_url",
        "mime_type",
        "content",
        "ref",
    ),
    *("source", "role", "status", "key", "replyTo", "user_id", "data", "link", "cursor", "hub.challenge"),
)


def _json(text: str) -> dict[str, Any]:
    """Return an object that has a part of this text wherever a text can be: together they are longer than the text."""
    text = text[: len(text) // 20]
    flat = dict.fromkeys(FIELDS, text)
    card = flat | {"buttons": [flat, flat], "default_action": flat}
    attachment = flat | {"payload": flat | {"generic": {"elements": [card, card]}}, "coordinates": {"lat": text}}
    said = flat | {"mid": "m_1", "attachments": [attachment, attachment], "quick_reply": flat, "referral": flat}
    told = {"reply_to": {"mid": "m_0", "story": flat}, "reactions": [flat], "cards": [card], "data": [flat, card]}
    parties = {"sender": {"id": USER}, "recipient": {"id": ACCOUNT}, "from": {"id": USER}, "id": "m_1", "mid": "m_1"}
    return flat | parties | told | {"message": said, "postback": flat, "error": flat, "value": said, text: text}


def _message(text: str) -> Message:
    """Return a message that has a part of this text wherever a text can be."""
    text = text[: len(text) // 20]
    button = Button(text, text, text)
    attachment = Attachment(text, text, text, text, cards=(Card(text, text, text, text, text, text, (button,)),) * 2)
    told = {"type": "text", "text": text, "payload": text, "title": text, "ref": text}
    return Message(
        "key",
        Role.USER,
        text,
        MessageStatus.RECEIVED,
        NOW,
        id="1",
        attachments=(attachment, attachment),
        reply_to={"story": {"url": text}},
        postback=told,
        referral=told,
        content=told,
    )


def _chat(text: str) -> Chat:
    messages = (_message(text),) * 2
    return Chat("1", ACCOUNT, USER, messages=messages, person=Person(text, text), referral={"ref": text, "at": NOW})


MAKERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    bytes: lambda text: text.encode(),
    object: _json,
    int: lambda _: 1000,
    float: lambda _: 1.0,
    bool: lambda _: True,
    datetime: lambda _: NOW,
    timedelta: lambda _: timedelta(hours=1),
    Tenant: lambda _: TENANT,
    Login: lambda _: Login.FACEBOOK,
    App: lambda _: App("1", "secret"),
    Account: lambda text: Account(ACCOUNT, None, text, text),
    Allowance: lambda _: Allowance(40_000),
    Parties: lambda _: Parties(ACCOUNT, USER, NOW),
    Message: _message,
    Chat: _chat,
    Attachment: lambda text: _message(text).attachments[0],
    Card: lambda text: _message(text).attachments[0].cards[0],
    Button: lambda text: _message(text).attachments[0].cards[0].buttons[0],
    Echo: lambda text: Echo("m_1", text, _message(text).attachments, NOW),
    Notification: lambda text: Notification(ACCOUNT, "messaging", _json(text)),
    ControlPassed: lambda text: ControlPassed(Parties(ACCOUNT, USER, NOW), text, is_taken=True),
    MessageReceived: lambda text: MessageReceived(
        Parties(ACCOUNT, USER, NOW), "m_1", text, _message(text).attachments, None, text, {"ref": text}, standby=False
    ),
    Refused: lambda text: Refused("graph_refused", text),
}
CARRIERS = {str, bytes, Message, Chat, Attachment, Card, Button, Echo, Notification, MessageReceived}
ELSEWHERE = {
    "connector.instagram.oauth.exchange": "makes a request",
    "connector.logs.count": "names a metric",
    "connector.gateway.redirect": "is given an address of ours",
    "connector.browser._with_query": "is given an address that the operator has listed",
}


def _maker(kind: Any) -> Callable[[str], Any] | None:
    """Return how to make an argument of a type that holds a text; None for stores, handlers and other things."""
    kind = getattr(kind, "__value__", kind)
    if isinstance(kind, type) and kind in MAKERS:
        return MAKERS[kind]
    origin, inner = typing.get_origin(kind), [one for one in typing.get_args(kind) if one not in (type(None), ...)]
    if kind is Any or (origin is not None and isinstance(origin, type) and issubclass(origin, typing.Mapping)):
        return _json
    if kind is dict:
        return _json
    made = next((maker for one in inner if (maker := _maker(one))), None)
    if made is None or not inner:
        return None
    if isinstance(origin, type) and issubclass(origin, typing.Iterable):
        return lambda text: (made(text),) * 2
    return made


def _takes_text(kind: Any) -> bool:
    kind = getattr(kind, "__value__", kind)
    inner = [one for one in typing.get_args(kind) if one is not ...]
    if not isinstance(kind, typing.Hashable):
        return False  # the parameters of a callable
    return kind in CARRIERS or "Mapping" in str(kind) or "dict" in str(kind) or any(map(_takes_text, inner))


def _found() -> dict[str, Callable[[str], object]]:
    """Return every function of the connector that takes a text, by name, as a function of the text alone."""
    found = {}
    for module in pkgutil.walk_packages(connector.__path__, "connector."):
        for name, function in vars(importlib.import_module(module.name)).items():
            if not inspect.isfunction(function) or function.__module__ != module.name:
                continue
            try:
                hints = typing.get_type_hints(function)
            except NameError:
                continue  # of types that only mypy imports: of AWS
            wanted = {one: hints.get(one) for one in inspect.signature(function).parameters}
            makers = {one: _maker(kind) for one, kind in wanted.items()}
            if any(map(_takes_text, wanted.values())) and all(makers.values()):
                found[f"{module.name}.{name}"] = _called(function, makers)
    return {name: function for name, function in found.items() if name not in ELSEWHERE}


def _called(function: Callable[..., object], makers: dict[str, Any]) -> Callable[[str], object]:
    names = inspect.signature(function).parameters

    def call(text: str) -> Callable[[], object]:
        made = {name: maker(text) for name, maker in makers.items()}
        by_place = [made[one] for one, it in names.items() if it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD)]
        rest = [made[one] for one, it in names.items() if it.kind is it.VAR_POSITIONAL]
        by_name = {one: made[one] for one, it in names.items() if it.kind is it.KEYWORD_ONLY}
        return lambda: function(*by_place, *rest, **by_name)

    return call


OPTING = OptingWords.of("stop", "start")
CURSORS = Cursors(TENANT, "messages")
METHODS: dict[str, Callable[[str], object]] = {
    "OptingWords.wish_in": lambda text: lambda: OPTING.wish_in(text),
    "OptingWords.of": lambda text: lambda: OptingWords.of(text, text),
    "Cursors.read": lambda text: lambda: CURSORS.read(text),
    "untrusted.clean": lambda text: lambda: clean(_json(text)),
    "errors.error_of": lambda text: lambda: error_of(Answer(400, _json(text), {})),
    "redaction": lambda text: lambda: _SECRET.sub("", text),
    "MessageView.of": lambda text: lambda: MessageView.of(_message(text), user_id=USER, chat_id=None),
}
FUNCTIONS = _found() | METHODS


def _seconds(call: Any) -> float:
    began = time.process_time()
    try:
        told = call()
        if inspect.isgenerator(told):
            list(told)
    except Exception:  # noqa: BLE001 - a refusal takes its time too
        pass
    return time.process_time() - began


def _grows_too_fast(function: Any, text: Callable[[int], str], quick: float = QUICK) -> bool:
    """Return whether a function's time grows faster than its text, once it is not quick any more."""
    long = _seconds(function(text(LONG)))
    if long <= quick:
        return False
    long = min(long, *(_seconds(function(text(LONG))) for _ in range(2)))  # a busy machine only makes it longer
    short = min(_seconds(function(text(SHORT))) for _ in range(3))
    return long >= TOLERANCE * FACTOR * max(short, 0.0005)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_time_grows_in_proportion_to_the_text(name):
    assert [kind for kind, text in TEXTS.items() if _grows_too_fast(FUNCTIONS[name], text)] == []


def test_a_quadratic_function_is_found():
    def quadratic(text: str) -> Callable[[], object]:
        return lambda: sum(1 for _ in range(len(text) ** 2 // 20_000))

    assert _grows_too_fast(quadratic, TEXTS["one word"], quick=0)


def test_the_functions_that_read_a_customers_words_are_among_those_that_are_timed():
    """The rule finds them by their types; one that it no longer found would no longer be timed."""
    expected = {
        *("notifications.split", "reading.read", "reading.read_as_it_came", "reactions.emoji_of", "retold.retell"),
        *("attachments.attachments_of", "references.reply_of", "references.referral_of", "signatures.is_signed"),
        *("signed_requests.is_signed", "signed_requests.read", "complaints.complaint_of"),
    }
    expected = {f"connector.instagram.{one}" for one in expected} | {
        *("connector.conversation.question.question", "connector.conversation.describing.described"),
        *("connector.conversation.text.split", "connector.conversation.words.words_of", "connector.search.words"),
        *("connector.search.has", "connector.search.beginnings", "connector.html.page"),
        *("connector.echoes.settled_by", "connector.conversation.introduction.variables", "connector.envelopes.read"),
        *("connector.storage.documents.read_message", "connector.storage.documents.read_chat"),
    }
    assert expected - set(FUNCTIONS) == set()
