"""What a function's role allows: IAM's evaluation of template.yaml's statements, for the calls that functions make.

AWS, "Policy evaluation logic": a call is allowed where a statement with `Allow` matches its action, resource and
conditions, and none with `Deny` does. A SecureString parameter is decrypted or encrypted by KMS with the function's own
permissions (AWS, "Securing parameters"), so that such a call is two. A standard parameter is encrypted by `Encrypt`, an
advanced one under a data key of `GenerateDataKey` (AWS, "KMS encryption for Parameter Store SecureString parameters").
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from local.template import ROOT

type Json = dict[str, Any]

REGION, ACCOUNT = "eu-central-1", "123456789012"
_PSEUDO: dict[str, str] = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}

# The operations that have no action of their own (AWS, "Actions, resources, and condition keys for Amazon SQS").
_BATCHES = {name: name.removesuffix("Batch") for name in ("SendMessageBatch", "DeleteMessageBatch")}
_BATCHES["ChangeMessageVisibilityBatch"] = "ChangeMessageVisibility"


@dataclass(frozen=True, slots=True)
class Call:
    """One action on one resource."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()
    """The condition keys that AWS sets, with their values."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One action on one pattern of resources, as a statement of a role allows it."""

    function: str
    statement: str
    action: str
    resource: str


@dataclass(frozen=True)
class Role:
    """The statements of one function's role, with every reference replaced."""

    function: str
    statements: tuple[Json, ...] = field(hash=False)

    @cached_property
    def permissions(self) -> tuple[Permission, ...]:
        """Return what it allows."""
        return tuple(
            Permission(self.function, one["Sid"], action, resource)
            for one in self.statements
            if one["Effect"] == "Allow"
            for action in _listed(one["Action"])
            for resource in _listed(one["Resource"])
        )

    def permits(self, call: Call) -> Permission | None:
        """Return the permission that a call uses, or None where AWS would refuse it."""
        found = None
        for one in self.statements:
            action = next(
                (each for each in _listed(one["Action"]) if _matches(each.lower(), call.action.lower())), None
            )
            resource = next((each for each in _listed(one["Resource"]) if _matches(each, call.resource)), None)
            if action is None or resource is None or not _meets(one.get("Condition", {}), dict(call.context)):
                continue
            if one["Effect"] == "Deny":
                return None
            found = found or Permission(self.function, one["Sid"], action, resource)
        return found


def calls_of(service: str, operation: str, parameters: Mapping[str, Any], key: str) -> list[Call]:
    """Return the calls that AWS authorises for one call of a client. `key` is the KMS key of the parameters.

    Raises:
        LookupError: it is not known here how AWS authorises this operation.
    """
    action = f"{service}:{_BATCHES.get(operation, operation)}"
    if service == "sqs":
        return [Call(action, queue_arn(str(parameters["QueueUrl"]).rpartition("/")[2]))]
    match operation:
        case "GetParameter" | "GetParametersByPath":
            names = [parameters.get("Name") or parameters["Path"]]
        case "PutParameter":
            names = [parameters["Name"]]
        case "DeleteParameters" | "GetParameters":
            names = parameters["Names"]
        case _:
            raise LookupError(f"local/roles.py does not say how AWS authorises {service}:{operation}.")
    arns = [_parameter_arn(name) for name in names]
    calls = [Call(action, arn) for arn in arns]
    if parameters.get("WithDecryption"):
        calls += [_of_kms("kms:Decrypt", key, arn) for arn in arns]
    if parameters.get("Type") == "SecureString":
        # Named by its ARN or its alias; any other key, or none (AWS's own), is none that the role names.
        used = str(parameters.get("KeyId", "alias/aws/ssm"))
        tier = parameters.get("Tier", "Standard")
        # With intelligent tiering, the number of parameters decides which of the two SSM calls.
        calls += [_of_kms("kms:Encrypt", used, arn) for arn in arns if tier != "Advanced"]
        calls += [_of_kms("kms:GenerateDataKey", used, arn) for arn in arns if tier != "Standard"]
    return calls


def queue_arn(name: str) -> str:
    """Return the ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def roles_of(resources: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Role]:
    """Return the role of each function, by the function's folder. `values` stand for `Ref`s, and for ARNs by name."""
    return {
        str(one["Properties"]["CodeUri"]).rstrip("/").rpartition("/")[2]: _role_of(one, resources, values)
        for one in resources.values()
        if one["Type"] == "AWS::Serverless::Function"
    }


@cache
def resources_of_template() -> Mapping[str, Any]:
    """Return the resources of template.yaml."""
    from samtranslator.yaml_helper import yaml_parse  # slow to import

    resources: Mapping[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    return resources


def _role_of(function: Json, resources: Mapping[str, Any], values: Mapping[str, str]) -> Role:
    folder = str(function["Properties"]["CodeUri"]).rstrip("/").rpartition("/")[2]
    role = resources[_name(function["Properties"]["Role"])]["Properties"]
    statements = [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]
    return Role(folder, tuple(resolved(one, values) for one in statements))


def resolved(value: Any, values: Mapping[str, str]) -> Any:
    """Return a part of a template with every reference replaced."""
    match value:
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:.]+)}", lambda form: {**_PSEUDO, **values}[form[1]], text)
        case {"Fn::GetAtt": _} | {"Ref": _}:
            name = _name(value)
            return values.get(name, f"arn of {name}")
        case dict():
            return {name: resolved(one, values) for name, one in value.items()}
        case list():
            return [resolved(one, values) for one in value]
        case _:
            return value


def _name(reference: Mapping[str, Any]) -> str:
    target = reference.get("Ref") or reference["Fn::GetAtt"]
    return str(target[0] if isinstance(target, list) else str(target).partition(".")[0])


def _parameter_arn(name: str) -> str:
    """Return a parameter's ARN, which has no version."""
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name.partition(':')[0]}"


def _of_kms(action: str, key: str, parameter_arn: str) -> Call:
    context = {
        "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
        "kms:EncryptionContext:PARAMETER_ARN": parameter_arn,
        "kms:EncryptionContextKeys": "PARAMETER_ARN",
    }
    return Call(action, key, tuple(context.items()))


def _meets(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    return all(
        name in context and any(_TESTS[operator](str(wanted), context[name]) for wanted in _listed(allowed))
        for operator, tests in conditions.items()
        for name, allowed in tests.items()
    )


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern), re.DOTALL)


def _matches(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _matches,
    "ArnLike": _matches,
    "ArnEquals": _matches,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}


def _listed(value: Any) -> Iterable[str]:
    return value if isinstance(value, list) else [value]
