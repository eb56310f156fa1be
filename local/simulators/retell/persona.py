"""The scripted agent: the host of a small coffee shop, who always answers the same to the same.

What it says shows what it was asked and how far the chat has come, so that one sees in the Instagram thread
whether a message arrived whole and in the right chat.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# About 2,500 bytes of UTF-8 in paragraphs, with emoji and Cyrillic: more than one Instagram message holds.
_LONG_ANSWER = Path(__file__).with_name("long_answer.txt").read_text("utf-8").strip()

_RULES = (
    (
        r"open|opening|hours|close|closed|when",
        "We are open every day from 7:00 to 19:00, on Sundays from 8:00. ☕",
    ),
    (
        r"menu|drinks?|eat|price|prices|espresso|cappuccino|latte",
        "Today's menu: espresso €2, cappuccino €3.20, flat white €3.40, croissant €2.50. 🥐",
    ),
    (
        r"where|address|find you|directions|location",
        "You find us at 12 Bean Street, right beside the old station. 📍",
    ),
)


@dataclass(frozen=True)
class Speech:
    """What the agent says, and whether it ends the chat with it."""

    text: str
    ends_chat: bool = False


def speak(content: str, turn: int) -> Speech:
    """Answer the user's `turn`-th message of this chat."""
    asked = content.lower()
    if re.search(r"\b(bye|goodbye)\b", asked):
        return Speech("Thank you for stopping by. See you soon at Acme Coffee! 👋", ends_chat=True)
    if re.search(r"\blong\b", asked):
        return Speech(_LONG_ANSWER)
    answers = [answer for words, answer in _RULES if re.search(rf"\b({words})\b", asked)]
    if answers:
        return Speech(" ".join(answers))
    return Speech(f"You said “{content.strip()}”. That is message {turn} of our chat. How can I help you?")
