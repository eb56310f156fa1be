"""`python -m local.simulators.meta`: the Meta simulator as a process of its own."""

from argparse import ArgumentParser
from pathlib import Path

from local.simulators.meta.app import create_app
from local.simulators.server import serve_until_signal


def main() -> None:
    """Serve until SIGINT or SIGTERM; the only line printed is the URL."""
    parser = ArgumentParser(prog="python -m local.simulators.meta", description="A simulator of Meta's Graph API.")
    parser.add_argument("--app-secret", required=True, help="signs the webhooks")
    parser.add_argument("--instagram-app-secret", help="of Instagram Login; without it, one is derived")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--state-file", type=Path, help="where to keep the state; without it, it is forgotten")
    given = parser.parse_args()
    app = create_app(
        app_secret=given.app_secret, instagram_app_secret=given.instagram_app_secret, state_file=given.state_file
    )
    serve_until_signal(app, given.port, given.host)


if __name__ == "__main__":
    main()
