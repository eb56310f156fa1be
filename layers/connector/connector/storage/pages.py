"""A tenant's messages, across all chats: found by their entries, read from where they stand."""

from collections.abc import Mapping, Sequence

from pymongo.collection import Collection

from connector.chat import Chat, Message
from connector.ports.reading import Entry, Scope
from connector.storage.documents import read_chat, read_messages
from connector.storage.entries import Entries
from connector.storage.indexes import MESSAGE_ONCE, MESSAGES, hinted, of_chats
from connector.storage.mongodb import Document, translated
from connector.storage.ownership import TenantChats
from connector.tenancy import Tenant


class Pages(TenantChats):
    """The messages of one tenant, to be read."""

    def __init__(self, collection: Collection[Document], tenant: Tenant) -> None:
        super().__init__(collection, tenant)
        self._entries = Entries(collection, tenant)

    def entries(
        self, scope: Scope, *, limit: int, beyond: str | None = None, oldest_first: bool = False
    ) -> Sequence[Entry]:
        """Return up to `limit` entries, newest first (or oldest first), from beyond a position on.

        It costs what it returns, however many there are.
        """
        return self._entries.find(scope, limit=limit, beyond=beyond, oldest_first=oldest_first)

    def messages(self, entries: Sequence[Entry]) -> Mapping[str, tuple[Chat, Message]]:
        """Return the messages of entries, by key, each with its chat (which then holds no other messages).

        An entry whose message was not stored (yet), or is stored no more, has none. A message that goes over into the
        next chat meanwhile is found in either: it moves in one transaction, with its entry in the index of keys.
        """
        if not entries:
            return {}
        keys = [entry.key for entry in entries]
        # Which of the keys stand in this chat is found out once, so that each message is held against a few, not all.
        mine = {"$setIntersection": [{"$map": {"input": MESSAGES, "in": "$$this.key"}}, {"$literal": keys}]}
        wanted = {"$filter": {"input": MESSAGES, "cond": {"$in": ["$$this.key", "$$mine"]}}}
        holding = self._collection.find(
            self._tenant | {"messages.key": {"$in": keys}},
            {"chatId": 1, "metadata": 1, "messages": {"$let": {"vars": {"mine": mine}, "in": wanted}}},
        )
        with translated():
            documents = hinted(
                of_chats(self._collection, MESSAGE_ONCE), lambda index: holding.clone().hint(index).to_list()
            )
        return {
            message.key: (read_chat(document | {"messages": []}), message)
            for document in documents
            for message in read_messages(document)
        }
