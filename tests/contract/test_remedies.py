"""What a person should do about an error: tables in the code, and the same ones in the frontend guide."""

from connector.contract.checks import FINDINGS
from connector.contract.remedies import REMEDIES
from connector.errors import OutcomeUnknown, RateLimited, ReconnectNeeded, TryLater
from connector.lifecycle import checks
from connector.lifecycle.checks import Name
from tests.e2e import guide

HEADING = "Error codes of a message"


def test_the_guides_table_of_a_messages_errors_says_what_the_api_says():
    """(That the codes are those which the code can store, the guide's own tests prove.)"""
    told = {row["error.code"]: (row["What happened"], row["What to do"]) for row in guide.table(HEADING)}
    assert told == REMEDIES
    assert list(told) == sorted(told), "it is read by looking up a code"


def test_the_guides_table_of_a_checks_codes_says_what_the_api_says():
    told = {row["code"]: (row["What is wrong"], row["What mends it"]) for row in guide.table("Codes of a check")}
    assert told == FINDINGS
    assert list(told) == sorted(told), "it is read by looking up a code"


def test_the_guide_tells_of_each_check_in_the_order_of_the_answer():
    assert [row["name"] for row in guide.table("What is checked")] == [name.value for name in Name]


def test_each_code_that_a_check_can_find_has_words_of_its_own():
    """A check tells a refusal of Meta's by its code only where it says what is wrong; but for the account, by any."""
    from_meta = checks._TELLING | {"graph_refused", "other_account"}
    from_retell = {"agent_not_found", "agent_key_refused", "agent_unpaid", "agent_refused", "agent_key_missing"}
    from_retell |= {"agent_not_allowed"}
    of_kinds = {kind.code for kind in (ReconnectNeeded, TryLater, RateLimited, OutcomeUnknown)}
    of_diagnosis = {"not_checked", "never_called", "not_told", "no_answer", "needs_token", "needs_permissions"}
    assert from_meta | from_retell | of_kinds | of_diagnosis <= FINDINGS.keys()
