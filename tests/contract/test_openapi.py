"""docs/openapi.json: made from the code and the guide, valid, whole, and with examples that are what they show."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from connector.contract.menus import MenuRequest
from connector.contract.sending import SendRequest
from local.openapi import document, guide
from local.openapi.operations import OPERATIONS
from local.openapi.schemas import WORDS
from tests.contract.deployment import ROOT
from tests.contract.public_routes import PUBLIC

QUESTION = {"question": "Hours?", "payload": "HOURS"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return json.loads(document.PATH.read_text("utf-8"))


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        yield from ((path, method, one) for method, one in item.items() if method in METHODS)


def problems(described: dict[str, Any], schema: Any, value: Any) -> list[str]:
    """Return what is wrong with a value, by a schema that may refer to the description's components."""
    whole = Resource.from_contents(described, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:description", whole)
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:description#/'))
    return [error.message for error in OAS31Validator(absolute, registry=registry).iter_errors(value)]


def parts(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every object of a document, with the way to it."""
    if isinstance(value, dict):
        yield way, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        yield from parts(one, (*way, str(name)))


# ── made ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_is_what_the_code_and_the_guide_make():
    assert document.PATH.read_text("utf-8") == document.text(), (
        "docs/openapi.json is not what the code and the guide make now: run `make docs`, and look at what has changed"
    )


def test_making_it_twice_makes_the_same():
    assert document.text() == document.text()


def test_a_route_that_nobody_has_described_is_named(monkeypatch):
    monkeypatch.setattr(document, "OPERATIONS", {name: one for name, one in OPERATIONS.items() if name != "send"})

    with pytest.raises(LookupError, match=r"operations\.py says nothing of send"):
        document.document()


# ── valid and whole ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_openapi_3_1(described):
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_the_validator_finds_what_is_wrong():
    assert [*OpenAPIV31SpecValidator({"openapi": "3.1.0", "info": {}, "paths": {}}).iter_errors()]


def test_it_describes_exactly_the_routes_that_deploy(described, deployed):
    assert {(method.upper(), path) for path, method, _ in operations(described)} == set(deployed.routes)


def test_every_route_that_is_not_listed_as_public_wants_a_bearer_token(described):
    open_to_all = {one["operationId"] for _, _, one in operations(described) if one.get("security") == []}

    assert described["security"] == [{"bearer": []}]
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert open_to_all == set(PUBLIC), "a public route needs a reason and proofs, in tests/contract/public_routes.py"


@pytest.mark.parametrize("name", PUBLIC)
def test_the_proofs_of_a_public_route_are_tests(name):
    for proof in PUBLIC[name].proofs:
        file, _, function = proof.partition("::")
        assert f"def {function}(" in (ROOT / file).read_text("utf-8"), f"{name}: {proof} is no test"


def test_every_path_names_its_parameters_with_their_pattern(described):
    for path, item in described["paths"].items():
        named = [one["$ref"].rpartition("/")[2] for one in item.get("parameters", ())]
        assert [f"{{{name}}}" for name in named] == [part for part in path.split("/") if part.startswith("{")]
    for one in described["components"]["parameters"].values():
        assert one["schema"]["pattern"] == "^[A-Za-z0-9_-]{1,64}$"


def test_every_operation_parameter_and_asked_field_has_words(described):
    silent = [one["operationId"] for _, _, one in operations(described) if not one.get("description")]
    silent += [
        f"{one['operationId']} {parameter['name']}"
        for _, _, one in operations(described)
        for parameter in one.get("parameters", ())
        if not parameter.get("description")
    ]
    silent += [
        f"{name}.{field}"
        for name in WORDS
        for field, schema in described["components"]["schemas"][name]["properties"].items()
        if field != "parts" and not schema.get("description")
    ]
    assert silent == [], "the guide's tables are where the words come from"


def test_every_component_is_used(described):
    text = json.dumps(described)
    unused = [
        name
        for kind in ("schemas", "parameters", "headers")
        for name in described["components"][kind]
        if f'"#/components/{kind}/{name}"' not in text
    ]
    assert unused == []


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes(operation: dict[str, Any]) -> dict[str, set[str]]:
    """Return which codes an operation may answer with, by status."""
    found: dict[str, set[str]] = {}
    for status, answer in operation["responses"].items():
        for _, part in parts(answer.get("content", {})):
            if isinstance(part.get("enum"), list):
                found.setdefault(status, set()).update(part["enum"])
    return found


def test_the_codes_of_all_operations_together_are_those_of_the_guide(described):
    shown = {
        (code, status)
        for _, _, one in operations(described)
        for status, named in codes(one).items()
        if status != "200"
        for code in named
    }
    assert shown == {(code.strip("`"), status) for code, status, *_ in guide.rows("All codes")}


def test_send_names_all_its_refusals(described):
    (send,) = (one for _, _, one in operations(described) if one["operationId"] == "sendMessage")

    conflicts = {"not_connected", "reconnect_needed", "opted_out", "idempotency_key_reused", "in_progress"}
    conflicts |= {"send_unknown"}
    of_one = {"media_refused", "other_app_in_control", "user_not_found", "user_unavailable", "window_closed"}
    assert codes(send)["409"] == conflicts | of_one
    assert codes(send)["429"] == {"rate_limited"}
    assert codes(send)["503"] == {"try_later", "unavailable"}
    assert codes(send)["504"] == {"outcome_unknown"}
    assert {"account_blocked", "app_access_missing", "graph_refused", "human_agent_missing"} <= codes(send)["502"]
    assert not codes(send)["502"] & of_one, "no operator can mend what concerns one customer"


def test_a_failure_that_a_retry_may_cure_says_where_to_read_when(described):
    for _, _, one in operations(described):
        for status, answer in one["responses"].items():
            assert ("Retry-After" in answer.get("headers", {})) is (status in ("409", "429", "503")), status


# ── send ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_one_of_its_kinds_and_each_is_told_by_its_type(described):
    schemas = described["components"]["schemas"]
    text, *objects = schemas["SendRequest"]["properties"]["message"]["oneOf"]

    kinds = [schemas[one["$ref"].rpartition("/")[2]]["properties"]["type"] for one in objects]
    told = [name for kind in kinds for name in kind.get("enum", [kind.get("const")])]
    listed = [name for row in guide.rows("More than text") for name in row[0].replace("`", "").split(", ")]
    assert (text["type"], text["maxLength"]) == ("string", 10_000)
    assert sorted(told) == sorted(listed)
    assert len(told) == len(set(told)) == 11


@pytest.mark.parametrize(
    ("body", "is_allowed"),
    [
        ({"message": "hi"}, True),
        ({"message": ""}, False),
        ({"message": " \n\u3000"}, False),
        ({"message": "x" * 1000}, True),
        ({"message": "x" * 1001}, False),
        ({"message": "x" * 1001, "split": False}, False),
        ({"message": "x" * 10_000, "split": True}, True),
        ({"message": "x" * 10_001, "split": True}, False),
        ({"message": "hi", "split": "yes"}, False),
        ({"message": "hi", "pause_agent": False}, False),
        ({"message": {"type": "heart"}}, True),
        ({"message": {"type": "heart", "text": "x"}}, False),
        ({"message": {"type": "sticker"}}, False),
        ({"message": {"type": "cards", "elements": [{"title": "x"}]}}, False),
        ({"message": {"type": "cards", "elements": [{"title": "x", "subtitle": None}]}}, False),
        ({"message": {"type": "cards", "elements": [{"title": "x", "buttons": []}]}}, False),
        ({"message": {"type": "cards", "elements": [{"title": "x", "url": "https://a.example"}]}}, True),
        ({"message": {"type": "image", "urls": ["ftp://a.example"]}}, False),
        ({"message": {"type": "reaction", "mid": "m", "reaction": None}}, True),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_the_schema_of_send_says_what_the_code_does(described, body, is_allowed):
    asked = {"to": "1234567890123456"} | body
    schema = {"$ref": "#/components/schemas/SendRequest"}
    try:
        SendRequest.model_validate(asked)
    except ValueError:
        taken = False
    else:
        taken = True
    assert (taken, not problems(described, schema, asked)) == (is_allowed, is_allowed)


# ── the menu ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "is_allowed"),
    [
        ({}, False),
        ({"menu": None}, False),
        ({"iceBreakers": None}, True),
        ({"iceBreakers": None, "persistentMenu": None}, True),
        ({"iceBreakers": {}}, False),
        ({"iceBreakers": {"default": []}}, False),
        ({"iceBreakers": {"default": [QUESTION] * 4, "en_GB": [QUESTION]}}, True),
        ({"iceBreakers": {"default": [QUESTION] * 5}}, False),
        ({"iceBreakers": {"en_GB": [QUESTION]}}, False),
        ({"iceBreakers": {"default": [QUESTION], "english": [QUESTION]}}, False),
        ({"iceBreakers": {"default": [{"question": "x" * 81, "payload": "P"}]}}, False),
        ({"persistentMenu": {"default": [{"type": "link", "title": "x", "url": "https://a.example"}] * 5}}, True),
        ({"persistentMenu": {"default": [{"type": "link", "title": "x", "url": "ftp://a.example"}]}}, False),
        ({"persistentMenu": {"default": [{"type": "postback", "title": "x", "url": "https://a.example"}]}}, False),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_the_schema_of_the_menu_says_what_the_code_does(described, asked, is_allowed):
    schema = {"$ref": "#/components/schemas/MenuRequest"}
    try:
        MenuRequest.model_validate(asked)
    except ValueError:
        taken = False
    else:
        taken = True
    assert (taken, not problems(described, schema, asked)) == (is_allowed, is_allowed)


def test_a_client_that_fills_in_defaults_takes_no_menu_away(described):
    fields = described["components"]["schemas"]["MenuRequest"]["properties"]
    assert [name for name, field in fields.items() if "default" in field] == []


# ── examples and links ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_example_is_what_its_schema_says(described):
    wrong = {
        f"{'/'.join(way[1:])} {name}": problems(described, part["schema"], example["value"])
        for way, part in parts(described)
        if "schema" in part
        for name, example in part.get("examples", {}).items()
    }

    assert len(wrong) > 20, "where are the examples?"
    assert {name: found for name, found in wrong.items() if found} == {}


def test_every_body_and_every_success_has_an_example(described):
    lacking = [
        f"{one['operationId']} {what}"
        for _, _, one in operations(described)
        if one["operationId"] not in PUBLIC
        for what, part in (("body", one.get("requestBody")), ("answer", one["responses"]["200"]))
        if part and "application/json" in part["content"] and "examples" not in part["content"]["application/json"]
    ]
    assert lacking == [], "the guide shows none whole"


def test_the_quick_starts_bodies_are_among_the_examples(described):
    shown = {
        one["operationId"]: [example["value"].keys() for example in media["examples"].values()]
        for _, _, one in operations(described)
        for media in one.get("requestBody", {}).get("content", {}).values()
        if "examples" in media
    }

    assert {"accessToken", "instagramAccountId", "pageId", "webhookVerificationToken"} in shown["connect"]
    assert {"to", "message"} in shown["sendMessage"]


def test_every_link_leads_to_an_operation_that_takes_what_it_brings(described):
    by_id = {one["operationId"]: one for _, _, one in operations(described)}
    paths = {one["operationId"]: path for path, _, one in operations(described)}
    followed = []
    for name, one in by_id.items():
        for link in one["responses"]["200"].get("links", {}).values():
            target = by_id[link["operationId"]]
            takes = {parameter["name"] for parameter in target.get("parameters", ())}
            takes |= {part[1:-1] for part in paths[link["operationId"]].split("/") if part.startswith("{")}
            assert link["parameters"].keys() <= takes, (name, link)
            assert ("requestBody" not in link) or "requestBody" in target
            followed.append((name, link["operationId"]))
    story = ["connect", "getStatus", "sendMessage", "listMessages", "pauseAgent", "resumeAgent", "disconnect"]
    assert {*pairwise(story)} <= {*followed}
