"""What finds the messages that no webhook told of, with its real parts."""

import time

from connector.accounts import Connection
from connector.conversation.recovery import Recovery
from connector.instagram.inbox import Inbox
from connector.lifecycle.comparing import VISIT_SECONDS, Comparing
from connector.lifecycle.pace import Pace
from connector.lifecycle.patrol import Patrol
from connector.storage.documents import now
from connector.wiring import meta, stores


def recovery() -> Recovery:
    """Return what compares one connection's threads with what is stored of them."""
    return Recovery(
        stores.connections(), stores.comparisons(), stores.outbox, _inbox, stores.inbox_queue(), now, time.sleep
    )


def patrol() -> Patrol:
    """Return what does so for all connections."""
    return Patrol(stores.rounds("recovery"), Comparing(recovery(), now).visit, Pace(VISIT_SECONDS), now)


def _inbox(connection: Connection) -> Inbox:
    account = connection.account
    return Inbox(meta.graph(account.login, meta.token_of(connection), account.node_id), account)
