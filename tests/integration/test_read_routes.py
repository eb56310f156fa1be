"""The routes that read, as API Gateway calls them: messages, conversations, export."""

import importlib
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from bench.stored import BEGAN, STEP, store_history, user_id
from connector.chat import LOOPING, MessageStatus, Person, Role
from connector.contract.base import write_time
from connector.conversation.cursors import Cursors
from connector.instagram.events import Other
from connector.storage.chats import Chats
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.storage.kept_events import KeptEvents
from connector.storage.mongodb import database as connector_database
from connector.tenancy import Tenant
from connector.wiring import stores
from tests.integration.world import START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER, connection_path, http_event

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

KEY = "k" * 32
ROUTES = ["messages", "conversations", "export"]


def _position(route, place=None):
    """Return a position of the form of a route."""
    return (place or POSITION) + (f".{'0' * 16}" if route == "conversations" else "")


OTHERS = [Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")]
POSITION = f"01757330000000.{'a' * 24}"
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:f",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 15_000,
)

each_route = pytest.mark.parametrize("route", ROUTES)


def _token(**changes):
    now = int(time.time())
    claims = {"sub": "u", "iat": now, "exp": now + 600, "subaccountId": "sub_1"} | changes
    return jwt.encode(claims, KEY, algorithm="HS256")


