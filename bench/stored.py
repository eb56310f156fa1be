"""A connection with a long history, stored at once: what years of traffic leave behind, in a minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from connector.chat import Message, MessageStatus, Role
from connector.storage import entries, index_builds
from connector.storage.documents import write_message
from connector.storage.succession import first_document
from connector.tenancy import Tenant

ACCOUNT = "17841400000000001"
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)
"""From one message to the next, whoever writes it."""

type Document = dict[str, Any]


def store_history(database: Database[Document], tenant: Tenant, messages: int, *, of_each: int) -> None:
    """Store so many messages, `of_each` customer, in one chat for each. All customers write in turns."""
    users = messages // of_each
    chats = database["chats"]
    for batch in batched(range(users), 50, strict=False):
        chats.insert_many([_chat(tenant, user, users, of_each) for user in batch], ordered=False)
    for some in batched(_entries(tenant, users, of_each), 5_000, strict=False):
        database[entries.COLLECTION].insert_many(some, ordered=False)
    index_builds.build_indexes(database)  # afterwards: that is quicker


def user_id(user: int) -> str:
    """Return the id of the n-th customer."""
    return f"{10**15 + user}"


def _message(user: int, users: int, number: int) -> Message:
    place = number * users + user
    role = (Role.USER, Role.AGENT, Role.USER, Role.HUMAN)[number % 4]
    is_theirs = role is Role.USER
    return Message(
        key=f"mid:aWdfZAG1faXRlbToxOk{place}" if is_theirs else f"turn:{place:032x}:0",
        role=role,
        text=f"Message {place}: we open at nine.",
        status=MessageStatus.ANSWERED if is_theirs else MessageStatus.READ,
        created_at=BEGAN + place * STEP,
        id=f"{place:024x}",
        mid=f"aWdfZAG1faXRlbToxOk{place}",
        turn_id=f"{place:032x}",
    )


def _chat(tenant: Tenant, user: int, users: int, of_each: int) -> Document:
    ongoing = {
        "subaccountId": tenant.subaccount_id,
        "agentId": tenant.agent_id,
        "metadata.userId": user_id(user),
    }
    messages = [_message(user, users, number) for number in range(of_each)]
    last = messages[-1].created_at
    return first_document(ongoing, ACCOUNT, messages[0].created_at, None) | {
        "_id": ObjectId(f"{user:024x}"),
        "messages": [write_message(message) for message in messages],
        "lastMessageAt": last,
        "lastUserMessageAt": last,
        "windowOpenedAt": last,
        "updatedAt": last,
    }


def _entries(tenant: Tenant, users: int, of_each: int) -> Iterator[Document]:
    for number in range(of_each):
        for user in range(users):
            message = _message(user, users, number)
            yield {
                "_id": f"{tenant}/{message.key}",
                "subaccountId": tenant.subaccount_id,
                "agentId": tenant.agent_id,
            } | entries.entry(user_id(user), message.role.value, entries.position_of(message), message.text)
