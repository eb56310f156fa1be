"""A refused request is told in our own words, by the names that callers send."""

import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from connector.contract import queries
from connector.contract.base import IdempotencyKey
from connector.contract.connection import ConnectRequest
from connector.contract.deletions import DisconnectRequest, ForgetRequest
from connector.contract.menus import MenuRequest
from connector.contract.pausing import PauseRequest, ResumeRequest
from connector.contract.recovering import RecoverRequest
from connector.contract.sending import SendRequest
from connector.request_errors import _SENTENCES, field_of, problem_of

BODIES = (
    ConnectRequest,
    DisconnectRequest,
    ForgetRequest,
    MenuRequest,
    PauseRequest,
    RecoverRequest,
    ResumeRequest,
    SendRequest,
)
PARAMETERS = ("Limit", "Cursor", "OfUser", "OfRole", "OfStatus", "Moment", "Text", "Live", "Ref")
PYDANTICS_OWN = set(typing.get_args(ErrorType)) - {"value_error"}

KINDS = ("text", "image", "audio", "file", "cards", "buttons", "post", "heart", "reaction", "typing", "link")
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "a b", "é", "1" * 40, "x" * 2100, "half \ud800", "instagram", "en_US", *KINDS]),
)


def names(model, seen=None):
    """Return the wire names of all fields of a model and of the models in it."""
    found = set()
    for schema in (model.model_json_schema(), *model.model_json_schema().get("$defs", {}).values()):
        found |= set(schema.get("properties", ()))
    return sorted(found)


def bodies(model):
    """Draw objects that use a model's names, whatever stands below them."""
    name = st.sampled_from([*names(model), "default", "user_id", "unknown"])
    inner = st.recursive(
        LEAVES,
        lambda children: st.lists(children, max_size=15) | st.dictionaries(name, children, max_size=5),
        max_leaves=12,
    )
    return st.dictionaries(name, inner, max_size=6)


def problems(adapter, value):
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return error.errors()
    return []


def hold(errors):
    for error in errors:
        problem = problem_of(error)
        if error["type"] in PYDANTICS_OWN:
            assert error["type"] in _SENTENCES or error["type"] == "string_pattern_mismatch", error
            assert not problem.startswith("must match"), error
        assert problem[0].islower()
        assert "Input" not in problem
        if error["type"] != "extra_forbidden":
            assert "_" not in field_of(error).replace("en_US", ""), error


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_each_problem_of_a_body_is_told_in_our_words(model, data):
    adapter = TypeAdapter(model)
    hold([one | {"loc": ("body", *one["loc"])} for one in problems(adapter, data.draw(bodies(model)))])


@pytest.mark.parametrize("name", [*PARAMETERS, "IdempotencyKey"])
@settings(max_examples=25)
@given(value=LEAVES)
def test_each_problem_of_a_parameter_is_told_in_our_words(name, value):
    adapter = TypeAdapter(IdempotencyKey if name == "IdempotencyKey" else getattr(queries, name))
    hold([one | {"loc": ("query", name)} for one in problems(adapter, value)])


def test_every_body_of_the_api_is_looked_at():
    from connector.contract.base import Asked

    requests = {one for one in Asked.__subclasses__() if one.__name__.endswith("Request")}
    assert requests == set(BODIES)


@pytest.mark.parametrize(
    ("model", "body", "field", "problem"),
    [
        (
            ForgetRequest,
            {"userId": 1234567890123456},
            "userId",
            "must be a string, and is a number; send ids as strings",
        ),
        (ForgetRequest, {"userId": True}, "userId", "must be a string"),
        (ForgetRequest, {}, "userId", "is required"),
        (
            ForgetRequest,
            {"user_id": "1", "userId": "1"},
            "user_id",
            "is not known here; leave it out, or check its spelling",
        ),
        (PauseRequest, {"minutes": 0}, "minutes", "must be at least 1"),
        (PauseRequest, {"minutes": "5"}, "minutes", "must be a whole number"),
        (DisconnectRequest, {"purge": "yes"}, "purge", "must be true or false"),
    ],
    ids=str,
)
def test_a_refusal_says_what_to_send(model, body, field, problem):
    (error,) = problems(TypeAdapter(model), body)
    assert (field_of(error | {"loc": ("body", *error["loc"])}), problem_of(error)) == (field, problem)


def test_a_missing_page_is_told_by_its_wire_name():
    body = {"accessToken": "EAAx", "instagramAccountId": "1", "webhookVerificationToken": "v"}
    (error,) = problems(TypeAdapter(ConnectRequest), body)
    assert field_of(error | {"loc": ("body", *error["loc"])}) == "pageId"
