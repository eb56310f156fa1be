"""Meta's Graph API, as far as messaging with a Page token needs it (Meta, "Instagram API with Facebook Login").

The token travels in the Authorization header, never in a URL: URLs end up in logs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.chat import Message, Person, clean
from connector.errors import OutcomeUnknown, Refused, TryLater
from connector.instagram.errors import error_of
from connector.instagram.outgoing import body_of
from connector.instagram.threads import THREAD_FIELDS, SentText, listed, sent_texts
from connector.transport import Answer, Transport

# What the app is told about. The Page call installs the app; which Instagram fields come is set in Meta's dashboard.
SUBSCRIBED_FIELDS = "messages,messaging_postbacks"

_COURTESY_SECONDS = 3  # for what nobody waits for


@dataclass(frozen=True, slots=True)
class Profile:
    """An Instagram professional account, as Meta describes it."""

    account_id: str
    username: str
    name: str | None


class Graph:
    """The Graph API, as the bearer of one Page token."""

    def __init__(self, base_url: str, access_token: str) -> None:
        self._transport = Transport("Meta", base_url, access_token)

    def account(self, account_id: str) -> Profile:
        """Return the account `account_id`.

        Raises:
            ReconnectNeeded: the token is not valid.
            Refused: the token may not see the account, or there is none.
            TryLater: Meta does not answer, or limits the rate.
        """
        answer = self._read(account_id, "id,username,name")
        username = answer.get("username")
        if answer.get("id") != account_id or not isinstance(username, str) or not username:
            raise Refused("not_professional", "This is not the id of an Instagram Business or Creator account.")
        name = answer.get("name")
        return Profile(account_id, username, name if isinstance(name, str) else None)

    def linked_account_id(self, page_id: str) -> str | None:
        """Return the id of the Instagram account that a Facebook Page is linked to, if any.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `account`.
        """
        linked = self._read(page_id, "id,name,instagram_business_account").get("instagram_business_account")
        return str(linked["id"]) if isinstance(linked, dict) and "id" in linked else None

    def subscribe(self, page_id: str) -> None:
        """Have Meta send this account's messages to the app's webhook. Doing it twice is the same as once.

        Raises:
            ReconnectNeeded, Refused, TryLater: as `account`.
            OutcomeUnknown: the answer was lost; ask again.
        """
        answer = self._transport.send(
            "POST", f"{page_id}/subscribed_apps", params={"subscribed_fields": SUBSCRIBED_FIELDS}
        )
        _require_success(answer)

    def unsubscribe(self, page_id: str) -> None:
        """Have Meta send nothing more of this account.

        Raises:
            ReconnectNeeded, Refused, TryLater, OutcomeUnknown: as `subscribe`.
        """
        _require_success(self._transport.send("DELETE", f"{page_id}/subscribed_apps"))

    def send_text(self, page_id: str, user_id: str, text: str) -> str:
        """Send one text of at most 1000 UTF-8 bytes, once, and return the mid that Meta gives it.

        Raises:
            Refused: it was not sent, and `code` says why.
            ReconnectNeeded, TryLater: it was not sent.
            OutcomeUnknown: it may have been sent.
        """
        body = {"recipient": {"id": user_id}, "messaging_type": "RESPONSE", "message": {"text": text}}
        answer = self._transport.send("POST", f"{page_id}/messages", json=body)
        if not answer.is_success:
            raise error_of(answer)
        mid = (answer.body or {}).get("message_id")
        if not isinstance(mid, str) or not mid:
            raise OutcomeUnknown("Meta answered without naming the message.")
        return mid

    def send(self, page_id: str, user_id: str, message: Message) -> str:
        """Send one message of any kind, once, and return the mid that Meta gives it.

        Raises:
            Refused, ReconnectNeeded, TryLater: it was not sent.
            OutcomeUnknown: it may have been sent.
        """
        # Meta fetches files before it answers: it gives a video 75 s, and a function's caller has not so long.
        answer = self._transport.send("POST", f"{page_id}/messages", json=body_of(message, user_id), timeout=20)
        if not answer.is_success:
            raise error_of(answer)
        mid = (answer.body or {}).get("message_id")
        if not isinstance(mid, str) or not mid:
            raise OutcomeUnknown("Meta answered without naming the message.")
        return mid

    def react(self, page_id: str, user_id: str, mid: str, reaction: str | None) -> None:
        """Put a reaction on a customer's message, or take it back.

        Raises:
            Refused, ReconnectNeeded, TryLater, OutcomeUnknown: as `send`; doing it twice is the same as once.
        """
        payload = {"message_id": mid} | ({"reaction": reaction} if reaction else {})
        body = {"recipient": {"id": user_id}, "sender_action": "react" if reaction else "unreact", "payload": payload}
        answer = self._transport.send("POST", f"{page_id}/messages", json=body)
        if not answer.is_success:
            raise error_of(answer)

    def sent_texts(self, page_id: str, account_id: str, user_id: str, since: datetime) -> Sequence[SentText]:
        """Return the texts that the account has sent to a user since then, as far as that can be told for certain.

        (Meta, "Conversations API"; two calls, and Meta allows two a second for an account.)

        Raises:
            ReconnectNeeded, TryLater: as `account`.
            Refused: as `account`, or so much was written since then that Meta no longer tells all of it.
        """
        params = {"platform": "instagram", "user_id": user_id, "fields": "id"}
        found = listed(self._get(f"{page_id}/conversations", params))
        thread = self._get(str(found[0]["id"]), {"fields": THREAD_FIELDS}) if found and "id" in found[0] else {}
        return sent_texts(thread, account_id, since)

    def person(self, user_id: str) -> Person:
        """Return what a customer lets the account see of them (Meta, "User Profile API").

        Raises:
            ReconnectNeeded, Refused, TryLater: as `account`.
        """
        answer = self._get(user_id, {"fields": "name,username"}, timeout=_COURTESY_SECONDS)
        name, username = answer.get("name"), answer.get("username")
        return Person(
            clean(username) if isinstance(username, str) else None, clean(name) if isinstance(name, str) else None
        )

    def act(self, page_id: str, user_id: str, action: str) -> None:
        """Show the customer something about the sender: `mark_seen`, `typing_on` (Meta, "Sender actions").

        Raises:
            ReconnectNeeded, Refused, TryLater, OutcomeUnknown: it may not be shown, and nobody should care.
        """
        body = {"recipient": {"id": user_id}, "sender_action": action}
        answer = self._transport.send("POST", f"{page_id}/messages", json=body, timeout=_COURTESY_SECONDS)
        if not answer.is_success:
            raise error_of(answer)

    def _read(self, node: str, fields: str) -> dict[str, object]:
        return self._get(node, {"fields": fields})

    def _get(self, path: str, params: Mapping[str, str], *, timeout: float = 10) -> dict[str, object]:
        answer = self._transport.get(path, params=params, timeout=timeout)
        if answer.is_success and answer.body is not None:
            return dict(answer.body)
        error = error_of(answer)
        # Reading changes nothing, so what may have been done may be done again.
        raise TryLater(error.message) if isinstance(error, OutcomeUnknown) else error


def _require_success(answer: Answer) -> None:
    if not answer.is_success or (answer.body or {}).get("success") is False:
        raise error_of(answer)
