"""The faults that the connector must stand, and the tests whose names say which of them they show."""

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
CASES = Path(__file__).with_name("fault_cases.toml")

_NUMBERS = re.compile(r"test_((?:[a-z][0-9]+_)+)")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that can go wrong."""

    number: str
    wrong: str
    must: str
    reason: str | None
    """Why no test shows it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A test that shows some cases."""

    file: str
    """Below tests/."""
    name: str
    numbers: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Return what the test's name says, without the numbers."""
        return self.name.removeprefix(f"test_{'_'.join(self.numbers).lower()}_").replace("_", " ")


def titles() -> dict[str, str]:
    """Return what each letter stands for."""
    return {letter: part["title"] for letter, part in _told().items()}


def cases() -> dict[str, Case]:
    """Return every case by its number, in order."""
    return {
        f"{letter}{number}": Case(f"{letter}{number}", case["wrong"], case["must"], case.get("reason"))
        for letter, part in _told().items()
        for number, case in part.items()
        if number != "title"
    }


def shown(folder: Path = TESTS) -> list[Shown]:
    """Return every test under a folder whose name begins with numbers of cases. Nothing is imported for that."""
    return [
        Shown(str(path.relative_to(folder)), name, tuple(form[1].upper().rstrip("_").split("_")))
        for path in sorted(folder.rglob("test_*.py"))
        for name in _tests(path)
        if (form := _NUMBERS.match(name))
    ]


def _tests(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


@functools.cache
def _told() -> dict[str, dict[str, Any]]:
    return tomllib.loads(CASES.read_text())
