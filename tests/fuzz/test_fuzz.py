"""The bounded run of the fuzzer: the same inputs each time. `make fuzz` tries a million others."""

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.targets import CORPUS, TARGETS

INPUTS = 4_000
SEED = 1

each_target = pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)


@each_target
def test_the_kept_corpus_holds(target):
    for data in target.kept:
        target.check(data)


@each_target
def test_mutated_inputs_hold(target):
    ends, findings = fuzz(target, INPUTS, SEED)
    assert findings == []
    assert len(ends) > 1, "the inputs all end alike: the seeds do not reach the target"


def test_every_kept_input_has_a_target():
    assert {path.name for path in CORPUS.iterdir()} <= {target.name for target in TARGETS}
