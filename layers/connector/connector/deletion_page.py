"""The page on which people see how far the deletion of their data has come. Its address is all they need to know.

It tells times and nothing else: whoever has the code may have it from somebody else.
"""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from connector.deletions import Deletion
from connector.gateway import LambdaAnswer, LambdaEvent, base_url
from connector.html import page

_PATH = "/api/instagram/deletions/"
_CODE = re.compile(r"[0-9a-f]{32}")

_UNKNOWN = "There is no deletion with this code. Look at the code again. A year after a deletion its code is forgotten."
_ELSEWHERE = "What Instagram itself keeps is not touched by this: messages can be deleted in Instagram."


def status_url(event: LambdaEvent, deletion: Deletion) -> str:
    """Return the address of a deletion's page, at the host that this request came to."""
    return f"{base_url(event)}{_PATH}{quote(deletion.code)}"


def answer(event: LambdaEvent, find: Callable[[str], Deletion | None]) -> LambdaAnswer:
    """Return the page of the code in the path."""
    code = (event.get("pathParameters") or {}).get("code", "")
    deletion = find(code) if _CODE.fullmatch(code) else None
    if deletion is None:
        return page(404, "Not found", _UNKNOWN)
    if deletion.finished_at is None:
        since = f"It was asked for on {_written(deletion.asked_at)}, and is usually done within ten minutes."
        return page(200, "The data is being deleted", since, f"<p>{_ELSEWHERE}</p>")
    return page(
        200, "The data is deleted", f"It is gone since {_written(deletion.finished_at)}.", f"<p>{_ELSEWHERE}</p>"
    )


def _written(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
