"""Proof that a callback about a person comes from Meta: `instagram.signed_requests`."""

import hmac
import json
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InvalidRequest, Unauthorized
from connector.instagram.signed_requests import SignedRequest, is_signed, read

SECRET = "test_app_secret"
# Made by another implementation.
VECTOR = (
    "MgChNJTM9CJ75wlk7iDsf-5_LH4rMfst5fvUhiJRiqg.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV4cGlyZXMiOjEyOTE4NDA0MDAsImlzc3"
    "VlZF9hdCI6MTI5MTgzNjgwMCwidXNlcl9pZCI6IjIxODQ3MSJ9"
)
PAYLOAD = {"algorithm": "HMAC-SHA256", "expires": 1291840400, "issued_at": 1291836800, "user_id": "218471"}


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signed(payload: object, secret: str = SECRET) -> str:
    """Sign anything as Meta does."""
    told = encoded(payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode())
    return f"{encoded(hmac.new(secret.encode(), told.encode(), sha256).digest())}.{told}"


def test_the_test_vector_is_proven_and_read():
    assert signed(PAYLOAD) == VECTOR
    assert is_signed(VECTOR, [SECRET])
    assert read(VECTOR) == SignedRequest("218471", None)


def test_any_of_several_secrets_will_do_and_an_empty_one_never():
    assert is_signed(VECTOR, ["another", SECRET])
    assert not is_signed(VECTOR, ["another", "älso another"])
    assert not is_signed(VECTOR, [])
    assert not is_signed(signed(PAYLOAD, ""), ["", SECRET])


@pytest.mark.parametrize("length", range(60, 68))
def test_a_payload_of_any_length_is_read_without_its_padding(length):
    told = signed(json.dumps(PAYLOAD | {"page": ""}).replace('"page": ""', f'"page": "{"x" * length}"').encode())
    assert is_signed(told, [SECRET])
    assert read(told).person_id == "218471"


def _altered(place: int) -> str:
    other = "A" if VECTOR[place] != "A" else "B"
    return VECTOR[:place] + other + VECTOR[place + 1 :]


@pytest.mark.parametrize("place", [place for place, one in enumerate(VECTOR) if one != "."])
def test_j7_one_altered_character_is_a_no_wherever_it_stands(place):
    assert not is_signed(_altered(place), [SECRET])


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        VECTOR.replace(".", ""),
        VECTOR.partition(".")[2],
        f".{VECTOR.partition('.')[2]}",
        VECTOR.partition(".")[0] + ".",
        VECTOR + "=",
        VECTOR.replace(".", "=."),
        f" {VECTOR}",
        f"{VECTOR}\n",
        f"{VECTOR}.x",
        VECTOR.upper(),
        "é" + VECTOR[1:],
        "A" * 43 + ".e30",
    ],
)
def test_j7_what_has_another_form_is_a_no(forged):
    assert not is_signed(forged, [SECRET])


def test_j7_the_signature_of_the_decoded_payload_is_a_no():
    raw = json.dumps(PAYLOAD).encode()
    forged = f"{encoded(hmac.new(SECRET.encode(), raw, sha256).digest())}.{encoded(raw)}"
    assert not is_signed(forged, [SECRET])


@pytest.mark.parametrize("algorithm", ["HMAC-SHA1", "none", "", None, 5, ["HMAC-SHA256"], {"HMAC-SHA256": 1}])
def test_j7_another_algorithm_is_unauthorized(algorithm):
    with pytest.raises(Unauthorized):
        read(signed(PAYLOAD | {"algorithm": algorithm}))


def test_j7_no_algorithm_is_unauthorized():
    with pytest.raises(Unauthorized):
        read(signed({"user_id": "218471"}))


def test_the_algorithm_may_be_written_in_any_case():
    assert read(signed(PAYLOAD | {"algorithm": "hmac-sha256"})).person_id == "218471"


@pytest.mark.parametrize(
    ("told", "person_id", "page_id"),
    [
        ({"user_id": 218471}, "218471", None),
        ({"user_id": 0, "profile_id": "101234567890123"}, None, "101234567890123"),
        ({"user_id": "0", "profile_id": 101234567890123}, None, "101234567890123"),
        ({"user_id": "218471", "profile_id": "5"}, "218471", "5"),
    ],
)
def test_a_person_or_a_page_is_named_by_digits_or_a_number(told, person_id, page_id):
    assert read(signed({"algorithm": "HMAC-SHA256"} | told)) == SignedRequest(person_id, page_id)


@pytest.mark.parametrize(
    "user_id", [None, "", "0", 0, True, 1.5, "x", "1 ", "١٢", "-1", "1" * 33, 10**40, ["1"], {"$ne": None}, {}]
)
def test_a_payload_that_names_nobody_is_refused(user_id):
    with pytest.raises(InvalidRequest):
        read(signed({"algorithm": "HMAC-SHA256", "user_id": user_id}))


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'{"user_id": ' + b"9" * 5000])
def test_a_signed_payload_that_is_no_object_is_refused(raw):
    told = signed(raw)
    if raw and len(raw) < 10_000:
        assert is_signed(told, [SECRET])
    with pytest.raises(InvalidRequest):
        read(told)


@given(st.text() | st.from_regex(r"\A[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]*\Z"))
def test_j7_whatever_comes_is_not_proven_and_nothing_raises(told):
    assert not is_signed(told, [SECRET])


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["algorithm", "user_id", "profile_id", "x"]), _VALUES))
def test_whatever_is_signed_is_read_or_refused(payload):
    try:
        told = read(signed(payload))
    except (InvalidRequest, Unauthorized):
        return
    assert told.person_id or told.page_id
