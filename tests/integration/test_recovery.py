"""Messages that no webhook told of: found at the simulated Meta, taken in, answered or not: `conversation.recovery`."""

from collections import Counter
from datetime import timedelta

import pytest

from connector.accounts import Account, ConnectionStatus
from connector.chat import MessageStatus, Role, TurnState
from connector.conversation.recovery import Findings
from connector.errors import NotConnected, OutcomeUnknown, RateLimited, ReconnectNeeded, Refused, TryLater
from connector.lifecycle.comparing import Comparing
from connector.lifecycle.forgetting import Forgetting
from connector.ports.recovery import Compared
from connector.storage.connections import COLLECTION
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.deletions import Deletions
from connector.storage.erasure import Erasure
from connector.storage.owners import Owners
from connector.storage.parameters import Parameters
from connector.storage.retell_deletions import COLLECTION as RETELL_DELETIONS
from connector.storage.retell_deletions import RetellDeletions
from connector.storage.secrets import Secrets
from tests.conftest import PREFIX
from tests.integration.profiler import profiled
from tests.integration.recovering import scene
from tests.integration.world import TENANT
from tests.unit.payloads import ACCOUNT, OTHER_ACCOUNT, PAGE, USER

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def missed(database):
    with scene(database) as made:
        yield made


def forgetting_of(missed, aws):
    """Return what forgets people, on the scene's stores."""
    database, clock = missed.database, missed.world.clock
    return Forgetting(
        missed.world.connections,
        Owners(database[COLLECTION], clock),
        Secrets(Parameters(aws.ssm, PREFIX)),
        Deletions(database[DELETIONS], clock),
        lambda _: missed.world.tombstones,
        Erasure(database["chats"]),
        RetellDeletions(database[RETELL_DELETIONS], clock),
        clock,
    )


# ── found, and answered


def test_what_no_webhook_told_of_is_stored_as_recovered_and_answered_once(missed):
    missed.write("When do you open?")
    assert missed.compare() == Findings(checked=1, recovered=1, is_complete=True)
    assert missed.take_in() == ["MessageReceived"]
    assert missed.world.answer_all() == [TurnState.DONE]
    assert missed.told() == [
        ("user", "When do you open?", "answered", True),
        ("agent", "We open at nine.", "sent", False),
    ]
    assert missed.world.agent.questions == ["When do you open?"]
    assert missed.compare().recovered == 0
    assert missed.world.messenger.sent == ["We open at nine."]


def test_several_lost_messages_are_one_question_in_their_order(missed):
    for text, seconds in (("one", 303), ("two", 302), ("three", 301)):
        missed.write(text, timedelta(seconds=seconds))
    missed.compare()
    missed.take_in(reverse=True)
    assert missed.world.settle() == [TurnState.DONE]
    assert missed.world.agent.questions == ["one\ntwo\nthree"]


def test_a_webhook_that_comes_after_all_finds_its_message_stored(missed):
    mid = missed.write("hi")
    missed.recover()
    missed.world.answer_all()
    missed.world.say("hi", mid=mid, at=missed.world.clock() - 5 * MINUTE)
    assert missed.world.settle() == []
    assert [one.recovered for one in missed.stored(role=Role.USER)] == [True]
    assert len(missed.world.agent.asked) == 1


def test_a_webhook_that_comes_between_finding_and_taking_in_is_first_and_nothing_comes_twice(missed):
    mid = missed.write("hi")
    assert missed.compare().recovered == 1
    missed.world.say("hi", mid=mid, at=missed.world.clock() - 5 * MINUTE)
    missed.take_in()
    assert missed.world.settle() == [TurnState.DONE]
    assert [one.recovered for one in missed.stored(role=Role.USER)] == [False]
    assert len(missed.world.agent.asked) == 1


def test_a_message_whose_webhook_may_still_be_under_way_is_left_to_the_next_time(missed):
    missed.write("hi", timedelta(seconds=20))
    assert missed.compare() == Findings(checked=1)
    assert [what for what, _ in missed.calls] == ["threads"], "its thread lacks nothing yet"
    missed.world.clock.ahead += 5 * MINUTE
    assert missed.compare().recovered == 1


