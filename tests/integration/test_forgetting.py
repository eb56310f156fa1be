"""Forgetting people: `lifecycle.forgetting` and what it deletes with, on a real mongod."""

import json
from datetime import timedelta

import pytest

from connector.accounts import Account, Grant
from connector.chat import Person, TurnState
from connector.deletions import SETTLED, DeletionStatus, Part
from connector.envelopes import InboxMessage
from connector.errors import Unavailable
from connector.instagram.events import Other
from connector.instagram.notifications import Notification
from connector.lifecycle.forgetting import Forgetting
from connector.lifecycle.retell_deletion import RetellDeletion
from connector.storage.chats import Chats
from connector.storage.connections import COLLECTION as CONNECTIONS
from connector.storage.deletions import COLLECTION as DELETIONS
from connector.storage.deletions import Deletions
from connector.storage.entries import COLLECTION as ENTRIES
from connector.storage.erasure import Erasure
from connector.storage.index_builds import ensure_indexes
from connector.storage.kept_events import COLLECTION as KEPT_EVENTS
from connector.storage.kept_events import KeptEvents
from connector.storage.owners import Owners
from connector.storage.ownership import WRITER
from connector.storage.parameters import Parameters
from connector.storage.retell_deletions import COLLECTION as RETELL_DELETIONS
from connector.storage.retell_deletions import RetellDeletions
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import Secrets
from connector.storage.tombstones import COLLECTION as TOMBSTONES
from connector.storage.tombstones import Tombstones
from connector.tenancy import Tenant
from tests.conftest import PREFIX
from tests.integration.profiler import profiled
from tests.integration.world import START, TENANT, our_message, user_message
from tests.unit.payloads import ACCOUNT, OTHER_USER, PAGE, USER

OWNER, OTHER_OWNER = "10220000000000001", "10220000000000002"
OTHER = Tenant("sub_2", "agent_2")
OTHER_ACCOUNT = "17841400000000009"
LATER = SETTLED + timedelta(seconds=1)
STORED = ("chats", ENTRIES, KEPT_EVENTS)


@pytest.fixture
def secrets(aws):
    return Secrets(Parameters(aws.ssm, PREFIX))


@pytest.fixture
def forgetting(world, database, secrets):
    owners = Owners(database[CONNECTIONS], world.clock)
    ensure_indexes(database)
    deletions = Deletions(database[DELETIONS], world.clock)
    return Forgetting(
        world.connections,
        owners,
        SecretSets(database[CONNECTIONS], secrets, world.clock),
        deletions,
        lambda tenant: Tombstones(database[TOMBSTONES], tenant, world.clock),
        Erasure(database["chats"]),
        RetellDeletions(database[RETELL_DELETIONS], world.clock),
        world.clock,
    )


def _write_to(database, tenant):
    """Have our customer write to another tenant's agent."""
    Chats(database["chats"], tenant).add(USER, OTHER_ACCOUNT, user_message("mid:theirs"))


def _converse(world, user_id=USER, text="What are your hours?"):
    """Have a customer ask and be answered, and react to something that has not come."""
    world.user_id = user_id
    mid = world.say(text)
    world.answer_all()
    parties = {name: value for name, value in world.about(mid).items() if name != "message"}
    world.take(parties | {"reaction": {"mid": f"unknown to {user_id}", "action": "react", "emoji": "❤️"}})
    return mid


def _of(database, user_id):
    """Return how much of a customer's is stored, by collection."""
    return [
        database["chats"].count_documents({"metadata.userId": user_id}),
        database[ENTRIES].count_documents({"userId": user_id}),
        database[KEPT_EVENTS].count_documents({"userId": user_id}),
    ]


def _settle(world, forgetting):
    """Wait until no worker holds anything, and complete the deletion, at Retell too."""
    world.clock.ahead += LATER
    done = forgetting.carry_on(30)
    RetellDeletion(forgetting.retell, lambda _: [lambda _: True], world.clock).run(30)
    world.clock.ahead += timedelta(minutes=5)
    return done + forgetting.carry_on(30)


def _event(account_id, user_id):
    return Other(account_id, user_id, START, "unknown", "unknown:1", "messaging", None, {"unknown": 1})


