"""The body of send."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from connector.contract.base import Body, MetaId
from connector.instagram.limits import MAX_TEXT_BYTES


def _fits(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    if size > MAX_TEXT_BYTES:
        problem = "has {size} bytes in UTF-8; Instagram takes at most {most}"
        raise PydanticCustomError("too_long", problem, {"size": size, "most": MAX_TEXT_BYTES})
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise PydanticCustomError("not_unicode", "must be Unicode, and holds half of a surrogate pair")
    return text


class SendRequest(Body):
    """A text for a customer."""

    to: MetaId
    message: Annotated[str, AfterValidator(_fits)]
