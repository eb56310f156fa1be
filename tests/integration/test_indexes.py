"""What the promises and the speed rest on: `storage.indexes` on a real mongod."""

from connector.chat import PAUSED
from connector.storage.documents import now
from connector.storage.index_builds import build_indexes
from connector.storage.ownership import OURS
from tests.integration.profiler import profiled
from tests.integration.world import our_message, user_message
from tests.unit.payloads import ACCOUNT, USER


def test_f10_the_indexes_are_made_where_they_are_missing_and_making_them_again_changes_nothing(collection):
    collection.drop_indexes()
    build_indexes(collection.database)
    made = collection.index_information()
    build_indexes(collection.database)
    assert collection.index_information() == made
    assert {name for name, index in made.items() if index.get("unique")} == {
        "connector_one_ongoing_chat",
        "connector_message_once",
    }
    ours = {name: index.get("partialFilterExpression", {}) for name, index in made.items() if name != "_id_"}
    assert {name for name, only in ours.items() if not only.items() >= OURS.items()} == set(), (
        "the platform's documents are in the same collection"
    )


def test_nothing_that_is_done_in_a_conversation_looks_at_other_customers_chats(world, collection):
    """An operation that reads them all is correct, and too slow on the day on which there are many."""
    for number in range(40):
        world.chats.add(f"user_{number}", ACCOUNT, user_message(f"mid:theirs-{number}", mid=f"theirs-{number}"))
        world.chats.add(f"user_{number}", ACCOUNT, our_message(f"sent:theirs-{number}", mid=f"out-theirs-{number}"))
    world.messenger.after = world.echo
    with profiled(collection) as operations:
        mid = world.say("hi")
        world.answer_all()
        world.say("hi", mid=mid)
        parties = {name: value for name, value in world.about(mid).items() if name != "message"}
        world.take(parties | {"message_edit": {"mid": mid, "text": "hello", "num_edit": 1}})
        world.take(parties | {"reaction": {"mid": mid, "action": "react", "emoji": "❤️"}})
        world.take(parties | {"read": {"mid": mid}})
        world.take(parties | {"referral": {"ref": "spring", "type": "OPEN_THREAD"}})
        world.take(world.about(mid, is_deleted=True))
        world.echo("m", "Hi, this is Ana.")
        world.chats.pause(USER, now(), PAUSED)
        world.turns.roll_over(
            world.turns.claim(_with_something_to_say(world), generation=1, lease=world.quiet),
            "full",
            keeps_session=True,
        )
        world.sweep()
    read = {
        (one["op"], one["planSummary"], str(one["command"])[:300]): one["docsExamined"]
        for one in operations
        if one.get("docsExamined", 0) > 3 or "COLLSCAN" in one.get("planSummary", "")
    }
    assert read == {}
    assert len(operations) > 25, "it is about all of them"


def _with_something_to_say(world):
    world.say("and another thing")
    return world.chat
