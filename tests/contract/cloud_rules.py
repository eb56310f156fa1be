"""Security rules for the template as it deploys: checkov's, where it has one, under checkov's ids; and our own.

checkov itself pins versions of boto3 and networkx that exclude ours, and takes a minute per run. Its findings in this
template (version 3.3.30) are all among these rules: the ones that hold elsewhere, and the ones skipped with a reason.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.contract.deployment import Deployment, Json, listed

_SECRET = re.compile(r"secret|token|password|credential|api_?key|private", re.IGNORECASE)
_NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True)
class Finding:
    """One resource that a rule refuses."""

    rule: str
    resource: str

    def matches(self, rule: str, pattern: str) -> bool:
        return self.rule == rule and fnmatchcase(self.resource, pattern)


type Check = Callable[[Deployment], Iterable[str]]
RULES: dict[str, Check] = {}


def findings(deployed: Deployment) -> list[Finding]:
    """Return what the rules refuse in a template."""
    return [Finding(rule, name) for rule, check in RULES.items() for name in check(deployed)]


def _each(rule: str, kind: str) -> Callable[[Callable[[Json], bool]], Callable[[Json], bool]]:
    """Register a rule that the properties of each resource of a type must satisfy."""

    def register(holds: Callable[[Json], bool]) -> Callable[[Json], bool]:
        RULES[rule] = lambda deployed: [name for name, one in deployed.of_type(kind).items() if not holds(one)]
        return holds

    return register


def _over_all(rule: str) -> Callable[[Check], Check]:
    """Register a rule over the whole template; it returns the names of what it refuses."""

    def register(check: Check) -> Check:
        RULES[rule] = check
        return check

    return register


# ── Encryption ───────────────────────────────────────────────────────────────────────────────────────────────────────


@_each("CKV_AWS_27 queues are encrypted", "AWS::SQS::Queue")
def _queue_is_encrypted(queue: Json) -> bool:
    # checkov accepts a customer key only.
    return queue.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in queue


@_over_all("queues refuse plain HTTP")
def _queues_open_to_plain_http(deployed: Deployment) -> Iterator[str]:
    closed = {
        queue["Ref"]
        for policy in deployed.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and (statement["Principal"], statement["Action"]) == ("*", "sqs:*")
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for queue in policy["Queues"]
    }
    yield from deployed.of_type("AWS::SQS::Queue").keys() - closed


@_each("CKV_AWS_7 keys rotate", "AWS::KMS::Key")
def _key_rotates(key: Json) -> bool:
    return key.get("EnableKeyRotation") is True


@_over_all("keys outlive the stack")
def _keys_that_go_with_the_stack(deployed: Deployment) -> Iterator[str]:
    for name, one in deployed.template["Resources"].items():
        if (
            one["Type"] == "AWS::KMS::Key"
            and not one.get("DeletionPolicy") == one.get("UpdateReplacePolicy") == "Retain"
        ):
            yield name


@_each("CKV_AWS_158 log groups have a customer key", "AWS::Logs::LogGroup")
def _log_group_has_a_key(group: Json) -> bool:
    return "KmsKeyId" in group


@_each("CKV_AWS_173 environment variables have a customer key", "AWS::Lambda::Function")
def _environment_has_a_key(function: Json) -> bool:
    return "KmsKeyArn" in function


@_each("CKV_AWS_45 environment variables hold no secrets", "AWS::Lambda::Function")
def _environment_holds_no_secret(function: Json) -> bool:
    variables: Mapping[str, object] = function["Environment"]["Variables"]
    return not any(
        _SECRET.search(name) if isinstance(value, str) else "resolve:" in str(value) or _SECRET.search(_referred(value))
        for name, value in variables.items()
    )


def _referred(value: object) -> str:
    """Return the parameter that a value comes from."""
    return str(value["Ref"]) if isinstance(value, dict) and "Ref" in value else ""


# ── Who may do what ──────────────────────────────────────────────────────────────────────────────────────────────────


def _statements(deployed: Deployment, kind: str) -> Iterator[tuple[str, Json]]:
    for name, one in deployed.of_type(kind).items():
        documents = [policy["PolicyDocument"] for policy in one.get("Policies", [])]
        documents += [one[key] for key in ("PolicyDocument", "KeyPolicy") if key in one]
        for document in documents:
            yield from ((name, statement) for statement in listed(document["Statement"]))


def _allowed(deployed: Deployment) -> Iterator[tuple[str, Json]]:
    """Yield what roles and policies allow."""
    for kind in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        yield from ((name, one) for name, one in _statements(deployed, kind) if one["Effect"] == "Allow")


@_over_all("CKV_AWS_110 no action has a wildcard")
def _wild_actions(deployed: Deployment) -> Iterator[str]:
    for name, one in _allowed(deployed):
        if "NotAction" in one or any("*" in action for action in listed(one["Action"])):
            yield name


@_over_all("CKV_AWS_111 no statement is for all resources")
def _wild_resources(deployed: Deployment) -> Iterator[str]:
    for name, one in _allowed(deployed):
        if "NotResource" in one or any(_is_everything(resource) for resource in listed(one["Resource"])):
            yield f"{name}: {', '.join(sorted(listed(one.get('Action', [])))[:2])}"


def _is_everything(resource: object) -> bool:
    arn = str(resource["Fn::Sub"]) if isinstance(resource, dict) and "Fn::Sub" in resource else str(resource)
    return bool(re.fullmatch(r"\*|arn:[^/]*:\*", arn))


@_each("CKV_AWS_60 only Lambda takes a role", "AWS::IAM::Role")
def _role_is_lambdas(role: Json) -> bool:
    principals = [one["Principal"] for one in role["AssumeRolePolicyDocument"]["Statement"]]
    return all(
        one in ({"Service": "lambda.amazonaws.com"}, {"Service": ["lambda.amazonaws.com"]}) for one in principals
    )


@_each("CKV_AWS_274 a role has no policy of AWS's", "AWS::IAM::Role")
def _role_is_its_own(role: Json) -> bool:
    return not any(isinstance(arn, str) for arn in role.get("ManagedPolicyArns", []))


@_over_all("CKV_AWS_33 no policy of a resource lets everyone in")
def _open_resources(deployed: Deployment) -> Iterator[str]:
    for kind in ("AWS::SQS::QueuePolicy", "AWS::KMS::Key"):
        for name, one in _statements(deployed, kind):
            if one["Effect"] == "Allow" and one["Principal"] in ("*", {"AWS": "*"}):
                yield name


@_each("CKV_AWS_364 an invoker is one resource, or the function URL", "AWS::Lambda::Permission")
def _invoker_is_named(permission: Json) -> bool:
    is_url = permission.get("FunctionUrlAuthType") == "NONE" or permission.get("InvokedViaFunctionUrl") is True
    return "SourceArn" in permission or is_url


@_each("CKV_AWS_258 function URLs ask for IAM", "AWS::Lambda::Url")
def _url_asks_for_iam(url: Json) -> bool:
    return url["AuthType"] == "AWS_IAM"


@_over_all("CKV_AWS_309 routes have an authorizer")
def _open_routes(deployed: Deployment) -> Iterator[str]:
    for name, api in deployed.of_type("AWS::ApiGatewayV2::Api").items():
        operations = [one for methods in api["Body"]["paths"].values() for one in methods.values()]
        if not all(one.get("security") for one in operations):
            yield name


# ── What it leaves behind, and what it can take ──────────────────────────────────────────────────────────────────────


@_each("CKV_AWS_66 logs are deleted in time", "AWS::Logs::LogGroup")
def _log_group_forgets(group: Json) -> bool:
    return "RetentionInDays" in group


@_each("CKV_AWS_50 functions are traced", "AWS::Lambda::Function")
def _function_is_traced(function: Json) -> bool:
    return function.get("TracingConfig", {}).get("Mode") == "Active"


@_each("CKV_AWS_95 the API writes an access log", "AWS::ApiGatewayV2::Stage")
def _stage_logs(stage: Json) -> bool:
    return "DestinationArn" in stage.get("AccessLogSettings", {})


@_each("the API throttles", "AWS::ApiGatewayV2::Stage")
def _stage_throttles(stage: Json) -> bool:
    bounds = stage.get("DefaultRouteSettings", {})
    return all(bounds.get(name, 0) > 0 for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"))


@_each("CKV_AWS_115 functions have reserved concurrency", "AWS::Lambda::Function")
def _function_has_a_limit(function: Json) -> bool:
    return function.get("ReservedConcurrentExecutions", _NO_VALUE) != _NO_VALUE


@_over_all("CKV_AWS_116 a failed event is kept in a dead-letter queue")
def _lost_events(deployed: Deployment) -> Iterator[str]:
    """SQS keeps a consumer's events, and the caller of a route sees the failure: only schedules are asynchronous."""
    for folder in deployed.schedules:
        if "DeadLetterConfig" not in deployed.functions[folder]:
            yield deployed.logical_ids[folder]
    for folder, source in deployed.sources.items():
        queue = deployed.of_type("AWS::SQS::Queue")[source["EventSourceArn"]["Fn::GetAtt"][0]]
        if "RedrivePolicy" not in queue:
            yield deployed.logical_ids[folder]
