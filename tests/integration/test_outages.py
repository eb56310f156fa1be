"""A database that is away for longer than a queue's receives: nothing that Meta has told of is lost."""

from datetime import timedelta

import pytest

from tests.unit.payloads import ACCOUNT, USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

DOWN = {"errorCode": 202, "appName": "instagram-connector"}  # NetworkInterfaceExceededTimeLimit, for the functions only


@pytest.fixture
def database_down(mongodb):
    """Have mongod refuse whatever the functions ask of it, or serve again."""

    def switch(*, down):
        commands = ["find", "update", "insert", "aggregate", "findAndModify", "delete", "createIndexes"]
        mode = "alwaysOn" if down else "off"
        data = {"failCommands": commands, **DOWN}
        mongodb.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    yield switch
    switch(down=False)


def test_f3_after_half_an_hour_without_a_database_every_event_is_there(stack, database_down):
    before = stack.write("What are your hours?")
    stack.settle()
    database_down(down=True)
    mids = [stack.write(f"question {number}") for number in range(25)]
    unsent = {"message": {"mid": before, "is_deleted": True}}
    stack.simulate("POST", "events", accountId=ACCOUNT, userId=USER, item=unsent)
    stack.run_for(timedelta(minutes=30))
    database_down(down=False)
    stack.settle()

    shown = {one["mid"]: one for one in stack.messages()}
    assert set(mids) <= shown.keys()
    assert shown[before]["text"] is None, "the customer has unsent it"
    assert all(shown[mid]["status"] == "answered" for mid in mids)
    assert stack.dead_letters() == 0


def test_f3_an_outage_longer_than_a_queues_receives_moves_nothing_to_the_dead_letters(stack, database_down):
    database_down(down=True)
    mid = stack.write("What are your hours?")
    stack.run_for(timedelta(hours=4))  # 25 receives are 1 h 43 min
    database_down(down=False)
    stack.settle(within=timedelta(hours=3))

    assert mid in {one["mid"] for one in stack.messages()}
    assert stack.dead_letters() == 0
