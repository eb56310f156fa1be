"""Texts and addresses as send takes them. A refusal says which limit of Instagram's was passed, and by how much."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from connector.instagram import limits

MAX_SPLIT_CHARACTERS = 10_000
_MAX_URL = 2083  # characters; longer ones are cut somewhere on the way
_URL = r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?([/?#][!-~]*)?$"


def _is_unicode(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty", "must not be empty")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise PydanticCustomError("not_unicode", "must be Unicode, and holds half of a surrogate pair")
    return text


def fits(text: str) -> str:
    """Return a text that fits into one message; else tell by how much it does not."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if text.strip() and size > limits.MAX_TEXT_BYTES:
        problem = "has {size} bytes in UTF-8; Instagram takes at most {most}"
        raise PydanticCustomError("too_many_bytes", problem, {"size": size, "most": limits.MAX_TEXT_BYTES})
    return _is_unicode(text)


def _is_address(url: str) -> str:
    if not re.fullmatch(_URL, url):
        raise PydanticCustomError("no_address", "must be an address that begins with http:// or https://, in ASCII")
    return url


# What the validators refuse, in the schema's words. Those count characters, so of `fits` they tell only half; and what
# `\S` means differs from one language to another, so it is written out.
_VISIBLE = r"[^\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_NOT_BLANK = Field(json_schema_extra={"pattern": _VISIBLE})
_SHORT = Field(json_schema_extra={"pattern": _VISIBLE, "maxLength": limits.MAX_TEXT_BYTES})
_ADDRESS = Field(json_schema_extra={"pattern": _URL})

LongText = Annotated[str, StringConstraints(max_length=MAX_SPLIT_CHARACTERS), AfterValidator(_is_unicode), _NOT_BLANK]
Text = Annotated[str, AfterValidator(fits), _SHORT]
Title = Annotated[str, StringConstraints(max_length=limits.MAX_BUTTON_TITLE), AfterValidator(_is_unicode), _NOT_BLANK]
Payload = Annotated[str, StringConstraints(max_length=limits.MAX_PAYLOAD), AfterValidator(_is_unicode), _NOT_BLANK]
ElementText = Annotated[
    str, StringConstraints(max_length=limits.MAX_ELEMENT_TEXT), AfterValidator(_is_unicode), _NOT_BLANK
]
ButtonsText = Annotated[
    str, StringConstraints(max_length=limits.MAX_BUTTONS_TEXT), AfterValidator(_is_unicode), _NOT_BLANK
]
Question = Annotated[str, StringConstraints(max_length=limits.MAX_QUESTION), AfterValidator(_is_unicode), _NOT_BLANK]
MenuTitle = Annotated[str, StringConstraints(max_length=limits.MAX_MENU_TITLE), AfterValidator(_is_unicode), _NOT_BLANK]
# Not pydantic's own: that one normalizes, and an address that is signed must go out as it came.
Url = Annotated[str, StringConstraints(max_length=_MAX_URL), AfterValidator(_is_address), _ADDRESS]
Mid = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[!-~]+$")]