def _owned(world, owner_id=OWNER, account_id=ACCOUNT, tenant=None):
    account = Account(account_id, PAGE, "acme", "Acme")
    return world.connections.connect(
        tenant or world.tenant, account, retell_agent_id="agent_1", token_version=1, grant=Grant(owner_id=owner_id)
    )


# ── a customer


def test_of_a_customer_who_is_forgotten_nothing_is_left_and_the_others_notice_nothing(world, database, forgetting):
    _converse(world)
    _converse(world, OTHER_USER)
    theirs = _of(database, OTHER_USER)
    assert _of(database, USER) == theirs == [1, 2, 1]
    deletion = forgetting.customer(TENANT, USER)
    assert _of(database, USER) == [0, 0, 0]
    assert deletion.status is DeletionStatus.PENDING, "something may still be in somebody's hands"
    assert _settle(world, forgetting) == 1
    assert forgetting.deletions.get(deletion.code).status is DeletionStatus.DONE
    assert _of(database, OTHER_USER) == theirs
    left = json.dumps([list(database[name].find()) for name in database.list_collection_names()], default=str)
    assert USER not in left, "neither the deletion nor its mark tells whom it was about"


def test_chats_of_other_channels_are_not_touched_whatever_they_look_like(world, database, forgetting):
    _converse(world)
    ours = database["chats"].find_one()
    for channel in ("web", None):
        theirs = {name: value for name, value in ours.items() if name != "_id"}
        database["chats"].insert_one(theirs | {"metadata": ours["metadata"] | {"channel": channel}})
    forgetting.customer(TENANT, USER)
    forgetting.everybody(TENANT)
    _settle(world, forgetting)
    assert [one["metadata"]["channel"] for one in database["chats"].find()] == ["web", None]


def test_a_customer_is_forgotten_by_the_tenant_that_was_asked_and_by_no_other(world, database, forgetting):
    """H5."""
    _write_to(database, OTHER)
    _converse(world)
    forgetting.customer(TENANT, USER)
    _settle(world, forgetting)
    assert _of(database, USER) == [1, 1, 0]
    assert database["chats"].find_one()["agentId"] == "agent_2"


def test_whom_meta_names_is_forgotten_as_a_customer_by_every_tenant(world, database, forgetting):
    _write_to(database, OTHER)
    _converse(world)
    forgetting.person(USER)
    assert _of(database, USER) == [0, 0, 0]


def test_a_proof_that_is_one_tenants_forgets_nobody_elsewhere(world, database, forgetting):
    _write_to(database, OTHER)
    _owned(world, account_id=OTHER_ACCOUNT, tenant=OTHER)
    _converse(world)
    forgetting.person(USER, within=TENANT)
    forgetting.person(OWNER, within=TENANT)
    assert _of(database, USER) == [1, 1, 0]
    assert world.connections.get(OTHER).is_connected


def test_j4_somebody_of_whom_nothing_is_known_has_a_code_and_is_done_at_once(world, forgetting):
    deletion = forgetting.person("999")
    assert deletion.status is DeletionStatus.DONE
    assert forgetting.deletions.get(deletion.code) == deletion


def test_a_user_who_has_many_chats_is_forgotten_with_all_of_them(world, database, forgetting):
    database["chats"].insert_many(
        {
            "subaccountId": "sub_1",
            "agentId": "agent_1",
            "status": "ended",
            "createdAt": START,
            "metadata": {"channel": "instagram", "storedBy": WRITER, "userId": USER, "instagramAccountId": ACCOUNT},
            "messages": [{"key": f"k{number}", "createdAt": START}] if number % 2 else [],
        }
        for number in range(130)
    )
    nobodys = {"subaccountId": "sub_1", "agentId": "agent_1", "createdAt": START}
    nobodys["metadata"] = {"channel": "instagram", "storedBy": WRITER}
    database["chats"].insert_one(dict(nobodys))
    forgetting.customer(TENANT, USER)
    assert _of(database, USER) == [0, 0, 0]
    forgetting.everybody(TENANT)
    assert database["chats"].count_documents({}) == 0


# ── what is asked for again, or dies


