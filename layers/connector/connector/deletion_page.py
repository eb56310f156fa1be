"""The page on which people see how far the deletion of their data has come. Its address is all they need to know.

It tells times and nothing else: whoever has the code may have it from somebody else.
"""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from connector.deletions import Deletion, RetellStatus
from connector.gateway import LambdaAnswer, LambdaEvent, base_url
from connector.html import page

_PATH = "/api/instagram/deletions/"
_CODE = re.compile(r"[0-9a-f]{32}")

_UNKNOWN = "There is no deletion with this code. Look at the code again. A year after a deletion its code is forgotten."
_AT_RETELL = (
    "Here it was deleted on {at}. The copies at Retell AI, which runs the automatic answers, are still being deleted."
)
_REFUSED_AT_RETELL = (
    "Here it was deleted on {at}. The copies at Retell AI, which runs the automatic answers, could not be deleted so "
    "far. The business you wrote to must delete them there. Ask it to, and name the code {code}."
)
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
    return page(200, *_told(deletion), f"<p>{_ELSEWHERE}</p>")


def _told(deletion: Deletion) -> tuple[str, str]:
    """Return the heading and the sentences for a deletion."""
    if deletion.finished_at is not None:
        return "The data is deleted", f"Deleted on {_written(deletion.finished_at)}."
    if deletion.erased_at is None:
        asked = f"Requested on {_written(deletion.asked_at)}. It usually takes less than a quarter of an hour."
        return "The data is being deleted", asked
    is_refused = deletion.at_retell.status is RetellStatus.FAILED or deletion.at_retell.problem is not None
    sentences = _REFUSED_AT_RETELL if is_refused else _AT_RETELL
    heading = "Some copies are not deleted yet" if is_refused else "The data is being deleted"
    return heading, sentences.format(at=_written(deletion.erased_at), code=deletion.code)


def _written(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
