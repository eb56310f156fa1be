"""Asking the agent, once.

A lost answer is read back. The agent is asked again only with the proof that it was not asked, and once where its
session has vanished: the agent's side refuses questions to a session that it does not have, and no answer can be read
there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.agents.answers import Answer
from connector.chat import Chat, Role, TurnState, claimed
from connector.conversation import introduction
from connector.conversation.background import RunBeside, in_background, typing_indicator
from connector.conversation.ends import Unproven
from connector.conversation.question import question
from connector.errors import OutcomeUnknown, OutsideError, Refused, SessionEnded, TryLater
from connector.ports.outside import Agent, Messenger
from connector.ports.stores import Chats, Superseded, Turns

_ANSWER_LOST = "answer_lost"
_SESSION_ENDED = "session_ended"

# How long after a question its absence, or that of its session, proves something: the agent's side may be slow to
# write, and the worker that asked may have lost its lease and be asking still.
_ABSENCE_PROVEN = timedelta(seconds=20)

# How long after a tool's result, or a transition, an answer counts as complete: an agent may be configured to say
# nothing after a tool (Retell, `speak_after_execution`).
_SAYS_NO_MORE = timedelta(seconds=15)

# How old what is known of a person may be when a session opens.
_ACQUAINTANCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one connection's agent what a turn's customer wrote."""

    agent: Agent
    messenger: Messenger
    chats: Chats
    turns: Turns
    clock: Callable[[], datetime]
    background_messenger: Messenger
    """For the typing indicator: an HTTP connection serves one thread at a time."""
    beside: RunBeside = in_background

    def ask(self, chat: Chat) -> tuple[Chat, Answer]:
        """Return what the agent says to the turn's messages, and the chat as it then is: perhaps a new one.

        Raises:
            TryLater: not now; the turn stands as it should for the next try.
            Refused: the agent cannot be asked, or its answer cannot be known.
            Superseded: another worker has the turn.
        """
        if claimed(chat).state is TurnState.ASKING:
            chat, answer = self._resumed(chat)
            if answer is not None:
                return chat, answer
        content = question(chat, chat.of_turn(claimed(chat).id, Role.USER, Role.HUMAN))
        try:
            chat = self._with_session(chat)
            return self._ask(chat, content)
        except SessionEnded:
            # Nothing was said in a session that is over, so the same words may be said in a new one: once.
            successor = self.turns.roll_over(chat, _SESSION_ENDED, keeps_session=False)
            chat = self._with_session(successor, previous=chat.chat_id)
        try:
            return self._ask(chat, content)
        except SessionEnded as error:
            raise Refused(error.code, error.message) from error

    def _ask(self, chat: Chat, content: str) -> tuple[Chat, Answer]:
        chat = self.turns.begin_asking(chat)
        try:
            with self.beside("typing", typing_indicator(self.background_messenger, chat.user_id)):
                return chat, self.agent.ask(chat.chat_id or "", content)
        except OutcomeUnknown as error:
            raise Unproven(_ANSWER_LOST, error.message) from error
        except (TryLater, SessionEnded, Refused):
            self.turns.take_back_asking(chat)
            raise

    def _resumed(self, chat: Chat) -> tuple[Chat, Answer | None]:
        """Return the chat with the answer that was lost on the way, or else ready to ask."""
        try:
            answer = self._read_back(chat)
        except SessionEnded as error:
            return self._without_session(chat, error), None
        return (chat, answer) if answer is not None else (self.turns.take_back_asking(chat), None)

    def _without_session(self, chat: Chat, error: SessionEnded) -> Chat:
        """Give up a session that has vanished while its answer was missing."""
        turn = claimed(chat)
        if turn.lost_session:
            raise Refused(_ANSWER_LOST, "The agent's session vanished twice, and the answer with it.") from error
        if self.clock() < (turn.asked_at or turn.opened_at) + _ABSENCE_PROVEN:
            raise Unproven(_ANSWER_LOST, "It is too early to say that the agent's session has vanished.") from error
        return self.turns.roll_over(self.turns.give_up_session(chat), _SESSION_ENDED, keeps_session=False)

    def _read_back(self, chat: Chat) -> Answer | None:
        """Return the answer that was lost on the way; None with the proof that nothing was asked.

        Raises:
            SessionEnded: the session has vanished.
            Unproven, Refused: nothing can be said yet, or ever.
        """
        turn = claimed(chat)
        try:
            transcript = self.agent.transcript(chat.chat_id or "")
        except TryLater as error:
            raise Unproven(_ANSWER_LOST, error.message, after_seconds=error.after_seconds) from error
        if transcript.questions is None or turn.asked_after is None:
            raise Refused(_ANSWER_LOST, "The agent's side does not tell what it was asked.")
        asked_at, moment = turn.asked_at or turn.opened_at, self.clock()
        if transcript.questions <= turn.asked_after:
            if moment < asked_at + _ABSENCE_PROVEN:
                raise Unproven(_ANSWER_LOST, "It is too early to say whether the agent was asked.")
            return None
        if transcript.answer is not None:
            return transcript.answer
        if transcript.is_over:
            raise Refused(_ANSWER_LOST, "The agent's session ended before an answer came.")
        if transcript.so_far is not None and moment > (transcript.newest_at or asked_at) + _SAYS_NO_MORE:
            return transcript.so_far
        raise Unproven(_ANSWER_LOST, "The agent is still thinking.")

    def _with_session(self, chat: Chat, *, previous: str | None = None) -> Chat:
        """Return the chat with a session of which it is known how many questions it holds."""
        if chat.chat_id is None:
            chat = self._introduced(chat)
            opened = self.agent.open(introduction.variables(chat), introduction.metadata(chat, previous))
            try:
                return self.turns.set_session(chat, opened)
            except Superseded:
                self.agent.discard(opened)  # no chat names it, so no later deletion would find it
                raise
        if chat.questions is None:
            # An earlier answer was lost for good, or an older version wrote this chat.
            return self.turns.set_questions(chat, self.agent.transcript(chat.chat_id).questions)
        return chat

    def _introduced(self, chat: Chat) -> Chat:
        """Return the chat with what Instagram tells of the customer, where that can be had."""
        moment = self.clock()
        if chat.person.seen_at is not None and chat.person.seen_at > moment - _ACQUAINTANCE:
            return chat
        try:
            person = replace(self.messenger.person(chat.user_id), seen_at=moment)
        except OutsideError:
            return chat  # it is for the agent's manners only, and no reason to leave a customer waiting
        self.chats.describe(chat.user_id, person)
        return replace(chat, person=person)