def test_a_request_that_comes_again_while_it_is_pending_has_the_same_code_and_deletes_what_has_come_since(
    world, database, forgetting
):
    _converse(world)
    first = forgetting.customer(TENANT, USER)
    world.clock.ahead += timedelta(seconds=10)
    _converse(world)
    again = forgetting.customer(TENANT, USER)
    assert again.code == first.code
    assert again.asked_at > first.asked_at
    assert _of(database, USER) == [0, 0, 0]
    assert _settle(world, forgetting) == 1
    assert forgetting.customer(TENANT, USER).code != first.code, "that one is done"


def test_a_request_that_metas_callback_repeats_still_knows_whom_it_was_about(world, database, forgetting):
    _converse(world)
    first = forgetting.person(USER)
    assert forgetting.erasure.tenants_of(USER) == []
    world.clock.ahead += timedelta(seconds=10)
    again = forgetting.person(USER)
    assert (again.code, again.parts) == (first.code, first.parts)
    assert _settle(world, forgetting) == 1


def test_sixteen_requests_at_one_moment_are_one(world, forgetting, race):
    codes = race(16, lambda _: forgetting.deletions.open("x", [Part(TENANT)], timedelta(0)).code)
    assert len(set(codes)) == 1


@pytest.mark.parametrize("is_newer", [False, True])
def test_a_session_that_is_stored_while_its_chat_is_deleted_is_noted(world, database, forgetting, is_newer):
    _converse(world)
    asked_at = world.clock()
    if is_newer:
        world.clock.ahead += timedelta(seconds=10)
        _converse(world)
    (session,) = database["chats"].distinct("chatId")
    noted = []

    def note(sessions):
        noted.append(list(sessions))
        if len(noted) == 1:
            database["chats"].update_one({}, {"$set": {"chatId": "chat_late"}})

    assert forgetting.erasure.erase(Part(TENANT, user_id=USER), asked_at, note, seconds=30)
    assert noted == [[session], ["chat_late"]]
    assert [one["chatId"] for one in database["chats"].find()] == [None] * is_newer


def test_what_a_worker_left_undone_is_carried_on_by_the_next(world, database, forgetting):
    _converse(world)
    forgetting.deletions.open("x", [Part(TENANT, user_id=USER)], timedelta(minutes=2))
    assert forgetting.carry_on(30) == 0, "somebody is at it"
    assert _of(database, USER) == [1, 2, 1]
    world.clock.ahead += timedelta(minutes=2)
    forgetting.carry_on(30)
    assert _of(database, USER) == [0, 0, 0]


def test_what_there_is_no_time_for_is_carried_on_without_waiting(world, database, forgetting):
    _converse(world)
    deletion = forgetting.deletions.open("x", [Part(TENANT)], timedelta(0))
    forgetting._try(deletion, 0)
    assert _of(database, USER) == [1, 2, 1]
    assert forgetting.carry_on(30) == 0
    assert _of(database, USER) == [0, 0, 0]


@pytest.mark.parametrize("step", range(1, 12))
def test_f2_whichever_step_fails_the_request_is_told_and_done_later(world, mongodb, database, forgetting, step):
    _converse(world)
    data = {"failCommands": ["find", "delete", "update", "findAndModify"], "errorCode": 8000}
    deletion = forgetting.deletions.open("x", [Part(TENANT, user_id=USER)], timedelta(0))
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": {"skip": step}, "data": data})
    try:
        with_fault = forgetting._try(deletion, 30)
    finally:
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert with_fault.code == deletion.code
    forgetting.carry_on(30)
    assert _of(database, USER) == [0, 0, 0]
    assert _settle(world, forgetting) == 1


def test_a_database_that_fails_before_the_request_is_written_is_told(world, mongodb, forgetting):
    data = {"failCommands": ["findAndModify"], "errorCode": 8000}
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        with pytest.raises(Unavailable):
            forgetting.customer(TENANT, USER)
    finally:
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


# ── while something runs


def test_j5_a_deletion_while_the_agent_thinks_ends_the_turn_and_nothing_is_said_or_stored(world, database, forgetting):
    world.say("What are your hours?")
    world.agent.before = lambda: forgetting.customer(TENANT, USER)
    outcome = world.work_next()
    assert (outcome.state, outcome.reason, outcome.again_in_seconds) == (TurnState.SKIPPED, "deleted", None)
    assert world.messenger.tries == []
    assert world.queue.messages == []
    assert _of(database, USER) == [0, 1, 0], "the answer was entered in the list before its chat was found gone"
    _settle(world, forgetting)
    assert _of(database, USER) == [0, 0, 0]


