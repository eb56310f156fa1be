"""What a reader must know of each operation, besides what the code tells by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.openapi.failures import OF_META, OF_ONE

type Json = dict[str, Any]

_FIRST = "$response.body#/data/messages/0"


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go on from an answer."""

    to: str
    """An operationId."""
    words: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of the API."""

    id: str
    tag: str
    summary: str
    words: str
    codes: tuple[str, ...] = ()
    """With which it may fail, besides those of every route."""
    links: tuple[Link, ...] = ()


OPERATIONS: Mapping[str, Operation] = {
    "connect": Operation(
        "connect",
        "Connection",
        "Connect an Instagram account",
        "Checks the account with Meta, subscribes to its messages, stores the connection, and answers the QR code of "
        "the profile. Repeating it does no harm: it is also how a new access token is given. Without `appSecret` it "
        "keeps the stored one if the account is the same. An account of another agent is taken over if Meta says that "
        "the other agent's access token is invalid.",
        (
            *("authentication_failed", "page_not_linked", "not_ready", "agent_not_allowed", "account_in_use"),
            *("indexes_missing", *OF_META),
        ),
        (Link("getStatus", "How it stands."), Link("listMessages", "What has been written since.")),
    ),
    "authorize": Operation(
        "authorize",
        "Connection",
        "Ask for the address of a login at Meta",
        "The account's owner opens it, logs in, and comes back with the account connected: no access token is needed. "
        "The address is good for ten minutes and one login.",
        ("not_ready", "agent_not_allowed", "login_not_set_up", "indexes_missing"),
        (Link("getStatus", "Whether somebody has logged in."),),
    ),
    "status": Operation(
        "getStatus",
        "Connection",
        "Tell whether the agent is connected, and what is wrong",
        "Answers what is stored, at once, or with `live=true` what Meta and Retell say now: for everything that must "
        "be right, whether it is, why not, and what mends it. An agent without an account has the same fields, and "
        "nothing in them.",
        (),
        (
            Link("sendMessage", "Write to a customer."),
            Link("listMessages", "What has been written."),
            Link("pauseAgent", "Silence the agent."),
        ),
    ),
    "send": Operation(
        "sendMessage",
        "Conversations",
        "Send what a person wrote",
        "Stores the message, sends it once, and answers it as it stands then. If it is refused, it is stored all the "
        "same, with the status `failed`, or, where nobody knows, `unknown`. With an `Idempotency-Key` a repetition "
        "sends nothing twice. A person who writes takes the conversation over: the agent falls silent in it for a "
        "while, unless `pauseAgent` is false.",
        (
            *("not_connected", "reconnect_needed", "opted_out"),
            *("idempotency_key_reused", "in_progress", "send_unknown"),
            *(*OF_ONE, *OF_META),
        ),
        (
            Link(
                "listMessages",
                "The conversation, with this message the newest.",
                {"userId": "$response.body#/data/userId"},
            ),
            Link("pauseAgent", "Keep the conversation.", body={"userId": "$response.body#/data/userId"}),
        ),
    ),
    "messages": Operation(
        "listMessages",
        "Conversations",
        "List messages, newest first",
        "Those of all customers in one list, or what the filters let through. To get the older ones, send `nextCursor` "
        "back as `cursor`; it is null on the last page.",
        (),
        (
            Link("listMessages", "The older messages.", {"cursor": "$response.body#/data/nextCursor"}),
            Link("sendMessage", "Answer the newest.", body={"to": f"{_FIRST}/userId", "message": "Hello!"}),
            Link("pauseAgent", "Take the conversation over.", body={"userId": f"{_FIRST}/userId", "minutes": 30}),
        ),
    ),
    "conversations": Operation(
        "listConversations",
        "Conversations",
        "List conversations, the one last written in first",
        "A row for each customer: who it is, what was last said, what waits for an answer, until when a reply is "
        "allowed, and whether the agent is silent.",
        (),
        (
            Link("listConversations", "The next page.", {"cursor": "$response.body#/data/nextCursor"}),
            Link("listMessages", "One of them.", {"userId": "$response.body#/data/conversations/0/userId"}),
            Link("exportMessages", "All of one.", {"userId": "$response.body#/data/conversations/0/userId"}),
        ),
    ),
    "export": Operation(
        "exportMessages",
        "Conversations",
        "Export what is stored, as JSON Lines",
        "A message on each line, the oldest first, with all that is stored about it; and among them, on lines of their "
        "own, what Instagram told that changed no message. Of one customer, or of all. Where there is more, the header "
        "`Link` names the next lines.",
    ),
    "pause": Operation(
        "pauseAgent",
        "Conversations",
        "Silence the agent",
        "In one customer's conversation, or in all. What it has begun to say is not finished.",
        ("not_connected",),
        (
            Link("resumeAgent", "Let it speak again.", body={"userId": "$response.body#/data/userId"}),
            Link("getStatus", "How the connection stands."),
        ),
    ),
    "resume": Operation(
        "resumeAgent",
        "Conversations",
        "Let the agent speak again",
        "In one customer's conversation, or in all. It answers what the customer writes next, and is told of what it "
        "missed.",
        ("not_connected",),
        (Link("getStatus", "How the connection stands."), Link("disconnect", "End the connection.")),
    ),
    "menu": Operation(
        "getMenu",
        "Connection",
        "Tell what customers can tap",
        "The ice breakers, which Instagram shows to who has not written yet, and the menu, which stands in every "
        "conversation: as Meta shows them now, by locale. `null` where nothing is set.",
        ("not_connected", *OF_META),
        (Link("setMenu", "Take the ice breakers away.", body={"iceBreakers": None}),),
    ),
    "set_menu": Operation(
        "setMenu",
        "Connection",
        "Set what customers can tap",
        "Puts what is sent in the place of what was there, and answers with all that Meta shows then. What is left out "
        "stays, `null` takes away. A tap comes as a message of the customer's, with a `postback`. Repeating it does no "
        "harm.",
        ("not_connected", *OF_META),
        (Link("getMenu", "What is set."),),
    ),
    "recover": Operation(
        "recoverMessages",
        "Conversations",
        "Find messages that Instagram did not tell of",
        "Compares what Instagram keeps of the newest messages with what is stored, and has what is missing taken in. "
        "With `userId`, one customer's conversation; else all in which something was written since the last time.",
        ("not_connected", "reconnect_needed", "user_not_found", *OF_META),
        (Link("listMessages", "With `recovered: true`, what was missing."), Link("listConversations", "The inbox.")),
    ),
    "forget": Operation(
        "forgetCustomer",
        "Conversations",
        "Delete all that is stored of a customer",
        "Their messages, and all that was kept beside them, for good: nothing that Meta repeats brings them back. What "
        "they write afterwards begins anew. It is done within minutes; repeated until then, it answers the same code.",
        (),
        (Link("listConversations", "Those that are left."),),
    ),
    "disconnect": Operation(
        "disconnect",
        "Connection",
        "End the connection",
        "The agent says nothing more, the app is unsubscribed at Meta, and the stored access token is deleted. The "
        "messages stay, unless `purge` is true: then they are deleted, and the answer says how to see that. "
        "Disconnecting twice is a success too.",
        (),
        (Link("getStatus", "`disconnected` now."), Link("listMessages", "They can still be read.")),
    ),
}
"""By the folder of the function."""
