"""The wall between tenants: every route of docs/openapi.json, attacked with tokens and ids that must open nothing.

The routes are read from the document, which is made of template.yaml and the code: a new route is attacked at once.
Public routes are listed in tests/contract/public_routes.py. An attack has passed if its answer is not the documented
refusal, or if anything in MongoDB, SSM, the queues, at Meta or at Retell has changed.
"""

import copy
import functools
import itertools
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from local.template import read_template
from tests.contract.public_routes import PUBLIC as REASONS
from tests.integration.attacks import (
    HOSTILE_IDS,
    OTHER,
    OWN,
    THEIRS,
    bearer,
    claims_of,
    combined,
    foreign,
    hostile_paths,
    is_id,
    out_of_scope,
    unproven,
)
from tests.integration.stack import running_stack
from tests.integration.two_tenants import OPERATIONS, PROTECTED, PUBLIC, TwoTenants, filled

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

each_route = pytest.mark.parametrize("operation", PROTECTED, ids=str)
each_public_route = pytest.mark.parametrize("operation", PUBLIC, ids=str)


@pytest.fixture(scope="module")
def tenants(module_aws, mongodb, mongodb_uri) -> Iterator[TwoTenants]:
    """Two tenants of one stack, for all tests of this file: none of them may change anything."""
    database = mongodb["tenant_wall"]
    uri = mongodb_uri.replace("/?", f"/{database.name}?")
    with pytest.MonkeyPatch.context() as patch, running_stack(module_aws, database, uri, patch.setenv) as stack:
        yield TwoTenants(stack)
    mongodb.drop_database(database.name)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the line that is logged for each refusal out of the report: there are tens of thousands."""
    caplog.set_level(logging.CRITICAL, logger="instagram-connector")


@pytest.fixture
def unchanged(tenants) -> Iterator[None]:
    """Require that the test changes nothing at all."""
    before = tenants.snapshot()
    yield
    assert tenants.snapshot() == before


def test_the_wall_has_every_route_that_deploys():
    deployed = {route for function in read_template().functions for route in function.routes}
    assert {one.route for one in PROTECTED} | {one.route for one in PUBLIC} == deployed
    assert len(OPERATIONS) == len(deployed)
    assert {str(one) for one in PUBLIC} == set(REASONS), "a public route needs a reason and a proof of its own"


@each_route
@pytest.mark.usefixtures("unchanged")
def test_an_unproven_token_opens_no_path(tenants, operation):
    attacks = combined(unproven(), THEIRS, hostile_paths(_real(tenants)))
    assert _passed(tenants, operation, attacks) == []


@each_route
@pytest.mark.usefixtures("unchanged")
def test_a_token_of_another_tenant_opens_no_path(tenants, operation):
    attacks = [*combined(foreign(), THEIRS, hostile_paths(_real(tenants)))]
    assert _passed(tenants, operation, attacks) == []
    assert _passed(tenants, operation, attacks, encoded=True) == []


@each_route
@pytest.mark.usefixtures("unchanged")
def test_a_token_without_the_scope_is_refused(tenants, operation):
    attacks = [(attack, OWN) for attack in out_of_scope(operation.route.method)]
    assert _passed(tenants, operation, attacks) == []


@each_route
@pytest.mark.usefixtures("unchanged")
def test_the_path_and_its_parameters_name_one_tenant(tenants, operation):
    header = bearer(claims_of(OWN[0]))
    answers = [
        tenants.request(operation.route, ids, header=header, path_of=shown)
        for ids, shown in ((OWN, OTHER), (OTHER, OWN), (OWN, (OWN[0], OTHER[1])))
    ]
    assert {(status, json.loads(text)["error"]["code"]) for status, text in answers} == {(404, "not_found")}


@each_route
def test_a_tenant_that_exists_is_answered_as_one_that_does_not(tenants, operation):
    header = bearer(claims_of(OWN[0]))
    answers = {tenants.request(operation.route, ids, header=header) for ids in (OTHER, ("sub_nobody", "agent_nobody"))}
    assert len(answers) == 1


@each_public_route
@pytest.mark.usefixtures("unchanged")
def test_a_public_route_refuses_what_is_not_proven(tenants, operation):
    ids = [OTHER, OWN, *hostile_paths(_real(tenants))] if "{agentId}" in operation.route.path else [*HOSTILE_IDS]
    forged = ["", "{}", '{"object":"instagram","entry":[]}', f"signed_request={'A' * 43}.e30", "a=b", "\0"]
    texts = [None] if operation.route.method == "GET" else forged
    answered = {
        tenants.request(operation.route, one, header=bearer(claims_of(OTHER[0])), body=text, query=query, **headers)[0]
        for one in ids
        for text in texts
        for headers in ({}, {"x-hub-signature-256": f"sha256={'0' * 64}"})
        for query in (None, {"hub.mode": "subscribe", "hub.challenge": "1", "state": "x", "code": "x"})
    }
    assert answered <= {400, 401, 403, 404}


# ── ids of the other tenant in bodies, queries and headers, from the own path


@each_route
def test_foreign_ids_reach_no_data_of_their_tenant(tenants, operation):
    """Every text of every example body, every parameter and every header is replaced by each id of the other tenant."""
    before, header = tenants.snapshot(of=tenants.other), bearer(claims_of(OWN[0]))
    leaked = []
    for body, query, headers in _requests(operation, tenants.own | tenants.attacker.connect_body, tenants.theirs):
        status, text = tenants.request(operation.route, OWN, header=header, body=body, query=query, **headers)
        if status == 500 or tenants.other.words in text or tenants.other.customer["username"] in text:
            leaked.append((body, query, headers, status, text))
        if str(operation) == "disconnect":
            tenants.connect(tenants.attacker)
    tenants.connect(tenants.attacker)
    tenants.stack.settle()
    assert leaked == []
    assert tenants.snapshot(of=tenants.other) == before


@pytest.mark.parametrize("operation", [one for one in PROTECTED if "cursor" in one.named("query")], ids=str)
@pytest.mark.usefixtures("unchanged")
def test_a_cursor_of_another_tenant_is_refused(tenants, operation):
    cursor = tenants.theirs["messagesCursor"]
    header = bearer(claims_of(OWN[0]))
    status, text = tenants.request(operation.route, OWN, header=header, query={"cursor": cursor})
    assert (status, json.loads(text)["error"]["details"][0]["field"]) == (400, "cursor")


@pytest.mark.parametrize("operation", [one for one in PROTECTED if "Idempotency-Key" in one.named("header")], ids=str)
def test_an_idempotency_key_is_good_for_one_tenant(tenants, operation):
    key = {"idempotency-key": f"key-of-{operation}"}
    answers = []
    for side in (tenants.other, tenants.attacker):
        body = side.connect_body if str(operation) == "connect" else _send(tenants, side)
        header = bearer(claims_of(side.tenant[0]))
        answers.append(tenants.request(operation.route, side.tenant, header=header, body=body, **key))
        assert answers[-1][0] == 200, answers[-1]
    assert answers[0][1] != answers[1][1]
    assert tenants.other.words not in answers[1][1]
    assert tenants.other.account["username"] not in answers[1][1]


def test_a_deletion_code_tells_times_and_nothing_of_the_tenant(tenants):
    (page,) = [one for one in PUBLIC if str(one) == "showDeletion"]
    status, text = tenants.request(page.route, tenants.theirs["deletionCode"], header=bearer(claims_of(OWN[0])))
    assert status == 200
    assert not [one for one in tenants.theirs.values() if one in text]


def _real(tenants: TwoTenants) -> tuple[str, ...]:
    return tuple(tenants.theirs.values())


def _passed(tenants: TwoTenants, operation: Any, attacks: Any, *, encoded: bool = False) -> list[Any]:
    """Return the attacks that were not answered with the refusal that the document names."""
    passed = []
    for attack, ids in attacks:
        expected = (attack.status, attack.code)
        if attack.status == 404 and not all(map(is_id, ids)):
            expected = (400, "invalid_request")
        status, text = tenants.request(operation.route, ids, header=attack.header, encoded=encoded)
        told = json.loads(text)
        if (status, told["error"]["code"]) != expected or told.keys() != {"success", "error"} or told["success"]:
            passed.append((attack.name, ids, status, text))
        assert expected[1] in operation.codes(expected[0]), "the document does not name this refusal"
    return passed


def _requests(operation: Any, own: Any, theirs: dict[str, str]) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    """Yield bodies, queries and headers, each with one id of the other tenant's in it."""
    has_body = "requestBody" in operation.described
    bodies = [filled(one, own) for one in operation.bodies] if has_body else [None]
    for body in bodies if has_body else ():
        yield from ((changed, None, {}) for changed in _replaced(body, own, theirs))
    for value in theirs.values():
        for name in operation.named("query"):
            yield bodies[0], {name: value}, {}
        for name in operation.named("header"):
            yield bodies[0], None, {name.lower(): value}


def _replaced(body: Any, own: Any, theirs: dict[str, str]) -> Iterator[Any]:
    """Yield copies of a body in each of which another text is replaced: an id by all ids, other words by one."""
    places = [*_texts(body)] or [("userId",)]
    words = itertools.cycle(theirs.values())
    for place in places:
        inner = functools.reduce(lambda value, key: value[key], place[:-1], body)
        is_named = inner.get(place[-1]) in own.values() if isinstance(inner, dict) else False
        for value in theirs.values() if is_named or body == {} else [next(words)]:
            changed = copy.deepcopy(body)
            functools.reduce(lambda one, key: one[key], place[:-1], changed)[place[-1]] = value
            yield changed


def _texts(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from _texts(one, (*way, key))


def _send(tenants: TwoTenants, side: Any) -> dict[str, str]:
    return {"to": side.customer["userId"], "message": f"I write {side.words}"}
