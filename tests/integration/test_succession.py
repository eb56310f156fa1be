"""From one chat document to the next: `storage.succession`, as `storage.chats` and `storage.turns` use it."""

from collections import Counter
from datetime import timedelta

import bson
import pytest

from connector.chat import LATE, MAX_MESSAGES, PAUSED, MessageStatus, Person, Role, TurnState
from connector.echoes import Echo
from connector.errors import Unavailable
from connector.ports.stores import Superseded
from connector.storage.documents import now, write_message
from connector.storage.mongodb import database as connector_database
from connector.storage.outbox import Outbox
from connector.storage.turns import Turns
from tests.integration.world import LEASE, NO_LEASE, START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, USER

LARGEST = 16 * 1024 * 1024  # bytes of a document, to MongoDB
SOON = timedelta(seconds=5)


@pytest.fixture
def turns(collection):
    return Turns(collection, TENANT)


def _add(chats, name, *, turn_due_in=SOON, at=None, **fields):
    message = user_message(f"mid:{name}", name, at=at or now(), **fields)
    return chats.add(USER, ACCOUNT, message, turn_due_in=turn_due_in)


def _fill(collection, number=MAX_MESSAGES, *, user_id=USER, name="old"):
    """Put answered messages in front of those of the user's chat, until there are `number`; return what stood there."""
    document = collection.find_one({"metadata.userId": user_id, "status": "ongoing"})
    earlier = [
        write_message(user_message(f"mid:{name}-{index}", "old", id=f"{index:024x}", status=MessageStatus.ANSWERED))
        for index in range(number - len(document["messages"]))
    ]
    collection.update_one({"_id": document["_id"]}, {"$set": {"messages": earlier + document["messages"]}})
    return document


def _keys(document):
    return [message["key"] for message in document["messages"]]


def _new(document):
    """Return what a document's messages say, but for what `_fill` put in."""
    return [message["text"] for message in document["messages"] if not message["key"].startswith("mid:old-")]


def _ended_and_ongoing(collection):
    """Return the two documents of a conversation that has gone on once."""
    (ended,) = collection.find({"status": "ended"})
    (ongoing,) = collection.find({"status": "ongoing"})
    assert (ended["current"], ongoing["current"]) == (False, True), "one of them stands for the conversation"
    return ended, ongoing


def _claim(chats, turns, lease=LEASE):
    return turns.claim(chats.ongoing(USER), generation=1, lease=lease)


# ── full


def test_f6_the_message_after_the_500th_goes_into_the_next_document(chats, collection):
    _add(chats, "last")
    collection.update_one({}, {"$set": {"messages.0.status": "answered"}})
    _fill(collection, MAX_MESSAGES - 1)
    _add(chats, "500th", status=MessageStatus.ANSWERED)
    assert collection.count_documents({}) == 1
    before = now()
    assert _add(chats, "501st") is not None
    ended, ongoing = _ended_and_ongoing(collection)
    assert (len(ended["messages"]), _new(ended), _new(ongoing)) == (MAX_MESSAGES, ["last", "500th"], ["501st"])
    assert (ended["endedBecause"], ended["wakeAt"]) == ("full", None)
    assert before <= ended["endedAt"] <= now()
    assert ongoing["createdAt"] > ended["createdAt"]


def test_f6_what_the_conversation_is_goes_over_into_the_next_document(chats, turns, collection):
    _add(chats, "a")
    chat = turns.set_questions(turns.set_session(_claim(chats, turns), "chat_1"), 7)
    turns.finish(chat, TurnState.DONE)
    chats.pause(USER, now() + timedelta(hours=1), PAUSED)
    chats.refer(USER, {"ref": "spring"}, now() + SOON)
    chats.describe(USER, Person("ada", "Ada", START))
    before = chats.ongoing(USER)
    _fill(collection)
    _add(chats, "b", at=START)
    after = chats.ongoing(USER)
    assert after.id != before.id
    for name in (
        *("account_id", "user_id", "chat_id", "questions", "paused_until", "paused_because"),
        *("window_opened_at", "person", "referral"),
    ):
        assert getattr(after, name) == getattr(before, name), name
    assert after.turn is None