def test_j5_a_deletion_between_two_parts_keeps_the_second_from_being_sent(world, database, forgetting):
    world.agent.script = [["One.", "Two."]]
    world.messenger.after = lambda mid, text: forgetting.customer(TENANT, USER)
    world.say("What are your hours?")
    outcome = world.work_next(part_bytes=5)
    assert (outcome.state, outcome.reason) == (TurnState.SKIPPED, "deleted")
    assert world.messenger.sent == ["One."]
    _settle(world, forgetting)
    assert _of(database, USER) == [0, 0, 0]


def test_j5_the_echo_of_what_was_being_sent_stores_nothing_of_what_is_deleted(world, database, forgetting):
    """It is written after the deletion, and nobody knows any more that it is ours."""
    world.say("What are your hours?")
    world.messenger.before = lambda: forgetting.customer(TENANT, USER)
    world.messenger.after = world.echo
    assert world.work_next().state is TurnState.SKIPPED
    assert world.messenger.sent == ["We open at nine."], "it was in Meta's hands"
    item = {name: value for name, value in world.about("x").items() if name != "message"}
    assert world.take(item | {"read": {"mid": "out-1"}}) == "EventDeleted"
    assert _of(database, USER) == [0, 0, 0]


def test_what_a_person_writes_soon_after_a_deletion_is_theirs_where_the_customer_has_written_anew(
    world, database, forgetting
):
    forgetting.customer(TENANT, USER)
    world.clock.ahead += timedelta(seconds=5)
    world.say("Hello again")
    assert world.echo("m", "Hi, this is Ana.") == "MessageEchoed"
    assert [one.text for one in world.chat.messages] == ["Hello again", "Hi, this is Ana."]


def test_what_a_person_writes_later_is_stored_as_ever(world, database, forgetting):
    forgetting.customer(TENANT, USER)
    world.clock.ahead += LATER
    assert world.echo("m", "Hi, this is Ana.") == "MessageEchoed"
    assert _of(database, USER) == [1, 1, 0]


def test_j5_a_deletion_while_a_lost_send_waits_for_proof_leaves_nothing_to_look_for(world, database, forgetting):
    world.say("What are your hours?")
    world.messenger.before = lambda: forgetting.customer(TENANT, USER)
    assert world.work_next().state is TurnState.SKIPPED
    world.messenger.before = lambda: None
    assert world.sweep() == 0
    _settle(world, forgetting)
    assert _of(database, USER) == [0, 0, 0]


def test_j5_a_turn_message_that_comes_after_the_deletion_finds_nothing(world, database, forgetting):
    world.say("What are your hours?")
    forgetting.customer(TENANT, USER)
    assert world.work_next() is None
    assert world.agent.asked == []
    assert _of(database, USER) == [0, 0, 0]


def test_j5_an_event_that_was_read_before_the_deletion_and_is_stored_after_it_is_found_in_the_end(
    world, database, forgetting
):
    """A slow worker has found the connection without a mark, and writes when all is deleted."""
    at = world.clock()
    forgetting.customer(TENANT, USER)
    world.chats.add(USER, ACCOUNT, user_message("mid:slow", at=at), turn_due_in=timedelta(seconds=5))
    _settle(world, forgetting)
    assert _of(database, USER) == [0, 0, 0]


def test_j5_of_a_chat_that_holds_something_newer_too_only_that_is_left_and_answered_in_a_new_session(
    world, database, forgetting
):
    slow_at = world.clock()
    forgetting.customer(TENANT, USER)
    world.chats.add(USER, ACCOUNT, user_message("mid:slow", "my secret", at=slow_at))
    world.clock.ahead += timedelta(seconds=5)
    world.say("Are you there?")
    world.answer_all()
    world.clock.ahead += timedelta(seconds=5)
    world.say("And tomorrow?")
    _settle(world, forgetting)
    (chat,) = database["chats"].find()
    assert [(one["role"], one["text"]) for one in chat["messages"]] == [
        ("user", "Are you there?"),
        ("user", "And tomorrow?"),
    ], "the agent's answer was one to what is deleted too"
    assert "my secret" not in json.dumps(list(database[ENTRIES].find()), default=str)
    assert (chat["chatId"], chat["turn"]) == (None, None)
    assert database[ENTRIES].count_documents({"userId": USER}) == 2
    world.sweep()
    world.answer_all()
    assert "And tomorrow?" in world.agent.questions[-1]
    assert "my secret" not in world.agent.questions[-1]


