"""`python -m local.simulators.retell`: the Retell simulator as a process of its own."""

from argparse import ArgumentParser
from pathlib import Path

from local.simulators.retell.app import create_app
from local.simulators.server import serve_until_signal


def main() -> None:
    """Serve until SIGINT or SIGTERM; the only line printed is the URL."""
    parser = ArgumentParser(prog="python -m local.simulators.retell", description="A simulator of Retell's chats.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--api-key", help="the one key to take; without it, any")
    parser.add_argument("--state-file", type=Path, help="where to keep the chats; without it, they are forgotten")
    given = parser.parse_args()
    app = create_app(api_key=given.api_key, state_file=given.state_file)
    serve_until_signal(app, given.port, given.host)


if __name__ == "__main__":
    main()