def test_f6_what_waits_goes_over_and_is_answered_together_with_what_comes(chats, turns, collection):
    for name in ("a", "b"):
        _add(chats, name)
    chats.add(USER, ACCOUNT, our_message("sent:1", "a person", at=now(), status=MessageStatus.SENT))
    _fill(collection)
    _add(chats, "c")
    ended, ongoing = _ended_and_ongoing(collection)
    assert (_new(ended), _new(ongoing)) == (["a person"], ["a", "b", "c"])
    assert (ongoing["turnDueFor"], ongoing["wakeAt"]) == ("mid:c", ongoing["turnDueAt"] + LATE)
    chat = _claim(chats, turns)
    assert [message.text for message in chat.of_turn(chat.turn.id, Role.USER)] == ["a", "b", "c"]


def test_f6_what_waits_is_still_looked_after_when_what_comes_waits_for_nobody(chats, collection):
    """A person's message, or one of another app's in standby, moves no turn. The turn that stood must not be lost."""
    _add(chats, "a")
    before = _fill(collection)
    chats.add(USER, ACCOUNT, our_message("sent:1", "a person", at=now()))
    _, ongoing = _ended_and_ongoing(collection)
    for name in ("turnDueAt", "turnDueFor", "wakeAt"):
        assert ongoing[name] == before[name] is not None, name


def test_a_hanging_turn_keeps_its_chat_which_then_grows_past_its_bound_until_it_ends(chats, turns, collection):
    _add(chats, "a")
    _fill(collection)
    hanging = _claim(chats, turns)
    for name in ("b", "c"):
        assert _add(chats, name) is not None
    (only,) = collection.find()
    assert len(only["messages"]) == MAX_MESSAGES + 2
    assert turns.finish(hanging, TurnState.DONE) is True
    assert _add(chats, "d") is not None
    ended, ongoing = _ended_and_ongoing(collection)
    assert (_new(ended), _new(ongoing)) == (["a"], ["b", "c", "d"])


def test_a_chat_in_which_everything_waits_is_not_ended_but_grows(chats, turns, collection):
    """What would move is all there is: its end would be an empty document."""
    for index in range(3):
        _add(chats, f"{index}")
    (document,) = collection.find()
    waiting = [document["messages"][0] | {"key": f"mid:w{index}"} for index in range(MAX_MESSAGES)]
    collection.update_one({}, {"$set": {"messages": waiting, "chatId": "chat_1", "questions": 3}})
    assert _add(chats, "one more") is not None
    (only,) = collection.find()
    assert (len(only["messages"]), only["status"], only["chatId"]) == (MAX_MESSAGES + 1, "ongoing", "chat_1")
    chat = _claim(chats, turns)
    rolled = turns.roll_over(chat, "full", keeps_session=True)
    assert (rolled.id, len(rolled.messages)) == (chat.id, MAX_MESSAGES + 1)


# ── the turn goes over


def _full_with_a_turn(chats, turns, collection, lease=LEASE):
    chats.add(USER, ACCOUNT, our_message("sent:1", "a person", at=now(), status=MessageStatus.SENT))
    _add(chats, "a")
    _fill(collection)
    return turns.set_questions(turns.set_session(_claim(chats, turns, lease), "chat_1"), 4)


def _part(chat, index=0, text="We open at nine."):
    return our_message(f"turn:{chat.turn.id}:{index}", text, at=now(), role=Role.AGENT, turn_id=chat.turn.id)


