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
    rest = text
    while len(rest.encode()) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut])
        rest = rest[cut:]
    return (*parts, rest) if rest else tuple(parts)


def _cut(text: str, limit: int) -> int:
    """Return where to cut: the best border in the last two thirds of what fits, else the last grapheme border."""
    fits = _fitting(text, limit)
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, 0, fits) if match.end() > fits // 3]
        if ends:
            return ends[-1]
    return fits


def _fitting(text: str, limit: int) -> int:
    """Return the length of the longest run of whole graphemes that fits into `limit` bytes: at least one code point."""
    size = length = 0
    for grapheme in _GRAPHEME.finditer(text):
        size += len(grapheme[0].encode())
        if size > limit:
            break
        length += len(grapheme[0])
    if length:
        return length
    return len(text.encode()[:limit].decode(errors="ignore")) or 1
