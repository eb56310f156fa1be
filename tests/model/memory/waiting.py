"""What waits in any tenant's chats, in memory."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from connector.envelopes import TurnMessage
from tests.model.memory.shelf import Record, Shelf, having


class Waiting:
    """As `connector.storage.waiting`."""

    def __init__(self, shelf: Shelf, clock: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._clock = clock

    def late(self, limit: int) -> Mapping[str, TurnMessage]:
        """Return turn messages for at most `limit` chats whose time has come, the longest waiting first."""
        moment = self._clock()
        waiting = [(one.wake_at, one) for one in self._shelf.records.values() if one.is_ongoing and one.wake_at]
        waiting.sort(key=lambda pair: pair[0])
        return {record.chat.id: _message(record) for at, record in waiting[:limit] if at <= moment}

    def put_off(self, chat_ids: Iterable[str], until: datetime) -> None:
        """Let these chats rest until then, unless a worker has set their time meanwhile."""
        for chat_id in chat_ids:
            record = self._shelf.records[chat_id]
            if record.wake_at is not None and record.wake_at <= self._clock():
                self._shelf.put(having(record, wake_at=until))


def _message(record: Record) -> TurnMessage:
    tenant, chat = record.tenant, record.chat
    return TurnMessage(tenant.subaccount_id, tenant.agent_id, chat.account_id, chat.user_id, None)
