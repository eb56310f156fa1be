"""The roles: each function may do what it does, and nothing else."""

from fnmatch import fnmatchcase

import pytest

from tests.contract.deployment import FOLDERS, listed, named

# As this version stores them, and as older ones did.
_TOKENS = ("connections/*/access-token", "connections/*/*/access-token/*")
_WEBHOOK_SECRETS = ("connections/*/webhook", "connections/*/*/webhook/*")

# Which secrets each function reads, below the stack's prefix in SSM. The webhook, which strangers reach, cannot read a
# token; ingest, which reads what strangers wrote, cannot either, nor can the sweep, which looks after all tenants.
READS: dict[str, set[str]] = {
    "connect": {
        *("jwt", "mongodb-uri", "app-secrets", "retell-api-key", "subaccounts/*/retell-api-key"),
        *(*_TOKENS, *_WEBHOOK_SECRETS),
    },
    "authorize": {"jwt", "mongodb-uri", "app-secrets", "retell-api-key", "subaccounts/*/retell-api-key"},
    "finish_login": {
        *("mongodb-uri", "app-secrets", "retell-api-key", "subaccounts/*/retell-api-key"),
        *(*_TOKENS, *_WEBHOOK_SECRETS),
    },
    "status": {
        *("jwt", "mongodb-uri", "app-secrets", "retell-api-key", "subaccounts/*/retell-api-key"),
        *_TOKENS,
    },
    "messages": {"jwt", "mongodb-uri"},
    "conversations": {"jwt", "mongodb-uri"},
    "export": {"jwt", "mongodb-uri"},
    "pause": {"jwt", "mongodb-uri"},
    "resume": {"jwt", "mongodb-uri"},
    "send": {"jwt", "mongodb-uri", "app-secrets", *_TOKENS},
    "menu": {"jwt", "mongodb-uri", "app-secrets", *_TOKENS},
    "set_menu": {"jwt", "mongodb-uri", "app-secrets", *_TOKENS},
    "recover": {"jwt", "mongodb-uri", "app-secrets", *_TOKENS},
    "disconnect": {"jwt", "mongodb-uri", "app-secrets", *_TOKENS},
    "forget": {"jwt", "mongodb-uri"},
    "deauthorize": {"app-secrets", "mongodb-uri", *_WEBHOOK_SECRETS},
    "delete_data": {"app-secrets", "mongodb-uri", *_WEBHOOK_SECRETS},
    "deletion": {"mongodb-uri"},
    "erase": {"mongodb-uri", "retell-api-key", "subaccounts/*/retell-api-key"},
    "indexes": {"mongodb-uri"},
    "webhook": {"app-secrets", "connections/*/webhook"},
    "ingest": {"mongodb-uri"},
    "sweep": {"mongodb-uri"},
    "compare": {"mongodb-uri", "app-secrets", *_TOKENS},
    "refresh": {"mongodb-uri", "app-secrets", *_TOKENS},
    "reply": {"mongodb-uri", "app-secrets", "retell-api-key", "subaccounts/*/retell-api-key", *_TOKENS},
}
_SECRETS = {*_TOKENS, *_WEBHOOK_SECRETS}
_NEW_SECRETS = {"connections/*/*/access-token/*", "connections/*/*/webhook/*"}
LISTS = {"webhook": {"connections/*/*/webhook"}}
WRITES = {"connect": _NEW_SECRETS, "finish_login": _NEW_SECRETS, "refresh": {*_TOKENS}}
DELETES = {
    "connect": _SECRETS,
    "finish_login": _SECRETS,
    **dict.fromkeys(("disconnect", "deauthorize", "delete_data", "erase"), _SECRETS),
    "refresh": {*_TOKENS},
}
SENDS = {
    **{folder: {"InboxQueue"} for folder in ("webhook", "recover", "compare")},
    "sweep": {"TurnQueue"},
    **{folder: {"InboxQueue", "TurnQueue"} for folder in ("ingest", "reply")},
}
RECEIVES = {"ingest": {"InboxQueue"}, "reply": {"TurnQueue"}}

X_RAY = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TAKE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}

each_function = pytest.mark.parametrize("folder", FOLDERS)


@each_function
def test_a_function_reads_exactly_the_parameters_it_needs(deployed, folder):
    assert deployed.parameters(folder, "ssm:GetParameter") == READS[folder]
    assert deployed.parameters(folder, "ssm:GetParametersByPath") == LISTS.get(folder, set())


