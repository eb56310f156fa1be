"""What a message's error code means, and what a person can do about it: the one table of them."""

_CALL_META = "The account's owner must sort it out with Meta."
_RECONNECT = "Connect the account again with a new access token; the customer can then be answered with send."
_ANSWER_YOURSELF = "Answer the customer yourself, with send or in the Instagram app."
_LOOK = "Look into the conversation in Instagram before you send it again."

_PUBLISH = (
    "The operator must publish the app with Advanced Access; or, while it is in development, invite the account as an "
    "Instagram Tester, and its owner must accept. It must be a Business or Creator account. A new access token changes "
    "nothing."
)
APP_ACCESS_MISSING = (
    "The app may not act for this account: it has no Advanced Access or is not live, and the account is no tester.",
    _PUBLISH,
)
APP_NOT_INSTALLED = (
    "The app is not installed for this Page or account.",
    "Connect the account again, which installs it.",
)
_STORE_CURRENT = (
    "The operator must store the app's current secret in app-secrets, as the secret of facebookApp (Meta: App "
    "settings, Basic). If the connection has a Meta app of its own, connect again with that app's current secret as "
    "appSecret. A new access token changes nothing."
)
APP_SECRET_REFUSED = (
    "Meta refuses the proof of the app secret: the secret stored here is not the app's current one, or none is stored.",
    _STORE_CURRENT,
)
UNKNOWN_ID = (
    "Meta knows no Page or account under the id of this connection.",
    "Check that the Page and the account still exist, then connect again with their ids.",
)

BIND_AGENT = (
    "Connect again with a token whose claim retellAgentIds lists the agent, or have the operator store a Retell key "
    "for this subaccount."
)

