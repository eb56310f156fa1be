"""The parts of one running simulator, joined."""

from dataclasses import dataclass

from local.simulators.durable import DurableState
from local.simulators.faults import FaultBoard
from local.simulators.retell import errors
from local.simulators.retell.chats import Chat, Chats
from local.simulators.retell.faults import RetellFaults


@dataclass(frozen=True)
class Simulation:
    """What the routes work on. Without an `api_key` any key will do."""

    state: DurableState[Chats]
    faults: FaultBoard[RetellFaults]
    api_key: str | None

    def follow_faults(self) -> None:
        """End or forget the chats, if the faults, just changed, say so."""
        with self.state.change() as chats, self.faults.open() as faults:
            if faults.take_loss_of_chats():
                chats.chats.clear()
            if faults.take_end_of_chats():
                for chat in chats.chats.values():
                    chat.end()


def find_chat(chats: Chats, chat_id: str) -> Chat:
    """Find a chat; RetellError if there is none."""
    chat = chats.chats.get(chat_id)
    if chat is None:
        raise errors.unknown_asset()
    return chat


def find_ongoing_chat(chats: Chats, chat_id: str, faults: RetellFaults) -> Chat:
    """Find a chat that still takes messages; RetellError if it has ended."""
    chat = find_chat(chats, chat_id)
    chat.end_after_silence()
    if chat.status == "ended":
        raise faults.ended_chat.error(chat_id)
    return chat
