"""Forgetting people: what is stored of them is deleted for good, and does not come back.

A request is written down first, and worked off at once as far as there is time; the rest is carried on each five
minutes (`functions/erase`). What was in somebody's hands when it was made is gone after `SETTLED`: only then is all
looked through for the last time, and the request done.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.deletions import SETTLED, Deletion, Part
from connector.errors import ConnectorError
from connector.logs import log_refusal
from connector.storage.connections import Connections
from connector.storage.deletions import Deletions
from connector.storage.erasure import Erasure
from connector.storage.owners import Owners
from connector.storage.secrets import Secrets
from connector.storage.tombstones import Tombstones
from connector.tenancy import Tenant

# How long whoever asks is kept waiting for it.
_AT_ONCE_SECONDS = 5
_LEASE = timedelta(minutes=2)  # longer than a part takes


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Deletes what is stored of people."""

    connections: Connections
    owners: Owners
    secrets: Secrets
    deletions: Deletions
    tombstones_of: Callable[[Tenant], Tombstones]
    erasure: Erasure
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
            Part(tenant, user_id=person_id)
            for tenant in self.erasure.tenants_of(person_id)
            if within in (None, tenant)
        ]
        deletion = self.deletions.open(f"person {person_id} of {within or 'all'}", parts, _LEASE)
        if owned:
            self.owners.drop(person_id, within)
        return self._begin(deletion)

    def customer(self, tenant: Tenant, user_id: str) -> Deletion:
        """Forget one customer of a tenant's."""
        return self._begin(
            self.deletions.open(f"customer {user_id} of {tenant}", [Part(tenant, user_id=user_id)], _LEASE)
        )

    def everybody(self, tenant: Tenant) -> Deletion:
        """Forget all customers of a tenant's."""
        return self._begin(self.deletions.open(f"everybody of {tenant}", [Part(tenant)], _LEASE))

    def carry_on(self, seconds: float) -> int:
        """Carry on what is not done, for about so long; return how many requests are done now.

        Raises:
            Unavailable: the requests cannot be read.
        """
        until, done = self.clock() + timedelta(seconds=seconds), 0
        while self.clock() < until and (deletion := self.deletions.take(_LEASE)) is not None:
            done += self._begin(deletion).is_done
        return done

    def _begin(self, deletion: Deletion) -> Deletion:
        """Do what there is time for. What goes wrong is no matter of who asks: it is written down, and carried on."""
        try:
            return self._work(deletion)
        except ConnectorError as error:
            log_refusal(error)
            return deletion

    def _work(self, deletion: Deletion) -> Deletion:
        settled_at = deletion.asked_at + SETTLED
        is_last = self.clock() >= settled_at or not deletion.parts
        for part in deletion.parts:
            self._close(part, deletion.asked_at)
        for part in deletion.parts:
            if not self.erasure.erase(part, deletion.asked_at, seconds=_AT_ONCE_SECONDS):
                self.deletions.put_off(deletion, self.clock())
                return deletion
            if is_last:
                self.erasure.sweep(part, deletion.asked_at)
        if not is_last:
            self.deletions.put_off(deletion, settled_at)
            return deletion
        return self.deletions.finish(deletion)

    def _close(self, part: Part, asked_at: datetime) -> None:
        """Keep what is to be deleted from growing, and from coming back."""
        if part.ends_connection and part.account_id:
            self.owners.empty(part.tenant, part.account_id, asked_at)
            connection = self.connections.get(part.tenant)
            if connection is None or not connection.holds_account:
                self.secrets.delete_connection(part.tenant)
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
