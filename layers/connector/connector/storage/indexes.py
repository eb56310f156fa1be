"""The indexes of `chats` that are ours: all partial on our channel, since other channels' chats stand beside ours."""

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection

from connector.storage import entries, kept_events
from connector.storage.mongodb import Document, translated

CHANNEL = "instagram"
OURS = {"metadata.channel": CHANNEL}
WAKES = {"wakeAt": {"$type": "date"}}
CURRENT = {"current": True}
"""The newest chat of each user, whether it goes on or has ended: the one that stands for the conversation."""

UNLISTED = {"listed": None}
"""What our own writers have not made: its messages may not be listed."""

MESSAGES = {"$cond": [{"$isArray": "$messages"}, "$messages", []]}
"""The expression for a chat's messages, whatever stands in their place."""

MESSAGE_ONCE = "instagram_message_once"
CONVERSATIONS = "instagram_conversations"
OF_USER = "instagram_of_user"
OPENED = "instagram_opened"
EXPIRED = "instagram_expired"

_INDEXES = (
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("metadata.userId", ASCENDING)],
        name="instagram_one_ongoing_chat",
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
        name="instagram_message_mid",
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
    IndexModel([("wakeAt", ASCENDING)], name="instagram_wakes", partialFilterExpression=OURS | WAKES),
    IndexModel([("createdAt", DESCENDING)], name="instagram_unlisted", partialFilterExpression=OURS | UNLISTED),
    IndexModel([("metadata.userId", ASCENDING)], name="instagram_of_person", partialFilterExpression=OURS),
    IndexModel([("createdAt", ASCENDING), ("_id", ASCENDING)], name=OPENED, partialFilterExpression=OURS),
    IndexModel([("expireAt", ASCENDING)], name=EXPIRED, expireAfterSeconds=0, partialFilterExpression=OURS),
)


def ensure_indexes(chats: Collection[Document]) -> None:
    """Create the indexes that the guarantees rest on, and those of what stands beside; what is there costs nothing."""
    with translated():
        chats.create_indexes(list(_INDEXES))
    entries.ensure_indexes(chats)
    kept_events.ensure_indexes(chats)
