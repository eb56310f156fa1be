"""The indexes of `chats` that are ours: all partial on our mark, since the platform's documents stand beside ours.

`storage/index_builds.py` creates them.
"""

from collections.abc import Callable

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from connector.storage.mongodb import Document, lacks_index
from connector.storage.ownership import OURS, is_marked

WAKES = {"wakeAt": {"$type": "date"}}
CURRENT = {"current": True}
"""The newest chat of each user, whether it goes on or has ended: the one that stands for the conversation."""

UNLISTED = {"listed": None}
"""What our own writers have not made: its messages may not be listed."""

MESSAGES = {"$cond": [{"$isArray": "$messages"}, "$messages", []]}
"""The expression for a chat's messages, whatever stands in their place."""

# Names that no earlier version has used: while the indexes of both exist, none is taken for the other.
MESSAGE_ONCE = "connector_message_once"
CONVERSATIONS = "connector_conversations"
OF_USER = "connector_of_user"
OPENED = "connector_opened"
EXPIRED = "connector_expired"
AWAKE = "connector_wakes"
TO_LIST = "connector_unlisted"

INDEXES = (
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("metadata.userId", ASCENDING)],
        name="connector_one_ongoing_chat",
        unique=True,
        partialFilterExpression=OURS | {"status": "ongoing"},
    ),
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("messages.key", ASCENDING)],
        name=MESSAGE_ONCE,
        unique=True,
        # A chat without messages would stand in it under the key `null`, and a tenant could have but one of those.
        partialFilterExpression=OURS | {"messages.key": {"$exists": True}},
    ),
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("messages.mid", ASCENDING)],
        name="connector_message_mid",
        partialFilterExpression=OURS,
    ),
    IndexModel(
        [
            ("subaccountId", ASCENDING),
            ("agentId", ASCENDING),
            ("lastMessageAt", DESCENDING),
            ("_id", DESCENDING),
        ],
        name=CONVERSATIONS,
        partialFilterExpression=OURS | CURRENT,
    ),
    IndexModel(
        [
            ("subaccountId", ASCENDING),
            ("agentId", ASCENDING),
            ("metadata.userId", ASCENDING),
            ("createdAt", DESCENDING),
        ],
        name=OF_USER,
        partialFilterExpression=OURS,
    ),
    # Those that no tenant comes first in: the sweep looks after all of them, a person is forgotten by all of them, and
    # time goes by for all of them.
    IndexModel([("wakeAt", ASCENDING)], name=AWAKE, partialFilterExpression=OURS | WAKES),
    IndexModel([("createdAt", DESCENDING)], name=TO_LIST, partialFilterExpression=OURS | UNLISTED),
    IndexModel([("metadata.userId", ASCENDING)], name="connector_of_person", partialFilterExpression=OURS),
    IndexModel([("createdAt", ASCENDING), ("_id", ASCENDING)], name=OPENED, partialFilterExpression=OURS),
    IndexModel([("expireAt", ASCENDING)], name=EXPIRED, expireAfterSeconds=0, partialFilterExpression=OURS),
)


def of_chats(chats: Collection[Document], name: str) -> str | None:
    """Return the index to hint at. None while there are unmarked documents, which are in none of our indexes."""
    return name if is_marked(chats) else None


def hinted[Found](index: str | None, read: Callable[[str | None], Found]) -> Found:
    """Read by an index, and without it where it does not exist yet: that is slower."""
    try:
        return read(index)
    except OperationFailure as error:
        if not lacks_index(error):
            raise
        return read(None)
