"""Which errors become a connection's last error, and what disproves each: `conversation.faults`."""

import pytest

from connector.conversation.faults import ASKING, DISPROVED_BY, Call
from connector.errors import Undeliverable, refusal
from connector.instagram.errors import TEXTS
from connector.lifecycle.checks import Name


def test_every_proof_is_a_call_or_a_check():
    proofs = {proof for proofs in DISPROVED_BY.values() for proof in proofs}
    assert proofs <= {*Call, *Name}


@pytest.mark.parametrize("code", TEXTS)
def test_each_refusal_of_a_connection_can_be_disproved_by_its_own_call(code):
    is_of_one = isinstance(refusal(code, ""), Undeliverable)
    assert is_of_one is (code not in DISPROVED_BY)
    if not is_of_one:
        assert set(DISPROVED_BY[code]) & {Call.SENDING, Call.SENDING_LATE, Call.SENDING_AGAIN}


def test_an_answer_of_the_agent_disproves_no_error_of_meta():
    assert ASKING.isdisjoint(TEXTS)
