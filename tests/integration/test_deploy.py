"""`make deploy` in a fresh clone, up to what SAM is called with: AWS is moto or a scripted server, SAM a recorder."""

import json
import os
import pty
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from moto.server import ThreadedMotoServer
from samcli.cli.types import CfnParameterOverridesType

from tests.unit.peer import peer

ROOT = Path(__file__).parents[2]
PARAMETERS = 'AllowedOrigins = "https://app.example.com,https://b.example.com"\nFallbackText = "Sorry, “later”"\n'
SAM = """#!/bin/sh
printf '%s\\n' "$*" >>"$(dirname "$0")/../sam-calls"
"""
_SECONDS = 120  # on a busy machine; alone it takes two


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def clone(tmp_path):
    """A clone with everything that git tracks, whose .venv is this one's, but for a `sam` that notes its calls."""
    folder = tmp_path / "clone"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    venv = folder / ".venv"
    (venv / "bin").mkdir(parents=True)
    for tool in (ROOT / ".venv" / "bin").iterdir():
        if tool.name != "sam":
            (venv / "bin" / tool.name).symlink_to(tool)
    for name in ("lib", "pyvenv.cfg", ".installed"):
        (venv / name).symlink_to(ROOT / ".venv" / name)
    sam = venv / "bin" / "sam"
    sam.write_text(SAM)
    sam.chmod(0o755)
    return SimpleNamespace(folder=folder, venv=venv, sam=sam, calls=venv / "sam-calls", file=folder / "deploy.toml")


def _environment(clone, **changes):
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(clone.folder.parent),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    } | changes
    return {name: value for name, value in variables.items() if value is not None}


