"""Refusals of a send that only the message explains: which file Meta could not use, and which feature the app lacks."""

import re
from collections.abc import Iterator

from connector.chat import Message
from connector.errors import Refused, refusal
from connector.instagram.errors import TEXTS

_MOST_URLS = 3
_MOST_CHARACTERS = 300

# "Failed to fetch the file from the url", "The type of file is not supported", "… must be a valid URL": public reports
# show such words with code 100 and no subcode. They are believed of a message only that has a file.
_FILE = r"(file|media|attachment|image|video|audio|url|uri)s?"
_TROUBLE = r"(fetch|download|retriev|crawl|upload|load|reach|support|valid|large|big|size|format|type|corrupt|time)"
_FILE_WORDS = re.compile(rf"\b{_FILE}\b.*{_TROUBLE}|{_TROUBLE}.*\b{_FILE}\b", re.IGNORECASE | re.DOTALL)


def refusal_of(message: Message, error: Refused) -> Refused:
    """Return a refusal of a message, with what the message tells about its cause."""
    quote = error.quote
    if message.by_person_only and error.code == "permission_missing" and quote is not None and quote.code == 10:
        return refusal("human_agent_missing", TEXTS["human_agent_missing"], quote)
    words = (quote.message if quote else None) or ""
    is_about_file = error.code == "media_refused" or (error.code == "graph_refused" and _FILE_WORDS.search(words))
    urls = [*dict.fromkeys(_urls(message))]
    if not is_about_file or not urls:
        return error
    named = [url for url in urls if url in words] or urls
    listed = ", ".join(url[:_MOST_CHARACTERS] for url in named[:_MOST_URLS])
    told = f"Meta could not use {listed}: it cannot be fetched, or is not of a kind or size that Instagram takes."
    return refusal("media_refused", told, quote)


def _urls(message: Message) -> Iterator[str]:
    """Yield the addresses from which Meta fetches something of this message."""
    content = message.content or {}
    yield from content.get("urls") or ()
    if content.get("url"):
        yield str(content["url"])
    for element in content.get("elements") or ():
        if element.get("imageUrl"):
            yield str(element["imageUrl"])
