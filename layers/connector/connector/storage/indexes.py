"""The indexes of `chats` that are ours: all partial on our channel, since other channels' chats stand beside ours."""

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.collection import Collection

from connector.storage.mongodb import Document, translated

CHANNEL = "instagram"
OURS = {"metadata.channel": CHANNEL}
WAKES = {"wakeAt": {"$type": "date"}}

_INDEXES = (
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("metadata.userId", ASCENDING)],
        name="instagram_one_ongoing_chat",
        unique=True,
        partialFilterExpression=OURS | {"status": "ongoing"},
    ),
    IndexModel(
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("messages.key", ASCENDING)],
        name="instagram_message_once",
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
        [("subaccountId", ASCENDING), ("agentId", ASCENDING), ("lastMessageAt", DESCENDING)],
        name="instagram_newest",
        partialFilterExpression=OURS,
    ),
    IndexModel(
        [
            ("subaccountId", ASCENDING),
            ("agentId", ASCENDING),
            ("metadata.userId", ASCENDING),
            ("createdAt", DESCENDING),
        ],
        name="instagram_of_user",
        partialFilterExpression=OURS,
    ),
    # The one that no tenant comes first in: the sweep looks after all of them.
    IndexModel([("wakeAt", ASCENDING)], name="instagram_wakes", partialFilterExpression=OURS | WAKES),
)


def ensure_indexes(chats: Collection[Document]) -> None:
    """Create the indexes that the guarantees rest on; those that stand already cost nothing."""
    with translated():
        chats.create_indexes(list(_INDEXES))