# ── what comes again


def _again(world, mid, at):
    """Have an old event come now."""
    item = world.about(mid, text="What are your hours?") | {"timestamp": int(at.timestamp() * 1000)}
    received_at = int(world.clock().timestamp() * 1000)
    return world.ingest().take(InboxMessage(Notification(ACCOUNT, "messaging", item), None, received_at))


def test_j6_an_event_that_comes_again_after_the_deletion_brings_nothing_back(world, database, forgetting):
    at = world.clock()
    mid = world.say("What are your hours?", at=at)
    forgetting.customer(TENANT, USER)
    for hours in (0, 1, 47):
        world.clock.ahead = timedelta(hours=hours)
        assert _again(world, mid, at) == "EventDeleted"
    world.clock.ahead = timedelta(hours=49)
    assert _again(world, mid, at) == "EventTooOld"
    assert _of(database, USER) == [0, 0, 0]


@pytest.mark.parametrize(
    "what",
    [
        {"message": {"mid": "m", "text": "hi"}},
        {"message": {"mid": "m", "is_deleted": True}},
        {"message_edit": {"mid": "m", "text": "hello", "num_edit": 1}},
        {"reaction": {"mid": "m", "action": "react", "emoji": "❤️"}},
        {"postback": {"mid": "m", "title": "Hours", "payload": "HOURS"}},
        {"read": {"mid": "m"}},
        {"referral": {"ref": "spring", "type": "OPEN_THREAD"}},
        {"nobody_knows": {"it": 1}},
    ],
    ids=lambda what: next(iter(what)),
)
def test_j6_nothing_of_any_kind_is_stored_anew_that_happened_before(world, database, forgetting, what):
    item = {name: value for name, value in world.about("m").items() if name != "message"} | what
    forgetting.customer(TENANT, USER)
    assert world.take(item) == "EventDeleted"
    echo = {"sender": {"id": ACCOUNT}, "recipient": {"id": USER}, "message": {"mid": "e", "text": "x", "is_echo": True}}
    assert world.take(item | echo) == "EventDeleted"
    assert _of(database, USER) == [0, 0, 0]


def test_what_a_customer_writes_after_the_deletion_begins_anew(world, database, forgetting):
    world.messenger.who = Person("ada", "Ada")
    _converse(world)
    forgetting.customer(TENANT, USER)
    world.clock.ahead += timedelta(seconds=1)
    world.say("Hello again")
    assert world.answer_all() == [TurnState.DONE]
    _settle(world, forgetting)
    assert [one.text for one in world.chat.messages] == ["Hello again", "We open at nine."]
    assert [chat_id for chat_id, _ in world.agent.asked] == ["chat_1", "chat_2"], "the old session knows too much"
    assert _of(database, USER) == [1, 2, 0]


def test_what_others_have_written_before_is_taken_in_as_ever(world, database, forgetting):
    at = world.clock()
    forgetting.customer(TENANT, USER)
    world.user_id = OTHER_USER
    world.say("hi", at=at)
    assert _of(database, OTHER_USER) == [1, 1, 0]


def test_a_mark_goes_when_nothing_so_old_is_taken_in_any_more(world, database, forgetting):
    forgetting.customer(TENANT, USER)
    (mark,) = database[TOMBSTONES].find()
    assert timedelta(days=20) < mark["expireAt"] - mark["at"] <= timedelta(days=22)
    assert database[TOMBSTONES].index_information()["expired"]["expireAfterSeconds"] == 0
    (done,) = database[DELETIONS].index_information()["expired"]["key"]
    assert done == ("expireAt", 1)


