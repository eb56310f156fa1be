"""The template satisfies the security rules of cloud_rules.py; each exception is listed here with its reason."""

from dataclasses import replace

import pytest

from tests.contract.cloud_rules import RULES, findings

_NEXT_RUN = "invoked by its schedule, which takes no events: the next run does the work of a failed one"
_ONE_RUN = "invoked by its schedule only, one run at a time"

# (rule, resource) → why it is accepted.
SKIPS = {
    ("CKV_AWS_158 log groups have a customer key", "*Logs"): (
        "AWS encrypts log groups with a key of its own, and logs hold no secrets and nothing that customers wrote"
    ),
    ("CKV_AWS_173 environment variables have a customer key", "*Function"): (
        "AWS encrypts them with a key of its own, and CKV_AWS_45 shows that they hold no secrets"
    ),
    ("CKV_AWS_111 no statement is for all resources", "*Role: xray:PutTelemetryRecords, xray:PutTraceSegments"): (
        "X-Ray has no resources that a statement could name"
    ),
    ("CKV_AWS_111 no statement is for all resources", "NetworkInterfacesPolicy*"): (
        "only in a VPC: Lambda makes network interfaces, whose ids nobody knows before"
    ),
    ("CKV_AWS_258 function URLs ask for IAM", "WebhookFunctionUrl"): (
        "Meta cannot sign with IAM: the HMAC of the body is verified before it is parsed"
    ),
    ("CKV_AWS_309 routes have an authorizer", "Api"): (
        "each function verifies the JWT: API Gateway's authorizer takes no HS256, and Meta's callbacks carry no JWT"
    ),
    ("CKV_AWS_115 functions have reserved concurrency", "IngestFunction"): "MaximumConcurrency of its queue limits it",
    ("CKV_AWS_115 functions have reserved concurrency", "ReplyFunction"): "MaximumConcurrency of its queue limits it",
    **{
        ("CKV_AWS_115 functions have reserved concurrency", name): _ONE_RUN
        for name in ("SweepFunction", "RefreshFunction", "CompareFunction", "EraseFunction")
    },
    ("CKV_AWS_115 functions have reserved concurrency", "IndexesFunction"): "only the operator invokes it, for one run",
    **{
        ("CKV_AWS_116 a failed event is kept in a dead-letter queue", name): _NEXT_RUN
        for name in ("SweepFunction", "RefreshFunction", "CompareFunction", "EraseFunction")
    },
}

_OPEN = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}


def _policies(statement):
    return [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow"} | statement}}]


def _changed(resource, name, value):
    return lambda deployed: deployed.with_change(resource, name, value)


def _without(resource, name):
    return lambda deployed: deployed.without(resource, name)


def _with_key_deleted(deployed):
    resources = deployed.template["Resources"]
    key = resources["SecretsKey"] | {"DeletionPolicy": "Delete"}
    return replace(deployed, template=deployed.template | {"Resources": resources | {"SecretsKey": key}})


# For each rule without a finding in the template: a change that it must find.
BREACHES = {
    "CKV_AWS_27": _changed("TurnQueue", "SqsManagedSseEnabled", False),
    "queues refuse plain HTTP": _changed("QueuesOverTlsOnly", "Queues", []),
    "CKV_AWS_7": _changed("SecretsKey", "EnableKeyRotation", False),
    "keys outlive the stack": _with_key_deleted,
    "CKV_AWS_45": _changed("SendFunction", "Environment", {"Variables": {"RETELL_API_KEY": "key_1"}}),
    "CKV_AWS_110": _changed("SendRole", "Policies", _policies({"Action": "ssm:Get*", "Resource": "arn:aws:ssm:::a"})),
    "CKV_AWS_111": _changed("SendRole", "Policies", _policies({"Action": "ssm:GetParameter", "Resource": "*"})),
    "CKV_AWS_60": _changed("SendRole", "AssumeRolePolicyDocument", {"Statement": [{"Principal": {"AWS": "*"}}]}),
    "CKV_AWS_274": _changed("SendRole", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    "CKV_AWS_33": _changed("QueuesOverTlsOnly", "PolicyDocument", {"Statement": [_OPEN]}),
    "CKV_AWS_364": _without("SweepFunctionEveryMinutePermission", "SourceArn"),
    "CKV_AWS_66": _without("SendLogs", "RetentionInDays"),
    "CKV_AWS_50": _changed("SendFunction", "TracingConfig", {"Mode": "PassThrough"}),
    "CKV_AWS_95": _changed("ApiApiGatewayDefaultStage", "AccessLogSettings", {}),
    "the API throttles": _changed("ApiApiGatewayDefaultStage", "DefaultRouteSettings", {"ThrottlingRateLimit": 100}),
    "CKV_AWS_115": _changed("SendFunction", "ReservedConcurrentExecutions", {"Ref": "AWS::NoValue"}),
    "CKV_AWS_116": _without("TurnQueue", "RedrivePolicy"),
}


def refused(deployed):
    """Return the findings that no skip covers."""
    return [one for one in findings(deployed) if not any(one.matches(*skip) for skip in SKIPS)]


def test_the_template_breaks_no_security_rule(deployed):
    assert refused(deployed) == []


def test_every_skip_covers_a_finding(deployed):
    found = findings(deployed)

    assert [skip for skip in SKIPS if not any(one.matches(*skip) for one in found)] == [], "delete these skips"


def test_every_skip_has_a_reason():
    assert [skip for skip, reason in SKIPS.items() if len(reason) < 20] == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_fail(deployed, rule):
    known = findings(deployed)
    breach = next((breach for name, breach in BREACHES.items() if f"{rule} ".startswith(f"{name} ")), None)
    if breach is None:
        assert any(one.rule == rule for one in known), f"{rule}: no change is listed that it must find"
        return

    new = {*findings(breach(deployed))} - {*known}

    assert rule in {one.rule for one in new}
