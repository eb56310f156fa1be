"""Deleting chats at Retell, after they were deleted here.

A deletion here does not wait for Retell. A chat that Retell does not delete is tried again with a growing back-off,
for a week; deleting a chat twice does no harm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.errors import ConnectorError, Misconfigured, Refused
from connector.logs import count, logger
from connector.storage.retell_deletions import MOST_ATTEMPTS, RetellChat, RetellDeletions

_LEASE = timedelta(minutes=2)  # longer than all calls about one chat
_NO_KEY = "agent_key_missing"
_OF_ONE_CHAT = "agent_refused"

type DeleteChat = Callable[[str], bool]
"""Deletes a chat under one key; returns False if there is no such chat under it."""


@dataclass(frozen=True, slots=True)
class RetellDeletion:
    """Deletes the listed chats at Retell."""

    chats: RetellDeletions
    ways_of: Callable[[str], Sequence[DeleteChat]]
    """Returns, for a subaccount, how a chat is deleted under each key that may have created it."""
    clock: Callable[[], datetime]

    def run(self, seconds: float) -> int:
        """Delete what is due, for about so long; return how many chats are gone.

        Raises:
            Unavailable: the list cannot be read.
        """
        until, gone = self.clock() + timedelta(seconds=seconds), 0
        while self.clock() < until and (chat := self.chats.take(_LEASE)) is not None:
            gone += self._delete(chat)
        return gone

    def _delete(self, chat: RetellChat) -> bool:
        """Delete one chat under the first key that has it. Returns whether it is gone."""
        try:
            any(delete(chat.chat_id) for delete in self.ways_of(chat.subaccount_id))
        except ConnectorError as error:
            self._put_off(chat, error)
            return False
        self.chats.remove(chat)
        return True

    def _put_off(self, chat: RetellChat, error: ConnectorError) -> None:
        problem = _NO_KEY if isinstance(error, Misconfigured) else error.code
        self.chats.put_off(chat, problem)
        if problem != _OF_ONE_CHAT:
            counts = isinstance(error, Misconfigured | Refused)
            self.chats.put_off_subaccount(chat.subaccount_id, problem, counts=counts)
        is_last = chat.attempts + 1 >= MOST_ATTEMPTS
        count("RetellDeletionGivenUp" if is_last else "RetellDeletionPutOff")
        told = {"code": problem, "subaccount": chat.subaccount_id, "is_last": is_last}
        logger.warning("a chat is not deleted at Retell", extra=told)
