"""template.yaml, read for what one machine needs of it: functions, routes, queues, schedules.

They are listed nowhere else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cors import Cors
from local.errors import CannotStart

ROOT = Path(__file__).resolve().parent.parent

_RATE = re.compile(r"rate\((?P<number>[1-9][0-9]*) (?P<unit>minute|hour|day)s?\)")
_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Source:
    """A queue that feeds a function."""

    queue: str
    batch_size: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A clock that invokes a function."""

    name: str
    seconds: float
    """From one invocation to the next."""
    input: str | None = None
    """The event, as JSON. Without it AWS makes one up."""
    is_rule: bool = False
    """Whether it is a rule of EventBridge (SAM's `Schedule`), and not of EventBridge Scheduler (`ScheduleV2`)."""


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function."""

    name: str
    """The folder's name."""
    folder: Path
    timeout_seconds: int
    environment: Mapping[str, Any]
    """As in the template: values may be references."""
    routes: tuple[Route, ...]
    source: Source | None
    schedules: tuple[Schedule, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """One SQS queue."""

    name: str
    visibility_seconds: int
    dead_letters: str | None
    max_receives: int


@dataclass(frozen=True, slots=True)
class Template:
    """What template.yaml declares."""

    parameters: Mapping[str, str]
    functions: tuple[Function, ...]
    queues: tuple[Queue, ...]
    cors: Mapping[str, Any]
    """What the API's `CorsConfiguration` says where there are allowed origins."""

    def cors_for(self, origins: str) -> Cors | None:
        """Return the API's CORS rules for these origins, comma-separated; None without any, as the template says."""
        if not origins:
            return None
        return Cors(
            frozenset(origins.split(",")),
            tuple(self.cors["AllowMethods"]),
            tuple(self.cors["AllowHeaders"]),
            tuple(self.cors["ExposeHeaders"]),
            self.cors["MaxAge"],
        )

    def environment(self, function: Function, values: Mapping[str, str]) -> dict[str, str]:
        """Return a function's environment. `values` stand for parameters and resources, by name."""
        return {name: _resolve(value, {**self.parameters, **values}) for name, value in function.environment.items()}


def read_template(path: Path = ROOT / "template.yaml") -> Template:
    """Read the template.

    Raises:
        CannotStart: a schedule is written in a way that is not understood here.
    """
    from samtranslator.yaml_helper import yaml_parse  # slow to import, and only this process needs it

    document: dict[str, Any] = yaml_parse(path.read_text())
    shared = document["Globals"]["Function"]
    resources: dict[str, Any] = document["Resources"]
    return Template(
        parameters={name: str(one["Default"]) for name, one in document["Parameters"].items()},
        functions=tuple(
            _function(one["Properties"], shared)
            for one in resources.values()
            if one["Type"] == "AWS::Serverless::Function"
        ),
        queues=tuple(
            _queue(name, one["Properties"]) for name, one in resources.items() if one["Type"] == "AWS::SQS::Queue"
        ),
        cors=_cors(resources),
    )


def read_parameters(path: Path = ROOT / "template.yaml") -> dict[str, dict[str, Any]]:
    """Return the template's parameters, each as it is declared, by name."""
    from samtranslator.yaml_helper import yaml_parse

    parameters: dict[str, dict[str, Any]] = yaml_parse(path.read_text())["Parameters"]
    return parameters


def _cors(resources: dict[str, Any]) -> dict[str, Any]:
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::HttpApi":
            _, rules, _ = resource["Properties"]["CorsConfiguration"]["Fn::If"]
            return dict(rules)
    return {}


def _function(properties: dict[str, Any], shared: dict[str, Any]) -> Function:
    folder = ROOT / properties["CodeUri"]
    events: dict[str, dict[str, Any]] = properties.get("Events", {})
    variables = properties.get("Environment", {}).get("Variables", {})
    sources = [event["Properties"] for event in events.values() if event["Type"] == "SQS"]
    return Function(
        name=folder.name,
        folder=folder,
        timeout_seconds=properties.get("Timeout", shared["Timeout"]),
        environment=shared["Environment"]["Variables"] | variables,
        routes=tuple(
            Route(event["Properties"]["Method"], event["Properties"]["Path"])
            for event in events.values()
            if event["Type"] == "HttpApi"
        ),
        source=Source(_name(sources[0]["Queue"]), sources[0]["BatchSize"], concurrency=4) if sources else None,
        schedules=tuple(
            _schedule(f"{folder.name}-{name}", event["Properties"], is_rule=event["Type"] == "Schedule")
            for name, event in events.items()
            if event["Type"] in {"Schedule", "ScheduleV2"} and _is_on(event["Properties"])
        ),
    )


def _schedule(name: str, properties: dict[str, Any], *, is_rule: bool) -> Schedule:
    expression = properties["Schedule" if is_rule else "ScheduleExpression"]
    rate = _RATE.fullmatch(str(expression))
    if rate is None:
        raise CannotStart(
            f"The schedule {name} is “{expression}”. Only rates run on this machine: write it as rate(5 minutes), "
            "rate(1 hour) or rate(2 days)."
        )
    return Schedule(name, int(rate["number"]) * _UNIT_SECONDS[rate["unit"]], properties.get("Input"), is_rule)


def _is_on(schedule: dict[str, Any]) -> bool:
    return schedule.get("Enabled", True) is not False and schedule.get("State") != "DISABLED"


def _queue(name: str, properties: dict[str, Any]) -> Queue:
    redrive = properties.get("RedrivePolicy", {})
    return Queue(
        name=name,
        visibility_seconds=properties.get("VisibilityTimeout", 30),
        dead_letters=_name(redrive["deadLetterTargetArn"]) if redrive else None,
        max_receives=redrive.get("maxReceiveCount", 0),
    )


def _resolve(value: Any, values: Mapping[str, str]) -> str:
    match value:
        case {"Ref": str(name)}:
            return values[name]
        case {"Fn::GetAtt": _}:
            return values[_name(value)]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:.]+)}", lambda form: values[form[1]], text)
        case _:
            return str(value)


def _name(reference: dict[str, Any]) -> str:
    """Return `Inbox` of `!GetAtt Inbox.Arn`."""
    target = reference["Fn::GetAtt"]
    return str(target[0] if isinstance(target, list) else target.partition(".")[0])
