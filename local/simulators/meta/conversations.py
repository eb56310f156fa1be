"""Threads and messages as Graph objects (Meta's page "Conversations API").

Only the 20 newest messages of a thread can be read; of older ones no more than the id is told.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from local.simulators.meta import errors
from local.simulators.meta.identifiers import conversation_id
from local.simulators.meta.nodes import Edge, Node
from local.simulators.meta.shapes import Json
from local.simulators.meta.threads import Message, Thread, payload_of
from local.simulators.meta.world import Account, World

READABLE = 20
_MESSAGE_DEFAULT = ("id", "created_time", "is_unsupported")
_MIME_TYPES = {"audio": "audio/mp4", "file": "application/pdf"}
_SHARES = {"share", "ig_post", "ig_reel", "reel"}
_ELSEWHERE = _SHARES | {"story_mention"}


def list_conversations(world: World, account: Account, user_id: str | None) -> list[Node]:
    """List the account's threads, the latest first; only the one with `user_id` where that is given."""
    threads = [
        thread
        for thread in world.threads_of(account.account_id)
        if thread.messages and user_id in {None, thread.user_id}
    ]
    threads.sort(key=lambda thread: thread.messages[-1].at, reverse=True)
    return [_thread_node(world, account, thread) for thread in threads]


def find_conversation(world: World, account: Account, node_id: str) -> Node | None:
    """Find the thread or message of this account that has this id."""
    for thread in world.threads_of(account.account_id):
        if conversation_id(account.account_id, thread.user_id) == node_id:
            return _thread_node(world, account, thread)
        message = thread.find(node_id)
        if message is not None:
            return _readable_node(world, account, thread, message)
    return None


def list_messages(world: World, account: Account, node_id: str) -> list[Node] | None:
    """List the messages of the thread with this id, the latest first; None where this account has no such thread."""
    for thread in world.threads_of(account.account_id):
        if conversation_id(account.account_id, thread.user_id) == node_id:
            return list(_message_nodes(world, account, thread))
    return None


def _thread_node(world: World, account: Account, thread: Thread) -> Node:
    values = {
        "id": conversation_id(account.account_id, thread.user_id),
        "updated_time": _graph_time(thread.messages[-1].at) if thread.messages else None,
        "participants": {"data": [_person(world, account.account_id), _person(world, thread.user_id)]},
        "messages": lambda: Edge(list(_message_nodes(world, account, thread))),
    }
    return Node("UnifiedThread", values, ("id", "updated_time"))


def _message_nodes(world: World, account: Account, thread: Thread) -> Iterator[Node]:
    kept = [message for message in reversed(thread.messages) if not message.deleted]
    for index, message in enumerate(kept):
        node = _message_node(world, account, thread, message)
        if index >= READABLE:
            known = {name: node.values[name] if name in _MESSAGE_DEFAULT else None for name in node.values}
            node = Node(node.kind, known, node.default)
        yield node


def _readable_node(world: World, account: Account, thread: Thread, message: Message) -> Node:
    newest = [kept.mid for kept in thread.messages if not kept.deleted][-READABLE:]
    if message.mid not in newest:
        raise errors.unreadable_message()
    return _message_node(world, account, thread, message)


def _message_node(world: World, account: Account, thread: Thread, message: Message) -> Node:
    ends = [account.account_id, thread.user_id]
    if message.sender == "customer":
        ends.reverse()
    values = {
        "id": message.mid,
        "created_time": _graph_time(message.at),
        "from": _person(world, ends[0]),
        "to": {"data": [_person(world, ends[1])]},
        "message": message.text or "",
        "attachments": _listed(_attachment(one) for one in message.attachments if _kind(one) not in _ELSEWHERE),
        "shares": _listed({"link": _url(one)} for one in message.attachments if _kind(one) in _SHARES),
        "story": message.story,
        "reply_to": {"mid": message.reply_to} if message.reply_to else None,
        "is_unsupported": message.is_unsupported,
    }
    return Node("Message", values, _MESSAGE_DEFAULT)


def _attachment(attachment: Json) -> Json:
    kind = _kind(attachment)
    if kind in {"image", "video"}:
        return {f"{kind}_data": {"url": _url(attachment)}}
    if kind == "template":
        return {"generic_template": _first_card(attachment)}
    return {"file_url": _url(attachment)} | ({"mime_type": _MIME_TYPES[kind]} if kind in _MIME_TYPES else {})


def _first_card(attachment: Json) -> Json:
    """Show the first card of a template; Meta's field has room for one."""
    payload = payload_of(attachment)
    for holder in (payload, *(inner for inner in payload.values() if isinstance(inner, dict))):
        for element in holder.get("elements") or []:
            shown = {"title": element.get("title"), "subtitle": element.get("subtitle")}
            return shown | {"media_url": element.get("image_url"), "cta": (element.get("buttons") or [None])[0]}
    return {"title": payload.get("text"), "cta": (payload.get("buttons") or [None])[0]}


def _listed(items: Iterable[Json]) -> Json | None:
    data = list(items)
    return {"data": data} if data else None


def _kind(attachment: Json) -> str:
    return str(attachment.get("type"))


def _url(attachment: Json) -> str | None:
    return payload_of(attachment).get("url") or attachment.get("url")


def _person(world: World, person_id: str) -> Json:
    person = world.accounts.get(person_id) or world.users.get(person_id)
    return {"username": person.username if person else "", "id": person_id}


def _graph_time(moment_ms: int) -> str:
    """Write whole seconds with `+0000`, as the Graph API writes time."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