def test_a_redrive_brings_a_forgotten_customer_back_at_no_time(world, database, forgetting):
    mid, at = world.say("hi"), world.clock()
    forgetting.customer(TENANT, USER)
    _settle(world, forgetting)
    told = Notification(ACCOUNT, "messaging", world.about(mid, text="hi") | {"timestamp": int(at.timestamp() * 1000)})
    copy = InboxMessage(told, None, int(at.timestamp() * 1000))
    for days in (5, 17, 19, 40):
        world.clock.ahead = timedelta(days=days)
        database[TOMBSTONES].delete_many({"expireAt": {"$lte": world.clock()}})  # as MongoDB does
        world.taken_at = world.clock()
        assert world.ingest().take(copy) in ("EventDeleted", "EventTooOld")
    assert _of(database, USER) == [0, 0, 0]


# ── an owner


def _put_secrets(aws, tenant):
    for name in ("access-token", "webhook"):
        aws.put_secret(f"connections/{tenant}/{name}", json.dumps({"token": "EAAx", "verifyToken": "v"}))


def _has_secrets(aws, tenant):
    names = [f"{PREFIX}/connections/{tenant}/{name}" for name in ("access-token", "webhook")]
    return sorted(one["Name"].rpartition("/")[2] for one in aws.ssm.get_parameters(Names=names)["Parameters"])


def test_with_an_owner_go_their_connections_and_what_was_written_to_them(world, aws, database, forgetting):
    connection = _owned(world)
    _put_secrets(aws, TENANT)
    _converse(world)
    _converse(world, OTHER_USER)
    deletion = forgetting.person(OWNER)
    assert world.connections.get(TENANT) is None
    assert world.connections.of_account(ACCOUNT) is None
    assert _has_secrets(aws, TENANT) == []
    assert [database[name].count_documents({}) for name in STORED] == [0, 0, 0]
    left = database[CONNECTIONS].find_one({"_id": str(TENANT)})
    assert left.keys() <= {
        *("_id", "subaccountId", "agentId", "createdAt", "updatedAt", "forgottenAt"),
        *("owners", "status", "generation", "unusedSecrets"),
    }
    assert (left["status"], left["generation"], left["owners"]) == ("disconnected", connection.generation + 1, [])
    assert _settle(world, forgetting) == 1
    assert OWNER not in json.dumps(
        [list(database[name].find()) for name in database.list_collection_names()], default=str
    )
    assert forgetting.person(OWNER).code != deletion.code


def test_what_an_owners_agent_had_for_another_account_stays(world, database, forgetting):
    world.chats.add(OTHER_USER, OTHER_ACCOUNT, user_message("mid:of another account"))
    KeptEvents(database[KEPT_EVENTS], TENANT).keep(_event(OTHER_ACCOUNT, OTHER_USER))
    _owned(world)
    _converse(world)
    forgetting.person(OWNER)
    _settle(world, forgetting)
    assert _of(database, USER) == [0, 0, 0]
    assert _of(database, OTHER_USER) == [1, 1, 1]


def test_an_owner_whose_agent_has_moved_on_is_forgotten_and_the_new_connection_stands(world, aws, database, forgetting):
    _owned(world)
    _converse(world)
    _owned(world, OTHER_OWNER, OTHER_ACCOUNT)
    _put_secrets(aws, TENANT)
    world.chats.add(OTHER_USER, OTHER_ACCOUNT, user_message("mid:new"))
    forgetting.person(OWNER)
    _settle(world, forgetting)
    assert [_of(database, user_id) for user_id in (USER, OTHER_USER)] == [[0, 0, 0], [1, 1, 0]]
    assert world.connections.get(TENANT).is_connected
    assert _has_secrets(aws, TENANT) == ["access-token", "webhook"]


def test_an_account_that_somebody_else_has_connected_since_is_theirs(world, database, forgetting):
    _owned(world)
    _converse(world)
    _owned(world, OTHER_OWNER)
    assert forgetting.person(OWNER).status is DeletionStatus.DONE
    assert world.connections.get(TENANT).is_connected
    assert _of(database, USER) == [1, 2, 1]
    assert forgetting.owners.accounts_of(OWNER) == []
    assert forgetting.owners.accounts_of(OTHER_OWNER) == [(TENANT, ACCOUNT)]


