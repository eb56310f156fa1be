"""The mongod of `make run` and of the tests may have known faults: it is reachable from this machine only."""

from pymongo import MongoClient

from local.mongodb import Mongod


def test_mongod_listens_on_loopback_and_decompresses_nothing(tmp_path):
    mongod = Mongod(tmp_path)
    try:
        mongod.launch()
        with MongoClient(mongod.wait_until_ready()) as client:
            options = client.admin.command("getCmdLineOpts")["parsed"]["net"]
    finally:
        mongod.stop()

    assert options["bindIp"] == "127.0.0.1"
    assert options["compression"] == {"compressors": "disabled"}
