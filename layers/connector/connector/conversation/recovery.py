"""Finding the messages that no webhook told of, and telling of them as it should have.

Meta's webhooks get lost: it is the complaint about them that is heard most. What Meta keeps of the newest messages of
each thread is compared, by mids, with what is stored; what is missing goes through the inbox queue like everything
else, marked as recovered. So there is one way in, and a webhook that comes late finds its message stored. A message
that Meta mentions without its content is fetched at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connector.accounts import Connection, ConnectionStatus
from connector.conversation import faults
from connector.conversation.faults import Call
from connector.deletions import EVENT_LIVES
from connector.envelopes import FetchMessage, InboxMessage, Route
from connector.errors import NotConnected, NotShown, RateLimited, ReconnectNeeded, Refused, TryLater
from connector.instagram import limits
from connector.ports.recovery import Compared, Comparisons, Inbox, InboxQueue, Retold, Thread
from connector.ports.stores import Connections, Outbox
from connector.tenancy import Tenant

# How long a webhook may be under way before its message counts as lost.
_SETTLED = timedelta(minutes=2)

# How much of what was compared is compared again: longer than that, for what Meta was slow to list.
_AGAIN = timedelta(minutes=10)

_OLDEST = EVENT_LIVES - timedelta(hours=1)

# How long one who asks for it waits for the answer. API Gateway gives up after 30 s.
_ON_DEMAND = timedelta(seconds=18)

# How long one fetch waits for the account's next call, and for how long a message is fetched again after a failure. The
# next comparison finds what is given up.
_FETCH = timedelta(seconds=3)
_FETCH_AGAIN = timedelta(minutes=10)

_PAUSE_SECONDS = 0.25  # while the account's next call may not be made yet

# What the business wrote silences the agent, so it goes first.
_AFTER_OURS_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of comparing an account's threads."""

    checked: int = 0
    """How many threads were compared."""
    recovered: int = 0
    """How many messages were missing, and are on their way in."""
    is_complete: bool = True
    """False where there was no time for all threads. Those that were written in last come first."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Compares what Meta keeps with what is stored."""

    connections: Connections
    comparisons: Comparisons
    outbox_of: Callable[[Tenant], Outbox]
    inbox_of: Callable[[Connection], Inbox]
    queue: InboxQueue
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def recover(self, tenant: Tenant, user_id: str | None = None) -> Findings:
        """Compare a tenant's threads, or the one of one user, as `compare` does, while somebody waits for it.

        Raises:
            NotConnected, ReconnectNeeded: there is no account to read, or not now.
            Others: as `compare`.
        """
        connection = self.connections.get(tenant)
        if connection is None or connection.status is ConnectionStatus.DISCONNECTED:
            raise NotConnected
        if not connection.is_connected:
            raise ReconnectNeeded("Instagram no longer accepts the access token. Connect the account again.")
        return self.compare(connection, until=self.clock() + _ON_DEMAND, user_id=user_id)

    def compare(self, connection: Connection, *, until: datetime, user_id: str | None = None) -> Findings:
        """Compare the threads in which something was written since they were last compared, until there is no time.

        Of one user, all that Meta tells of their thread is compared.

        Raises:
            ReconnectNeeded, Refused: Meta does not let the threads be read; the connection says so.
            TryLater: not now.
            Unavailable: a store or queue failed.
        """
        if connection.limited_until is not None and connection.limited_until > self.clock():
            raise RateLimited("Meta takes no calls for this account for now.", after_seconds=60)
        stands = self.comparisons.of(connection)
        began_at = self.clock()
        since = max(stands.since, began_at - _OLDEST)
        if user_id is None and stands.until is not None:
            since = max(since, stands.until - _AGAIN)
        try:
            comparing = _Comparing(self, connection, since, began_at - _SETTLED, until, self.inbox_of(connection))
            findings = comparing.run(user_id)
        except (Refused, ReconnectNeeded) as error:
            faults.record(self.connections, connection, error, Call.READING)
            raise
        if findings.is_complete or findings.checked:
            faults.disprove(self.connections, connection, [Call.READING])
        if user_id is None and findings.is_complete:
            self.comparisons.record(connection, Compared(stands.since, began_at))
        return findings

    def fetch(self, wanted: FetchMessage) -> str:
        """Fetch a message and have it taken in, unless it has come meanwhile. Return the outcome as a metric name.

        Raises:
            TryLater: not now.
            Unavailable: a store or queue failed.
        """
        tenant = Tenant(wanted.subaccount_id, wanted.agent_id)
        connection = self.connections.get(tenant)
        if connection is None or not connection.is_connected or connection.account.account_id != wanted.account_id:
            return "FetchOfNoConnection"
        if self.outbox_of(tenant).known([wanted.mid]):
            return "FetchNotNeeded"
        hinted_at = datetime.fromtimestamp(wanted.hinted_at / 1000, UTC)
        try:
            message = self._read(connection, wanted.mid, hinted_at)
        except (Refused, NotShown):
            return "FetchRefused"
        except ReconnectNeeded as error:
            faults.record(self.connections, connection, error, Call.READING)
            return "FetchRefused"
        except TryLater:
            if self.clock() - hinted_at < _FETCH_AGAIN:
                raise
            return "FetchGivenUp"
        # The Graph API tells whole seconds.
        if message is None or message.at < self.comparisons.of(connection).since.replace(microsecond=0):
            return "FetchDropped"
        self.take_in(connection, [message.in_standby() if wanted.standby else message])
        return "MessageFetched"

    def _read(self, connection: Connection, mid: str, hinted_at: datetime) -> Retold | None:
        if connection.limited_until is not None and connection.limited_until > self.clock():
            raise RateLimited("Meta takes no calls for this account for now.", after_seconds=60)
        inbox = self.inbox_of(connection)
        if not self.may_call(connection, self.clock() + _FETCH):
            raise TryLater("Other calls for this account come first.")
        return inbox.message(mid, hinted_at)

    def take_in(self, connection: Connection, lost: Sequence[Retold], delay_seconds: int = 0) -> None:
        """Put messages on the inbox queue, marked as recovered."""
        route = Route(connection.tenant.subaccount_id, connection.tenant.agent_id)
        found_at = int(self.clock().timestamp() * 1000)
        self.queue.send_all(
            [InboxMessage(one.notification, route, found_at, recovered=True) for one in lost],
            delay_seconds=delay_seconds,
        )

    def may_call(self, connection: Connection, until: datetime) -> bool:
        """Wait for the account's next call; False when there is no time for it."""
        while self.clock() < until:
            if self.connections.spend(connection, "reading", limits.READERS_PER_SECOND):
                return True
            self.sleep(_PAUSE_SECONDS)
        return False