def test_two_runs_at_once_bring_one_message_and_one_answer(missed, race):
    missed.write("hi")
    findings = race(4, lambda _: missed.recovery().compare(missed.connection, until=missed.world.clock() + MINUTE))
    assert {one.is_complete for one in findings} == {True}, findings
    assert len(missed.queue.waiting) >= 1
    waiting = [message for message, _ in missed.queue.waiting]
    ingest = missed.world.ingest()
    race(len(waiting), lambda number: ingest.take(waiting[number]))
    missed.take_in()
    assert [one.text for one in missed.stored()] == ["hi"]


# ── too old


def test_what_is_older_than_the_setting_is_stored_with_its_reason_and_not_answered(missed):
    missed.write("Is size M left?", 2 * HOUR)
    missed.recover()
    (stored,) = missed.stored()
    assert (stored.status, stored.error, stored.recovered) == (
        MessageStatus.UNANSWERED,
        {"code": "recovered_late"},
        True,
    )
    assert missed.world.queue.messages == []
    assert missed.world.settle() == []
    assert missed.world.wait_and_sweep() == 0


def test_the_next_turn_tells_the_agent_what_it_had_missed_and_that_it_was_missed(missed):
    missed.write("Is size M left?", 2 * HOUR)
    missed.recover()
    missed.world.say("Hello??")
    assert missed.world.answer_all() == [TurnState.DONE]
    assert missed.world.agent.questions == [
        "[The customer wrote this some time ago, and has had no answer to it]\nIs size M left?\nHello??"
    ]
    assert [one.status for one in missed.stored(role=Role.USER)] == [MessageStatus.ANSWERED] * 2


def test_what_was_missed_does_not_open_a_turn_and_is_told_once(missed):
    missed.world.say("one")
    missed.world.answer_all()
    missed.write("lost", 2 * HOUR)
    missed.recover()
    for text in ("two", "three"):
        missed.world.say(text)
        missed.world.answer_all()
    assert [question.count("lost") for question in missed.world.agent.questions] == [0, 1, 0]


@pytest.mark.parametrize(
    ("within", "status"), [(HOUR, "received"), (10 * MINUTE, "unanswered"), (0 * HOUR, "unanswered")]
)
def test_how_old_it_may_be_is_a_setting_and_zero_is_for_never(missed, within, status):
    missed.answered_within = within
    missed.write("hi", 20 * MINUTE)
    missed.recover()
    assert [one.status.value for one in missed.stored()] == [status]


def test_a_late_webhook_does_not_have_answered_what_was_found_too_late(missed):
    mid = missed.write("hi", 2 * HOUR)
    missed.recover()
    missed.world.say("hi", mid=mid, at=missed.world.clock() - 2 * HOUR)
    assert missed.world.settle() == []
    assert [one.status for one in missed.stored()] == [MessageStatus.UNANSWERED]


def test_a21_nothing_comes_back_that_is_older_than_what_ingest_takes(missed):
    missed.write("long ago", 47.5 * HOUR)
    assert missed.compare().recovered == 0


def test_what_was_written_before_the_account_was_connected_was_not_missed(missed):
    missed.database[COLLECTION].update_one({}, {"$set": {"connectedAt": missed.world.clock() - HOUR}})
    missed.write("before", 2 * HOUR)
    missed.write("after", 30 * MINUTE)
    missed.recover()
    assert [one.text for one in missed.stored()] == ["after"]


# ── what the business wrote


def test_a_persons_lost_reply_is_stored_as_theirs_and_silences_the_agent_from_when_it_was_written(missed):
    missed.type_in_app("I take it from here", 20 * MINUTE)
    missed.recover()
    assert missed.told() == [("human", "I take it from here", "delivered", True)]
    paused_until = missed.world.chats.ongoing(USER).paused_until
    assert 39 * MINUTE < paused_until - missed.world.clock() < 41 * MINUTE
    missed.world.say("thanks")
    assert missed.world.answer_all() == [TurnState.SKIPPED]


def test_a_reply_older_than_the_pause_silences_nobody_and_the_agent_is_told_of_it(missed):
    missed.type_in_app("We are closed on Mondays", 3 * HOUR)
    missed.recover()
    assert not missed.world.chats.ongoing(USER).is_paused(missed.world.clock())
    missed.world.say("And today?")
    assert missed.world.answer_all() == [TurnState.DONE]
    assert missed.world.agent.questions == [
        "[A colleague of yours wrote to the customer: “We are closed on Mondays”]\nAnd today?"
    ]


