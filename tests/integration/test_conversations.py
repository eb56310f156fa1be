"""The inbox: `storage.conversations` and `conversation.conversations` on a real mongod."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.chat import PAUSED, Chat, MessageStatus, Person, Role, TurnState
from connector.conversation.conversations import read_rows
from connector.conversation.cursors import Cursors
from connector.storage.chats import Chats
from connector.storage.conversations import Conversations
from connector.storage.documents import now
from connector.storage.pages import Pages
from connector.storage.turns import Turns
from connector.tenancy import Tenant
from tests.integration.world import LEASE, START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER

OTHERS = [Tenant("sub_2", "agent_1"), Tenant("sub_1", "agent_2")]
CURSORS = Cursors(TENANT, "conversations")


@pytest.fixture
def rows(chats, collection):
    """Read a page of conversations."""

    def read(limit=10, cursor=None, tenant=TENANT, user_id=None):
        conversations, pages = Conversations(collection, tenant), Pages(collection, tenant)
        return read_rows(conversations, pages, CURSORS, limit=limit, cursor=cursor, user_id=user_id)

    return read


@pytest.fixture
def row(rows):
    """Read the one conversation that there is."""

    def read():
        (by_list,) = rows().conversations
        (by_user,) = rows(user_id=USER).conversations
        assert replace(by_list, position="") == replace(by_user, position="")
        return by_list

    return read


def _at(seconds):
    return START + timedelta(seconds=seconds)


def _say(chats, name, seconds=0, user_id=USER, **fields):
    return chats.add(user_id, ACCOUNT, user_message(f"mid:{name}", name, at=_at(seconds), **fields))


def _reply(chats, name, seconds=0, user_id=USER, **fields):
    status = fields.pop("status", MessageStatus.DELIVERED)
    return chats.add(user_id, ACCOUNT, our_message(f"sent:{name}", name, at=_at(seconds), status=status, **fields))


def _turn(chats, collection, texts, state=TurnState.DONE, reason=None, key="", **end):
    """Have the agent take its turn, and return when it spoke."""
    turns = Turns(collection, TENANT)
    chat = turns.claim(chats.ongoing(USER), generation=1, lease=LEASE)
    parts = [
        our_message(f"turn:{chat.turn.id}:{index}{key}", text, role=Role.AGENT, turn_id=chat.turn.id, at=now())
        for index, text in enumerate(texts)
    ]
    turns.finish(turns.store_answer(chat, parts, reason=reason), state, reason, **end)


def _walk(rows, limit):
    users, cursor = [], None
    while True:
        page = rows(limit, cursor)
        users += [one.chat.user_id for one in page.conversations]
        if page.next_cursor is None:
            return users
        cursor = page.next_cursor


# ── which rows


def test_each_customer_has_one_row_the_one_last_written_in_first(chats, rows):
    for seconds, user in enumerate(["1", "2", "3", "1", "2"]):
        _say(chats, f"{seconds}", seconds, user_id=user)
    assert _walk(rows, 10) == ["2", "1", "3"]
    _reply(chats, "a", 9, user_id="3")
    assert _walk(rows, 2) == ["3", "2", "1"], "what we write counts too"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), max_size=15), st.integers(1, 4))
def test_pages_give_every_customer_once_even_under_equal_times(chats, collection, rows, written, limit):
    collection.delete_many({})
    collection.database["instagram_messages"].delete_many({})
    for number, (user, seconds) in enumerate(written):
        _say(chats, f"{number}", seconds, user_id=user)
    newest = {user: max(seconds for one, seconds in written if one == user) for user, _ in written}
    walked = _walk(rows, limit)
    assert sorted(walked) == sorted(newest)
    assert [newest[user] for user in walked] == sorted(newest.values(), reverse=True)


def test_a_conversation_that_is_written_in_while_somebody_turns_pages_comes_not_twice_and_no_other_is_lost(chats, rows):
    for number in range(6):
        _say(chats, f"{number}", number, user_id=f"{number}")
    page = rows(3)
    assert [one.chat.user_id for one in page.conversations] == ["5", "4", "3"]
    _say(chats, "again", 9, user_id="4")
    _say(chats, "new", 10, user_id="new")
    assert [one.chat.user_id for one in rows(10, page.next_cursor).conversations] == ["2", "1", "0"]
    assert _walk(rows, 2)[:2] == ["new", "4"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 9)), max_size=4), max_size=10),
    st.integers(1, 3),
)
def test_whatever_is_written_between_two_pages_they_show_the_inbox_as_it_was_at_the_first(
    chats, collection, rows, there, written, limit
):
    """Also what Instagram tells late: then a conversation moves to somewhere in the middle."""
    collection.delete_many({})
    collection.database["instagram_messages"].delete_many({})
    for user, seconds in enumerate(there):
        _say(chats, f"first-{user}", seconds, user_id=f"{user}")
    expected = _walk(rows, 100)
    assert len(expected) == len(there)
    page = rows(limit)
    users = [one.chat.user_id for one in page.conversations]
    for number, between in enumerate([*written, *[[]] * len(there)]):
        for index, (user, seconds) in enumerate(between):
            _say(chats, f"{number}-{index}", seconds, user_id=f"{user}")
        if page.next_cursor is None:
            break
        page = rows(limit, page.next_cursor)
        users += [one.chat.user_id for one in page.conversations]
    assert users == expected


def test_walking_never_skips_or_repeats_a_conversation_while_others_write_and_chats_end(
    chats, collection, rows, meanwhile
):
    for number in range(60):
        _say(chats, f"first-{number}", number, user_id=f"{number}")
    chance = random.Random(0)

    def write(writer, number):
        small = Chats(collection, TENANT, most_messages=3)
        user = chance.randrange(60) if number % 10 else f"new-{writer}-{number}"
        answered = MessageStatus.ANSWERED if number % 3 else MessageStatus.RECEIVED  # what waits goes over
        _say(small, f"{writer}-{number}", chance.randrange(200), user_id=f"{user}", status=answered)

    walks = []
    with meanwhile(3, write) as wait_for_writers:
        for limit in (2, 5, 20) * 4:
            wait_for_writers()
            walks.append(_walk(rows, limit))
    for users in walks:
        assert {f"{number}" for number in range(60)} <= set(users), "a conversation was skipped"
        assert len(users) == len(set(users)), "a conversation came twice"
    assert len({tuple(users) for users in walks}) > 1, "nobody has written"


def test_f8_a_connection_that_breaks_costs_the_inbox_one_retry(chats, collection, rows, mongodb):
    _say(chats, "a")
    data = {"failCommands": ["find"], "closeConnection": True, "namespace": collection.full_name}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    assert [one.chat.user_id for one in rows().conversations] == [USER]


@pytest.fixture
def forgetful(mongodb):
    """A mongod that knows only how things are now."""

    def remember(seconds):
        mongodb.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=seconds)

    remember(0)
    yield
    remember(300)


def test_a_walk_that_outlasts_what_mongodb_remembers_goes_on_with_the_inbox_as_it_is(chats, rows, forgetful):
    for number in range(4):
        _say(chats, f"{number}", number, user_id=f"{number}")
    page = rows(2)
    for again in range(200):
        _say(chats, f"again-{again}", 10 + again, user_id="1")
        rest = [one.chat.user_id for one in rows(10, page.next_cursor).conversations]
        if rest == ["0"]:
            return
        assert rest == ["1", "0"]
    raise AssertionError("mongod has forgotten nothing")


@pytest.mark.parametrize("moment", [f"{1:08x}{1:08x}", f"{2**31:08x}{0:08x}", "0" * 16], ids=str)
def test_a_cursor_of_a_moment_of_which_mongodb_knows_nothing_leads_to_the_inbox_as_it_is(chats, rows, moment):
    for number in range(3):
        _say(chats, f"{number}", number, user_id=f"{number}")
    place = rows(1).conversations[0].position.rpartition(".")[0]
    page = rows(10, CURSORS.write(f"{place}.{moment}"))
    assert [one.chat.user_id for one in page.conversations] == ["1", "0"]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_h5_one_tenant_sees_none_of_anothers_conversations(chats, rows, other):
    _say(chats, "a")
    assert rows(tenant=other).conversations == []
    assert rows(tenant=other, user_id=USER).conversations == []


def test_the_conversation_with_one_customer_is_found_and_nobody_elses(chats, rows):
    _say(chats, "a")
    _say(chats, "b", user_id=OTHER_USER)
    page = rows(user_id=USER)
    assert ([one.chat.user_id for one in page.conversations], page.next_cursor) == ([USER], None)
    assert rows(user_id="404").conversations == []


# ── one row, however many documents


def test_a_customer_keeps_one_row_through_sessions_that_end_and_begin(chats, collection, row):
    for number in range(3):
        _say(chats, f"{number}", number)
        _turn(chats, collection, ["bye"], end_chat_because="agent_ended")
        assert row().chat.id == str(collection.find_one({}, sort=[("createdAt", -1)])["_id"])
    assert collection.count_documents({}) == 3
    assert collection.count_documents({"current": True}) == 1


def test_a_customer_keeps_one_row_when_a_full_chat_goes_over_into_the_next(collection, chats, row):
    small = Chats(collection, TENANT, most_messages=2)
    for number in range(7):
        _say(small, f"{number}", number, status=MessageStatus.ANSWERED)
    assert collection.count_documents({}) == 4
    assert row().last[1].text == "6"


def test_f5_writers_racing_to_open_the_next_chat_leave_one_row(chats, collection, rows, race):
    for number in range(5):
        _say(chats, f"first-{number}", number, status=MessageStatus.ANSWERED)
        collection.update_many({}, {"$set": {"status": "ended"}})
        stored = race(8, lambda index, number=number: _say(chats, f"{number}-{index}", 10 + number))
        assert [one for one in stored if one is None or isinstance(one, Exception)] == []
        assert _walk(rows, 1) == [USER]
        assert collection.count_documents({"current": True}) == 1


def test_a_row_is_there_all_the_time_while_its_chats_end_and_begin(chats, collection, rows, meanwhile):
    """A page that is read between two chats shows the customer, once."""
    _say(chats, "first", status=MessageStatus.ANSWERED)

    def write(_, number):
        small = Chats(collection, TENANT, most_messages=1)
        _say(small, f"{number}", number, status=MessageStatus.ANSWERED)
        if number % 5 == 4:
            collection.update_many({"status": "ongoing"}, {"$set": {"status": "ended"}})

    seen = set()
    with meanwhile(1, write) as wait_for_writer:
        for _ in range(15):
            seen |= {tuple(one.chat.user_id for one in rows().conversations) for _ in range(10)}
            wait_for_writer()
    assert seen == {(USER,)}
    assert collection.count_documents({}) > 10, "hardly a chat has ended"


# ── what a row shows


def test_a_row_shows_the_newest_message_whoever_wrote_it(chats, row):
    _say(chats, "a", 1)
    assert row().last[1].text == "a"
    _reply(chats, "b", 3)
    _say(chats, "late", 2)
    assert row().last[1].text == "b"


def test_a_row_shows_the_newest_message_also_where_it_stands_in_the_chat_before(chats, collection, row):
    _say(chats, "waits", 1)
    _reply(chats, "stays", 2, status=MessageStatus.FAILED)
    chat = Turns(collection, TENANT).claim(chats.ongoing(USER), generation=1, lease=LEASE)
    Turns(collection, TENANT).roll_over(chat, "full", keeps_session=True)
    assert [one.text for one in chats.ongoing(USER).messages] == ["waits"]
    assert row().last[1].text == "stays"


def test_a_row_shows_an_earlier_message_when_an_echo_was_mistaken_and_taken_back(chats, row, world):
    sent = _reply(chats, "hello", 1, status=MessageStatus.PENDING)
    world.outbox.begin_sending(sent)
    chats.add(USER, ACCOUNT, our_message("mid:m", "hello.", mid="m", at=_at(2), status=MessageStatus.DELIVERED))
    world.outbox.record_sent(sent, "m")
    assert row().last[1].text == "hello"


def test_a_chat_that_was_opened_for_a_message_that_never_came_is_no_row(chats, collection, rows, mongodb):
    data = {"failCommands": ["update"], "errorCode": 8000, "namespace": collection.full_name}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"skip": 1}, "data": data})
    with pytest.raises(Exception, match="database"):
        _say(chats, "a")
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert collection.count_documents({"current": True}) == 1
    assert rows().conversations == rows(user_id=USER).conversations == []
    _say(chats, "a")
    assert _walk(rows, 1) == [USER]


def test_a_row_shows_what_is_known_of_the_customer(chats, row):
    _say(chats, "a")
    chats.describe(USER, Person("ada", "Ada", START))
    chats.refer(USER, {"ref": "spring"}, START)
    chats.pause(USER, _at(60), PAUSED)
    chat: Chat = row().chat
    assert (chat.person.username, chat.referral["ref"], chat.paused_until) == ("ada", "spring", _at(60))
    assert chat.window_opened_at == START
    assert chat.messages == ()


# ── how much waits


def test_what_has_come_and_what_nobody_will_answer_waits_until_somebody_answers(chats, row):
    _say(chats, "a", 1)
    _say(chats, "b", 2, status=MessageStatus.UNANSWERED, error={"code": PAUSED})
    assert row().unanswered == 2
    _reply(chats, "yes", 3)
    assert row().unanswered == 1, "the agent will still answer what it has not answered yet"
    _say(chats, "c", 4, status=MessageStatus.UNANSWERED, error={"code": PAUSED})
    assert row().unanswered == 2


def test_what_the_agent_has_answered_waits_no_more(chats, collection, row):
    _say(chats, "a", 1)
    _say(chats, "b", 2)
    assert row().unanswered == 2
    _turn(chats, collection, ["We open at nine."])
    assert row().unanswered == 0


@pytest.mark.parametrize("status", [MessageStatus.PENDING, MessageStatus.SENDING, MessageStatus.UNKNOWN])
def test_an_answer_that_is_on_its_way_is_one(chats, row, status):
    _say(chats, "a", 1, status=MessageStatus.UNANSWERED)
    _reply(chats, "yes", 2, status=status)
    assert row().unanswered == 0


def test_an_answer_that_was_not_sent_is_none(chats, row):
    _say(chats, "a", 1, status=MessageStatus.UNANSWERED)
    _reply(chats, "yes", 2, status=MessageStatus.FAILED)
    assert row().unanswered == 1


def test_what_is_said_in_the_agents_place_answers_nothing(chats, collection, row):
    _say(chats, "a", 1)
    _turn(chats, collection, ["Somebody will write to you."], TurnState.FAILED, "agent_unavailable", ":fallback")
    assert row().unanswered == 1
    _reply(chats, "hello", 10**9)
    assert row().unanswered == 0


def test_what_the_customer_took_back_needs_no_answer(chats, world, row):
    _say(chats, "a", 1, mid="a")
    world.changes.unsend("a", START)
    assert row().unanswered == 0
