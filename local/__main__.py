"""`make run`: start the whole system, say where it is, stop it on Ctrl-C."""

import signal
import sys
import threading

from local.errors import CannotStart
from local.folder import Folder, claimed
from local.services import Services
from local.settings import Settings, read_settings


def main() -> int:
    """Run until a signal comes. Returns the exit status."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        settings = read_settings()
        with claimed(settings.folder) as folder:
            print("Starting the system:", flush=True)
            with Services(settings) as services:
                run(settings, folder, services, stopping)
    except (CannotStart, ValueError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def run(settings: Settings, folder: Folder, services: Services, stopping: threading.Event) -> None:
    """Run the system on services that have been launched, until `stopping`."""
    from local.stack import Stack  # Flask and boto3 take a second to import; the services come up meanwhile

    with Stack(settings, folder, services) as stack:
        print(f"\nReady: {stack.url}/\n  data, logs and run.json: {folder.path}\n  Ctrl-C stops it.")
        stopping.wait()
        print("Stopping.")


if __name__ == "__main__":
    sys.exit(main())
