"""How far each connection's threads were compared with what is stored of them. It stands in the connection itself.

A connection that is made anew while it stands, since its token had died, goes on where it was: the time between is the
very time in which messages were lost. One that was ended begins anew (`Connections.disconnect`), and so does one of
another account: what was written while nobody was connected is none of ours.
"""

from pymongo.collection import Collection

from connector.accounts import Connection
from connector.ports.recovery import Compared
from connector.storage.mongodb import Document, translated

FIELD = "compared"


class Comparisons:
    """How far connections were compared."""

    def __init__(self, collection: Collection[Document]) -> None:
        """Keep it in the collection of the connections."""
        self._collection = collection

    def of(self, connection: Connection) -> Compared:
        """Return how far a connection was compared; a new one from when it was made on."""
        with translated():
            document = self._collection.find_one({"_id": str(connection.tenant)}, {FIELD: 1})
        stored = (document or {}).get(FIELD)
        if not stored or stored["accountId"] != connection.account.account_id:
            return Compared(connection.connected_at, None)
        return Compared(stored["since"], stored["until"])

    def record(self, connection: Connection, compared: Compared) -> None:
        """Record how far it was compared, unless it has been made anew, or ended, since."""
        fields = {"accountId": connection.account.account_id, "since": compared.since, "until": compared.until}
        with translated():
            self._collection.update_one(
                {"_id": str(connection.tenant), "generation": connection.generation}, {"$set": {FIELD: fields}}
            )
