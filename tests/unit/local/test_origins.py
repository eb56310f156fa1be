"""Which pages in a browser may call the servers of one machine."""

import base64
import json
from threading import Thread

import boto3
import pytest
import requests
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import Client

from local.moto_server import Journal
from local.simulators.meta.app import create_app as create_meta
from local.simulators.retell.app import create_app as create_retell
from local.simulators.server import serve

CONSOLE = "http://127.0.0.1:3000"
FOREIGN = [
    {"Origin": "https://evil.example.com"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:3001"},
    {"Origin": "https://127.0.0.1:3000"},
    {"Origin": "http://127.0.0.1:x"},
    {"Host": "evil.example.com"},
    {"Host": "127.0.0.1.evil.example.com"},
]


@pytest.fixture(params=["meta", "retell"])
def simulator(request):
    """A simulator whose control API the console may use."""
    made = {
        "meta": lambda: create_meta(app_secret="s", allowed_origin=lambda: CONSOLE),
        "retell": lambda: create_retell(allowed_origin=lambda: CONSOLE),
    }
    running = serve(made[request.param]())
    yield running.url
    running.stop()


@pytest.mark.parametrize("origin", [CONSOLE, "http://localhost:3000"])
def test_the_console_may_use_the_control_api(simulator, origin):
    for method in ("GET", "OPTIONS"):
        answer = requests.request(method, f"{simulator}/_simulator/state", headers={"Origin": origin}, timeout=5)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_other_page_may_use_the_control_api(simulator, headers):
    for method, path in (("GET", "state"), ("OPTIONS", "faults"), ("PUT", "faults")):
        answer = requests.request(method, f"{simulator}/_simulator/{path}", headers=headers, timeout=5)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_providers_routes_send_no_cors_headers(simulator):
    answer = requests.get(f"{simulator}/me", headers={"Origin": CONSOLE}, timeout=5)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.fixture
def journal(tmp_path):
    """moto behind a journal, whose file is not there yet."""
    return Journal(DomainDispatcherApplication(create_backend_app), tmp_path / "parameters.jsonl")


@pytest.fixture
def ssm(journal):
    """SSM as a program reaches it."""
    server = make_server("127.0.0.1", 0, journal, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    client = boto3.client("ssm", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1")
    yield client
    server.shutdown()
    server.server_close()
    client.close()


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_website_reads_the_secrets(journal, headers):
    answer = Client(journal).post("/", headers=headers | {"X-Amz-Target": "AmazonSSM.GetParametersByPath"})
    assert answer.status_code == 403


def test_a_deleted_parameter_leaves_no_trace_on_disk(journal, ssm):
    for name, value in (("/s/kept", "kept"), ("/s/token", "EAAold"), ("/s/token", "EAAnew")):
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    ssm.delete_parameters(Names=["/s/token", "/s/never"])
    lines = [json.loads(line) for line in journal._path.read_text().splitlines()]
    assert [json.loads(base64.b64decode(line["body"]))["Value"] for line in lines] == ["kept"]
    assert journal._path.stat().st_mode & 0o777 == 0o600


def test_parameters_have_their_versions_again_after_a_restart(journal, ssm):
    for name in ("/s/a", "/s/b", "/s/a"):
        ssm.put_parameter(Name=name, Value="x", Type="SecureString", Overwrite=True)
    ssm.delete_parameter(Name="/s/b")
    ssm.put_parameter(Name="/s/b", Value="y", Type="SecureString", Overwrite=True)
    written = journal._path.read_text()
    ssm.delete_parameters(Names=["/s/a", "/s/b"])
    journal._path.write_text(written)
    journal.play(ssm)
    versions = {name: ssm.get_parameter(Name=name)["Parameter"]["Version"] for name in ("/s/a", "/s/b")}
    assert versions == {"/s/a": 2, "/s/b": 1}
