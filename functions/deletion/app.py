"""GET /api/instagram/deletions/{code}: a page for people that says how far the deletion of their data has come."""

from functools import partial
from typing import Any

from connector import deletion_page
from connector.gateway import LambdaAnswer, LambdaEvent
from connector.handlers import http_handler
from connector.html import error_page
from connector.wiring.forgetting import deletion


def _answer(event: LambdaEvent, _: Any) -> LambdaAnswer:
    return deletion_page.answer(event, deletion)


handler = http_handler(_answer, partial(error_page, "Not available"))