@dataclass(frozen=True, slots=True)
class _Comparing:
    """One comparison of one connection's threads."""

    recovery: Recovery
    connection: Connection
    since: datetime
    settled: datetime
    until: datetime
    inbox: Inbox

    def run(self, user_id: str | None) -> Findings:
        findings, after = Findings(), None
        try:
            while self._may_call():
                page = self.inbox.threads(user_id=user_id, after=after)
                changed = [thread for thread in page.threads if thread.updated_at >= self.since]
                missing = self._missing(changed)
                for thread in changed:
                    found = self._recover(thread, missing)
                    if found is None:
                        return replace(findings, is_complete=False)
                    findings = replace(findings, checked=findings.checked + 1, recovered=findings.recovered + found)
                if page.after in (None, after) or len(changed) < len(page.threads):
                    return findings
                after = page.after
        except TryLater:
            if findings.checked == 0:
                raise
        return replace(findings, is_complete=False)

    def _missing(self, threads: Sequence[Thread]) -> set[str]:
        """Return the mids that are not stored. One query for all threads."""
        written = {one.mid for thread in threads for one in thread.newest if self.since <= one.at <= self.settled}
        return written.difference(self.recovery.outbox_of(self.connection.tenant).known(written)) if written else set()

    def _recover(self, thread: Thread, missing: set[str]) -> int | None:
        """Have what is missing of a thread taken in, and return how many messages it is; None without time for it."""
        if missing.isdisjoint(one.mid for one in thread.newest):
            return 0
        if not self._may_call():
            return None
        try:
            lost = [one for one in self.inbox.messages(thread.id) if one.mid in missing]
        except (Refused, NotShown):
            return 0  # this thread cannot be read, since it was deleted say; the others can
        ours, theirs = [one for one in lost if one.is_ours], [one for one in lost if not one.is_ours]
        self.recovery.take_in(self.connection, ours)
        self.recovery.take_in(self.connection, theirs, delay_seconds=_AFTER_OURS_SECONDS if ours else 0)
        return len(lost)

    def _may_call(self) -> bool:
        return self.recovery.may_call(self.connection, self.until)
