"""What is made of what is known of a connection: `lifecycle.diagnosis`, and its words in `contract.checks`."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.accounts import Account, Check, Connection, ConnectionStatus, Grant, Login, Outcome
from connector.contract.checks import FINDINGS, CheckView
from connector.contract.remedies import REMEDIES
from connector.lifecycle.checks import OPTIONAL, Name
from connector.lifecycle.diagnosis import diagnose, next_refresh_at
from connector.tenancy import Tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TOLD = Grant(permissions=("instagram_basic",))

PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN


def _connection(*found, login=Login.FACEBOOK, **changes):
    account = Account("17841400000000001", "101" if login is Login.FACEBOOK else None, "acme", None)
    fields = {"grant": TOLD if login is Login.FACEBOOK else Grant(), "checks": found, "checked_at": NOW - HOUR}
    status = changes.pop("status", ConnectionStatus.CONNECTED)
    tenant = Tenant("sub_1", "agent_1")
    return Connection(
        tenant,
        account,
        "agent_1",
        status,
        1,
        1,
        NOW - 3 * DAY,
        changes.pop("last_event_at", None),
        changes.pop("last_error", None),
        **(fields | changes),
    )


def _all(**outcomes):
    """Return every check as passed, but for those given as (outcome, code)."""
    probed = [name for name in Name if name not in (Name.WEBHOOK, Name.LAST_ERROR)]
    given = {name: outcomes.get(name.value, (PASSED, None)) for name in probed}
    return tuple(Check(name, outcome, code, None, NOW - HOUR) for name, (outcome, code) in given.items())


def _rows(connection):
    return {one.name: (one.outcome, one.code) for one in diagnose(connection, NOW)}


def test_what_was_never_looked_at_is_unknown():
    rows = _rows(_connection())
    assert {rows[name] for name in ("token", "account", "pageLink", "agent")} == {(UNKNOWN, "not_checked")}


def test_the_rows_come_in_order_with_the_time_of_each_and_without_a_page_where_there_is_none():
    for login in Login:
        found = diagnose(_connection(*reversed(_all()), login=login), NOW)
        names = [name for name in Name if name is not Name.PAGE_LINK or login is Login.FACEBOOK]
        assert [one.name for one in found] == [name for name in names if name not in OPTIONAL.values()]
        assert {one.at for one in found if one.name not in ("webhook", "lastError")} == {NOW - HOUR}


def test_missing_fields_warn_after_the_subscription_unless_that_failed():
    missing = ("standby", "message_edit")
    for outcome, names in ((PASSED, [Name.EDITS, Name.STANDBY]), (FAILED, []), (UNKNOWN, [])):
        found = diagnose(_connection(Check(Name.SUBSCRIPTION, outcome, missing=missing)), NOW)
        warnings = [one for one in found if one.outcome is Outcome.WARNING]
        assert [one.name for one in warnings] == names
        assert {one.code for one in warnings} <= {"field_missing"}


def test_what_an_older_version_stored_has_the_time_of_all_checks():
    (token, *_) = diagnose(_connection(Check(Name.TOKEN, PASSED)), NOW)
    assert token.at == NOW - HOUR


@pytest.mark.parametrize("name", [name.value for name in Name][1:6])
def test_a_dead_token_is_the_tokens_failure_whichever_check_met_it_and_all_that_needs_it_is_unknown(name):
    rows = _rows(_connection(*_all(**{name: (FAILED, "reconnect_needed")})))
    assert rows.pop("token") == (FAILED, "reconnect_needed")
    assert rows.pop("agent") == (PASSED, None)
    assert {rows[one] for one in [name.value for name in Name][1:6]} == {(UNKNOWN, "needs_token")}


def test_a_connection_that_needs_its_owner_has_a_dead_token_also_where_the_last_check_was_before_it_died():
    error = {"code": "reconnect_needed", "at": NOW - timedelta(minutes=5)}
    (token, *_) = diagnose(
        _connection(*_all(), status=ConnectionStatus.NEEDS_RECONNECTION, last_error=error),
        NOW,
    )
    assert (token.outcome, token.code, token.at) == (FAILED, "reconnect_needed", error["at"])


def test_a_connection_that_needs_its_owner_for_a_permission_has_a_good_token():
    rows = _rows(
        _connection(
            *_all(permissions=(FAILED, "permission_missing"), pageLink=(FAILED, "page_not_linked")),
            status=ConnectionStatus.NEEDS_RECONNECTION,
        )
    )
    assert rows["token"] == (PASSED, None)
    assert rows["permissions"] == (FAILED, "permission_missing")
    assert rows["pageLink"] == (UNKNOWN, "needs_permissions")
    assert rows["messageAccess"] == (PASSED, None)


@pytest.mark.parametrize(
    ("uses", "row"),
    [
        ({}, (PASSED, None)),
        ({"account": (FAILED, "permission_missing")}, (FAILED, "permission_missing")),
        ({"messageAccess": (FAILED, "permission_missing")}, (FAILED, "permission_missing")),
        ({"messageAccess": (UNKNOWN, "no_answer")}, (UNKNOWN, "not_told")),
        ({"messageAccess": (FAILED, "messages_not_allowed")}, (UNKNOWN, "not_told")),
    ],
    ids=str,
)
def test_permissions_that_meta_does_not_tell_are_known_by_their_use(uses, row):
    assert _rows(_connection(*_all(**uses), login=Login.INSTAGRAM))["permissions"] == row


@pytest.mark.parametrize(
    ("heard", "row", "at"),
    [
        ({}, (UNKNOWN, "never_called"), None),
        ({"last_event_at": NOW - DAY}, (PASSED, None), NOW - DAY),
        ({"webhook_verified_at": NOW - DAY}, (PASSED, None), NOW - DAY),
        ({"webhook_verified_at": NOW - DAY, "last_event_at": NOW - HOUR}, (PASSED, None), NOW - HOUR),
    ],
    ids=["nothing", "an event", "a handshake", "both"],
)
def test_the_webhook_is_known_by_what_was_last_heard_of_meta(heard, row, at):
    *_, webhook, _ = diagnose(_connection(**heard), NOW)
    assert ((webhook.outcome, webhook.code), webhook.at) == (row, at)


@pytest.mark.parametrize(("age", "outcome"), [(HOUR, FAILED), (DAY, FAILED), (DAY + HOUR, PASSED)])
def test_the_last_error_counts_for_a_day(age, outcome):
    *_, last = diagnose(_connection(last_error={"code": "loop", "at": NOW - age}), NOW)
    assert last.outcome is outcome
    assert last.at == (NOW - age if outcome is FAILED else NOW)


# ── when the token is renewed


@pytest.mark.parametrize(
    ("issued", "expires", "due"),
    [
        (-20, 40, 30),
        (-55, 5, 0),
        (-1 / 24, 60, 50),
        (-1 / 24, 5, 1 - 1 / 24),
        (-2, None, 0),
        (None, None, 0),
    ],
)
def test_a_token_of_instagram_login_is_renewed_ten_days_ahead_once_it_is_a_day_old(issued, expires, due):
    def day(number):
        return None if number is None else NOW + number * DAY

    connection = _connection(login=Login.INSTAGRAM, grant=Grant(issued_at=day(issued), expires_at=day(expires)))
    assert next_refresh_at(connection, NOW) == day(due)


@pytest.mark.parametrize("changes", [{}, {"login": Login.INSTAGRAM, "status": ConnectionStatus.NEEDS_RECONNECTION}])
def test_a_pages_token_and_a_dead_one_are_not_renewed(changes):
    assert next_refresh_at(_connection(**changes), NOW) is None


# ── in words


def _words(name, code, message=None):
    told = CheckView.of(Check(name, FAILED, code, message, NOW), NOW)
    return told.message, told.remedy


def test_a_check_that_passed_needs_no_words():
    told = CheckView.of(Check(Name.TOKEN, PASSED, at=NOW - HOUR), NOW)
    assert (told.code, told.message, told.remedy, told.age_seconds) == (None, None, None, 3600)


def test_a_check_without_a_time_has_no_age_and_none_is_younger_than_now():
    assert CheckView.of(Check(Name.TOKEN, UNKNOWN, "not_checked"), NOW).age_seconds is None
    assert CheckView.of(Check(Name.TOKEN, PASSED, at=NOW + HOUR), NOW).age_seconds == 0


def test_what_only_the_check_knows_is_said_in_its_words_and_the_rest_in_the_tables():
    why = "The access token lacks pages_messaging."
    assert _words(Name.PERMISSIONS, "permission_missing", why) == (why, FINDINGS["permission_missing"][1])
    assert _words(Name.PERMISSIONS, "permission_missing") == FINDINGS["permission_missing"]
    assert _words(Name.PAGE_LINK, "page_not_linked", "other words") == FINDINGS["page_not_linked"]


def test_the_last_error_is_explained_as_on_a_message_where_it_can_be_one():
    assert _words(Name.LAST_ERROR, "rate_limited") == REMEDIES["rate_limited"] != FINDINGS["rate_limited"]
    assert _words(Name.LAST_ERROR, "was_unsubscribed") == FINDINGS["was_unsubscribed"]


def test_a_code_of_a_later_version_has_words_too():
    assert all(_words(Name.LAST_ERROR, "something_new"))
