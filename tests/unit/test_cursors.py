"""Cursors: opaque, strictly parsed, good for one tenant and one route."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.conversation.cursors import Cursors
from connector.errors import InvalidRequest
from connector.tenancy import Tenant

TENANT = Tenant("sub_1", "agent_1")
CURSORS = Cursors(TENANT, "messages")
PLACES = st.from_regex(r"[0-9]{14}\.[0-9a-f]{24}", fullmatch=True)
MOMENTS = st.from_regex(r"[0-9]{14}\.[0-9a-f]{24}\.[0-9a-f]{16}", fullmatch=True)
ROWS = Cursors(TENANT, "conversations")
ANY = st.tuples(st.just(CURSORS), PLACES) | st.tuples(st.just(ROWS), MOMENTS)
POSITION = f"01757330000000.{'a' * 24}"
CURSOR = CURSORS.write(POSITION)


def _refused(cursor, cursors=CURSORS):
    with pytest.raises(InvalidRequest) as refusal:
        cursors.read(cursor)
    return [detail.field for detail in refusal.value.details] == ["cursor"]


@given(ANY)
def test_a_cursor_leads_to_the_position_it_was_made_of(made):
    cursors, position = made
    assert cursors.read(cursors.write(position)) == position


@given(PLACES, MOMENTS)
def test_h9_a_position_of_another_routes_form_is_refused(place, moment):
    """Its checksum is no secret: any caller can compute it."""
    assert _refused(CURSORS.write(moment))
    assert _refused(ROWS.write(place), ROWS)


@given(ANY)
def test_a_cursor_fits_into_a_url_and_into_what_the_routes_take(made):
    cursors, position = made
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", cursors.write(position))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "null",
        "é",
        "\ud800",
        "MTIz",
        "LjA",
        CURSOR[:-1],
        CURSOR[1:],
        f"{CURSOR}A",
        f"{CURSOR}=",
        f"{CURSOR}\n",
        f"*{CURSOR}",
        f"****{CURSOR}",
        f"{CURSOR[:4]} {CURSOR[4:]}",
        f"{CURSOR[:4]}!{CURSOR[4:]}",
        urlsafe_b64encode(POSITION.encode()).decode().rstrip("="),
    ],
    ids=ascii,
)
def test_h9_a_cursor_that_no_page_has_given_is_refused(cursor):
    """Strictly, so that nobody builds on what happens to work."""
    assert _refused(cursor)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_as_cursor_does_anything_but_be_refused(cursor):
    assert _refused(cursor)


@given(PLACES, st.integers(0, 46), st.sampled_from("0123456789abcdef."))
def test_h9_a_cursor_of_which_one_character_inside_was_changed_is_refused(position, place, character):
    plain = urlsafe_b64decode(CURSORS.write(position) + "==").decode()
    changed = plain[:place] + character + plain[place + 1 :]
    assume(changed != plain)
    assert _refused(urlsafe_b64encode(changed.encode()).decode().rstrip("="))


@pytest.mark.parametrize(
    "other",
    [
        Cursors(Tenant("sub_2", "agent_1"), "messages"),
        Cursors(Tenant("sub_1", "agent_2"), "messages"),
        Cursors(TENANT, "conversations"),
        Cursors(TENANT, "export"),
    ],
    ids=str,
)
def test_h9_a_cursor_of_another_tenant_or_another_route_is_refused(other):
    assert _refused(other.write(POSITION))
    assert _refused(CURSOR, other)
