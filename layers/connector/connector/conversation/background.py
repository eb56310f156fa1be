"""Work beside a turn: threads that begin and end with a block of code."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from threading import Event, Thread

from connector.errors import ConnectorError
from connector.logs import log_crash, logger
from connector.ports.outside import Messenger
from connector.ports.stores import Superseded

type Work = Callable[[Event], None]
type RunBeside = Callable[[str, Work], AbstractContextManager[None]]
"""Runs work, which has a name, beside a block of code."""

_TYPING_SECONDS = 18  # Instagram hides the indicator after 20 s (Meta, "Sender actions")


@contextmanager
def in_background(name: str, work: Work) -> Iterator[None]:
    """Run `work` in a thread while the block runs.

    When the block ends, the event that `work` was given is set, and the block waits for the thread: Lambda freezes
    what still runs when a handler returns, and thaws it in a later invocation. So `work` must return soon after the
    event, and each of its calls needs a timeout. No failure of it reaches the block.
    """
    over = Event()

    def run() -> None:
        try:
            work(over)
        except ConnectorError as error:
            logger.info("background work failed", extra={"work": name, "code": error.code})
        except Exception as error:  # noqa: BLE001 - it must not fail the turn beside which it runs
            log_crash(error)

    thread = Thread(target=copy_context().run, args=(run,), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the system gives no more threads
        log_crash(error)
        yield
        return
    try:
        yield
    finally:
        over.set()
        thread.join()


def typing_indicator(messenger: Messenger, user_id: str) -> Work:
    """Return work that marks the user's messages as seen and shows the typing indicator."""

    def show(over: Event) -> None:
        messenger.act(user_id, "mark_seen")
        while not over.is_set():
            messenger.act(user_id, "typing_on")
            over.wait(_TYPING_SECONDS)

    return show


def heartbeat(renew: Callable[[], None], every_seconds: float) -> Work:
    """Return work that renews a lease again and again, until another worker has it.

    A renewal that fails is made up for by the next one: the lease is several times as long.
    """

    def beat(over: Event) -> None:
        while not over.wait(every_seconds):
            try:
                renew()
            except Superseded:
                return
            except ConnectorError as error:
                logger.info("lease not renewed", extra={"code": error.code})

    return beat