@dataclass(frozen=True)
class Told:
    """What a route answered."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])

    @property
    def fields(self) -> list[str]:
        return [one["field"] for one in json.loads(self.body)["error"].get("details", [])]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


@pytest.fixture
def call(aws, functions_environment, mongodb_uri, database):
    """Call a route as somebody, for a tenant."""
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    aws.put_secret("jwt", json.dumps({"keys": [KEY]}))
    aws.put_secret("mongodb-uri", uri)
    stores.secrets.cache_clear()
    ensure_indexes(database)

    def ask(route, *, tenant=TENANT, token=None, **query):
        event = http_event(
            "GET",
            connection_path(tenant.subaccount_id, tenant.agent_id).removesuffix("webhook") + route,
            query=query or None,
            headers={"authorization": f"Bearer {token or _token()}"},
            path_parameters={"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id},
        )
        told = importlib.import_module(f"functions.{route}.app").handler(event, CONTEXT)
        return Told(told["statusCode"], told["headers"], told["body"])

    yield ask
    connector_database(uri).client.close()
    connector_database.cache_clear()
    stores.secrets.cache_clear()


def _at(seconds):
    return START + timedelta(seconds=seconds)


@pytest.fixture
def written(chats):
    """A conversation of each kind of message, and another one."""
    chats.add(USER, ACCOUNT, user_message("mid:a", "Hello, is this open?", at=_at(0), status=MessageStatus.ANSWERED))
    chats.add(USER, ACCOUNT, our_message("turn:1:0", "Yes.", at=_at(1), role=Role.AGENT, status=MessageStatus.READ))
    failed = {"status": MessageStatus.FAILED, "error": {"code": "window_closed"}}
    chats.add(USER, ACCOUNT, our_message("sent:1", "Are you there?", at=_at(2), **failed))
    chats.add(OTHER_USER, ACCOUNT, user_message("mid:b", "HELLO", at=_at(3)))
    chats.describe(USER, Person("ada", "Ada", START))
    return chats


# ── messages


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({}, ["HELLO", "Are you there?", "Yes.", "Hello, is this open?"]),
        ({"userId": USER}, ["Are you there?", "Yes.", "Hello, is this open?"]),
        ({"role": "agent"}, ["Yes."]),
        ({"status": "failed"}, ["Are you there?"]),
        ({"q": "hello"}, ["HELLO", "Hello, is this open?"]),
        ({"q": "Hello, is"}, ["Hello, is this open?"]),
        ({"since": "2026-03-01T12:00:02Z"}, ["HELLO", "Are you there?"]),
        ({"until": "2026-03-01T12:00:01.000Z"}, ["Hello, is this open?"]),
        ({"since": "2026-03-01T12:00:01.001Z", "until": "2026-03-01T12:00:03.000Z"}, ["Are you there?"]),
        ({"userId": USER, "role": "user", "status": "answered", "q": "OPEN"}, ["Hello, is this open?"]),
        ({"userId": USER, "role": "user", "status": "received"}, []),
        ({"userId": "404"}, []),
    ],
    ids=str,
)
def test_messages_answers_with_what_all_filters_let_through(call, written, query, texts):
    told = call("messages", **query)
    assert told.status == 200, told.body
    assert [one["text"] for one in told.data["messages"]] == texts
    assert told.data["nextCursor"] is None


def test_pages_of_messages_go_on_from_the_cursor_with_other_filters_too(call, written):
    first = call("messages", limit="1", userId=USER).data
    assert [one["text"] for one in first["messages"]] == ["Are you there?"]
    rest = call("messages", cursor=first["nextCursor"], role="user").data
    assert [one["text"] for one in rest["messages"]] == ["Hello, is this open?"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("limit", value) for value in ("0", "-1", "101", "1e9", "0x10", "١٢", "", "1,2")),
        *(("userId", value) for value in ("acme", '{"$gt":""}', f"{USER},{OTHER_USER}", "", "1" * 33)),
        *(("role", value) for value in ("owner", "USER", "user,agent", "")),
        *(("status", value) for value in ("lost", "")),
        *(("since", value) for value in ("5", "yesterday", "2026-03-01", "2026-03-01T12:00:00 00:00", "")),
        *(("until", value) for value in ("5", "2026-13-01T00:00:00Z")),
        *(("q", value) for value in ("", "x" * 201)),
        *(("cursor", value) for value in ("x", "", "a" * 101)),
    ],
)
def test_h8_h9_a_parameter_of_messages_that_cannot_be_one_is_refused_by_its_name(call, field, value):
    told = call("messages", **{field: value})
    assert (told.status, told.code, told.fields) == (400, "invalid_request", [field])


def test_a_time_that_ends_before_it_begins_is_refused(call):
    told = call("messages", since="2026-03-01T12:00:00Z", until="2026-03-01T12:00:00Z")
    assert (told.status, told.code, told.fields) == (400, "invalid_request", ["until"])


def test_i10_what_an_earlier_version_stored_is_found_once_the_sweep_has_run(call, written, database):
    before = [call(route).body for route in ROUTES]
    database["chats"].update_many({}, {"$unset": {"listed": 1, "current": 1}})
    database["instagram_messages"].delete_many({})
    assert call("messages").data["messages"] == []
    importlib.import_module("functions.sweep.app").handler({}, CONTEXT)
    assert [call(route).body for route in ROUTES] == before


# ── conversations


def test_conversations_answers_with_a_row_for_each_customer(call, written):
    told = call("conversations")
    assert told.status == 200, told.body
    rows = told.data["conversations"]
    assert [(one["userId"], one["username"], one["unansweredCount"]) for one in rows] == [
        (OTHER_USER, None, 1),
        (USER, "ada", 0),
    ]
    assert (rows[1]["lastMessage"]["text"], rows[1]["lastMessage"]["status"]) == ("Are you there?", "failed")
    assert rows[1]["lastMessage"]["error"]["code"] == "window_closed"
    assert [one["userId"] for one in call("conversations", userId=USER).data["conversations"]] == [USER]


def test_rows_show_that_the_agent_is_silent_everywhere_and_where_it_is_for_longer(call, written, world):
    until = now() + timedelta(hours=1)
    written.pause(USER, until + timedelta(minutes=5), LOOPING)

    def paused():
        rows = call("conversations").data["conversations"]
        return {one["userId"]: one["paused"] for one in rows}

    here = {"until": write_time(until + timedelta(minutes=5)), "because": "loop", "everywhere": False}
    assert paused() == {USER: here, OTHER_USER: None}
    world.connections.pause(TENANT, until)
    everywhere = {"until": write_time(until), "because": "paused", "everywhere": True}
    assert paused() == {USER: here, OTHER_USER: everywhere}
    written.resume(USER)
    assert paused() == {USER: everywhere, OTHER_USER: everywhere}


def test_pages_of_conversations_go_on_from_the_cursor(call, written):
    first = call("conversations", limit="1").data
    second = call("conversations", limit="1", cursor=first["nextCursor"]).data
    assert [one["userId"] for one in first["conversations"] + second["conversations"]] == [OTHER_USER, USER]
    assert second["nextCursor"] is None
    assert call("conversations", userId=OTHER_USER, cursor=first["nextCursor"]).data["conversations"] == []


# ── export


def test_the_export_answers_with_a_line_for_each_message_the_oldest_first(call, written):
    told = call("export")
    assert (told.status, told.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert [one["text"] for one in told.lines] == ["Hello, is this open?", "Yes.", "Are you there?", "HELLO"]
    assert [one["username"] for one in told.lines] == ["ada", "ada", "ada", None]
    assert "Link" not in told.headers
    assert [one["userId"] for one in call("export", userId=OTHER_USER).lines] == [OTHER_USER]
    assert call("export", userId="404").body == ""


def test_the_export_tells_in_lines_of_their_own_what_meta_told_that_changed_no_message(call, written, database):
    kept = KeptEvents(database["instagram_events"], TENANT)
    told = {"message_edit": {"mid": "lost", "text": "never came"}}
    kept.keep(Other(ACCOUNT, USER, _at(1.5), "message_edit", "k1", "messaging", "lost", told))
    kept.keep(Other(ACCOUNT, "", _at(9), "new_thing", "k2", "changes", None, {"field": "new_thing"}))
    lines = call("export").lines
    kinds = ["message", "message", "event", "message", "message", "event"]
    assert [one["type"] for one in lines] == kinds
    assert (lines[2]["name"], lines[2]["mid"], lines[2]["told"]) == ("message_edit", "lost", told)
    of_one = call("export", userId=USER).lines
    assert [one["type"] for one in of_one] == ["message", "message", "event", "message"]
    assert {one["userId"] for one in of_one} == {USER}


def _follow(call, **query):
    """Return what every page of an export says, from link to link."""
    told = call("export", **query)
    pages = [told]
    while "Link" in told.headers:
        link, relation = told.headers["Link"].split("; ")
        assert relation == 'rel="next"'
        following = urlsplit(link.strip("<>"))
        assert following.path == connection_path("sub_1", "agent_1").removesuffix("webhook") + "export"
        told = call("export", **{name: one for name, (one,) in parse_qs(following.query).items()})
        pages.append(told)
    return pages


def test_whoever_follows_the_links_gets_every_event_once_too(call, database):
    store_history(database, TENANT, 800, of_each=400)
    kept = KeptEvents(database["instagram_events"], TENANT)
    for number in range(700):
        at = BEGAN + number * STEP
        kept.keep(Other(ACCOUNT, user_id(number % 2), at, "new", f"k{number}", "messaging", None, {"n": number}))
    pages = _follow(call)
    assert [len(told.lines) for told in pages] == [1000, 500]
    told = [line["told"]["n"] for page in pages for line in page.lines if line["type"] == "event"]
    assert told == list(range(700))
    of_one = _follow(call, userId=user_id(1))
    assert [line["told"]["n"] for line in of_one[0].lines if line["type"] == "event"] == list(range(1, 700, 2))


def _numbers(pages):
    return [int(line["mid"].rpartition("k")[2]) for told in pages for line in told.lines]


def test_whoever_follows_the_links_of_an_export_gets_every_message_once_oldest_first(call, database):
    store_history(database, TENANT, 2400, of_each=1200)
    everybodys = _follow(call)
    assert [len(told.lines) for told in everybodys] == [1000, 1000, 400]
    assert _numbers(everybodys) == list(range(2400))
    of_one = _follow(call, userId=user_id(1))
    assert [len(told.lines) for told in of_one] == [1000, 200]
    assert _numbers(of_one) == list(range(1, 2400, 2))


def test_an_export_of_long_messages_stays_below_what_lambda_takes(call, database):
    store_history(database, TENANT, 1200, of_each=600)
    longer = {"$mergeObjects": ["$$this", {"text": "“" + "x" * 9_000}]}
    database["chats"].update_many({}, [{"$set": {"messages": {"$map": {"input": "$messages", "in": longer}}}}])
    pages = _follow(call)
    assert _numbers(pages) == list(range(1200))
    sizes = [len(json.dumps({"body": told.body})) for told in pages]
    assert max(sizes) < 6_000_000
    assert min(sizes[:-1]) > 4_900_000, "the pages are bounded by bytes"


# ── all three: who may, and what may be asked


@each_route
def test_h5_h6_a_route_is_closed_to_who_may_not_call_for_its_tenant(call, written, route):
    for token in (_token(subaccountId="sub_2"), _token(agentIds=["agent_2"]), _token(subaccountId=["sub_2", "sub_3"])):
        told = call(route, token=token)
        assert (told.status, told.code) == (404, "not_found")
        assert "ada" not in told.body
    for claims in ({"subaccountId": {"$ne": ""}}, {"subaccountId": ""}, {"subaccountId": 5}, {"subaccountId": []}):
        assert call(route, token=_token(**claims)).status == 401


@each_route
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_h5_a_route_shows_a_tenant_nothing_of_anothers_not_even_of_the_same_customer(
    call, written, database, route, other
):
    """And the other way round."""
    token = _token(subaccountId=["sub_1", "sub_2"])
    theirs = Chats(database["chats"], other)
    assert "mid" not in call(route, tenant=other, token=token).body
    theirs.add(USER, ACCOUNT, user_message("mid:a", "theirs", at=_at(0)))
    for query in ({}, {"userId": USER}):
        assert "theirs" not in call(route, **query).body
        assert "Are you there?" not in call(route, tenant=other, token=token, **query).body
        assert "theirs" in call(route, tenant=other, token=token, **query).body


@each_route
@pytest.mark.parametrize("tenant", [("..", "a"), ("sub_1", "a b"), ("sub_1", "$ne"), ("sub_1", "x" * 65), ("ſub", "a")])
def test_h7_a_route_refuses_an_id_that_cannot_be_one(call, route, tenant):
    told = call(route, tenant=SimpleNamespace(subaccount_id=tenant[0], agent_id=tenant[1]))
    assert (told.status, told.code) == (400, "invalid_request")


@each_route
@pytest.mark.parametrize("unknown", ["Limit", "user", "userid", "user_id", "limit[$gt]", "skip", "$where"])
def test_h8_a_route_refuses_a_parameter_that_it_does_not_know(call, written, route, unknown):
    """A misspelt filter must not show everything."""
    told = call(route, **{unknown: "1"})
    assert (told.status, told.code, told.fields) == (400, "invalid_request", [unknown])


@each_route
@pytest.mark.parametrize(
    "cursor",
    [
        *(Cursors(other, route).write(_position(route)) for other in OTHERS for route in ROUTES),
        Cursors(TENANT, "messages").write(POSITION)[:-1],
        "x",
        '{"$gt":""}',
        "Li4v",
    ],
)
def test_h9_a_route_refuses_a_cursor_that_is_none_or_another_tenants(call, written, route, cursor):
    for query in ({}, {"userId": USER}):
        told = call(route, cursor=cursor, **query)
        assert (told.status, told.code, told.fields) == (400, "invalid_request", ["cursor"])


@each_route
def test_h9_a_route_refuses_the_cursor_of_another_route(call, written, route):
    for other in ROUTES:
        told = call(route, cursor=Cursors(TENANT, other).write(_position(other)))
        assert told.status == (200 if other == route else 400)


@each_route
@pytest.mark.parametrize("position", [f"{'9' * 14}.{'f' * 24}", f"{'0' * 14}.{'0' * 24}"])
def test_a_cursor_of_any_time_begins_there_and_breaks_nothing(call, written, route, position):
    assert call(route, cursor=Cursors(TENANT, route).write(_position(route, position))).status == 200


@each_route
@pytest.mark.parametrize("other", ROUTES)
def test_h9_a_cursor_forged_with_another_routes_form_is_refused(call, written, route, other):
    """A caller can compute the checksum. The form is what keeps a position from where it cannot be read."""
    told = call(route, cursor=Cursors(TENANT, route).write(_position(other)))
    assert told.status == (200 if len(_position(other)) == len(_position(route)) else 400)


@each_route
def test_a_route_answers_for_an_agent_that_nobody_ever_connected(call, route):
    told = call(route, tenant=Tenant("sub_1", "nobody"))
    assert told.status == 200
    assert told.body in ("", '{"success":true,"data":{"messages":[],"nextCursor":null}}') or told.data == {
        "conversations": [],
        "nextCursor": None,
    }