def test_f6_a_turn_goes_on_in_the_next_document_with_all_that_it_has_taken_up(chats, turns, collection):
    chat = _full_with_a_turn(chats, turns, collection)
    chat = turns.store_answer(turns.begin_asking(chat), [_part(chat)])
    moved = turns.roll_over(chat, "full", keeps_session=True)
    ended, ongoing = _ended_and_ongoing(collection)
    assert (_new(ended), _new(ongoing)) == ([], ["a person", "a", "We open at nine."])
    assert ended["turn"] is None, "it is in one document only"
    assert (moved.turn, moved.chat_id, moved.questions) == (chat.turn, "chat_1", 5)
    assert moved == chats.ongoing(USER)


WRITES = {
    "set_session": lambda turns, chat: turns.set_session(chat, "chat_2"),
    "set_questions": lambda turns, chat: turns.set_questions(chat, 9),
    "begin_asking": lambda turns, chat: turns.begin_asking(chat),
    "take_back_asking": lambda turns, chat: turns.take_back_asking(chat),
    "give_up_session": lambda turns, chat: turns.give_up_session(chat),
    "store_answer": lambda turns, chat: turns.store_answer(chat, [_part(chat)]),
    "put_off": lambda turns, chat: turns.put_off(chat, now(), look_after=LATE),
    "finish": lambda turns, chat: turns.finish(chat, TurnState.DONE),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_knows_only_the_old_document_writes_its_turn_into_the_next(chats, turns, collection, write):
    before = _full_with_a_turn(chats, turns, collection)
    turns.roll_over(before, "full", keeps_session=True)
    (ended,) = collection.find({"status": "ended"})
    untouched = collection.find_one({"status": "ongoing"})
    WRITES[write](turns, before)
    assert collection.find_one({"status": "ended"}) == ended
    assert collection.find_one({"status": "ongoing"}) != untouched


def test_c14_a_worker_whose_turn_was_taken_over_does_not_move_it(chats, turns, collection):
    zombie = _full_with_a_turn(chats, turns, collection, NO_LEASE)
    assert _claim(chats, turns) is not None
    with pytest.raises(Superseded):
        turns.roll_over(zombie, "full", keeps_session=True)
    assert collection.count_documents({}) == 1


def test_a_turn_that_moved_ends_in_the_next_document(chats, turns, collection):
    moved = turns.roll_over(_full_with_a_turn(chats, turns, collection), "full", keeps_session=True)
    moved = turns.store_answer(turns.begin_asking(moved), [_part(moved)])
    assert turns.finish(moved, TurnState.DONE) is False
    _, ongoing = _ended_and_ongoing(collection)
    assert [message["status"] for message in ongoing["messages"]] == ["sent", "answered", "pending"]
    assert (ongoing["turn"]["state"], ongoing["wakeAt"]) == ("done", None)


def test_what_is_being_sent_when_its_chat_goes_on_is_settled_where_it_then_is(chats, turns, collection):
    outbox = Outbox(collection, TENANT)
    chat = _full_with_a_turn(chats, turns, collection)
    chat = turns.store_answer(turns.begin_asking(chat), [_part(chat)])
    (part,) = chat.of_turn(chat.turn.id, Role.AGENT)
    assert outbox.begin_sending(part, chat=chat)
    turns.roll_over(chat, "full", keeps_session=True)
    outbox.record_sent(part, "m")
    assert outbox.attach_echo(USER, Echo("m", part.text, (), now()))
    (sent,) = chats.ongoing(USER).of_turn(chat.turn.id, Role.AGENT)
    assert (sent.mid, sent.status) == ("m", MessageStatus.DELIVERED)


# ── the agent's session is over


def test_d6_a_turn_whose_session_has_ended_goes_on_in_a_document_that_has_none(chats, turns, collection):
    chat = _full_with_a_turn(chats, turns, collection)
    chats.pause(USER, START, PAUSED)
    chats.describe(USER, Person("ada", "Ada", START))
    successor = turns.roll_over(turns.begin_asking(chat), "session_ended", keeps_session=False)
    ended, ongoing = _ended_and_ongoing(collection)
    assert (ended["endedBecause"], ended["chatId"], len(ended["messages"])) == ("session_ended", "chat_1", 498)
    assert (ongoing["chatId"], ongoing["questions"]) == (None, None)
    assert (successor.turn.id, successor.turn.fence) == (chat.turn.id, chat.turn.fence)
    assert (successor.person.username, successor.paused_until) == ("ada", START)
    assert [one.text for one in successor.of_turn(chat.turn.id, Role.USER, Role.HUMAN)] == ["a person", "a"]


def test_d6_a_chat_that_is_nothing_but_its_turn_stays_and_gives_up_its_session(chats, turns, collection):
    _add(chats, "a")
    chat = turns.set_questions(turns.set_session(_claim(chats, turns), "chat_1"), 4)
    successor = turns.roll_over(chat, "session_ended", keeps_session=False)
    (only,) = collection.find()
    assert (only["status"], only["chatId"], only["questions"]) == ("ongoing", None, None)
    assert (successor.id, successor.chat_id, successor.turn) == (chat.id, None, chat.turn)


def test_a_chat_that_the_agent_has_ended_is_over_with_its_turn_and_the_next_has_no_session(chats, turns, collection):
    _add(chats, "a")
    chat = turns.set_session(_claim(chats, turns), "chat_1")
    chats.describe(USER, Person("ada", "Ada", START))
    chats.refer(USER, {"ref": "spring"}, START)
    chats.pause(USER, START, PAUSED)
    assert turns.finish(chat, TurnState.DONE, end_chat_because="agent_ended") is False
    assert chats.ongoing(USER) is None
    _add(chats, "b")
    ended, ongoing = _ended_and_ongoing(collection)
    assert (ended["endedBecause"], ended["turn"]["state"], ended["wakeAt"]) == ("agent_ended", "done", None)
    assert (_new(ended), _new(ongoing)) == (["a"], ["b"])
    chat = chats.ongoing(USER)
    assert (chat.chat_id, chat.questions, chat.turn) == (None, None, None)
    assert (chat.person.username, chat.referral["ref"], chat.paused_until) == ("ada", "spring", START)


def test_what_came_while_the_agent_ended_its_chat_waits_in_the_next(chats, turns, collection):
    _add(chats, "a")
    chat = turns.set_session(_claim(chats, turns), "chat_1")
    _add(chats, "b")
    assert turns.finish(chat, TurnState.DONE, end_chat_because="agent_ended") is True
    ended, ongoing = _ended_and_ongoing(collection)
    assert (_new(ended), _new(ongoing), ongoing["chatId"]) == (["a"], ["b"], None)
    assert (ongoing["turnDueFor"], ongoing["wakeAt"] is None) == ("mid:b", False)
    assert _claim(chats, turns) is not None


# ── once, whoever writes


def _stored_once(collection, keys):
    counts = Counter(key for document in collection.find() for key in _keys(document))
    return {key: counts[key] for key in keys if counts[key] != 1}


@pytest.mark.parametrize("waiting", [0, 3])
def test_f5_writers_racing_at_a_full_chat_store_each_message_once_and_leave_one_chat(chats, collection, race, waiting):
    for round_number in range(3):
        for index in range(waiting):
            _add(chats, f"{round_number}-waiting-{index}")
        if not waiting:
            _add(chats, f"{round_number}-first", status=MessageStatus.ANSWERED)
        document = _fill(collection)
        stored = race(12, lambda index, number=round_number: _add(chats, f"{number}-{index % 8}"))
        assert [one for one in stored if isinstance(one, Exception)] == []
        assert len([one for one in stored if one is not None]) == 8, "four of the twelve were doubles"
        assert _stored_once(collection, [*_keys(document), *(f"mid:{round_number}-{n}" for n in range(8))]) == {}
        _ended_and_ongoing(collection)
        collection.delete_many({})


def test_f5_a_worker_that_moves_its_turn_while_writers_write_loses_nothing_and_doubles_nothing(
    chats, turns, collection, race
):
    for _ in range(3):
        chat = _full_with_a_turn(chats, turns, collection)

        def work(index, chat=chat):
            if index == 0:
                return turns.roll_over(chat, "full", keeps_session=True)
            return _add(chats, f"{index}")

        results = race(8, work)
        assert [one for one in results if one is None or isinstance(one, Exception)] == []
        assert _stored_once(collection, ["mid:a", *(f"mid:{index}" for index in range(1, 8))]) == {}
        _, ongoing = _ended_and_ongoing(collection)
        assert (ongoing["turn"]["id"], sum(one["turnId"] == chat.turn.id for one in ongoing["messages"])) == (
            chat.turn.id,
            2,
        )
        collection.delete_many({})


def test_f5_writers_racing_with_the_end_of_a_chat_find_or_open_the_next(chats, turns, collection, race):
    for _ in range(3):
        _add(chats, "a")
        chat = _claim(chats, turns)

        def work(index, chat=chat):
            if index == 0:
                return turns.finish(chat, TurnState.DONE, end_chat_because="agent_ended")
            return _add(chats, f"{index}")

        results = race(8, work)
        assert [one for one in results if one is None or isinstance(one, Exception)] == []
        assert _stored_once(collection, ["mid:a", *(f"mid:{index}" for index in range(1, 8))]) == {}
        ended, ongoing = _ended_and_ongoing(collection)
        assert (_new(ended), len(ongoing["messages"])) == (["a"], 7)
        collection.delete_many({})


def test_a20_what_has_moved_or_stayed_behind_is_known_when_it_comes_again(chats, collection):
    _add(chats, "stays", status=MessageStatus.ANSWERED)
    _add(chats, "moves")
    _fill(collection)
    _add(chats, "new")
    assert [_add(chats, name) for name in ("stays", "moves", "new", "old-3")] == [None] * 4
    assert sum(len(document["messages"]) for document in collection.find()) == MAX_MESSAGES + 1


def test_the_chats_of_others_stay_as_they_are(chats, collection):
    chats.add(OTHER_USER, ACCOUNT, user_message("mid:theirs"))
    theirs = _fill(collection, user_id=OTHER_USER, name="their-old")
    _add(chats, "a", status=MessageStatus.ANSWERED)
    _fill(collection)
    _add(chats, "b")
    (still_theirs,) = collection.find({"metadata.userId": OTHER_USER})
    assert (still_theirs["_id"], still_theirs["status"]) == (theirs["_id"], "ongoing")


def test_the_functions_own_client_which_has_one_connection_carries_a_transaction(chats, turns, collection, mongodb_uri):
    own = connector_database(mongodb_uri.replace("/?", f"/{collection.database.name}?"))["chats"]
    chat = _full_with_a_turn(chats, turns, collection)
    assert Turns(own, TENANT).roll_over(chat, "full", keeps_session=True).turn == chat.turn
    own.database.client.close()
    connector_database.cache_clear()


# ── when the database fails in the middle


@pytest.fixture
def failing(mongodb):
    def fail(command, **data):
        mongodb.admin.command(
            {
                "configureFailPoint": "failCommand",
                "mode": {"times": 1},
                "data": {"failCommands": [command], **data},
            }
        )

    yield fail
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.mark.parametrize("command", ["insert", "update"])
def test_f2_a_succession_that_fails_in_the_middle_has_not_begun(chats, turns, collection, failing, command):
    chat = _full_with_a_turn(chats, turns, collection)
    before = collection.find_one()
    failing(command, errorCode=8000)
    with pytest.raises(Unavailable):
        turns.roll_over(chat, "full", keeps_session=True)
    assert list(collection.find()) == [before]
    assert turns.roll_over(chat, "full", keeps_session=True).turn.id == chat.turn.id


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"closeConnection": True}, id="its-answer-is-lost"),
        pytest.param({"errorCode": 262, "errorLabels": ["UnknownTransactionCommitResult"]}, id="unknown"),
        pytest.param({"writeConcernError": {"code": 64, "errmsg": "no majority in time"}}, id="no-majority-yet"),
    ],
)
def test_f1_f2_f4_a_succession_of_which_nobody_knows_whether_it_was_done_is_done_once(
    chats, turns, collection, failing, how
):
    chat = _full_with_a_turn(chats, turns, collection)
    failing("commitTransaction", **how)
    assert turns.roll_over(chat, "full", keeps_session=True).turn.id == chat.turn.id
    ended, ongoing = _ended_and_ongoing(collection)
    assert len(ended["messages"]) + len(ongoing["messages"]) == MAX_MESSAGES


