"""Forgetting people: what is stored of them is deleted for good, and does not come back.

A request is written down first, and worked off at once as far as there is time; the rest is carried on each five
minutes (`functions/erase`). What was in somebody's hands when it was made is gone after `SETTLED`: only then is all
looked through for the last time. The chats at Retell are deleted from then on (`lifecycle/retell_deletion.py`), and the
request is done when none is left there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.deletions import SETTLED, Deletion, DeletionStatus, Part
from connector.errors import ConnectorError
from connector.logs import count, logger
from connector.storage.connections import Connections
from connector.storage.deletions import Deletions
from connector.storage.erasure import Erasure
from connector.storage.owners import Owners
from connector.storage.retell_deletions import RetellDeletions
from connector.storage.secret_sets import SecretSets
from connector.storage.tombstones import Tombstones
from connector.tenancy import Tenant

_AT_ONCE_SECONDS = 5  # whoever asks is not kept waiting for more
AT_A_TIME_SECONDS = 60
_MOST_TENANTS_LOGGED = 10
_LEASE = timedelta(minutes=2)  # longer than all that is done at a time
_LOOK_AT_RETELL = timedelta(minutes=4)  # each run of erase looks once


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Deletes what is stored of people."""

    connections: Connections
    owners: Owners
    secret_sets: SecretSets
    deletions: Deletions
    tombstones_of: Callable[[Tenant], Tombstones]
    erasure: Erasure
    retell: RetellDeletions
    clock: Callable[[], datetime]

    def person(self, person_id: str, within: Tenant | None = None) -> Deletion:
        """Forget whoever Meta calls so: the owner of accounts, or a customer; perhaps nobody.

        With an owner go their connections, and the conversations of their accounts. `within` one tenant, where the
        proof is that tenant's alone.
        """
        owned = [one for one in self.owners.accounts_of(person_id) if within in (None, one[0])]
        parts = [
            Part(tenant, account_id=account_id, ends_connection=True)
            for tenant, account_id in owned
            if not self._is_anothers(tenant, account_id, person_id)
        ]
        parts += [
            Part(tenant, user_id=person_id) for tenant in self.erasure.tenants_of(person_id) if within in (None, tenant)
        ]
        deletion = self.deletions.open(f"person {person_id} of {within or 'all'}", parts, _LEASE)
        if owned:
            self.owners.drop(person_id, within)
        return self._try(deletion, _AT_ONCE_SECONDS)

    def customer(self, tenant: Tenant, user_id: str) -> Deletion:
        """Forget one customer of a tenant's."""
        parts = [Part(tenant, user_id=user_id)]
        return self._try(self.deletions.open(f"customer {user_id} of {tenant}", parts, _LEASE), _AT_ONCE_SECONDS)

    def everybody(self, tenant: Tenant) -> Deletion:
        """Forget all customers of a tenant's."""
        return self._try(self.deletions.open(f"everybody of {tenant}", [Part(tenant)], _LEASE), _AT_ONCE_SECONDS)

    def carry_on(self, seconds: float) -> int:
        """Carry on what is not done, for about so long; return how many requests are done now.

        Raises:
            Unavailable: the requests cannot be read.
        """
        until, done = self.clock() + timedelta(seconds=seconds), 0
        while self.clock() < until and (deletion := self.deletions.take(_LEASE)) is not None:
            done += self._try(deletion, AT_A_TIME_SECONDS).status is DeletionStatus.DONE
        return done

    def _try(self, deletion: Deletion, seconds: float) -> Deletion:
        """Do what there is time for. What goes wrong is no matter of who asks: it is written down, and carried on."""
        try:
            deletion = self._work(deletion, self.clock() + timedelta(seconds=seconds))
            return replace(deletion, at_retell=self.retell.of(deletion.code))
        except ConnectorError as error:
            count("DeletionHeldUp")
            tenants = sorted({str(part.tenant) for part in deletion.parts})[:_MOST_TENANTS_LOGGED]
            logger.warning("a deletion is held up", extra={"code": error.code, "tenants": tenants})
            return deletion

    def _work(self, deletion: Deletion, until: datetime) -> Deletion:
        settled_at = deletion.asked_at + SETTLED
        is_settled = self.clock() >= settled_at
        if not is_settled:
            self.retell.retry(deletion.code, settled_at)
        for part in deletion.parts:  # all of them first: nothing is to grow while something else is deleted
            self._close(part, deletion.asked_at)
            if self.clock() >= until:
                return self.deletions.put_off(deletion, self.clock())
        for part in deletion.parts:
            left = (until - self.clock()).total_seconds()

            def list_sessions(chat_ids: Sequence[str], tenant: Tenant = part.tenant) -> None:
                self.retell.add(deletion.code, tenant, chat_ids, settled_at)

            if not self.erasure.erase(part, deletion.asked_at, list_sessions, seconds=left):
                return self.deletions.put_off(deletion, self.clock())
            if is_settled:
                self.erasure.sweep(part, deletion.asked_at)
        if deletion.parts and not is_settled:
            return self.deletions.put_off(deletion, settled_at)
        if self.retell.of(deletion.code).left:
            return self.deletions.await_retell(deletion, self.clock() + _LOOK_AT_RETELL)
        return self.deletions.finish(deletion)

    def _close(self, part: Part, asked_at: datetime) -> None:
        """Keep what is to be deleted from growing, and from coming back."""
        if part.ends_connection and part.account_id:
            self.owners.empty(part.tenant, part.account_id, asked_at)
            connection = self.connections.get(part.tenant)
            if connection is None or not connection.holds_account:
                self.secret_sets.clear(part.tenant)
        self.tombstones_of(part.tenant).put(part, asked_at)
        self.owners.record_deletion(part.tenant, asked_at)

    def _is_anothers(self, tenant: Tenant, account_id: str, owner_id: str) -> bool:
        """Return whether somebody else has let us into the account since."""
        connection = self.connections.get(tenant)
        return (
            connection is not None
            and connection.account.account_id == account_id
            and connection.grant.owner_id not in (None, owner_id)
        )