def test_a_question_that_a_person_has_answered_is_taken_in_after_the_answer(missed):
    missed.write("Do you deliver?", 10 * MINUTE)
    missed.type_in_app("Yes, we do", 9 * MINUTE)
    missed.compare()
    assert [(message.notification.item["message"]["text"], delay) for message, delay in missed.queue.waiting] == [
        ("Yes, we do", 0),
        ("Do you deliver?", 5),
    ]
    missed.take_in()
    assert missed.world.settle() == [TurnState.SKIPPED]
    assert missed.world.agent.asked == []


def _sent_by(missed, text):
    """Have the agent's part go out at the simulated Meta, too, without an echo; return its mid."""
    return missed.type_in_app(text, 0 * MINUTE)


def test_what_we_sent_and_know_the_mid_of_is_not_missing(missed):
    missed.write("hi")
    missed.recover()
    mids = []
    missed.world.messenger.after = lambda mid, text: mids.append(mid)
    missed.world.answer_all()
    mid = _sent_by(missed, "We open at nine.")
    missed.database["chats"].update_one({"messages.mid": mids[0]}, {"$set": {"messages.$.mid": mid}})
    missed.world.clock.ahead += 5 * MINUTE
    assert missed.compare() == Findings(checked=1)
    assert [what for what, _ in missed.calls] == ["threads"]


def test_what_we_sent_without_learning_its_outcome_is_settled_and_not_doubled(missed):
    missed.write("hi")
    missed.recover()
    missed.world.messenger.script = [OutcomeUnknown("lost")]
    missed.world.work_next()
    _sent_by(missed, "We open at nine.")
    missed.world.clock.ahead += 5 * MINUTE
    assert missed.recover().recovered == 1
    (answer,) = missed.stored(role=Role.AGENT)
    assert (answer.status, answer.recovered) == (MessageStatus.DELIVERED, False)
    assert missed.stored(role=Role.HUMAN) == []
    assert not missed.world.chats.ongoing(USER).is_paused(missed.world.clock())
    missed.world.settle()
    assert len(missed.world.messenger.tries) == 1


# ── what is no longer there


def test_what_was_taken_back_is_not_recovered(missed):
    mid = missed.write("a secret")
    missed.meta.control(
        "POST",
        "events",
        accountId=ACCOUNT,
        userId=USER,
        item={"message": {"mid": mid, "is_deleted": True}},
        silent=True,
    )
    missed.write("hi")
    missed.recover()
    assert [one.text for one in missed.stored()] == ["hi"]


@pytest.mark.parametrize("when", ["before it is stored", "after it was stored"])
def test_what_is_taken_back_meanwhile_says_nothing_any_more(missed, when):
    mid = missed.write("a secret")
    missed.compare()
    unsend = missed.world.about(mid, is_deleted=True)
    if when == "before it is stored":
        missed.world.take(unsend)
    missed.take_in()
    if when == "after it was stored":
        missed.world.take(unsend)
    (stored,) = missed.stored()
    assert (stored.text, stored.deleted_at is None) == (None, False)
    missed.world.settle()
    assert missed.world.agent.asked == []


@pytest.mark.parametrize("how", ["customer", "everybody"])
def test_j6_what_was_deleted_is_not_brought_back_and_what_is_written_later_is_recovered(missed, aws, how):
    forgetting = forgetting_of(missed, aws)
    missed.write("to be forgotten", 8 * MINUTE)
    missed.recover()
    missed.world.clock.ahead -= MINUTE
    forgetting.customer(TENANT, USER) if how == "customer" else forgetting.everybody(TENANT)
    missed.world.clock.ahead += MINUTE
    assert missed.stored() == []
    assert missed.compare().recovered == 1, "Meta has it still"
    assert missed.take_in() == ["EventDeleted"]
    assert missed.stored() == []
    missed.write("hello again", 0 * MINUTE)
    missed.world.clock.ahead += 5 * MINUTE
    missed.recover()
    assert [one.text for one in missed.stored()] == ["hello again"]


