"""template.yaml, read for one machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.errors import CannotStart
from local.template import Function, read_template

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Colour": {"Default": "red"}},
    "Globals": {"Function": {"Timeout": 15, "Environment": {"Variables": {"SHARED": "yes"}}}},
}


def read_function(folder: Path, **properties: Any) -> tuple[Function, dict[str, str]]:
    """The one function of a template, and its environment."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "functions/sweep/", **properties}}
    path = folder / "template.yaml"
    path.write_text(json.dumps({**TEMPLATE, "Resources": {"SweepFunction": function}}))
    template = read_template(path)
    return template.functions[0], template.environment(template.functions[0], {})


def scheduled(folder: Path, kind: str = "ScheduleV2", **properties: Any) -> Function:
    events = {"Every": {"Type": kind, "Properties": properties}}
    return read_function(folder, Events=events)[0]


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(1 hour)", 3600),
        ("rate(12 hours)", 43200),
        ("rate(1 day)", 86400),
        ("rate(7 days)", 604800),
    ],
)
def test_a_rate_is_read_in_seconds(tmp_path, rate, seconds):
    (schedule,) = scheduled(tmp_path, ScheduleExpression=rate).schedules

    assert (schedule.name, schedule.seconds, schedule.input) == ("sweep-Every", seconds, None)


def test_the_older_kind_of_schedule_is_read_too_and_so_is_its_input(tmp_path):
    (schedule,) = scheduled(tmp_path, "Schedule", Schedule="rate(2 minutes)", Input='{"a": 1}').schedules

    assert (schedule.seconds, schedule.input, schedule.is_rule) == (120, '{"a": 1}', True)


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        ("ScheduleV2", {"State": "DISABLED"}),
        ("Schedule", {"State": "DISABLED"}),
        ("Schedule", {"Enabled": False}),
    ],
)
def test_a_schedule_that_is_off_is_none(tmp_path, kind, off):
    assert (
        scheduled(tmp_path, kind, ScheduleExpression="rate(1 minute)", Schedule="rate(1 minute)", **off).schedules == ()
    )


@pytest.mark.parametrize(
    "expression", ["cron(0 12 * * ? *)", "rate(0 minutes)", "rate(90 seconds)", "rate(1minute)", ""]
)
def test_any_other_schedule_keeps_the_system_from_starting_with_a_sentence(tmp_path, expression):
    with pytest.raises(CannotStart, match=r"The schedule sweep-Every is “.*”\. Only rates run on this machine"):
        scheduled(tmp_path, ScheduleExpression=expression)


def test_a_function_needs_neither_routes_nor_a_queue_nor_variables_of_its_own(tmp_path):
    function, environment = read_function(tmp_path)

    assert (function.name, function.timeout_seconds) == ("sweep", 15)
    assert (function.routes, function.source, function.schedules) == ((), None, ())
    assert environment == {"SHARED": "yes"}


def test_the_projects_own_template_can_be_read():
    names = {function.name for function in read_template().functions}

    assert {"webhook", "ingest", "reply"} <= names
