"""docs/deploy.md, carried out: its snippets, its tables and its links."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from connector import auth
from tests.integration.deployment import JWT_KEY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
AWS = """#!/usr/bin/env python3
import json, os, sys
arguments = sys.argv[1:]
if arguments[:2] == ["cloudformation", "describe-stacks"]:
    print("key-1")
else:
    value = arguments[arguments.index("--value") + 1]
    if value.startswith("file://"):
        value = open(value.removeprefix("file://")).read()
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps({"arguments": arguments, "value": value}) + "\\n")
"""

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def snippets(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_signing_snippets_token_is_accepted(deployment):
    (snippet,) = snippets("python")
    names = {}
    exec(snippet, names)
    token = names["connector_token"](JWT_KEY, "user_1", "sub_1")
    assert deployment.call("GET", "status", token=token)[0] == 200


def test_the_secrets_are_created_without_a_value_in_an_argument(tmp_path):
    """`aws` is a recorder; the answers are typed at a terminal."""
    (snippet,) = [one for one in snippets("sh") if "put-parameter" in one]
    recorder = tmp_path / "aws"
    recorder.write_text(AWS)
    recorder.chmod(0o755)
    (tmp_path / "app-secrets.json").write_text('{"appSecrets": ["typed"]}')
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["/bin/sh", "-eu", "-c", snippet],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), "TMPDIR": str(tmp_path)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, b"mongodb+srv://u:p%40ss@c/db\nkey_retell\n")
    output, _ = shell.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert shell.returncode == 0, output
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    stored = {call["arguments"][call["arguments"].index("--name") + 1]: call["value"] for call in calls}
    assert stored["/instagram-connector/mongodb-uri"] == "mongodb+srv://u:p%40ss@c/db"
    assert stored["/instagram-connector/retell-api-key"] == "key_retell"
    assert len(json.loads(stored["/instagram-connector/jwt"])["keys"][0]) >= 32
    assert json.loads(stored["/instagram-connector/app-secrets"]) == {"appSecrets": ["typed"]}
    said = output + json.dumps([call["arguments"] for call in calls])
    assert not [value for value in stored.values() if value.strip() in said]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app-secrets.json", "aws", "calls"]


def test_each_reason_of_a_refused_token_is_explained():
    source = Path(auth.__file__).read_text()
    reasons = {*auth._REASONS.values(), *re.findall(r'_refused\("([a-z_]+)', source)} | {"malformed", "missing_claim"}
    section = PAGE.partition("| `reason` | means |")[2].partition("\n\n")[0]
    assert sorted(reasons) == sorted(
        {name.partition(":")[0] for name in re.findall(r"`([a-z_]+(?::…)?)`", section)}
        - {"exp", "iat", "nbf", "kid", "keys", "jwt"}
    )


@pytest.mark.parametrize("page", ["README.md", "docs/deploy.md", "docs/decisions.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text)
    assert targets
    for name, anchor in targets:
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), name
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{name}#{anchor}"