def test_i4_a_disconnect_meanwhile_has_nothing_taken_in(missed):
    missed.write("hi")
    missed.compare()
    missed.world.connections.disconnect(missed.world.tenant)
    assert missed.take_in() == ["EventOfNoConnection"]
    assert missed.stored() == []


def test_i4_a_connection_that_was_made_anew_for_another_account_gets_nothing_of_the_first(missed):
    missed.write("hi")
    missed.compare()
    missed.world.connect(account_id=OTHER_ACCOUNT)
    assert missed.take_in() == ["EventOfNoConnection"]


# ── what it looks like


def test_pictures_stories_and_shares_come_as_the_webhook_would_have_told_them(missed):
    url = "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1&signature=S"
    told, moving = {"payload": {"url": url}}, {"payload": {"url": f"{url}2"}}
    missed.write(None, 9 * MINUTE, attachments=[{"type": "image"} | told, {"type": "video"} | moving])
    missed.write(None, 8 * MINUTE, attachments=[{"type": "ig_reel"} | told])
    missed.write(None, 7 * MINUTE, attachments=[{"type": "story_mention"} | told])
    missed.write("nice!", 6 * MINUTE, replyTo={"story": {"id": "1789", "url": url}})
    first = missed.write("this one", 5 * MINUTE)
    missed.write("and that", 4 * MINUTE, replyTo=first)
    assert missed.recover().recovered == 6
    stored = missed.stored()
    assert [[one.kind for one in message.attachments] for message in stored] == [
        ["image", "video"],
        ["share"],
        ["story_mention"],
        [],
        [],
        [],
    ]
    assert {one.url for message in stored for one in message.attachments} == {url, f"{url}2"}
    assert [message.reply_to for message in stored[3:]] == [
        {"story": {"id": "1789", "url": url}},
        None,
        {"mid": first},
    ]


def test_what_meta_tells_nothing_of_is_stored_as_unsupported(missed):
    missed.meta.control(
        "POST", "events", accountId=ACCOUNT, userId=USER, item={"message": {"is_unsupported": True}}, silent=True
    )
    missed.world.clock.ahead += 5 * MINUTE
    missed.recover()
    assert [[one.kind for one in message.attachments] for message in missed.stored()] == [["unsupported"]]


def test_of_a_thread_only_the_newest_twenty_can_be_recovered(missed):
    for number in range(25):
        missed.write(f"{number}", timedelta(seconds=600 - number))
    assert missed.recover().recovered == 20
    assert [one.text for one in missed.stored()] == [str(number) for number in range(5, 25)]


def test_it_tells_nothing_of_when_meta_last_told_us_something_by_itself(missed):
    missed.write("hi")
    missed.recover()
    assert missed.connection.last_event_at is None


# ── what it costs


def test_a_run_in_which_nothing_was_written_is_one_call(missed):
    for _ in range(60):
        missed.write("hi", 20 * MINUTE, by=missed.new_customer())
    missed.recover()
    missed.world.clock.ahead += HOUR
    assert missed.compare() == Findings(checked=0)
    assert [what for what, _ in missed.calls] == ["threads"]


def test_threads_that_lack_nothing_cost_a_call_for_each_25_and_each_that_does_one_more(missed):
    customers = [missed.new_customer() for _ in range(60)]
    for customer in customers:
        missed.write("hi", by=customer)
    assert missed.recover() == Findings(checked=60, recovered=60)
    missed.database[COLLECTION].update_one({}, {"$unset": {"compared": ""}})
    for customer in customers[:2]:
        missed.write("lost", by=customer)
    assert missed.compare() == Findings(checked=60, recovered=2)
    assert Counter(what for what, _ in missed.calls) == {"threads": 3, "messages": 2}


def test_a_page_of_threads_is_compared_with_one_query_by_the_index_of_mids(missed):
    for _ in range(20):
        missed.write("hi", by=missed.new_customer())
    missed.recover()
    missed.database[COLLECTION].update_one({}, {"$unset": {"compared": ""}})
    with profiled(missed.database["chats"]) as operations:
        assert missed.compare().checked == 20
    (query,) = operations
    assert query["planSummary"] == "IXSCAN { subaccountId: 1, agentId: 1, messages.mid: 1 }"
    assert query["docsExamined"] == 20