@pytest.mark.parametrize("subaccount", ["sub_1", "webhook", "access-token"])
@pytest.mark.parametrize("agent", ["agent_1", "webhook", "access-token"])
def test_the_webhook_reads_no_access_token_whatever_an_agent_is_called(deployed, subaccount, agent):
    connection = f"connections/{subaccount}/{agent}"
    allowed = [*deployed.parameters("webhook", "ssm:GetParameter")]
    assert not any(fnmatchcase(f"{connection}/access-token{end}", one) for one in allowed for end in ("", "/0a1b2c3d"))

    (path,) = deployed.parameters("webhook", "ssm:GetParametersByPath")
    assert fnmatchcase(f"{connection}/webhook", path)
    for above in ("connections", f"connections/{subaccount}", connection, f"{connection}/access-token"):
        assert not fnmatchcase(above, path), "a path opens everything below it"


@pytest.mark.parametrize("agent", ["agent_1", "webhook", "access-token"])
def test_a_reader_of_access_tokens_reads_no_webhook_secrets(deployed, agent):
    allowed = deployed.parameters("reply", "ssm:GetParameter")
    names = [f"connections/sub_1/{agent}/webhook{end}" for end in ("", "/0a1b2c3d")]
    assert not any(fnmatchcase(name, one) for name in names for one in allowed)


@each_function
def test_a_function_writes_and_deletes_exactly_the_parameters_it_is_for(deployed, folder):
    assert deployed.parameters(folder, "ssm:PutParameter") == WRITES.get(folder, set())
    assert deployed.parameters(folder, "ssm:DeleteParameters") == DELETES.get(folder, set())


@each_function
def test_a_function_sends_to_exactly_the_queues_it_fills(deployed, folder):
    assert deployed.queues(folder, "sqs:SendMessage") == SENDS.get(folder, set())


@each_function
def test_a_function_takes_from_exactly_the_queue_it_consumes(deployed, folder):
    for action in (*TAKE, "sqs:ChangeMessageVisibility"):
        assert deployed.queues(folder, action) == RECEIVES.get(folder, set()), action


@each_function
def test_a_role_allows_no_action_that_is_not_listed_here(deployed, folder):
    expected = {"ssm:GetParameter", "kms:Decrypt"} | LOGS | X_RAY
    expected |= {"ssm:PutParameter", "kms:Encrypt", "kms:GenerateDataKey"} if folder in WRITES else set()
    expected |= {"ssm:GetParametersByPath"} if folder in LISTS else set()
    expected |= {"ssm:DeleteParameters"} if folder in DELETES else set()
    expected |= {"sqs:SendMessage"} if folder in SENDS else set()
    expected |= {*TAKE, "sqs:ChangeMessageVisibility"} if folder in RECEIVES else set()

    allowed = {action for statement in deployed.statements(folder) for action in listed(statement["Action"])}
    assert allowed == expected
    assert not any("*" in action for action in allowed)


@each_function
def test_a_role_allows_everything_on_named_resources_but_traces(deployed, folder):
    for statement in deployed.statements(folder):
        assert statement["Effect"] == "Allow", statement["Sid"]
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) == X_RAY, f"{statement['Sid']}: X-Ray alone knows no resources"


@each_function
def test_a_function_uses_the_stacks_own_key_and_no_other(deployed, folder):
    keys = deployed.allowed(folder, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")

    assert [named(key) for key in keys] == ["SecretsKey"]


@each_function
def test_a_function_writes_its_own_logs_and_nobody_elses(deployed, folder):
    group = deployed.functions[folder]["LoggingConfig"]["LogGroup"]["Ref"]

    for action in LOGS:
        assert [named(one) for one in deployed.allowed(folder, action)] == [group]


def test_every_function_has_a_role_of_its_own_and_there_is_no_role_besides(deployed):
    roles = [deployed.role_id(folder) for folder in FOLDERS]

    assert len(set(roles)) == len(roles), "two functions share a role"
    assert set(roles) == set(deployed.of_type("AWS::IAM::Role")), "a role was added that no function uses"


def test_no_role_has_a_managed_policy_and_only_lambda_may_take_it(deployed):
    for name, role in deployed.of_type("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role, f"{name}: what AWS adds to a managed policy, the function may do too"
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}, name
    assert not deployed.of_type("AWS::IAM::Policy")
    (network,) = deployed.of_type("AWS::IAM::ManagedPolicy").values()
    (statement,) = network["PolicyDocument"]["Statement"]
    assert all(action.startswith("ec2:") for action in statement["Action"])
