"""The fault matrix is whole and true: docs/fault-matrix.md, the cases behind it, and the tests that it names."""

from collections import Counter

import pytest

from tests.contract.fault_matrix import PAGE, page
from tests.contract.faults import Shown, cases, shown, titles

MAKE = "run: python -m tests.contract.fault_matrix"


def test_the_page_is_what_the_cases_and_the_names_of_the_tests_make_of_it():
    assert PAGE.exists(), MAKE
    stale = set(PAGE.read_text().splitlines()) ^ set(page().splitlines())
    assert sorted(stale) == [], MAKE
    assert PAGE.read_text() == page(), MAKE


def test_every_number_in_the_name_of_a_test_is_a_case():
    unknown = [(test.file, number) for test in shown() for number in test.numbers if number not in cases()]
    assert unknown == []


def test_every_case_is_shown_by_a_test_or_has_a_reason_why_none_shows_it():
    by_test = {number for test in shown() for number in test.numbers}
    assert [one.number for one in cases().values() if one.number not in by_test and not one.reason] == []


def test_no_case_has_a_reason_why_no_test_shows_it_and_a_test_that_does():
    by_test = {number for test in shown() for number in test.numbers}
    assert [one.number for one in cases().values() if one.number in by_test and one.reason] == []


def test_the_cases_of_a_letter_are_numbered_without_a_gap():
    of_letter = Counter(number[0] for number in cases())
    assert list(cases()) == [f"{letter}{number + 1}" for letter in titles() for number in range(of_letter[letter])]
    assert sum(of_letter.values()) == 139


@pytest.mark.parametrize(
    ("name", "found_numbers", "sentence"),
    [
        ("test_a1_nothing_is_queued", ("A1",), "nothing is queued"),
        ("test_a1_b12_nothing_is_queued", ("A1", "B12"), "nothing is queued"),
        ("test_nothing_is_queued_by_a1_", None, None),
        ("test_4_mib_are_read", None, None),
        ("test_e2e_works", None, None),
        ("other_a1_thing", None, None),
    ],
)
def test_a_number_counts_only_at_the_beginning_of_a_tests_name(tmp_path, name, found_numbers, sentence):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "test_x.py").write_text(f"import nothing_that_exists\n\ndef {name}():\n    pass\n")
    found = shown(tmp_path)
    assert found == ([Shown("inner/test_x.py", name, found_numbers)] if found_numbers else [])
    assert [one.sentence for one in found] == ([sentence] if sentence else [])