def test_meta_is_called_once_a_second(missed):
    for _ in range(4):
        missed.write("hi", by=missed.new_customer())
    missed.compare()
    seconds = [at.replace(microsecond=0) for _, at in missed.calls]
    assert len(seconds) == 5
    assert len(set(seconds)) == 5


def test_the_proof_of_what_was_sent_waits_while_a_comparison_reads(missed, monkeypatch):
    world = missed.world
    world.say("hi")
    world.messenger.script = [OutcomeUnknown("lost")]
    world.work_next()
    world.clock.ahead += MINUTE
    monkeypatch.setattr(world.connections, "spend", lambda connection, kind, most: kind != "reading")
    assert world.work_next().again_in_seconds is not None
    monkeypatch.undo()
    assert world.messenger.reads == 0
    assert missed.connection.limited_until is None, "what it sends has nothing to do with that"
    assert world.settle() == [TurnState.DONE]
    assert world.messenger.reads == 1


def test_what_there_is_no_time_for_is_left_to_the_next_run_which_goes_on_with_it(missed):
    for _ in range(4):
        missed.write("hi", by=missed.new_customer())
    found = missed.compare(within=timedelta(seconds=2.9))
    assert not found.is_complete
    assert 0 < found.recovered < 4
    missed.take_in()
    assert missed.comparisons.of(missed.connection).until is None
    again = missed.compare()
    assert (again.checked, again.recovered, again.is_complete) == (4, 4 - found.recovered, True)


# ── how far it was compared


def test_what_was_compared_is_compared_again_only_a_little_way_back(missed):
    missed.write("hi", 20 * MINUTE)
    missed.compare()
    missed.queue.waiting.clear()  # lost, say
    assert missed.compare() == Findings(checked=0)
    missed.write("slow to be listed", 8 * MINUTE)
    assert missed.compare().recovered == 1


def test_of_one_user_everything_is_compared_that_meta_tells(missed):
    other = missed.new_customer()
    missed.write("hi", 20 * MINUTE)
    missed.compare()
    missed.queue.waiting.clear()
    missed.write("hello", 20 * MINUTE, by=other)
    stood = missed.comparisons.of(missed.connection)
    assert missed.compare(user_id=USER) == Findings(checked=1, recovered=1)
    assert missed.comparisons.of(missed.connection) == stood, "the other threads were not looked at"
    assert missed.compare(user_id="99") == Findings(checked=0)


def test_a_connection_whose_token_had_died_is_compared_from_when_it_last_was(missed):
    missed.compare()
    before = missed.comparisons.of(missed.connection)
    missed.world.connections.record_error(missed.connection, "reconnect_needed", needs_reconnection=True)
    missed.write("while it was dead", 5 * MINUTE)
    missed.world.connect()
    assert missed.comparisons.of(missed.connection) == before
    assert missed.compare().recovered == 1


@pytest.mark.parametrize("how", ["disconnected", "another account"])
def test_a_connection_that_was_ended_begins_anew(missed, how):
    missed.compare()
    if how == "disconnected":
        missed.world.connections.disconnect(missed.world.tenant)
        missed.world.connect()
    else:
        missed.world.connect(account_id=OTHER_ACCOUNT)
    assert missed.comparisons.of(missed.connection) == Compared(missed.connection.connected_at, None)


def test_a_run_that_ends_after_the_connection_was_made_anew_records_nothing(missed):
    missed.before = lambda _: missed.world.connections.disconnect(missed.world.tenant)
    missed.compare()
    assert "compared" not in missed.database[COLLECTION].find_one()


# ── what Meta refuses


def test_e1_a_dead_token_ends_the_run_and_the_connection_says_so(missed):
    missed.token = "EAAdead"
    with pytest.raises(ReconnectNeeded):
        missed.compare()
    assert missed.connection.status is ConnectionStatus.NEEDS_RECONNECTION
    assert missed.connection.last_error["code"] == "reconnect_needed"


def test_a_refusal_ends_the_run_and_is_the_connections_last_error(missed):
    missed.meta.control("PUT", f"accounts/{ACCOUNT}", allowsMessages=False)
    with pytest.raises(Refused) as refusal:
        missed.compare()
    assert refusal.value.code == missed.connection.last_error["code"] == "messages_not_allowed"
    assert missed.connection.is_connected
    assert missed.comparisons.of(missed.connection).until is None


