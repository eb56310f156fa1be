"""What Meta told us that changed no message. Collection `instagram_events`.

An unknown kind of event is kept as it came, so that nothing Meta says is lost before somebody understands it. An edit,
an unsend or a reaction that is faster than its message is kept until the message comes.
"""

from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.instagram.events import Other
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_events"

_BY_KEY = IndexModel(
    [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("key", ASCENDING)], name="event_key", unique=True
)
_BY_MID = IndexModel([("subaccountId", ASCENDING), ("agentId", ASCENDING), ("mid", ASCENDING)], name="event_mid")


class KeptEvents:
    """The kept events of one tenant."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        self._collection = collection
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id}

    def ensure_indexes(self) -> None:
        """Create the indexes; those that stand already cost nothing."""
        with translated():
            self._collection.create_indexes([_BY_KEY, _BY_MID])

    def keep(self, event: Other) -> None:
        """Keep an event; one that is kept already changes nothing."""
        fields = {
            "accountId": event.account_id,
            "userId": event.user_id,
            "mid": event.mid,
            "name": event.name,
            "channel": event.channel,
            "item": dict(event.item),
            "at": event.at,
            "createdAt": now(),
        }
        with translated():
            self._collection.update_one(self._tenant | {"key": event.key}, {"$setOnInsert": fields}, upsert=True)

    def about(self, mid: str) -> Sequence[Other]:
        """Return what is kept about a message, in the order in which it happened."""
        with translated():
            documents = self._collection.find(self._tenant | {"mid": mid}).sort("at", ASCENDING).to_list()
        return [
            Other(
                document["accountId"],
                document["userId"],
                document["at"],
                document["name"],
                document["key"],
                document["channel"],
                document["mid"],
                document["item"],
            )
            for document in documents
        ]

    def forget(self, event: Other) -> None:
        """Forget an event: it has been applied."""
        with translated():
            self._collection.delete_one(self._tenant | {"key": event.key})
