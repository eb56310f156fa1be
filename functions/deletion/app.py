"""GET /api/instagram/deletions/{code}: a page for people that says how far the deletion of their data has come."""

from typing import Any

from connector import deletion_page
from connector.gateway import LambdaAnswer, LambdaEvent
from connector.logs import logger, metrics
from connector.wiring import stores


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: LambdaEvent, context: Any) -> LambdaAnswer:
    """Answer one browser."""
    return deletion_page.answer(event, lambda code: stores.deletions().get(code))