def test_an_owner_who_comes_back_at_once_is_connected_anew_and_stays_so(world, aws, database, forgetting):
    before = _owned(world)
    _converse(world)
    forgetting.person(OWNER)
    world.clock.ahead += timedelta(seconds=1)
    after = _owned(world)
    _put_secrets(aws, TENANT)
    assert after.generation > before.generation + 1
    world.say("Hello again")
    _settle(world, forgetting)
    assert world.connections.get(TENANT) == world.connections.of_account(ACCOUNT)
    assert _has_secrets(aws, TENANT) == ["access-token", "webhook"]
    assert _of(database, USER) == [1, 1, 0]


def test_j6_what_came_before_an_owner_left_does_not_come_back_when_they_return(world, database, forgetting):
    _owned(world)
    at = world.clock()
    mid = world.say("What are your hours?", at=at)
    forgetting.person(OWNER)
    assert _again(world, mid, at) == "EventOfNoConnection"
    world.clock.ahead += timedelta(hours=1)
    _owned(world)
    assert _again(world, mid, at) == "EventDeleted"


def test_an_owner_of_many_is_parted_from_all_before_anything_is_deleted(world, mongodb, aws, database, forgetting):
    tenants = [Tenant("sub_1", f"agent_{number}") for number in range(3, 9)]
    for number, tenant in enumerate(tenants):
        _owned(world, account_id=f"1784140000000010{number}", tenant=tenant)
        _put_secrets(aws, tenant)
    data = {"failCommands": ["find"], "namespace": "test.chats", "errorCode": 8000}
    deletion = forgetting.deletions.open(
        "x",
        [Part(one, None, account_id, ends_connection=True) for one, account_id in forgetting.owners.accounts_of(OWNER)],
        timedelta(0),
    )
    mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    try:
        assert forgetting._try(deletion, 30).status is DeletionStatus.PENDING
    finally:
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert [world.connections.get(tenant) for tenant in tenants] == [None] * 6
    assert [_has_secrets(aws, tenant) for tenant in tenants] == [[]] * 6


# ── everybody


def test_nothing_that_is_done_to_forget_looks_through_a_whole_collection(world, database, forgetting):
    for number in range(40):
        world.chats.add(f"user_{number}", ACCOUNT, user_message(f"mid:theirs-{number}"))
    _owned(world)
    _converse(world)
    with profiled(*(database[name] for name in (*STORED, CONNECTIONS, DELETIONS, TOMBSTONES))) as operations:
        forgetting.person(USER)
        forgetting.customer(TENANT, USER)
        forgetting.owners.tenants_of(OWNER, PAGE)
        world.clock.ahead += LATER
        forgetting.carry_on(30)
    read = {
        (one["op"], one["planSummary"], str(one["command"])[:300]): one["docsExamined"]
        for one in operations
        if one.get("docsExamined", 0) > 3 or "COLLSCAN" in one.get("planSummary", "")
    }
    assert read == {}
    assert len(operations) > 20, "it is about all of them"


def test_with_everybody_goes_all_that_a_tenant_has_and_nothing_of_anothers(world, database, forgetting):
    _write_to(database, Tenant("sub_1", "agent_2"))
    _converse(world)
    _converse(world, OTHER_USER)
    world.chats.add("777", OTHER_ACCOUNT, our_message("sent:1"))
    forgetting.everybody(TENANT)
    assert [database[name].count_documents({"agentId": "agent_1"}) for name in STORED] == [0, 0, 0]
    assert [database[name].count_documents({"agentId": "agent_2"}) for name in STORED] == [1, 1, 0]
    assert _settle(world, forgetting) == 1


def test_everybody_of_thousands_is_deleted_in_steps(world, database, forgetting):
    for number in range(120):
        world.chats.add(f"user_{number}", ACCOUNT, user_message(f"mid:{number}", at=world.clock()))
    database[ENTRIES].insert_many(
        {
            "_id": f"{TENANT}/lost:{number}",
            "subaccountId": "sub_1",
            "agentId": "agent_1",
            "userId": "nobody",
            "role": "user",
            "position": f"{number:014d}.x",
        }
        for number in range(2500)
    )
    forgetting.everybody(TENANT)
    assert [database[name].count_documents({}) for name in STORED] == [0, 0, 0]
