"""Which subaccount a Retell agent under the deployment's key belongs to. Collection `instagram_agents`.

`_id` is the agent's id at Retell, so an agent has one owner. A document outlives the connections: disconnecting does
not release an agent.

Connections that an older version stored, or that were made while `RetellAgentBinding` was `open`, wrote no document.
Among them, the agent belongs to the subaccount in whose path it stands, the earliest first; else to the subaccount that
alone uses it; and if several use it, to none of them.
"""

from collections.abc import Callable
from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from connector.accounts import AgentBasis, ConnectionStatus
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated

COLLECTION = "instagram_agents"

INDEXES = (IndexModel([("retellAgentId", ASCENDING), ("createdAt", ASCENDING)], name="by_agent"),)
"""Of the connections: the connections of an agent."""

_CONTESTED = ""  # equals the id of no subaccount
_UNBOUND = {
    "status": {"$ne": ConnectionStatus.DISCONNECTED.value},
    "agentBasis": {"$in": [None, AgentBasis.OPEN.value]},
}


class AgentOwners:
    """The owners of all Retell agents under the deployment's key. Needed across tenants, to keep them apart."""

    def __init__(
        self,
        collection: Collection[Document],
        connections: Collection[Document],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._collection = collection
        self._connections = connections
        self._clock = clock

    def owner(self, agent_id: str) -> str | None:
        """Return the id of the subaccount that has the agent; "" if several do, None if none does."""
        with translated():
            owned = self._collection.find_one({"_id": agent_id})
            return str(owned["subaccountId"]) if owned else self._user(agent_id)

    def _user(self, agent_id: str) -> str | None:
        """Return the same for an agent without a document."""
        unbound = {"retellAgentId": agent_id} | _UNBOUND
        by_path = self._connections.find_one(unbound | {"agentId": agent_id}, sort=[("createdAt", ASCENDING)])
        if by_path is not None:
            return str(by_path["subaccountId"])
        users = self._connections.distinct("subaccountId", unbound)
        return None if not users else str(users[0]) if len(users) == 1 else _CONTESTED

    def take(self, agent_id: str, subaccount_id: str) -> bool:
        """Give the agent to a subaccount if no other one has it; return whether the subaccount has it now."""
        if self.owner(agent_id) not in (None, subaccount_id):
            return False
        try:
            with translated():
                self._collection.insert_one(self._document(agent_id, subaccount_id, is_listed=False))
        except DuplicateKeyError:
            return self.owner(agent_id) == subaccount_id
        return True

    def take_listed(self, agent_id: str, subaccount_id: str) -> None:
        """Give the agent to a subaccount whose token lists it, unless the token of another one listed it before."""
        document = self._document(agent_id, subaccount_id, is_listed=True)
        try:
            with translated():
                self._collection.replace_one({"_id": agent_id, "isListed": False}, document, upsert=True)
        except DuplicateKeyError:
            return  # tokens may share an agent among subaccounts; the owner stays the same

    def _document(self, agent_id: str, subaccount_id: str, *, is_listed: bool) -> Document:
        return {"_id": agent_id, "subaccountId": subaccount_id, "isListed": is_listed, "since": self._clock()}
