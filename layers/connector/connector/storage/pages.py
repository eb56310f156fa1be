"""A tenant's messages, newest first, across all chats."""

from collections.abc import Sequence
from datetime import datetime

from pymongo.collection import Collection

from connector.chat import Chat, Message
from connector.storage.documents import read_chat, read_message
from connector.storage.indexes import OURS
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant


class Pages:
    """The messages of one tenant, to be read."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        self._collection = collection
        self._tenant: Document = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} | OURS

    def page(
        self, *, limit: int, before: tuple[datetime, str] | None = None, user_id: str | None = None
    ) -> Sequence[tuple[Chat, Message]]:
        """Return up to `limit` messages, newest first, each with its chat (which then holds no other messages).

        `before` is the (createdAt, id) of the last message seen. Equal times are common, hence the id.
        """
        older: Document = {}
        if before:
            created_at, message_id = before
            older = {
                "$or": [
                    {"messages.createdAt": {"$lt": created_at}},
                    {"messages.createdAt": created_at, "messages.id": {"$lt": message_id}},
                ]
            }
        mine = self._tenant | ({"metadata.userId": user_id} if user_id else {})
        with translated():
            documents = self._collection.aggregate(
                [
                    {"$match": mine},
                    {"$project": {"chatId": 1, "metadata": 1, "messages": 1}},
                    {"$unwind": "$messages"},
                    {"$match": older},
                    {"$sort": {"messages.createdAt": -1, "messages.id": -1}},
                    {"$limit": limit},
                ],
                allowDiskUse=True,
            ).to_list()
        return [(read_chat(document | {"messages": []}), read_message(document["messages"])) for document in documents]
