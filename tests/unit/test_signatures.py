"""Proof that a POST comes from Meta: `instagram.signatures`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.instagram.signatures import is_signed
from tests.unit.payloads import APP_SECRET, NAMES, body, old_signature, signature

# Computed apart from this code, over the exact bytes.
VECTOR = (
    rb'{"object":"instagram","entry":[{"time":1752834911539,"id":"17841400000000001","messaging":[{"sender":{"id":'
    rb'"1234567890123456"},"recipient":{"id":"17841400000000001"},"timestamp":1752834910447,"message":{"mid":'
    rb'"aWdfZAG1faXRlbToxTEST","text":"\u041f\u0440\u0438\u0432\u0435\u0442 \ud83d\udc4b"}}]}]}'
)
VECTOR_HEX = "571379cbf11662e50608a52b8dba156330b81b261a7691f81c91bfdad1aeafad"
VECTOR_HEADER = f"sha256={VECTOR_HEX}"


def test_the_known_vector_is_signed():
    assert len(VECTOR) == 297
    assert is_signed(VECTOR, VECTOR_HEADER, [APP_SECRET])


@pytest.mark.parametrize("name", NAMES)
def test_a6_every_payload_is_signed_over_the_bytes_that_were_sent(name):
    """Escaped unicode, emoji and escaped slashes."""
    assert is_signed(body(name), signature(body(name)), [APP_SECRET])


def test_a7_the_same_json_written_as_raw_utf8_is_a_no():
    rewritten = json.dumps(json.loads(VECTOR), separators=(",", ":"), ensure_ascii=False).encode()
    assert signature(rewritten).startswith("sha256=7773c29b"), "this is not the rewriting that the vector is about"
    assert not is_signed(rewritten, VECTOR_HEADER, [APP_SECRET])


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("sha256=", id="no-hex"),
        pytest.param("sha256", id="no-equals-sign"),
        pytest.param(VECTOR_HEX, id="hex-alone"),
        pytest.param(f"sha1={VECTOR_HEX}", id="right-hex-under-sha1"),
        pytest.param(old_signature(VECTOR), id="right-sha1"),
        pytest.param(f"SHA256={VECTOR_HEX}", id="upper-case-name"),
        pytest.param(f"sha256={VECTOR_HEX.upper()}", id="upper-case-hex"),
        pytest.param(VECTOR_HEADER[:-1], id="63-digits"),
        pytest.param(f"{VECTOR_HEADER}a", id="65-digits"),
        pytest.param(f" {VECTOR_HEADER}", id="leading-blank"),
        pytest.param(f"{VECTOR_HEADER}\n", id="trailing-newline"),
        pytest.param(f"sha256= {VECTOR_HEX}", id="blank-inside"),
        pytest.param(f"{VECTOR_HEADER}, {VECTOR_HEADER}", id="twice-as-a-proxy-joins-them"),
        pytest.param(f"sha1=00, {VECTOR_HEADER}", id="second-of-two"),
        pytest.param(f"sha256=g{VECTOR_HEX[1:]}", id="not-hex"),
        pytest.param(f"sha256={'0' * 64}", id="wrong"),
    ],
)
def test_a1_a2_a4_a_header_of_any_other_form_is_a_no(header):
    assert not is_signed(VECTOR, header, [APP_SECRET])


@pytest.mark.parametrize("header", ["sha256=" + "é" * 64, "sha256=" + "٣" * 64, "\ud800", "sha256=" + "a" * 8192])
def test_a3_a_signature_header_that_is_not_ascii_or_far_too_long_is_a_no(header):
    """A no, never an exception."""
    assert not is_signed(VECTOR, header, [APP_SECRET])


@given(st.text())
def test_a2_a3_no_text_as_header_raises_or_proves_anything(header):
    assert not is_signed(VECTOR, header, [APP_SECRET])


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_a2_one_changed_byte_makes_it_a_no(raw, position, change):
    if not raw:
        return
    position %= len(raw)
    changed = raw[:position] + bytes([raw[position] ^ change]) + raw[position + 1 :]
    assert is_signed(raw, signature(raw), [APP_SECRET])
    assert not is_signed(changed, signature(raw), [APP_SECRET])


def test_a26_any_of_the_secrets_will_do_while_one_is_rotated():
    assert is_signed(VECTOR, signature(VECTOR, "the old one"), ["the new one", "the old one"])
    assert is_signed(VECTOR, signature(VECTOR, "the new one"), ["the new one", "the old one"])
    assert not is_signed(VECTOR, signature(VECTOR, "the one before"), ["the new one", "the old one"])


def test_no_secret_and_an_empty_secret_prove_nothing():
    assert not is_signed(VECTOR, signature(VECTOR, ""), [])
    assert not is_signed(VECTOR, signature(VECTOR, ""), [""])
    assert is_signed(VECTOR, VECTOR_HEADER, ["", APP_SECRET]), "an empty secret must not hide the real one"
