"""Invoked by the operator: build the indexes of all collections, and mark what earlier versions stored."""

from typing import Any

from connector.logs import logger
from connector.storage.index_command import run
from connector.wiring import stores


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return what was done, line by line. MongoDB completes a build that takes longer; the next run waits for it."""
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        logger.info(line)

    run(stores.secrets().mongodb_uri(recent=True), report)
    return {"lines": lines}
