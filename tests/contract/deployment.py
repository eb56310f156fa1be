"""template.yaml as CloudFormation sees it, and questions about it."""

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

type Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
"""One folder is one function."""


class _NoManagedPolicies(ManagedPolicyLoader):
    """The names of AWS's managed policies, which SAM would ask an account for. Only what SAM insists on is here."""

    def __init__(self) -> None:
        self._map = {
            name: f"arn:aws:iam::aws:policy/service-role/{name}"
            for name in ("AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole", "AWSXRayDaemonWriteAccess")
        }

    def load(self) -> dict[str, str]:
        return self._map


@dataclass(frozen=True)
class Deployment:
    """The template in both forms."""

    source: Json
    """As it is written."""
    template: Json
    """As it deploys."""

    def of_type(self, kind: str) -> dict[str, Json]:
        """Return the properties of the resources of one type, by logical id."""
        resources = self.template["Resources"]
        return {name: one.get("Properties", {}) for name, one in resources.items() if one["Type"] == kind}

    @functools.cached_property
    def logical_ids(self) -> dict[str, str]:
        """The function of each folder."""
        return {
            Path(one["Properties"]["CodeUri"]).name: name
            for name, one in self.source["Resources"].items()
            if one["Type"] == "AWS::Serverless::Function"
        }

    @functools.cached_property
    def functions(self) -> dict[str, Json]:
        """The properties of each folder's function."""
        by_id = self.of_type("AWS::Lambda::Function")
        return {folder: by_id[name] for folder, name in self.logical_ids.items()}

    @functools.cached_property
    def routes(self) -> dict[tuple[str, str], str]:
        """The folder behind each (method, path) of the HTTP API."""
        (api,) = self.of_type("AWS::ApiGatewayV2::Api").values()
        folders = {name: folder for folder, name in self.logical_ids.items()}
        found: dict[tuple[str, str], str] = {}
        for path, methods in api["Body"]["paths"].items():
            for method, operation in methods.items():
                uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                found[method.upper(), path] = folders[uri.rpartition("${")[2].partition(".Arn}")[0]]
        return found

    @functools.cached_property
    def sources(self) -> dict[str, Json]:
        """The event source mapping of each folder that has one."""
        folders = {name: folder for folder, name in self.logical_ids.items()}
        return {
            folders[one["FunctionName"]["Ref"]]: one for one in self.of_type("AWS::Lambda::EventSourceMapping").values()
        }

    @functools.cached_property
    def schedules(self) -> dict[str, str]:
        """When each folder runs that a clock invokes."""
        folders = {name: folder for folder, name in self.logical_ids.items()}
        return {
            folders[named(target["Arn"])]: rule["ScheduleExpression"]
            for rule in self.of_type("AWS::Events::Rule").values()
            for target in rule["Targets"]
        }

    def role_id(self, folder: str) -> str:
        """Return the logical id of a function's role."""
        return named(self.functions[folder]["Role"])

    def statements(self, folder: str) -> Iterator[Json]:
        """Yield what a function's role says."""
        role = self.of_type("AWS::IAM::Role")[self.role_id(folder)]
        for policy in role["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]

    def variables(self, folder: str) -> dict[str, Any]:
        """Return a function's environment, as declared."""
        return dict(self.functions[folder]["Environment"]["Variables"])

    def allowed(self, folder: str, *actions: str) -> list[Any]:
        """Return the resources on which a function's role allows any of these actions."""
        return [
            resource
            for statement in self.statements(folder)
            if set(actions) & set(listed(statement["Action"]))
            for resource in listed(statement["Resource"])
        ]

    def parameters(self, folder: str, *actions: str) -> set[str]:
        """Return the SSM names, below the stack's prefix, on which a function's role allows any of these actions."""
        prefix = (
            "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}/"  # of this stack
        )
        arns = [one["Fn::Sub"] if isinstance(one, dict) else one for one in self.allowed(folder, *actions)]
        foreign = [arn for arn in arns if not arn.startswith(prefix)]
        assert not foreign, f"{folder} may touch parameters outside its stack: {foreign}"
        return {arn.removeprefix(prefix) for arn in arns}

    def queues(self, folder: str, *actions: str) -> set[str]:
        """Return the queues on which a function's role allows any of these actions."""
        return {named(resource) for resource in self.allowed(folder, *actions)}

    def with_change(self, resource: str, name: str, value: Any) -> "Deployment":
        """Return a deployment in which one property of one resource is another, to see a check fail."""
        changed = copy.deepcopy(self.template)
        changed["Resources"][resource]["Properties"][name] = value
        return Deployment(self.source, changed)

    def without(self, resource: str, name: str) -> "Deployment":
        """Return a deployment that lacks one property of one resource, to see a check fail."""
        changed = copy.deepcopy(self.template)
        del changed["Resources"][resource]["Properties"][name]
        return Deployment(self.source, changed)

    @property
    def text(self) -> str:
        """The template as it deploys, as JSON."""
        return json.dumps(self.template)


@functools.cache
def deployment() -> Deployment:
    """Read and transform template.yaml, without AWS."""
    text = (ROOT / "template.yaml").read_text()
    serverless = yaml_parse(text)
    for one in serverless["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & one.get("Properties", {}).keys():
            one["Properties"][name] = {"Bucket": "bucket", "Key": "key"}  # as `sam deploy` leaves it
    return Deployment(yaml_parse(text), transform(serverless, {}, _NoManagedPolicies()))


def listed(value: Any) -> list[Any]:
    """Return a list: IAM takes one thing for a list of one."""
    return value if isinstance(value, list) else [value]


def named(reference: Mapping[str, Any]) -> str:
    """Return the logical id in a `Ref`, or in a `GetAtt` of an ARN."""
    if "Ref" in reference:
        return str(reference["Ref"])
    name, attribute = reference["Fn::GetAtt"]
    assert attribute == "Arn", f"{reference} is no ARN"
    return str(name)
