"""What follows from what was found about a connection: it needs its owner, or is well again."""

from collections.abc import Callable, Collection

from connector.accounts import Check, Connection, ConnectionStatus, Grant, Outcome
from connector.conversation import faults
from connector.errors import ReconnectNeeded, Refused, TryLater
from connector.instagram.permissions import MISSING, Need, require
from connector.instagram.tokens import Inspection
from connector.lifecycle.checks import Name
from connector.storage.connections import Connections


def judge(connections: Connections, connection: Connection, found: Collection[Check]) -> ConnectionStatus:
    """Record and return where a connection stands now.

    It needs its owner when its token has died or may no longer do what messages need. A permission counts as missing
    only where a new token would have it: not where Meta tells that this one has all, and not for the subscription,
    without which messages can still be sent. The connection is well again when everything
    that Meta was asked is known, and nothing of that is so: what was found out by nobody restores nothing.
    """
    failed = [one for one in found if one.outcome is Outcome.FAILED]
    passed = {one.name for one in found if one.outcome is Outcome.PASSED}
    lost = {ReconnectNeeded.code} & {one.code for one in failed}
    if Name.PERMISSIONS not in passed:
        lost |= {MISSING} & {one.code for one in failed if one.name != Name.SUBSCRIPTION}
    if lost:
        if connection.is_connected:
            connections.record_error(connection, max(lost), needs_reconnection=True)
        return ConnectionStatus.NEEDS_RECONNECTION
    faults.disprove(connections, connection, passed)
    is_certain = all(one.outcome is not Outcome.UNKNOWN for one in found if one.name != Name.AGENT)
    needed_owner = connection.status is ConnectionStatus.NEEDS_RECONNECTION
    if needed_owner and is_certain and connections.restore(connection):
        return ConnectionStatus.CONNECTED
    return connection.status


def require_granted(connections: Connections, connection: Connection, inspect: Callable[[], Inspection]) -> None:
    """Require the permissions that Meta tells our app of, and record them, and when the token dies.

    Raises:
        ReconnectNeeded, Refused: the token has died, or lacks a permission.
        TryLater: Meta does not tell (now), or not our app.
    """
    try:
        told = inspect()
    except (Refused, ReconnectNeeded) as error:  # it is our app that Meta does not believe
        raise TryLater("Meta does not tell our app about the token. Check the app's id and secret.") from error
    if not told.is_valid:
        raise ReconnectNeeded("Meta no longer accepts the access token.")
    grant = Grant(told.app_id, told.owner_id, told.permissions, told.issued_at, told.expires_at)
    if grant != connection.grant:
        connections.record_grant(connection, grant)
    require(connection.account.login, told.permissions, Need.ALWAYS)
