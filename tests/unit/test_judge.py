"""Who may write to a customer now, and until when: `conversation.policy.judge`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.accounts import Account, Connection, ConnectionStatus
from connector.chat import Chat, Role
from connector.conversation.policy import judge
from connector.tenancy import Tenant
from tests.unit.payloads import ACCOUNT, PAGE, USER

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = Connection(
    tenant=Tenant("sub_1", "agent_1"),
    account=Account(ACCOUNT, PAGE, "acme", "Acme"),
    retell_agent_id="agent_1",
    status=ConnectionStatus.CONNECTED,
    generation=1,
    token_version=1,
    connected_at=NOW,
    last_event_at=None,
    last_error=None,
)
CHAT = Chat("c", ACCOUNT, USER, window_opened_at=NOW)
HOURS, DAYS = timedelta(hours=1), timedelta(days=1)
MOMENT = timedelta(milliseconds=1)
SENT, TAGGED = (None, False), (None, True)
WRITERS = st.sampled_from([Role.AGENT, Role.HUMAN])


def _judged(writer, connection=CONNECTION, chat=CHAT, moment=NOW):
    verdict = judge(writer, connection, chat, moment)
    return verdict.reason, verdict.by_person_only


@pytest.mark.parametrize(
    ("since", "agent", "person"),
    [
        (timedelta(0), SENT, SENT),
        (24 * HOURS - MOMENT, SENT, SENT),
        (24 * HOURS, ("window_closed", False), TAGGED),
        (7 * DAYS - MOMENT, ("window_closed", False), TAGGED),
        (7 * DAYS, ("window_closed", False), ("window_closed", False)),
    ],
    ids=["at once", "just within a day", "after a day", "just within a week", "after a week"],
)
def test_h16_the_agent_has_a_day_and_a_person_a_week(since, agent, person):
    moment = NOW + since
    assert _judged(Role.AGENT, moment=moment) == agent
    assert _judged(Role.HUMAN, moment=moment) == person


@given(WRITERS, st.timedeltas(timedelta(0), 30 * DAYS))
def test_only_what_a_person_writes_after_a_day_and_within_a_week_bears_the_persons_tag(writer, since):
    verdict = judge(writer, CONNECTION, CHAT, NOW + since)
    assert verdict.by_person_only == (writer is Role.HUMAN and 24 * HOURS <= since < 7 * DAYS)


@given(WRITERS, st.timedeltas(timedelta(0), 30 * DAYS), st.booleans(), st.booleans(), st.booleans())
def test_a_refusal_says_why_and_when_and_permission_says_nothing(writer, since, paused, limited, all_paused):
    later = NOW + 40 * DAYS
    connection = replace(
        CONNECTION, limited_until=later if limited else None, paused_until=later if all_paused else None
    )
    chat = replace(CHAT, paused_until=later if paused else None)
    verdict = judge(writer, connection, chat, NOW + since)
    if verdict.reason is None:
        assert (verdict.message, verdict.at) == ("", None)
    else:
        assert verdict.message.endswith(".")
        assert verdict.at is not None
        assert not verdict.by_person_only


def test_a_pause_silences_the_agent_and_no_person():
    for connection, chat in (
        (replace(CONNECTION, paused_until=NOW + HOURS), CHAT),
        (CONNECTION, replace(CHAT, paused_until=NOW + HOURS)),
    ):
        assert _judged(Role.AGENT, connection, chat) == ("paused", False)
        assert _judged(Role.HUMAN, connection, chat) == SENT
        assert _judged(Role.AGENT, connection, chat, NOW + HOURS) == SENT


def test_a_limit_of_the_account_holds_for_both_until_it_ends():
    limited = replace(CONNECTION, limited_until=NOW + HOURS)
    for writer in (Role.AGENT, Role.HUMAN):
        assert _judged(writer, limited) == ("rate_limited", False)
        assert _judged(writer, limited, moment=NOW + HOURS) == SENT


def test_a_limit_that_is_waited_for_does_not_hide_that_the_agent_is_paused_or_the_window_closed():
    limited = replace(CONNECTION, limited_until=NOW + 30 * DAYS)
    assert _judged(Role.AGENT, limited, replace(CHAT, paused_until=NOW + HOURS)) == ("paused", False)
    assert _judged(Role.AGENT, replace(limited, paused_until=NOW + HOURS)) == ("paused", False)
    assert _judged(Role.AGENT, limited, moment=NOW + 24 * HOURS) == ("window_closed", False)


@pytest.mark.parametrize("writer", [Role.AGENT, Role.HUMAN])
def test_without_a_usable_account_nobody_writes(writer):
    assert _judged(writer, None) == ("disconnected", False)
    for status in (ConnectionStatus.DISCONNECTED, ConnectionStatus.NEEDS_RECONNECTION):
        assert _judged(writer, replace(CONNECTION, status=status)) == (status.value, False)


def test_of_a_customer_of_whom_nothing_is_known_meta_decides():
    assert _judged(Role.HUMAN, chat=None) == SENT


def test_the_refusal_of_the_agent_says_until_when_a_person_may_reply():
    verdict = judge(Role.AGENT, CONNECTION, CHAT, NOW + 27 * HOURS)
    assert verdict.message == (
        "Instagram's 24 hours for a reply closed 2026-03-02 12:00 UTC; a person may reply until 2026-03-08 12:00 UTC."
    )


@given(WRITERS, st.timedeltas(timedelta(0), 30 * DAYS), st.booleans())
def test_h16_to_who_opted_out_nobody_writes_whatever_else_is_so(writer, since, paused):
    until = NOW + 60 * DAYS if paused else None
    verdict = judge(writer, CONNECTION, replace(CHAT, opted_out_at=NOW, paused_until=until), NOW + since)
    assert (verdict.reason, verdict.at, verdict.by_person_only) == ("opted_out", NOW, False)
