"""What a person should do about a message's error: one table in the code, and the same one in the frontend guide."""

from connector.contract.remedies import REMEDIES
from tests.e2e import guide

HEADING = "Error codes of a message"


def test_the_guides_table_of_a_messages_errors_says_what_the_api_says():
    """(That the codes are those which the code can store, the guide's own tests prove.)"""
    told = {row["error.code"]: (row["What happened"], row["What to do"]) for row in guide.table(HEADING)}
    assert told == REMEDIES
    assert list(told) == sorted(told), "it is read by looking up a code"
