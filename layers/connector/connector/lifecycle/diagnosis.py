"""What is known of a connection, as one list: what was checked and what came of it, what is heard, what went wrong.

The checks rest on each other. Where the token is dead, nobody knows whether the Page is still linked; so what rests on
what has failed is unknown, and the first failure in the list is the one to mend.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from connector.accounts import TAKEN_OVER, Check, Connection, ConnectionStatus, Login, Outcome
from connector.errors import ReconnectNeeded
from connector.instagram.subscriptions import OPTIONAL_FIELDS
from connector.lifecycle.checks import OPTIONAL, Name
from connector.lifecycle.refresh import AHEAD, YOUNGEST

_NOT_CHECKED = "not_checked"
_NEVER_CALLED = "never_called"
_MISSING = "permission_missing"
_NOT_TOLD = "not_told"
_FIELD_MISSING = "field_missing"
_NEEDS_TOKEN = "needs_token"  # noqa: S105 - a code
_NEEDS_PERMISSIONS = "needs_permissions"

ENDINGS = {TAKEN_OVER}
"""Why connections end without a disconnect."""

_OF_META = (Name.PERMISSIONS, Name.ACCOUNT, Name.PAGE_LINK, Name.MESSAGE_ACCESS, Name.SUBSCRIPTION)
# What went wrong longer ago is remembered, but no longer counts as wrong.
_ERROR_COUNTS = timedelta(days=1)


def diagnose(connection: Connection, now: datetime) -> tuple[Check, ...]:
    """Return a check for everything that must be right, in the order of `Name`, each with its time."""
    known = {Name(one.name): replace(one, at=one.at or connection.checked_at) for one in connection.checks}
    wanted = [name for name in (*_OF_META, Name.AGENT) if name is not Name.PAGE_LINK or connection.account.page_id]
    rows = {name: known.get(name) or Check(name, Outcome.UNKNOWN, _NOT_CHECKED) for name in (Name.TOKEN, *wanted)}
    if connection.grant.permissions is None:
        rows[Name.PERMISSIONS] = _permissions(rows)
    rows[Name.TOKEN] = _token(connection, rows)
    for name in _OF_META:
        if name in rows and (missing := _unmet(name, rows)):
            rows[name] = Check(name, Outcome.UNKNOWN, missing, None, rows[name].at)
    rows |= _warnings(rows[Name.SUBSCRIPTION])
    rows[Name.WEBHOOK] = _webhook(connection)
    rows[Name.LAST_ERROR] = last_error_row(connection, now)
    return tuple(rows[name] for name in Name if name in rows)


def next_refresh_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the hourly upkeep renews the token; None where it has no need to, or nobody can any more."""
    if connection.account.login is not Login.INSTAGRAM or not connection.is_connected:
        return None
    grant = connection.grant
    grown_up_at = (grant.issued_at or connection.connected_at) + YOUNGEST
    due_at = grown_up_at if grant.expires_at is None else max(grown_up_at, grant.expires_at - AHEAD)
    return max(due_at, now)


def _token(connection: Connection, rows: Mapping[Name, Check]) -> Check:
    """Return what is known of the token: another check may have found it dead, or a message that was to be sent."""
    for one in rows.values():
        if one.code == ReconnectNeeded.code and one.outcome is Outcome.FAILED:
            return replace(one, name=Name.TOKEN)
    is_explained = rows[Name.PERMISSIONS].outcome is Outcome.FAILED
    if connection.status is ConnectionStatus.NEEDS_RECONNECTION and not is_explained:
        at = (connection.last_error or {}).get("at")
        return Check(Name.TOKEN, Outcome.FAILED, ReconnectNeeded.code, at=at)
    return rows[Name.TOKEN]


def _permissions(rows: Mapping[Name, Check]) -> Check:
    """Return what use tells of the permissions, where Meta does not tell which there are."""
    uses = [rows[name] for name in (Name.ACCOUNT, Name.MESSAGE_ACCESS)]
    for one in uses:
        if one.code == _MISSING and one.outcome is Outcome.FAILED:
            return replace(one, name=Name.PERMISSIONS)
    at = min((one.at for one in uses if one.at), default=None)
    if all(one.outcome is Outcome.PASSED for one in uses):
        return Check(Name.PERMISSIONS, Outcome.PASSED, at=at)
    return Check(Name.PERMISSIONS, Outcome.UNKNOWN, _NOT_TOLD, at=at)


def _unmet(name: Name, rows: Mapping[Name, Check]) -> str | None:
    """Return what a check rests on and has not, if there is something."""
    if rows[Name.TOKEN].outcome is Outcome.FAILED:
        return _NEEDS_TOKEN
    if name is Name.PERMISSIONS or rows[Name.PERMISSIONS].outcome is not Outcome.FAILED:
        return None
    # Without a permission Meta refuses, or leaves out what is there: the Page's link, for one.
    return _NEEDS_PERMISSIONS if rows[name].outcome is Outcome.FAILED else None


def _warnings(subscription: Check) -> dict[Name, Check]:
    """Return a row for each optional webhook field that Meta does not send."""
    missing = subscription.missing if subscription.outcome is Outcome.PASSED else ()
    return {
        OPTIONAL[field.name]: Check(
            OPTIONAL[field.name],
            Outcome.WARNING,
            _FIELD_MISSING,
            f"Meta does not send {field.name} of this account. {field.lost}",
            subscription.at,
        )
        for field in OPTIONAL_FIELDS
        if field.name in missing
    }


def _webhook(connection: Connection) -> Check:
    """Return whether Meta has reached us: by an event since connecting, or when somebody set the callback URL."""
    heard_at = max(filter(None, (connection.last_event_at, connection.webhook_verified_at)), default=None)
    if heard_at is None:
        return Check(Name.WEBHOOK, Outcome.UNKNOWN, _NEVER_CALLED)
    return Check(Name.WEBHOOK, Outcome.PASSED, at=heard_at)


def last_error_row(connection: Connection, now: datetime) -> Check:
    """Return what last went wrong, as a row of the list. Why a connection ended counts as wrong for ever."""
    error = connection.last_error
    if error is None or (now - error["at"] > _ERROR_COUNTS and error["code"] not in ENDINGS):
        return Check(Name.LAST_ERROR, Outcome.PASSED, at=now)
    return Check(Name.LAST_ERROR, Outcome.FAILED, error["code"], at=error["at"])
