"""Cutting an answer into parts that Instagram takes."""

import regex

_GRAPHEME = regex.compile(r"\X")

# Where a cut reads best, best first: after a paragraph, a line, a sentence, a word.
_BORDERS = tuple(
    regex.compile(pattern) for pattern in (r"\n[^\S\n]*\n\s*", r"\n\s*", r"(?<=[.!?…。！？।؟])[\"'»”)]*\s*", r"\s+")
)


def split(text: str, limit: int) -> tuple[str, ...]:
    """Return `text` in parts of at most `limit` UTF-8 bytes, whose joining gives `text` again.

    No part cuts through what a reader sees as one character: an emoji with its skin tone, a letter with its accents.
    (A single such character of more than `limit` bytes, which nobody writes, is cut at code points.) Cuts prefer the
    end of a paragraph, a sentence, a word. Nothing is stripped.
    """
    parts: list[str] = []
    start = 0
    while start < len(text):
        # A character is at least one byte, so this holds all that fits, and more where there is more.
        ahead = text[start : start + limit + 1]
        cut = _cut(ahead, limit) if len(ahead.encode()) > limit else len(ahead)
        parts.append(ahead[:cut])
        start += cut
    return tuple(parts)


def _cut(text: str, limit: int) -> int:
    """Return where to cut: the best border in the last two thirds of what fits, else the last grapheme border."""
    ends = _grapheme_ends(text, limit)
    if not ends:
        return len(text.encode()[:limit].decode(errors="ignore")) or 1
    fits, whole = ends[-1], set(ends)
    for border in _BORDERS:
        # A space may carry an accent: what looks like the end of a word can be the middle of a character.
        good = [end for match in border.finditer(text, 0, fits) if (end := match.end()) > fits // 3 and end in whole]
        if good:
            return good[-1]
    return fits


def _grapheme_ends(text: str, limit: int) -> list[int]:
    """Return where the graphemes end that fit, one after another, into `limit` bytes."""
    ends: list[int] = []
    size = length = 0
    for grapheme in _GRAPHEME.finditer(text):
        size += len(grapheme[0].encode())
        if size > limit:
            break
        length += len(grapheme[0])
        ends.append(length)
    return ends
