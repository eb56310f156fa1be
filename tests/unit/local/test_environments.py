"""Execution environments of `make run`: processes that are forked from one, and have nothing to do with each other."""

import threading
from pathlib import Path

import pytest

from local.environments import InvocationFailed, Pool
from local.forkserver import ForkServer
from local.template import Function

pytestmark = pytest.mark.races


@pytest.fixture(scope="module")
def server():
    started = ForkServer()
    yield started
    started.stop()


@pytest.fixture
def pool_of(server, tmp_path):
    """Makes the pool of a function with this code."""
    pools = []

    def make(code, variables=None, seconds=15, **options):
        folder = tmp_path / f"function{len(pools)}"
        folder.mkdir()
        (folder / "app.py").write_text(code)
        pools.append(
            Pool(Function(folder.name, folder, seconds, {}, (), None), variables or {}, tmp_path, server, **options)
        )
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


SHOWS_ITSELF = """
import os
count = 0

def handler(event, context):
    global count
    count += 1
    return {"process": os.getpid(), "count": count, "variables": dict(os.environ), "name": context.function_name}
"""


def test_an_environment_keeps_what_it_has_loaded_from_one_invocation_to_the_next(pool_of):
    pool = pool_of(SHOWS_ITSELF)
    first, second = pool.invoke({}), pool.invoke({})

    assert (first["count"], second["count"]) == (1, 2)
    assert first["process"] == second["process"]


def test_functions_have_the_variables_they_are_given_and_nothing_of_ours_or_of_each_other(pool_of, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    one, other = pool_of(SHOWS_ITSELF, {"ONE": "é\n"}).invoke({}), pool_of(SHOWS_ITSELF, {"OTHER": "2"}).invoke({})

    assert (one["variables"], other["variables"]) == ({"ONE": "é\n"}, {"OTHER": "2"})
    assert one["process"] != other["process"]
    assert (one["count"], other["count"]) == (1, 1)


def test_while_one_environment_is_busy_another_is_started(pool_of, tmp_path):
    pool = pool_of(
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    pathlib.Path(event['mine']).touch()\n"
        "    while not pathlib.Path(event['theirs']).exists():\n"
        "        time.sleep(0.01)\n"
    )
    paths = [str(tmp_path / name) for name in ("a", "b")]
    events = [dict(zip(("mine", "theirs"), order, strict=True)) for order in (paths, paths[::-1])]
    threads = [threading.Thread(target=pool.invoke, args=(event,)) for event in events]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)

    assert all(Path(path).exists() for path in paths), "each waits for the other"


def test_an_error_is_told_by_its_name_and_the_environment_goes_on(pool_of):
    pool = pool_of("def handler(event, context):\n    return 1 / event['by']\n")
    with pytest.raises(InvocationFailed, match="raised ZeroDivisionError"):
        pool.invoke({"by": 0})

    assert pool.invoke({"by": 2}) == 0.5


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), 9)", "time.sleep(60)"])
def test_after_an_environment_that_dies_or_takes_too_long_comes_a_new_one(pool_of, end):
    code = f"import os, time\ndef handler(event, context):\n    if event:\n        {end}\n    return os.getpid()\n"
    pool = pool_of(code, seconds=1)
    before = pool.invoke({})
    with pytest.raises(InvocationFailed, match="died, or ran out of its 1 s"):
        pool.invoke({"end": True})

    assert pool.invoke({}) != before


def test_a_function_that_cannot_be_imported_says_why_in_its_log(pool_of, tmp_path):
    pool = pool_of("import what_there_is_not")
    with pytest.raises(InvocationFailed):
        pool.invoke({})

    assert "No module named 'what_there_is_not'" in (tmp_path / "function0.log").read_text()


def test_what_is_printed_and_logged_stands_in_the_log_and_never_among_the_answers(pool_of, tmp_path):
    pool = pool_of(
        "import sys\n"
        "def handler(event, context):\n"
        "    print('said')\n"
        "    print('loud', file=sys.stderr)\n"
        "    return 7\n"
    )
    assert pool.invoke({}) == 7
    pool.stop()

    assert sorted((tmp_path / "function0.log").read_text().split()) == ["loud", "said"]


def test_without_the_server_an_invocation_fails_and_says_so(tmp_path):
    server = ForkServer()
    server.stop()
    pool = Pool(Function("sweep", tmp_path, 15, {}, (), None), {}, tmp_path, server)
    with pytest.raises(InvocationFailed, match="sweep cannot be started"):
        pool.invoke({})
    pool.stop()
