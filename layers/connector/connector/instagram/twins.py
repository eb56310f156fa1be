"""One shared thing that Meta lists twice in a message.

While Meta moves to kinds of their own (`ig_post`, `ig_reel`), it lists a post as a `share` as well. The two name the
same post, but each URL is signed for itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from connector.chat import Attachment

POSTS = frozenset({"share", "ig_post", "post", "ig_reel", "reel", "ig_story", "story", "media"})
"""The kinds of what people share from Instagram."""


def without_twins(attachments: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return each shared post once, with all that its twins say of it."""
    return _once(attachments, _are_one_post)


def each_url_once(attachments: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return the attachments of a customer's message without repeated URLs.

    Not for echoes: they settle what was sent, and the business may send one picture twice.
    """
    return _once(attachments, lambda one, other: one.url is not None and one.url == other.url)


def _once(
    attachments: Iterable[Attachment], are_one: Callable[[Attachment, Attachment], bool]
) -> tuple[Attachment, ...]:
    kept: list[Attachment] = []
    for attachment in attachments:
        place = next((index for index, known in enumerate(kept) if are_one(known, attachment)), None)
        if place is None:
            kept.append(attachment)
        else:
            kept[place] = _merged(kept[place], attachment)
    return tuple(kept)


def _are_one_post(one: Attachment, other: Attachment) -> bool:
    if not {one.kind, other.kind} <= POSTS:
        return False
    if one.url and one.url == other.url:
        return True
    if one.media_id and other.media_id:
        return one.media_id == other.media_id
    # Without ids, only another kind of the same post is a twin: two posts of one kind are two.
    return (
        one.kind != other.kind
        and "share" in (one.kind, other.kind)
        and _agree(one.title, other.title)
        and one.url is not None
        and other.url is not None
        and _identity(one.url) == _identity(other.url)
    )


def _agree(one: str | None, other: str | None) -> bool:
    """Return whether two titles can be of one post: Meta cuts long captions."""
    shorter, longer = sorted((one or "", other or ""), key=len)
    return longer.startswith(shorter.rstrip("…."))


def _identity(url: str) -> tuple[str, ...]:
    """Return what a URL is about: its path and the ids in its query. The rest of the query signs or counts."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, max_num_fields=50)
    except ValueError:
        return (url,)
    ids = (f"{name}={value}" for name, value in query if name in ("id", "p", "v") or name.endswith(("_id", "fbid")))
    return (parts.path, *sorted(one for one in ids if not one.startswith("utm_")))


def _merged(one: Attachment, other: Attachment) -> Attachment:
    """Return the more exact of the two; `share` is Meta's word for anything."""
    exact, rough = (other, one) if one.kind == "share" else (one, other)
    return replace(
        exact,
        url=exact.url or rough.url,
        title=exact.title or rough.title,
        media_id=exact.media_id or rough.media_id,
        coordinates=exact.coordinates or rough.coordinates,
        cards=exact.cards or rough.cards,
    )
