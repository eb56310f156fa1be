"""SECURITY.md: each control of its threat model names tests, and they exist."""

import ast
import functools
import re

import pytest

from tests.contract.deployment import ROOT

DOCUMENT = ROOT / "SECURITY.md"
COLUMNS = ["Asset", "Threat", "Control", "Shown by"]


def threats():
    """Return the rows of the threat model."""
    table = re.search(r"^## Threat model$.*?^(\|.*?)\n\n", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert table
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()]
    assert [cell.strip() for cell in head] == COLUMNS
    return rows


@functools.cache
def defined_in(path):
    """Return the names of the tests in a file."""
    file = ROOT / "tests" / path
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def missing(cell):
    """Return the tests that a cell names and that do not exist."""
    named = re.findall(r"`([^`]+)`", cell)
    return [name for name in named if name.partition("::")[2] not in defined_in(name.partition("::")[0])]


@pytest.mark.parametrize("row", threats(), ids=lambda row: f"{row[0]}: {row[1]}"[:70])
def test_a_threat_has_a_control_and_tests_that_exist(row):
    assert len(row) == len(COLUMNS)
    assert all(row)
    assert "`" in row[-1], "no test is named"
    assert missing(row[-1]) == []


@pytest.mark.parametrize("name", ["unit/test_auth.py::test_nothing", "unit/test_no_file.py::test_a", "test_a", ""])
def test_a_test_that_does_not_exist_is_found(name):
    assert missing(f"`unit/test_auth.py::test_nothing_at_all`, `{name or 'x'}`")[-1] == (name or "x")
