"""Writes docs/fault-matrix.md: python -m tests.contract.fault_matrix."""

from collections.abc import Iterator
from pathlib import Path

from tests.contract.faults import Case, Shown, cases, shown, titles

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"

_HEAD = """# What goes wrong, and what happens then

Every fault that the connector was built for, and the tests that show how it stands it. A test that shows a case bears
its number in its name, so `python -m pytest -k _a7_` runs the tests of A7. Where no test shows a case, the reason
stands instead.

This page is made by `python -m tests.contract.fault_matrix`, from `tests/contract/fault_cases.toml` and the names of
the tests. A test fails when it is stale, when a number is not here, and when a case has neither a test nor a reason.
"""


def page() -> str:
    """Return the page as it should be now."""
    tests = shown()
    known = list(cases().values())
    return "\n".join([_HEAD, *(line for letter in titles() for line in _table(letter, known, tests))])


def _table(letter: str, known: list[Case], tests: list[Shown]) -> Iterator[str]:
    yield f"## {letter} · {titles()[letter]}\n"
    yield "| | what goes wrong | what must happen | shown by |"
    yield "|---|---|---|---|"
    for case in known:
        if case.number.startswith(letter):
            by = [_link(test) for test in tests if case.number in test.numbers]
            told = "<br>".join(by) or f"*{case.reason or 'nothing yet'}*"
            yield f"| {case.number} | {case.wrong} | {case.must} | {told} |"
    yield ""


def _link(test: Shown) -> str:
    return f"[{test.file.removesuffix('.py')}](../tests/{test.file}): {test.sentence}"


def _main() -> None:
    PAGE.write_text(page())
    tests = shown()
    by_test = {number for test in tests for number in test.numbers} & cases().keys()
    reasoned = {case.number for case in cases().values() if case.reason}
    missing = [number for number in cases() if number not in by_test | reasoned]
    print(f"{len(cases())} cases: {len(by_test)} shown by {len(tests)} tests, {len(reasoned)} have a reason")  # noqa: T201
    print(f"{len(missing)} have neither: {' '.join(missing) or '-'}")  # noqa: T201


if __name__ == "__main__":
    _main()
