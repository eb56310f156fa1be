"""A small run of `tests/model/deliveries.py`, which does thousands."""

import pytest

from tests.model.deliveries import deliver

pytestmark = pytest.mark.races


def test_of_many_dms_with_a_fault_at_every_twentieth_step_none_is_lost_or_doubled(database):
    counts = deliver(database, 200, seed=7, workers=4)
    assert counts.wrongs == []
    assert counts.lost == 0
    assert counts.faults > 100, "it was no trial"
    assert sum(counts.endings.values()) == counts.delivered == 200
    assert counts.endings["answered"] > 150, counts