# ── too large


def _grow(collection, to):
    """Make the first message as long as it takes for the document to have so many bytes."""
    document = collection.find_one_and_delete({"status": "ongoing"})
    document["messages"][0]["text"] += "x" * (to - len(bson.encode(document)))
    collection.insert_one(document)
    assert len(bson.encode(document)) == to
    collection.database.client.admin.command(
        "fsync"
    )  # mongod's small cache must not be full of what it has not written


def test_f6_a_chat_of_many_bytes_goes_on_in_the_next_document_as_one_of_many_messages_does(chats, collection):
    _add(chats, "big", status=MessageStatus.ANSWERED)
    _add(chats, "waits")
    _grow(collection, LARGEST // 2)
    assert _add(chats, "new") is not None
    ended, ongoing = _ended_and_ongoing(collection)
    assert (len(ended["messages"]), _new(ongoing)) == (1, ["waits", "new"])


def test_f6_a_chat_that_mongodb_lets_grow_no_more_is_closed_and_says_what_was_not_answered(chats, turns, collection):
    """Where a worker is at its turn, a chat grows on past its bound. The last bound is MongoDB's."""
    _add(chats, "big")
    hanging = _claim(chats, turns)
    _add(chats, "waits")
    _grow(collection, LARGEST - 500)
    assert _add(chats, "new" * 200) is not None
    ended, ongoing = _ended_and_ongoing(collection)
    assert [(one["status"], one["error"]) for one in ended["messages"]] == [("unanswered", {"code": "chat_full"})] * 2
    assert (ended["endedBecause"], ended["wakeAt"]) == ("full", None)
    assert _new(ongoing) == ["new" * 200]
    with pytest.raises(Superseded):
        turns.finish(hanging, TurnState.DONE)
    assert _claim(chats, turns) is not None


def test_f6_a_chat_in_which_there_is_no_room_for_a_single_word_is_closed_without_one(chats, turns, collection):
    for index in range(20):
        _add(chats, f"{index}")
    _claim(chats, turns)
    _grow(collection, LARGEST)
    assert _add(chats, "new") is not None
    ended, ongoing = _ended_and_ongoing(collection)
    assert (ended["wakeAt"], _new(ongoing)) == (None, ["new"])


# ── a whole conversation


def test_f6_a_customer_with_500_messages_is_answered_in_the_same_session_without_noticing(world, collection):
    world.say("first")
    world.settle()
    _fill(collection)
    world.say("and another thing")
    world.settle()
    assert world.agent.opened == ["chat_1"]
    assert world.agent.asked == [("chat_1", "first"), ("chat_1", "and another thing")]
    assert len(world.messenger.sent) == 2
    ended, ongoing = _ended_and_ongoing(collection)
    assert [one["status"] for one in ongoing["messages"]] == ["answered", "sent"]
    assert (ended["chatId"], ongoing["chatId"], ongoing["questions"]) == ("chat_1", "chat_1", 2)


def test_c13_a_turn_of_a_full_chat_whose_worker_died_is_answered_in_the_next_document(world, collection):
    world.say("hi")
    chat = world.turns.claim(world.chat, generation=1, lease=NO_LEASE)
    assert chat is not None
    _fill(collection)
    world.say("hello?")
    world.settle()
    ended, ongoing = _ended_and_ongoing(collection)
    assert len(ended["messages"]) == MAX_MESSAGES - 1
    assert {one["status"] for one in ongoing["messages"] if one["role"] == "user"} == {"answered"}
    assert len(world.messenger.sent) == len(world.agent.asked)
