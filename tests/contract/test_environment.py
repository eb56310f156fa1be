"""The functions' environment: what the code reads is declared, and nothing else is."""

import os
import re

import pytest

from connector import settings
from tests.contract.deployment import FOLDERS, ROOT
from tests.contract.reach import settings_of

POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
SHARED = POWERTOOLS | {"PARAMETER_PREFIX"}

each_function = pytest.mark.parametrize("folder", FOLDERS)


class Recorded(dict[str, str]):
    """An environment in which everything is set, and that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str:
        self.asked.add(key)
        return "1"

    __getitem__ = get


@pytest.fixture
def variables_of(monkeypatch):
    """Tells which variables a function of `connector.settings` reads, by calling it."""

    def variables(name: str) -> set[str]:
        recorded = Recorded()
        with monkeypatch.context() as patched:
            patched.setattr(os, "environ", recorded)
            getattr(settings, name)()
        return recorded.asked

    return variables


@each_function
def test_a_function_is_given_every_variable_it_can_read_and_no_other(deployed, variables_of, folder):
    reached = settings_of(ROOT / "functions" / folder / "app.py")
    read = {variable for name in reached for variable in variables_of(name)}

    assert set(deployed.variables(folder)) == read | SHARED


def test_the_walk_finds_what_is_read_on_import_and_what_is_read_late_and_no_more():
    apps = {folder: settings_of(ROOT / "functions" / folder / "app.py") for folder in FOLDERS}

    assert apps["webhook"] == {"parameter_prefix", "inbox_queue_url"}
    assert apps["messages"] == {"parameter_prefix"}, "the turn queue stands in the same module as what messages uses"
    assert {"turn_queue_url", "graph_hosts", "retell_url"} <= apps["reply"]


def test_each_setting_is_read_by_some_function():
    public = {name for name in vars(settings) if not name.startswith("_") and callable(getattr(settings, name))}
    of_settings = {name for name in public if getattr(settings, name).__module__ == settings.__name__}

    read = {name for folder in FOLDERS for name in settings_of(ROOT / "functions" / folder / "app.py")}
    assert of_settings == read


def test_all_functions_share_the_prefix_of_their_parameters_and_the_settings_of_their_logs(deployed):
    for folder in FOLDERS:
        variables = deployed.variables(folder)
        assert variables["PARAMETER_PREFIX"] == {"Fn::Sub": "/${AWS::StackName}"}, folder
        assert variables["POWERTOOLS_SERVICE_NAME"] == folder
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "InstagramConnector", folder
        assert variables["POWERTOOLS_LOG_LEVEL"] == "INFO", f"{folder}: below it, logs may hold customers' words"


@each_function
def test_no_variable_holds_a_secret(deployed, folder):
    # Whoever may see a function's configuration sees its variables.
    for name, value in deployed.variables(folder).items():
        if name != "SECRETS_KEY_ID":  # the key's name, not the key
            assert not re.search(r"SECRET|TOKEN|PASSWORD|MONGODB|API_KEY|PRIVATE", name), name
        assert "{{resolve:" not in str(value), f"{name} would be written out into the configuration"
        referred = value.get("Ref") if isinstance(value, dict) else None
        parameter = deployed.template["Parameters"].get(referred, {})
        assert not parameter.get("NoEcho"), f"{name} comes from a parameter that is a secret"