def test_a_limit_ends_the_run_and_changes_nothing(missed):
    missed.write("hi")
    missed.meta.control("PUT", "faults", rate_limit={"code": 80002, "times": 1, "regainMinutes": 3})
    with pytest.raises(RateLimited) as limit:
        missed.compare()
    assert limit.value.after_seconds == 180
    assert missed.connection.last_error is None
    assert missed.connection.limited_until is None, "it sends all the same"
    assert missed.compare().recovered == 1


def test_while_meta_limits_an_accounts_messages_it_is_not_asked_for_them(missed):
    missed.world.connections.record_limit(missed.connection, missed.world.clock() + MINUTE)
    with pytest.raises(RateLimited):
        missed.compare()
    assert missed.calls == []


def test_a_fault_in_the_middle_keeps_what_was_found_and_leaves_the_rest_to_the_next_run(missed):
    for number in range(3):
        missed.write("hi", timedelta(minutes=5 + number), by=missed.new_customer())

    def fail(what):
        if len(missed.calls) == 3:
            raise TryLater("Meta is slow.")

    missed.before = fail
    assert missed.compare() == Findings(checked=1, recovered=1, is_complete=False)
    missed.before = lambda _: None
    missed.take_in()
    assert missed.compare() == Findings(checked=3, recovered=2, is_complete=True)


def test_a_thread_that_cannot_be_read_does_not_keep_the_others_from_it(missed):
    for number in range(3):
        missed.write("hi", timedelta(minutes=5 + number), by=missed.new_customer())

    def refuse(what):
        if len(missed.calls) == 2:
            raise Refused("graph_refused", "Meta refused the call (code 9000001).")

    missed.before = refuse
    assert missed.compare() == Findings(checked=3, recovered=2)


def test_on_demand_only_what_is_connected_is_compared(missed):
    recovery = missed.recovery()
    assert recovery.recover(missed.world.tenant) == Findings()
    missed.world.connections.record_error(missed.connection, "reconnect_needed", needs_reconnection=True)
    with pytest.raises(ReconnectNeeded):
        recovery.recover(missed.world.tenant)
    missed.world.connections.disconnect(missed.world.tenant)
    with pytest.raises(NotConnected):
        recovery.recover(missed.world.tenant)


# ── again and again


@pytest.mark.parametrize(
    ("happens", "rest", "counted"),
    [
        (lambda missed: None, 30, {"ConversationsCompared": 0, "MessagesRecovered": 0}),
        (lambda missed: missed.write("hi"), 5, {"ConversationsCompared": 1, "MessagesRecovered": 1}),
        (lambda missed: setattr(missed, "token", "EAAdead"), 30, {}),
        (lambda missed: missed.meta.control("PUT", "faults", fail_reads={"code": 2, "times": 1}), 5, {}),
        (
            lambda missed: missed.meta.control(
                "PUT", "faults", rate_limit={"code": 80002, "times": 1, "regainMinutes": 90}
            ),
            90,
            {},
        ),
        (lambda missed: missed.world.connections.record_error(missed.connection, "x", needs_reconnection=True), 5, {}),
    ],
    ids=["nothing missing", "something missing", "dead token", "Meta in trouble", "limit", "needs its owner"],
)
def test_a_connection_rests_for_half_an_hour_and_less_where_something_was_missing(missed, happens, rest, counted):
    happens(missed)
    visit = Comparing(missed.recovery(), missed.world.clock).visit(missed.connection)
    assert (visit.rest, dict(visit.counted)) == (rest * MINUTE, counted)


def test_an_account_of_instagram_login_is_read_at_its_own_node(missed):
    account = Account(ACCOUNT, None, "acme_coffee", None)
    connection = missed.world.connections.connect(
        missed.world.tenant, account, retell_agent_id="agent_1", token_version=1
    )
    missed.database[COLLECTION].update_one({}, {"$set": {"connectedAt": missed.world.clock() - HOUR}})
    missed.token = "IGAAsimulatedInstagramToken0001"
    assert connection.account.node_id == ACCOUNT != PAGE
    missed.write("hi")
    assert missed.recover().recovered == 1
    assert missed.told() == [("user", "hi", "received", True)]
