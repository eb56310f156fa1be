"""`make run`: start the whole system, say where it is, stop it on Ctrl-C."""

import signal
import sys
import threading

from local.errors import CannotStart
from local.folder import claimed
from local.settings import read_settings


def main() -> int:
    """Run until a signal comes. Returns the exit status."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        settings = read_settings()
        with claimed(settings.folder) as folder:
            print("Starting the system:", flush=True)
            from local.stack import Stack  # moto and Flask take a second to import: the line above comes first

            with Stack(settings, folder) as stack:
                print(f"\nReady: {stack.url}/\n  data, logs and run.json: {folder.path}\n  Ctrl-C stops it.")
                stopping.wait()
                print("Stopping.")
    except (CannotStart, ValueError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
