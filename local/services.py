"""What runs beside us in processes of its own: mongod, SSM and SQS, and what the functions are forked from.

They take the longest to come up. So they are launched before anything slow is imported here, and waited for afterwards.
"""

from contextlib import ExitStack

from local.aws import Aws
from local.forkserver import ForkServer
from local.mongodb import Mongod, require_database
from local.settings import Settings


class Services:
    """The services of one run. Use it as a context: it stops them."""

    def __init__(self, settings: Settings) -> None:
        self._mongodb_uri = settings.mongodb_uri
        self._mongod = Mongod(settings.folder / "mongodb")
        self._running = ExitStack()
        self.aws = Aws(settings.folder)

    def __enter__(self) -> "Services":
        """Launch them.

        Raises:
            CannotStart: there is no mongod.
        """
        self.fork_server = ForkServer()
        self._running.callback(self.fork_server.stop)
        self._running.callback(self.aws.stop)
        self.aws.launch()
        if self._mongodb_uri is None:
            self._running.callback(self._mongod.stop)
            try:
                self._mongod.launch()
            except BaseException:
                self._running.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        self._running.close()

    def wait_for_mongodb(self) -> str:
        """Wait until MongoDB takes writes, and return its URI.

        Raises:
            CannotStart: it does not come up; its log says why.
        """
        if self._mongodb_uri is None:
            return self._mongod.wait_until_ready()
        require_database(self._mongodb_uri)
        return self._mongodb_uri
