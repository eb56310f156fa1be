"""template.yaml, read for what one machine needs of it: functions, routes, queues. They are listed nowhere else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


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

    def environment(self, function: Function, values: Mapping[str, str]) -> dict[str, str]:
        """Return a function's environment. `values` stand for parameters and resources, by name."""
        return {name: _resolve(value, {**self.parameters, **values}) for name, value in function.environment.items()}


def read_template(path: Path = ROOT / "template.yaml") -> Template:
    """Read the template."""
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
    )


def _function(properties: dict[str, Any], shared: dict[str, Any]) -> Function:
    folder = ROOT / properties["CodeUri"]
    events = list(properties["Events"].values())
    sources = [event["Properties"] for event in events if event["Type"] == "SQS"]
    return Function(
        name=folder.name,
        folder=folder,
        timeout_seconds=properties.get("Timeout", shared["Timeout"]),
        environment=shared["Environment"]["Variables"] | properties["Environment"]["Variables"],
        routes=tuple(
            Route(event["Properties"]["Method"], event["Properties"]["Path"])
            for event in events
            if event["Type"] == "HttpApi"
        ),
        source=Source(_name(sources[0]["Queue"]), sources[0]["BatchSize"], concurrency=4) if sources else None,
    )


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
