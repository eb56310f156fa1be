"""Requests that mean harm: what every route of the documented API answers to them."""

import json

import pytest

from tests.integration.deployment import CONNECT, CONTEXT, ROUTES, signed_token
from tests.unit.payloads import USER, connection_path, http_event

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

LINE_BREAKS = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\r", "a\u2028b", "a%0d%0aX-Evil:1"]
BODIES = {"connect": CONNECT, "send": {"to": USER, "message": "hi"}, "pause": {}, "resume": {}}
TAKING = list(BODIES)
PAGED = ("messages", "conversations", "export")


@pytest.fixture
def ask(deployment):
    """Call a route with whatever text as body, and return the status, the headers, and the body."""

    def call(method, verb, text=None, *, query=None, tenant=("sub_1", "agent_1"), **headers):
        event = http_event(
            method,
            connection_path(*tenant).removesuffix("webhook") + verb,
            query=query,
            headers={"authorization": f"Bearer {signed_token()}"} | headers,
            text=text,
            path_parameters={"subaccountId": tenant[0], "agentId": tenant[1]},
        )
        told = deployment.function(verb)(event, CONTEXT)
        return told["statusCode"], told["headers"], told["body"]

    return call


@pytest.mark.parametrize("verb", TAKING)
@pytest.mark.parametrize(
    "change",
    [
        {"__proto__": {"isAdmin": True}},
        {"constructor": 1},
        {"$where": "1"},
        {"subaccountId": "sub_2"},
        {"": 1},
    ],
    ids=str,
)
def test_h10_a_field_that_is_not_documented_is_refused_by_its_name(ask, verb, change):
    status, _, told = ask("POST", verb, json.dumps(BODIES[verb] | change))
    assert (status, json.loads(told)["error"]["code"]) == (400, "invalid_request")
    assert [one["field"] for one in json.loads(told)["error"]["details"]] == [next(iter(change)) or "body"]


@pytest.mark.parametrize("verb", TAKING)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        '{"to":' + "9" * 50_000 + "}",
        "[]",
        '"x"',
        "5",
        "null",
        "{",
        "{}{}",
        '{"userId":"1","userId":"2"}',
        '{"message":{"type":"text","text":"a","text":"b"}}',
        "\ufeff{}",
        "\x00",
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_h10_a_body_that_is_no_object_is_deep_or_says_two_things_at_once_is_refused(ask, verb, text):
    status, _, told = ask("POST", verb, text)
    assert (status, json.loads(told)["error"]["code"]) == (400, "invalid_request"), told


@pytest.mark.parametrize("verb", TAKING)
def test_h10_a_body_of_more_than_64_kib_is_refused_before_it_is_read(ask, verb):
    status, _, told = ask("POST", verb, json.dumps(BODIES[verb] | {"x": "x" * 10_000_000}))
    assert (status, json.loads(told)["error"]["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(("method", "verb"), ROUTES)
@pytest.mark.parametrize("evil", LINE_BREAKS, ids=ascii)
def test_h12_what_breaks_a_line_is_refused_and_reaches_no_header(ask, method, verb, evil):
    text = json.dumps(BODIES[verb]) if verb in BODIES else None
    answers = [
        ask(method, verb, text, tenant=(evil, "agent_1")),
        ask(method, verb, text, tenant=("sub_1", evil)),
    ]
    if verb in PAGED:
        answers += [ask(method, verb, query={name: evil}) for name in ("cursor", "userId", evil)]
    if verb in ("send", "connect") and not evil.isprintable():
        answers.append(ask(method, verb, text, **{"idempotency-key": evil}))
    for status, headers, _ in answers:
        assert status == 400
        assert not any("evil" in value.lower() or not value.isprintable() for value in headers.values())


@pytest.mark.parametrize(("method", "verb"), ROUTES)
def test_h19_no_answer_lets_another_origins_page_read_it(ask, method, verb):
    """A browser asks for leave with OPTIONS, to which the API has no route, and reads only what says that it may."""
    for headers in ({}, {"authorization": ""}):
        _, told, _ = ask(method, verb, "{}", origin="https://evil.example", **headers)
        assert [name for name in told if name.lower().startswith("access-control-")] == []
