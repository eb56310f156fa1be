"""What follows when an owner takes back what they allowed us: their connections end. Meta knows it already."""

from dataclasses import dataclass

from connector.instagram.signed_requests import SignedRequest
from connector.storage.connections import Connections
from connector.storage.owners import Owners
from connector.storage.secret_sets import SecretSets
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class Deauthorizing:
    """Ends the connections of owners who have removed the app."""

    connections: Connections
    owners: Owners
    secret_sets: SecretSets

    def deauthorize(self, told: SignedRequest, within: Tenant | None = None) -> int:
        """End all connections that rest on what this person allowed, and return how many there are.

        `within` one tenant, where the proof is that tenant's alone. The chats stay. Doing it twice does no harm.
        """
        tenants = [one for one in self.owners.tenants_of(told.person_id, told.page_id) if within in (None, one)]
        for tenant in tenants:
            self.connections.disconnect(tenant)
        # Only now: whatever fails here, nobody is written to any more.
        for tenant in tenants:
            self.secret_sets.clear(tenant, at_once=True)
        return len(tenants)
