"""What the beginning and the end of a turn change in the messages of its chat."""

from datetime import datetime

from connector.chat import OTHER_APP, PAUSED, RECOVERED_LATE, MessageStatus, Role, Turn, TurnState
from connector.storage.documents import write_turn
from connector.storage.mongodb import Document
from connector.storage.succession import WAITING

_SENT = [MessageStatus.SENT.value, MessageStatus.DELIVERED.value, MessageStatus.READ.value]


def opening(turn: Turn, moment: datetime) -> tuple[Document, list[Document]]:
    """Return the update that gives a turn all that it is to answer, and the array filters that it names.

    The agent is also told what it has missed: what others of the business said, what the customer said to a person or
    to another app, and what nobody told us of in time.
    """
    said = {"role": Role.HUMAN.value, "status": {"$in": _SENT}, "turnId": None}
    not_heard = {"$in": [PAUSED, RECOVERED_LATE, OTHER_APP]}
    missed = {"role": Role.USER.value, "status": MessageStatus.UNANSWERED.value, "error.code": not_heard}
    fields = {
        "turn": write_turn(turn),
        "messages.$[waiting].turnId": turn.id,
        "messages.$[said].turnId": turn.id,
        "messages.$[missed].turnId": turn.id,
        "wakeAt": turn.lease_until,
        "updatedAt": moment,
    }
    filters: list[Document] = [
        {f"{name}.{field}": value for field, value in wanted.items()}
        for name, wanted in (("waiting", WAITING), ("said", said), ("missed", missed))
    ]
    return {"$set": fields}, filters


def ending(turn: Turn, state: TurnState, reason: str | None) -> tuple[Document, list[Document]]:
    """Return the fields that the end of a turn sets, and the array filters that they name."""
    done = state is TurnState.DONE
    error = None if done else {"code": reason}
    fields: Document = {
        "turn.state": state.value,
        "turn.reason": reason,
        "messages.$[asked].status": (MessageStatus.ANSWERED if done else MessageStatus.UNANSWERED).value,
        "messages.$[asked].error": error,
    }
    filters: list[Document] = [{"asked.role": Role.USER.value, "asked.turnId": turn.id}]
    if not done:
        fields |= {
            "messages.$[pending].status": MessageStatus.FAILED.value,
            "messages.$[pending].error": error,
            "messages.$[sending].status": MessageStatus.UNKNOWN.value,
            "messages.$[sending].error": error,
            "messages.$[said].turnId": None,  # to be told in the next turn
        }
        filters += [
            {"pending.status": MessageStatus.PENDING.value, "pending.turnId": turn.id},
            {"sending.status": MessageStatus.SENDING.value, "sending.turnId": turn.id},
            {"said.role": Role.HUMAN.value, "said.turnId": turn.id},
        ]
    return fields, filters
