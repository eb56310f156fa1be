"""The words with which a customer takes back, and gives again, the leave to write to them."""

from dataclasses import dataclass

_LONGEST = 200  # characters of a message that may be such a word, with what stands around it


@dataclass(frozen=True, slots=True)
class OptingWords:
    """What a message must say, and nothing else, for it to be meant so. Case and marks around it do not matter."""

    out: frozenset[str] = frozenset()
    back: frozenset[str] = frozenset()

    @classmethod
    def of(cls, out: str, back: str) -> "OptingWords":
        """Return those that stand in two lists, with commas between."""
        return cls(_listed(out), _listed(back))

    def wish_in(self, text: str | None) -> bool | None:
        """Return whether a message asks not to be written to (True), to be written to again (False), or neither."""
        said = _bare(text or "")
        if said in self.out:
            return True
        return False if said in self.back else None


def _listed(words: str) -> frozenset[str]:
    return frozenset(word for one in words.split(",") if (word := _bare(one)))


def _bare(text: str) -> str:
    """Return a text without what is no letter, digit or `_` around it; "" for one that is too long to be a word."""
    if len(text) > _LONGEST:
        return ""
    word = [at for at, one in enumerate(text) if one.isalnum() or one == "_"]
    return text[word[0] : word[-1] + 1].casefold() if word else ""
