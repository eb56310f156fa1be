"""What the project takes from others: pinned by hash, listed in the bill of materials, kept up to date."""

import json
import re

import pytest
import yaml
from packaging.utils import canonicalize_name

from local import sbom
from tests.contract.deployment import ROOT

PINS = {
    "layer": ROOT / "layers" / "connector" / "requirements.txt",
    "dev": ROOT / "requirements-dev.txt",
}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BUILT_IN_EXPRESSIONS = {"github.ref"}


def pins(name):
    """Return the pinned versions, each with its hashes."""
    text = PINS[name].read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = {}
    for line in lines:
        pin = re.match(r"([\w.-]+)==([\w.]+) ", line)
        assert pin, f"not pinned: {line[:60]}"
        found[pin[1]] = (pin[2], frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)))
    return found


# ── Pins ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", PINS)
def test_every_requirement_is_pinned_with_hashes(name):
    assert [package for package, (_, hashes) in pins(name).items() if not hashes] == []


def test_the_layer_ships_the_versions_that_the_tests_run_with():
    assert pins("layer").items() <= pins("dev").items()


# ── The bill of materials ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_bill_of_materials_is_that_of_the_pins():
    assert sbom.PATH.read_text("utf-8") == sbom.text(), "run `make sbom`"


def test_the_bill_lists_what_the_layer_ships(artifacts):
    listed = {(one["name"], one["version"]) for one in json.loads(sbom.text())["components"]}

    shipped = {
        (canonicalize_name(name), version)
        for path in (artifacts.deployed_layer / "python").glob("*.dist-info")
        for name, version in [path.name.removesuffix(".dist-info").split("-")]
    }
    assert shipped == listed


def test_the_bill_leaves_out_what_is_for_other_platforms():
    names = {one.name for one in sbom.shipped(PINS["layer"].read_text())}

    assert "colorama" in pins("layer"), "take another pin with a marker for Windows"
    assert "colorama" not in names
    assert "cffi" in names


def test_every_package_of_the_bill_depends_on_listed_packages_only():
    bill = json.loads(sbom.text())
    references = {one["bom-ref"] for one in bill["components"]}
    project = bill["metadata"]["component"]["bom-ref"]

    wanted = {one["ref"]: set(one["dependsOn"]) for one in bill["dependencies"]}
    assert wanted.keys() == references | {project}
    assert set.union(*wanted.values()) == references, "a package that nothing depends on"


def test_a_line_that_is_no_pin_is_not_left_out_of_the_bill():
    with pytest.raises(ValueError, match="requests>=2"):
        sbom.text("requests>=2\n")


# ── Updates and CI ───────────────────────────────────────────────────────────────────────────────────────────────────


def unpinned(workflow):
    """Return the actions of a workflow that are not pinned to a commit with its version beside it."""
    lines = [line.strip() for line in workflow.splitlines() if re.match(r"\s*(- )?uses:", line)]
    pinned = r"(- )?uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    return [line for line in lines if not re.fullmatch(pinned, line)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path):
    assert "uses:" in path.read_text()
    assert unpinned(path.read_text()) == []


@pytest.mark.parametrize("use", ["actions/checkout@v6", "actions/checkout@de0fac2 # v6.0.2", "docker://alpine:3"])
def test_an_action_without_a_commit_is_found(use):
    assert unpinned(f"    steps:\n      - uses: {use}\n") == [f"- uses: {use}"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_can_only_read_and_knows_no_secret(path):
    text = path.read_text()
    workflow = yaml.load(text, yaml.BaseLoader)

    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert [step["with"] for step in checkouts] == [{"persist-credentials": "false"}]
    # A fork's pull request runs without secrets, unless the trigger is `pull_request_target`.
    assert set(workflow["on"]) <= {"push", "pull_request"}
    assert set(re.findall(r"\$\{\{\s*([\w.]+)\s*}}", text)) <= BUILT_IN_EXPRESSIONS
    assert text.count("${{") == len(re.findall(r"\$\{\{\s*[\w.]+\s*}}", text))


def test_a_workflow_runs_the_gate_on_the_python_that_deploys():
    workflow = yaml.load((ROOT / ".github" / "workflows" / "check.yml").read_text(), yaml.BaseLoader)
    (job,) = workflow["jobs"].values()

    assert job["steps"][-1] == {"run": "make check"}
    assert {"python-version": "3.13"} in [step.get("with") for step in job["steps"]]


def test_the_updater_watches_every_pin():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]

    watched = {one["package-ecosystem"]: one.get("directories", [one.get("directory")]) for one in updates}
    folders = ["/" + str(path.parent.relative_to(ROOT)).removeprefix(".") for path in PINS.values()]
    assert watched == {"pip": sorted(folders), "github-actions": ["/"]}
