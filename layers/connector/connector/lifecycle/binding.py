"""Which Retell agents a subaccount may use: the deployment's `RetellAgentBinding`.

Under one Retell key every agent of the workspace can be used by its id, and Retell knows nothing of subaccounts. So the
right to an agent comes from the caller's token, from a Retell key of the subaccount's own, or from having been first:

| rule      | the token lists the agent | a Retell key of its own | neither                                            |
|-----------|---------------------------|-------------------------|----------------------------------------------------|
| `own-key` | allowed                   | allowed                 | the path's agent, unless another subaccount has it |
| `claims`  | allowed                   | refused                 | refused                                            |
| `open`    | allowed                   | allowed                 | allowed                                            |

A token that lists other agents only has no right under `own-key` by being first. Of an agent that another subaccount
has, the caller learns the same as of one that Retell does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connector.accounts import AgentBasis, Connection
from connector.agents.retell import agent_not_found
from connector.errors import AgentNotAllowed, Refused
from connector.storage.agent_owners import AgentOwners
from connector.tenancy import Tenant


class Rule(StrEnum):
    """A value of the parameter `RetellAgentBinding`."""

    OWN_KEY = "own-key"
    CLAIMS = "claims"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Binding:
    """The rule of a deployment."""

    rule: Rule
    has_own_key: Callable[[str], bool]
    """Returns whether a subaccount has a Retell key of its own."""
    owners: AgentOwners
    exists: Callable[[Tenant, str], None]
    """Requires that Retell has an agent under a tenant's key; raises an OutsideError."""

    def basis(self, tenant: Tenant, agent_id: str, *, is_listed: bool | None) -> AgentBasis:
        """Return why a tenant may connect an agent, apart from who else has it.

        `is_listed` says whether the caller's token lists the agent; it is None for a token that lists no agents.

        Raises:
            AgentNotAllowed: it may not.
        """
        if is_listed:
            return AgentBasis.CLAIMS
        if self.rule is Rule.OPEN:
            return AgentBasis.OPEN
        if self.rule is Rule.OWN_KEY:
            if self.has_own_key(tenant.subaccount_id):
                return AgentBasis.OWN_KEY
            if is_listed is None and self._may_be_first(tenant, agent_id):
                return AgentBasis.FIRST
        raise AgentNotAllowed

    def _may_be_first(self, tenant: Tenant, agent_id: str) -> bool:
        return agent_id == tenant.agent_id or self.owners.owner(agent_id) == tenant.subaccount_id

    def require_usable(self, tenant: Tenant, agent_id: str, basis: AgentBasis) -> None:
        """Require that Retell has an agent, and that no other subaccount has it where its use rests on being first.

        Raises:
            Refused: one of the two is not so. The words do not tell which.
            TryLater, Misconfigured: Retell cannot be asked.
        """
        if basis is AgentBasis.FIRST and self.owners.owner(agent_id) not in (None, tenant.subaccount_id):
            raise agent_not_found()
        self.exists(tenant, agent_id)

    def take(self, tenant: Tenant, agent_id: str, basis: AgentBasis) -> None:
        """Record that the tenant's subaccount has the agent, before the connection is stored.

        Raises:
            Refused: another subaccount was faster.
        """
        if basis is AgentBasis.CLAIMS:
            self.owners.take_listed(agent_id, tenant.subaccount_id)
        elif basis is AgentBasis.FIRST and not self.owners.take(agent_id, tenant.subaccount_id):
            raise agent_not_found()

    def require(self, connection: Connection) -> None:
        """Require that a stored connection may use its agent now, under the rule as it is now.

        Raises:
            Refused: it may not.
        """
        if not self._allows(connection):
            raise Refused("agent_not_allowed", "The subaccount may no longer use this Retell agent.")

    def _allows(self, connection: Connection) -> bool:
        basis, agent_id = connection.agent_basis, connection.retell_agent_id
        subaccount_id = connection.tenant.subaccount_id
        if self.rule is Rule.OPEN or basis is AgentBasis.CLAIMS:
            return True
        if self.rule is Rule.CLAIMS:
            return False
        if self.has_own_key(subaccount_id):
            return True
        if basis is AgentBasis.OWN_KEY:
            return False
        if basis is AgentBasis.FIRST:
            return self.owners.owner(agent_id) == subaccount_id
        return self.owners.take(agent_id, subaccount_id)
