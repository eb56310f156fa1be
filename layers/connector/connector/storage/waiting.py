"""The chats, of all tenants, that somebody should have looked at by now: where a queue message or a worker was lost."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.collection import Collection

from connector.envelopes import TurnMessage
from connector.storage.documents import now
from connector.storage.indexes import OURS, WAKES
from connector.storage.mongodb import Document, translated


class Waiting:
    """What waits in any tenant's chats. It tells who waits, and nothing of what they wrote."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._clock = clock

    def late(self, limit: int) -> Mapping[str, TurnMessage]:
        """Return turn messages for at most `limit` chats whose time has come, by chat, the longest waiting first."""
        with translated():
            documents = (
                self._collection.find(
                    OURS | {"status": "ongoing", "$and": [WAKES, {"wakeAt": {"$lte": self._clock()}}]},
                    {"subaccountId": 1, "agentId": 1, "metadata": 1},
                )
                .sort("wakeAt", ASCENDING)
                .limit(limit)
                .to_list()
            )
        return {
            str(document["_id"]): TurnMessage(
                document["subaccountId"],
                document["agentId"],
                document["metadata"]["instagramAccountId"],
                document["metadata"]["userId"],
                None,
            )
            for document in documents
        }

    def put_off(self, chat_ids: Iterable[str], until: datetime) -> None:
        """Let these chats rest until then, unless a worker has set their time meanwhile."""
        with translated():
            self._collection.update_many(
                {"_id": {"$in": [ObjectId(one) for one in chat_ids]}, "wakeAt": {"$lte": self._clock()}} | OURS,
                {"$set": {"wakeAt": until}},
            )