REMEDIES = {
    "account_blocked": ("Meta has blocked the account from sending.", _CALL_META),
    "agent_key_refused": (
        "Retell refuses the API key.",
        "The operator must store a valid key; until then, answer the customer yourself.",
    ),
    "agent_not_allowed": (
        "The subaccount may no longer use this Retell agent.",
        BIND_AGENT,
    ),
    "agent_not_found": (
        "Retell knows no such agent.",
        "Connect again with the agent's id at Retell as retellAgentId.",
    ),
    "agent_refused": ("Retell refused the request.", f"{_ANSWER_YOURSELF} If it stays, look at the agent at Retell."),
    "agent_unavailable": ("The agent could not be reached for a quarter of an hour.", _ANSWER_YOURSELF),
    "agent_unpaid": (
        "Retell asks for a payment method.",
        "Add one at Retell; until then, answer the customer yourself.",
    ),
    "answer_lost": ("The agent was asked, and its answer was lost. It is not asked again.", _ANSWER_YOURSELF),
    "app_access_missing": APP_ACCESS_MISSING,
    "app_not_installed": APP_NOT_INSTALLED,
    "app_secret_refused": APP_SECRET_REFUSED,
    "chat_full": ("The conversation's document was full before the agent was asked.", _ANSWER_YOURSELF),
    "disconnected": (
        "The account was disconnected, or connected again, before the answer was out.",
        "If the account is connected now, answer the customer yourself; the agent answers what comes next.",
    ),
    "empty_answer": ("The agent had nothing to say.", f"{_ANSWER_YOURSELF} If it happens often, look at its prompt."),
    "given_up": ("The agent's turn failed five times for reasons of our own.", _ANSWER_YOURSELF),
    "graph_refused": (
        "Meta refused, for a reason without a name here.",
        "Read Meta's own words and numbers, under meta. Sending the same again will not help.",
    ),
    "human_agent_missing": (
        "Meta has not granted the app the feature Human Agent, which a reply needs after 24 hours.",
        "The operator must request it in App Review. Until then, reply within 24 hours, or in the Instagram app.",
    ),
    "loop": (
        "What answers the agent seems to be a machine, so the agent fell silent for an hour.",
        "If it is a person, let the agent speak again with resume, or answer yourself.",
    ),
    "media_refused": (
        "Meta could not fetch the file, or it is not of a kind or size that Instagram takes.",
        "Check that the URL can be opened without a login and leads to such a file, then send it with a new key.",
    ),
    "messages_not_allowed": (
        "The account does not allow access to its messages.",
        "Allow it in Instagram: Settings, Message controls, Connected tools.",
    ),
    "needs_reconnection": ("The access token had died.", _RECONNECT),
    "not_linked": (
        "The Page and the Instagram account are no longer linked.",
        "Link them in the Page's settings, and connect again.",
    ),
    "opted_out": (
        "The customer asked not to be written to.",
        "Wait until they take it back, with one of the words that the deployment sets (start).",
    ),
    "other_app_in_control": (
        "Another app has this conversation, and the answer to it.",
        "Answer there, or pass the conversation to our app: the agent then answers what is unanswered.",
    ),
    "outcome_unknown": ("Instagram's answer was lost: it was sent or not, and nobody knows.", _LOOK),
    "paused": (
        "A person has this conversation, and the agent is silent for a while.",
        "Answer the customer yourself, or let the agent speak again with resume.",
    ),
    "permission_missing": (
        "The access token lacks a permission.",
        "Connect again with a token that has all permissions of its login. Status names the one that is missing.",
    ),
    "rate_limited": ("Meta takes no more messages of this account for a while.", "Send it again in a few minutes."),
    "reconnect_needed": ("Instagram no longer accepts the access token.", _RECONNECT),
    "recovered_late": (
        "Instagram told of the message too late for the agent to answer it by itself.",
        f"{_ANSWER_YOURSELF} The agent is told of it when the customer writes again.",
    ),
    "send_unknown": ("Instagram did not tell whether the message was sent. It is not sent again.", _LOOK),
    "session_ended": ("The agent's chat at Retell was over, twice.", _ANSWER_YOURSELF),
    "taken_back": ("The customer took the message back before the agent was asked.", "Nothing is to be done."),
    "try_later": ("Meta could not be reached.", "Send it again after a minute."),
    "unknown_id": UNKNOWN_ID,
    "user_not_found": ("Instagram knows no such user for this account.", "Use a userId from messages."),
    "user_unavailable": ("This person cannot receive messages right now.", "Try on another day."),
    "window_closed": (
        "The time in which Instagram allows a reply is over.",
        "Wait until the customer writes again: that opens it.",
    ),
}

_UNNAMED = ("It failed for a reason without a name here.", "Look into the conversation in Instagram.")


def remedy_of(code: str) -> tuple[str, str]:
    """Return what happened and what to do about it, a sentence each."""
    return REMEDIES.get(code, _UNNAMED)


_DELETE_YOURSELF = (
    "Or delete the customer's chats in Retell's dashboard. Then call forget again, which retries at once."
)
DELETION_REMEDIES = {
    "agent_key_missing": (
        "There is no Retell API key for this subaccount.",
        f"The operator must store the key under which the chats were created. {_DELETE_YOURSELF}",
    ),
    "agent_key_refused": (
        "Retell refuses the API key, or the key may not delete chats.",
        f"The operator must store a valid key that may delete chats. {_DELETE_YOURSELF}",
    ),
    "agent_unpaid": (
        "Retell asks for a payment method.",
        f"Add a payment method at Retell. {_DELETE_YOURSELF}",
    ),
    "agent_refused": ("Retell refused to delete a chat.", f"Ask Retell's support. {_DELETE_YOURSELF}"),
}
"""Why a chat cannot be deleted at Retell, and the remedy, by the error code of the attempt."""

_RETELL_UNREACHABLE = (
    "Retell could not be reached, or limits the rate.",
    "No action needed while the status is pending: it is tried again. If it has failed, call forget again.",
)


def deletion_remedy_of(code: str) -> tuple[str, str]:
    """Return why a chat was not deleted at Retell and what to do about it, a sentence each."""
    return DELETION_REMEDIES.get(code, _RETELL_UNREACHABLE)