def deploy(clone, **changes):
    """Run `make deploy` without a terminal, and return its status and what it says."""
    done = subprocess.run(
        ["make", "--no-print-directory", "deploy"],
        cwd=clone.folder,
        env=_environment(clone, **changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def _sts(code, status):
    def behave(handler):
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>".encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


NOBODY = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_REGION": None}, "No AWS region is set. Run `aws configure set region"),
        ({"AWS_REGION": "eu-centrall-1"}, "is not an AWS region. Did you mean eu-central-1?"),
        ({"AWS_PROFILE": "absent"}, "The config profile (absent) could not be found. Set AWS_PROFILE"),
        (NOBODY, "AWS credentials were not found. Sign in with `aws sso login`"),
        ({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}, "AWS does not answer in eu-central-1"),
    ],
)
def test_a_machine_that_cannot_reach_an_account_is_told_why(clone, changes, words):
    status, said = deploy(clone, **changes)
    assert status != 0
    assert words in said
    assert not clone.calls.exists()


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("ExpiredToken", 403, "The AWS credentials have expired (ExpiredToken). Sign in again"),
        ("InvalidClientTokenId", 403, "AWS does not accept the credentials (InvalidClientTokenId)"),
    ],
)
def test_credentials_that_aws_refuses_are_told_apart(clone, code, status, words):
    with peer() as sts:
        sts.behave = _sts(code, status)
        failed, said = deploy(clone, AWS_ENDPOINT_URL_STS=sts.url)
    assert failed != 0
    assert words in said
    assert len(sts.requests) == 1
    assert not clone.calls.exists()


def test_a_missing_sam_is_told_before_aws_is_asked(clone):
    clone.sam.unlink()
    status, said = deploy(clone, **NOBODY)
    assert status != 0
    assert "`sam` was not found. Run `make setup`" in said


def test_missing_parameters_are_named_where_nobody_can_be_asked(clone, moto):
    status, said = deploy(clone, AWS_ENDPOINT_URL=moto)
    assert status != 0
    assert 'deploy.toml lacks AllowedOrigins. Add to it: AllowedOrigins = "…"' in said
    assert not clone.calls.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("AllowedOrigin = 'x'", "`AllowedOrigin` is not a parameter of template.yaml. Did you mean AllowedOrigins?"),
        ("AllowedOrigins = 'app.example.com'", "It must match"),
        ("QuietSeconds = 901", "It must be from 0 to 900."),
        ("RetellAgentBinding = 'all'", "It must be one of own-key, claims, open."),
        ("SubnetIds = ['a']", "It must be a text or a number."),
        ("this is no TOML", "cannot be read as TOML"),
    ],
)
def test_an_impossible_parameter_is_told_before_the_build(clone, moto, line, words):
    clone.file.write_text(line)
    status, said = deploy(clone, AWS_ENDPOINT_URL=moto)
    assert status != 0
    assert words in said
    assert not clone.calls.exists()


def test_complete_parameters_deploy_without_a_question(clone, moto):
    clone.file.write_text(PARAMETERS)
    status, said = deploy(clone, AWS_ENDPOINT_URL=moto)
    assert status == 0, said
    assert "Account 123456789012, region eu-central-1" in said
    build, deployed = clone.calls.read_text().splitlines()
    assert build == "build"
    assert deployed == f"deploy --region eu-central-1 --parameter-overrides {clone.file.as_uri()}"
    assert CfnParameterOverridesType().convert((clone.file.as_uri(),), None, None) == {
        "AllowedOrigins": "https://app.example.com,https://b.example.com",
        "FallbackText": "Sorry, “later”",
    }


def test_another_file_and_stack_deploy_another_environment(clone, moto):
    staging = clone.folder / "deploy.staging.toml"
    staging.write_text(PARAMETERS)
    status, said = deploy(clone, AWS_ENDPOINT_URL=moto, PARAMETERS=str(staging), STACK="staging")
    assert status == 0, said
    assert clone.calls.read_text().endswith(f"{staging.as_uri()} --stack-name staging\n")


def test_the_profile_decides_the_region(clone, moto):
    clone.file.write_text(PARAMETERS)
    config = clone.folder.parent / "config"
    config.write_text("[profile work]\nregion = ca-central-1\n")
    work = {"AWS_REGION": None, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "work"}
    status, said = deploy(clone, AWS_ENDPOINT_URL=moto, **work)
    assert status == 0, said
    assert "--region ca-central-1" in clone.calls.read_text()


def test_a_terminal_is_asked_for_what_has_no_default_only(clone, moto):
    """The answer is kept in a file that git ignores; samconfig.toml stays as it is."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["make", "--no-print-directory", "deploy"],
        cwd=clone.folder,
        env=_environment(clone, AWS_ENDPOINT_URL=moto),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, b"app.example.com\nhttps://app.example.com\n")
    said, _ = process.communicate(timeout=_SECONDS)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, said
    assert said.count("AllowedOrigins. Origins of your frontend") == 2
    assert "It must match" in said
    assert clone.file.read_text().endswith('\nAllowedOrigins = "https://app.example.com"\n')
    subprocess.run(["git", "check-ignore", "--quiet", "deploy.toml"], cwd=clone.folder, check=True)
    assert (clone.folder / "samconfig.toml").read_text() == (ROOT / "samconfig.toml").read_text()


def test_a_failed_build_is_not_deployed(clone, moto):
    clone.file.write_text(PARAMETERS)
    clone.sam.write_text(SAM + "exit 3\n")
    status, said = deploy(clone, AWS_ENDPOINT_URL=moto)
    assert status != 0
    assert "build` failed; its output above says why." in said
    assert clone.calls.read_text() == "build\n"


def test_the_makefile_sets_no_region():
    printed = subprocess.run(
        ["make", "--print-data-base", "--question", "help"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert "SAM_CLI_TELEMETRY" in printed
    assert "AWS_DEFAULT_REGION :" not in printed
    assert "AWS_DEFAULT_REGION =" not in printed


def test_samconfig_never_asks():
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["deploy"]["parameters"]
    assert (settings["confirm_changeset"], settings["fail_on_empty_changeset"]) == (False, False)
    assert "guided" not in json.dumps(settings)
