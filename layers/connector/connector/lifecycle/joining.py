"""The last step of connect: store the secrets, and only then join the agent to the account."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from connector.accounts import Account, AgentBasis, Connection, Request
from connector.errors import AccountInUse, ConnectorError, TryLater
from connector.lifecycle.credentials import Credentials
from connector.lifecycle.wish import Wish
from connector.storage.connection_documents import Joint
from connector.storage.connection_secrets import ConnectionSecrets, fingerprint
from connector.storage.connections import Connections
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.tenancy import Tenant

_ATTEMPTS = 8  # each fails only because another connect or disconnect of the same agent succeeded


@dataclass(frozen=True, slots=True)
class Joining:
    """Joins agents to accounts, one connect of an agent after another."""

    connections: Connections
    secrets: Secrets
    secret_sets: SecretSets
    key_id: str
    clock: Callable[[], datetime]

    def join(
        self,
        tenant: Tenant,
        wish: Wish,
        account: Account,
        credentials: Credentials,
        basis: AgentBasis,
        *,
        request: Request | None = None,
        holder: Connection | None = None,
    ) -> Connection:
        """Store the secrets, end the connection of a `holder` whose token has died, and join.

        Concurrent connects of one agent go one after another: what a connect stores depends on the secrets of the
        connection before, so it joins only if that is still the same, and else begins again. Whatever is stored in vain
        is listed, and deleted.

        Raises:
            AccountInUse: another agent has the account, or the holder is not the same as it was.
            TryLater: other connects of this agent came first, again and again; or the secrets of before cannot be read
                yet.
            Unavailable, Misconfigured: a store failed. A repetition does the rest.
        """
        for _ in range(_ATTEMPTS):
            begun = self.secret_sets.begin(tenant)
            own = self._own(tenant, wish, account)
            version = self.secrets.put_access_token(tenant, begun.secrets_id, credentials.token, key_id=self.key_id)
            self.secrets.put_webhook(tenant, begun.secrets_id, own, key_id=self.key_id)
            joint = Joint(
                tenant,
                account,
                wish.retell_agent_id,
                version,
                begun.secrets_id,
                grant=credentials.grant,
                request=request,
                agent_basis=basis,
                signers=tuple(map(fingerprint, own.app_secrets(self.clock()))),
                took_over=holder is not None,
            )
            try:
                self._free(holder)
                joined = self.connections.join(joint, begun.generation)
            except AccountInUse:
                with suppress(ConnectorError):
                    self.secret_sets.give_up(tenant, begun.secrets_id)
                raise
            if joined is not None:
                return joined
            self.secret_sets.give_up(tenant, begun.secrets_id)
        raise TryLater("This agent is being connected by other requests at the same time. Try again in a moment.")

    def _own(self, tenant: Tenant, wish: Wish, account: Account) -> ConnectionSecrets:
        """Return what the webhook needs to know: the given secrets, and those of before while the account is the same.

        Read exactly as the connect of before has stored it, never from a list that may be cached or incomplete.
        """
        before = self.connections.get(tenant)
        is_same = before is not None and before.holds_account and before.account.account_id == account.account_id
        stored = self.secrets.of_connection(before) if before is not None and is_same else None
        if stored is None:
            return ConnectionSecrets(wish.verify_token, wish.app_secret)
        return stored.renewed(wish.verify_token, wish.app_secret, self.clock())

    def _free(self, holder: Connection | None) -> None:
        """End the holder's connection. When this is done again, it has ended already.

        Raises:
            AccountInUse: the holder has been connected again, or its token renewed.
        """
        if holder is None or self.connections.take_over(holder):
            return
        current = self.connections.get(holder.tenant)
        if current is not None and current.holds_account and current.account.account_id == holder.account.account_id:
            raise AccountInUse
