"""What follows from what was found about a connection: `lifecycle.judgement`."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connector.accounts import Account, Check, Connection, ConnectionStatus, Grant, Login, Outcome
from connector.errors import OutsideError, ReconnectNeeded, Refused, TryLater
from connector.instagram.permissions import Need, names
from connector.instagram.tokens import Inspection
from connector.lifecycle.judgement import judge, require_granted
from connector.tenancy import Tenant

APP_ID = "900000000000001"
PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Records:
    """What was recorded."""

    def __init__(self):
        self.grants = []
        self.errors = []
        self.restored = 0

    def record_grant(self, connection, grant):
        self.grants.append(grant)

    def record_error(self, connection, code, *, needs_reconnection=False, call=None, message_key=None, meta=None):
        assert needs_reconnection
        self.errors.append(code)

    def restore(self, connection):
        self.restored += 1
        return True


def connection(status=ConnectionStatus.CONNECTED):
    account = Account("17841400000000001", "101", "acme", None)
    return Connection(Tenant("sub", "agent"), account, "agent_r", status, 1, 1, NOW, None, None)


def inspection(**changes):
    told = Inspection(
        is_valid=True,
        is_page_token=True,
        page_id="101",
        app_id=APP_ID,
        owner_id="7",
        permissions=names(Login.FACEBOOK, Need.ALWAYS),
        issued_at=NOW,
        expires_at=None,
    )
    return replace(told, **changes)


def granted(inspect):
    """Return what is raised, and what was recorded."""
    records = Records()
    try:
        require_granted(records, connection(), inspect)
    except OutsideError as error:
        return error, records.grants
    return None, records.grants


def test_what_meta_tells_of_the_token_is_recorded():
    error, grants = granted(inspection)
    assert error is None
    assert grants == [Grant(APP_ID, "7", names(Login.FACEBOOK, Need.ALWAYS), NOW, None)]


def test_a_permission_that_is_missing_is_named_and_recorded():
    error, (grant,) = granted(lambda: inspection(permissions=("instagram_basic", "pages_messaging")))
    assert (error.code, "instagram_manage_messages" in error.message) == ("permission_missing", True)
    assert "instagram_manage_messages" not in grant.permissions


def test_a_dead_token_lacks_no_permission_although_meta_lists_none_any_more():
    error, grants = granted(lambda: inspection(is_valid=False, permissions=()))
    assert isinstance(error, ReconnectNeeded)
    assert grants == []


@pytest.mark.parametrize("error", [ReconnectNeeded("190"), Refused("graph_refused", "…")])
def test_an_app_that_meta_does_not_believe_says_nothing_about_the_owners_token(error):
    """The call is made in the name of our app: a 190 is about its secret."""

    def inspect():
        raise error

    assert isinstance(granted(inspect)[0], TryLater)


@pytest.mark.parametrize(
    ("outcome", "code", "lost"),
    [
        (FAILED, "reconnect_needed", True),
        (FAILED, "permission_missing", True),
        (FAILED, "messages_not_allowed", False),
        (FAILED, "not_subscribed", False),
        (UNKNOWN, "try_later", False),
        (PASSED, None, False),
    ],
)
def test_only_a_dead_token_or_a_lost_permission_needs_the_owner(outcome, code, lost):
    records = Records()
    status = judge(records, connection(), [Check("token", PASSED), Check("messageAccess", outcome, code)])
    assert status == ("needs_reconnection" if lost else "connected")
    assert records.errors == ([code] if lost else [])


@pytest.mark.parametrize(
    ("found", "restored"),
    [
        ([Check("token", PASSED), Check("subscription", FAILED, "not_subscribed")], True),
        ([Check("token", PASSED), Check("agent", UNKNOWN, "try_later")], True),
        ([Check("token", PASSED), Check("messageAccess", UNKNOWN, "try_later")], False),
        ([Check("token", UNKNOWN, "try_later")], False),
        ([Check("token", FAILED, "reconnect_needed")], False),
    ],
)
def test_a_connection_is_well_again_when_everything_about_its_token_is_known_to_be(found, restored):
    records = Records()
    status = judge(records, connection(ConnectionStatus.NEEDS_RECONNECTION), found)
    assert status == ("connected" if restored else "needs_reconnection")
    assert (records.restored, records.errors) == (int(restored), [])
