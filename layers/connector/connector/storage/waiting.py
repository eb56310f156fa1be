"""The chats, of all tenants, that somebody should have looked at by now: where a queue message or a worker was lost."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.collection import Collection

from connector.envelopes import TurnMessage
from connector.storage.documents import now
from connector.storage.indexes import AWAKE, WAKES, of_chats
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import ours


class Waiting:
    """What waits in any tenant's chats. It tells who waits, and nothing of what they wrote."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._clock = clock

    def late(self, limit: int) -> Mapping[str, TurnMessage]:
        """Return turn messages for at most `limit` chats whose time has come, by chat, the longest waiting first.

        Raises:
            IndexesMissing: the index that finds them does not exist yet.
        """
        due = ours(self._collection)
        with translated():
            documents = (
                self._collection.find(
                    due | {"status": "ongoing", "$and": [WAKES, {"wakeAt": {"$lte": self._clock()}}]},
                    {"subaccountId": 1, "agentId": 1, "metadata": 1},
                )
                .sort("wakeAt", ASCENDING)
                .hint(of_chats(self._collection, AWAKE))
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
        these = {"_id": {"$in": [ObjectId(one) for one in chat_ids]}} | ours(self._collection)
        with translated():
            self._collection.update_many(these | {"wakeAt": {"$lte": self._clock()}}, {"$set": {"wakeAt": until}})
